/**
 * The addresses of a test's target: looked up here, where the plugin would do it, so that its parent can check them before
 * anything is sent, and then pinned, so that what was checked is what is used.
 *
 * @module
 */

import { PluginError } from "../errors.ts";
import { TARGET_BYTES } from "../limits.ts";
import { cString } from "./libc.ts";
import type { Library } from "./library.ts";

/**
 * @param library gives the resolver
 * @param name a name or an address
 * @returns its addresses, in the order in which they would be tried
 * @throws {PluginError} "setup" when there is none
 */
export function resolveTarget(library: Library, name: string): string[] {
  const buffer = new Uint8Array(TARGET_BYTES);
  const count = library.symbols.ipbench_host_resolve(cString(name), buffer, buffer.length);
  const text = new TextDecoder().decode(buffer.subarray(0, Math.max(0, buffer.indexOf(0))));
  if (count <= 0) throw new PluginError("setup", "resolve", text);
  return text.trimEnd().split("\n");
}

/**
 * Makes these addresses the ones that the target's name stands for.
 *
 * @param library keeps them
 * @param addresses what {@linkcode resolveTarget} gave; empty: the plugin looks the name up itself
 * @throws {PluginError} "limit" when they are too many
 */
export function pinTarget(library: Library, addresses: readonly string[]): void {
  const text = addresses.map((address) => `${address}\n`).join("");
  if (library.symbols.ipbench_host_pin_target(cString(text)) !== 0) {
    throw new PluginError("limit", "setup", "the target has too many addresses");
  }
}
