/**
 * What `--version` prints.
 *
 * @module
 */

import { buildInfo } from "../../ffi/self/self.ts";

/**
 * @param program name under which the program was started
 * @returns one line: program, version, kind of build, runtime, plugin interface, platform
 */
export function versionLine(program: string): string {
  const { version, kind, deno, interface: plugin, platform } = buildInfo();
  return `${program} ${version} (${kind}, Deno ${deno}, plugin interface ${plugin}, ${platform})`;
}
