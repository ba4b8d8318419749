/**
 * The checksums of a release, and the signature of them.
 *
 * @module
 */

import { must } from "../lib/steps.ts";

/**
 * Writes SHA256SUMS, and signs it as SHA256SUMS.asc; an old signature goes.
 *
 * @param output the folder, with a slash at the end
 * @param names the files in it
 * @param key a key of GnuPG, if it is to be signed
 * @returns the checksums
 */
export async function addSums(output: string, names: string[], key?: string): Promise<string> {
  const sums = await must("sha256sum", names.toSorted(), { cwd: output });
  await Deno.writeTextFile(`${output}SHA256SUMS`, sums);
  await Deno.remove(`${output}SHA256SUMS.asc`).catch(() => {});
  if (key !== undefined) {
    const sign = ["--batch", "--yes", "--armor", "--local-user", key, "--detach-sign", "SHA256SUMS"];
    await must("gpg", sign, { cwd: output });
  }
  return sums;
}
