/**
 * What a network interface's driver reports of itself.
 *
 * @module
 */

import { ETHTOOL_BYTES } from "../limits.ts";
import { cString } from "./libc.ts";
import type { Library } from "./library.ts";

/**
 * @param iface name of the interface
 * @returns driver, firmware, offloads, coalescing, rings, speed, MTU, as far as known; `null` when nothing is
 */
export function ethtool(library: Library, iface: string): Record<string, unknown> | null {
  return read(library.symbols.ipbench_host_ethtool, iface);
}

/**
 * @param iface name of the interface
 * @returns its queues, how many there could be, and what its driver can do with XDP; `null` when nothing is known
 */
export function abilities(library: Library, iface: string): Record<string, unknown> | null {
  return read(library.symbols.ipbench_host_abilities, iface);
}

function read(
  ask: Library["symbols"]["ipbench_host_ethtool"],
  iface: string,
): Record<string, unknown> | null {
  const json = new Uint8Array(ETHTOOL_BYTES);
  if (ask(cString(iface), json, json.length) !== 0) return null;
  const end = json.indexOf(0);
  const parsed: unknown = JSON.parse(new TextDecoder().decode(json.subarray(0, end < 0 ? 0 : end)));
  return typeof parsed === "object" && parsed !== null ? parsed as Record<string, unknown> : null;
}
