/**
 * What `--version` says.
 *
 * @module
 */

import { buildInfo } from "../ffi/self.ts";

/**
 * One line: program, version, build kind, Deno's version, plugin interface, platform.
 *
 * @param program Name of the program that was called.
 * @returns The line without a newline.
 */
export function versionLine(program: string): string {
  const info = buildInfo();
  return `${program} ${info.version} (${info.kind}, Deno ${info.deno}, plugin interface ${info.interface}, ` +
    `${info.platform})`;
}
