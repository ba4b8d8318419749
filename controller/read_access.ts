/**
 * From the names of key files to what it takes to reach daemons.
 *
 * @module
 */

import { createProver, type Prover, secretFromFile } from "../protocol/auth.ts";
import type { DaemonAccess } from "./daemon_access.ts";
import type { Limits } from "./limits.ts";
import { messageOf } from "./run_error.ts";

/** Files with secrets and certificates are smaller than this, in bytes. */
const MAX_KEY_FILE_BYTES = 1024 * 1024;

/** Which files there are, as in a run description. */
export interface KeyFiles {
  /** The secret shared with the daemons, or `null`. */
  secretFile: string | null;
  /** Refuse daemons that ask for none; `false` unless said otherwise. */
  requireSecret?: boolean | undefined;
  /** TLS, and the certificate authority to trust beside the system's; `null`: plain TCP. */
  tls: { ca: string | null } | null;
}

/**
 * Reads secret and certificates.
 *
 * @param files their paths
 * @param limits bounds of the connections
 * @returns what {@linkcode openDaemon} needs
 * @throws {TypeError} when a file cannot be read or holds nothing of use, naming it
 */
export async function readAccess(files: KeyFiles, limits: Limits): Promise<DaemonAccess> {
  return {
    limits,
    tls: await readTls(files.tls),
    prover: await readSecret(files.secretFile),
    requireSecret: files.requireSecret ?? false,
  };
}

async function readSecret(path: string | null): Promise<Prover | null> {
  if (path === null) return null;
  try {
    return await createProver(secretFromFile(await readKeyFile(path)));
  } catch (error) {
    throw new TypeError(`cannot use the secret file ${path}: ${messageOf(error)}`, { cause: error });
  }
}

async function readTls(tls: KeyFiles["tls"]): Promise<DaemonAccess["tls"]> {
  if (tls === null || tls.ca === null) return tls === null ? null : { caCerts: [] };
  try {
    return { caCerts: [new TextDecoder().decode(await readKeyFile(tls.ca))] };
  } catch (error) {
    throw new TypeError(`cannot read the certificates ${tls.ca}: ${messageOf(error)}`, { cause: error });
  }
}

async function readKeyFile(path: string): Promise<Uint8Array<ArrayBuffer>> {
  const { size } = await Deno.stat(path);
  if (size > MAX_KEY_FILE_BYTES) throw new RangeError(`it has ${size} bytes, that is no key file`);
  return await Deno.readFile(path);
}
