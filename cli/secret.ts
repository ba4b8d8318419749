/**
 * Where the keys are. The secret: what the command line names, else IPBENCH_SECRET_FILE, else the user's own file, which
 * `ipbench deploy` makes. The certificate authority: what the command line names, else IPBENCH_TLS_CA.
 *
 * @module
 */

import { othersCanRead } from "../ffi/machine/key_file.ts";
import { parseHostFiles } from "../config/hosts/host_files.ts";
import { createSecret } from "../protocol/mod.ts";
import { plainText } from "./terminal/text.ts";
import { note } from "./terminal/io.ts";

/**
 * @returns the path of the user's own secret file, whether it is there or not; `null` where no home is known
 */
function ownSecretFile(): string | null {
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
  if (path !== undefined) warnOfReaders(path);
  return path;
}

/**
 * Warns when others than its owner can read a secret.
 *
 * @param path The file; one that is missing is reported when it is read.
 */
export function warnOfReaders(path: string): void {
  const found = statOf(path);
  if (found === null || !othersCanRead(found, Deno.gid())) return;
  const file = plainText(path);
  note(`ipbench: warning: the secret file ${file} can be read by others: chmod 600 ${file}`);
}

/** Values of `--secret-file`, `--tls-ca`, `--tls-cert` and `--tls-key`. */
export interface KeyOptions {
  secretFile?: string[] | undefined;
  tlsCa?: string[] | undefined;
  tlsCert?: string | undefined;
  tlsKey?: string | undefined;
}

/**
 * Completes what the command line says of keys with what is known without it, and warns of secrets that others can read.
 *
 * @param options `FILE` or `HOST=FILE`, each.
 * @returns The same, with the files for all where there are some.
 */
export function completeKeys(
  options: KeyOptions,
): { secretFile: string[]; tlsCa: string[]; tlsCert: string | undefined; tlsKey: string | undefined } {
  const { all, hosts } = parseHostFiles(options.secretFile ?? []);
  const secret = findSecretFile(all);
  for (const path of hosts.values()) if (path !== "") warnOfReaders(path);
  const named = (variable: string) => Deno.env.get(variable) || undefined;
  const ca = named("IPBENCH_TLS_CA");
  const tlsCa = [...ca === undefined ? [] : [ca], ...options.tlsCa ?? []];
  // The daemon has the same variables: where no authority is named, they are meant for that one.
  const own = parseHostFiles(tlsCa).all !== undefined && options.tlsCert === undefined &&
    options.tlsKey === undefined;
  return {
    secretFile: [...all === undefined && secret !== undefined ? [secret] : [], ...options.secretFile ?? []],
    tlsCa,
    tlsCert: own ? named("IPBENCH_TLS_CERT") : options.tlsCert,
    tlsKey: own ? named("IPBENCH_TLS_KEY") : options.tlsKey,
  };
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
  return path !== null && statOf(path) !== null ? path : undefined;
}

function statOf(path: string): Deno.FileInfo | null {
  try {
    return Deno.statSync(path);
  } catch {
    return null; // What cannot be read is reported when it is read.
  }
}
