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
  const json = new Uint8Array(ETHTOOL_BYTES);
  if (library.symbols.ipbench_host_ethtool(cString(iface), json, json.length) !== 0) return null;
  const end = json.indexOf(0);
  const parsed: unknown = JSON.parse(new TextDecoder().decode(json.subarray(0, end < 0 ? 0 : end)));
  return typeof parsed === "object" && parsed !== null ? parsed as Record<string, unknown> : null;
}
