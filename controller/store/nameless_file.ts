/**
 * Files for what memory has no room for.
 *
 * @module
 */

import { variable } from "../../ffi/mod.ts";

/** Where they are: TMPDIR, or else /var/tmp, because /tmp is often memory. */
export function storeFolder(): string {
  return variable("TMPDIR") || "/var/tmp";
}

/**
 * Makes a file that is gone when it is closed, even by the end of the process.
 *
 * @param folder where
 * @throws {Error} of the file system
 */
export async function namelessFile(folder: string): Promise<Deno.FsFile> {
  const path = `${folder}/ipbench-result-${crypto.randomUUID()}`;
  const file = await Deno.open(path, { read: true, write: true, createNew: true, mode: 0o600 });
  try {
    await Deno.remove(path);
    return file;
  } catch (error) {
    file.close();
    throw error;
  }
}
