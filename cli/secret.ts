/**
 * Where the secret is: what the command line names, else IPBENCH_SECRET_FILE, else the user's own file, which `ipbench
 * deploy` makes.
 *
 * @module
 */

import { createSecret } from "../protocol/auth.ts";
import { plainText } from "./format.ts";
import { note } from "./io.ts";

/**
 * @returns the path of the user's own secret file, whether it is there or not; `null` where no home is known
 */
export function ownSecretFile(): string | null {
  const config = Deno.env.get("XDG_CONFIG_HOME");
  if (config?.startsWith("/")) return `${config}/ipbench/secret`;
  const home = Deno.env.get("HOME");
  return home?.startsWith("/") ? `${home}/.config/ipbench/secret` : null;
}

/**
 * Finds the secret file, and warns when others can read it.
 *
 * @param named `--secret-file`
 * @returns its path, `undefined` when there is none
 */
export function findSecretFile(named: string | undefined): string | undefined {
  const path = named ?? (Deno.env.get("IPBENCH_SECRET_FILE") || undefined) ?? presentSecretFile();
  const mode = path === undefined ? null : modeOf(path);
  if (path !== undefined && mode !== null && (mode & 0o077) !== 0) {
    const file = plainText(path);
    note(`ipbench: warning: the secret file ${file} can be read by others: chmod 600 ${file}`);
  }
  return path;
}

/**
 * Makes the user's own secret file, unless it is there.
 *
 * @returns its path, and whether it is new
 * @throws {Error} when it cannot be made
 */
export function makeOwnSecretFile(): { path: string; made: boolean } {
  const path = ownSecretFile();
  if (path === null) throw new Error("neither XDG_CONFIG_HOME nor HOME is set");
  Deno.mkdirSync(path.replace(/\/[^/]*$/, ""), { recursive: true, mode: 0o700 });
  try {
    Deno.writeTextFileSync(path, createSecret(), { createNew: true, mode: 0o600 });
    return { path, made: true };
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    return { path, made: false };
  }
}

function presentSecretFile(): string | undefined {
  const path = ownSecretFile();
  return path !== null && modeOf(path) !== null ? path : undefined;
}

function modeOf(path: string): number | null {
  try {
    return Deno.statSync(path).mode;
  } catch {
    return null; // What cannot be read is told of when it is read.
  }
}
