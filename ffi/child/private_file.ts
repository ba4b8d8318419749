/**
 * Files in a private folder, for systems where memory cannot be executed.
 *
 * @module
 */

import { isRaised } from "../self/self.ts";

/**
 * @returns the path of a folder that only this user can enter
 * @throws {Error} when there is none
 */
function privateFolder(): string {
  // The user, who may be a stranger to what this program may do, could replace what is there in time.
  if (isRaised()) throw new Error("memory cannot be executed here, and this program has rights of its own");
  const home = Deno.env.get("HOME");
  const bases = [Deno.env.get("XDG_CACHE_HOME"), home && `${home}/.cache`, Deno.env.get("TMPDIR"), "/tmp"];
  const uid = Deno.uid();
  for (const base of bases) {
    if (!base?.startsWith("/")) continue;
    const folder = `${base}/ipbench-${uid}`;
    try {
      Deno.mkdirSync(folder, { recursive: false, mode: 0o700 });
    } catch (error) {
      if (!(error instanceof Deno.errors.AlreadyExists)) continue;
    }
    const info = Deno.lstatSync(folder);
    if (info.isDirectory && info.uid === uid && ((info.mode ?? 0o777) & 0o077) === 0) return folder;
  }
  throw new Error("no private folder can be made in XDG_CACHE_HOME, ~/.cache, TMPDIR or /tmp");
}

/**
 * Writes bytes to a new file of a private folder; a file of an earlier process that is in the way is replaced at once.
 *
 * @returns its path
 */
export function privateFile(name: string, bytes: Uint8Array): string {
  const folder = privateFolder();
  const path = `${folder}/${name.replaceAll(/[^A-Za-z0-9._-]/g, "_")}`;
  const part = `${path}.${Deno.pid}`;
  Deno.writeFileSync(part, bytes, { createNew: true, mode: 0o700 });
  Deno.renameSync(part, path);
  return path;
}
