/**
 * The daemon's files with keys: its secret, its certificate, and the authority of its clients.
 *
 * @module
 */

import { fileReason } from "../../base/errors.ts";
import { othersCanRead } from "../../ffi/machine/key_file.ts";
import { createProver, createSecret, type Prover, secretFromFile } from "../../protocol/mod.ts";
import { UsageError } from "../failure.ts";
import { MAX_SECRET_BYTES } from "../limits.ts";
import { canAskForCertificates, clientAuthorities } from "../link/certified_listener.ts";
import { daemonLog } from "../log.ts";
import type { DaemonOptions } from "../options.ts";
import type { ServerTls } from "../server.ts";

/**
 * Reads the secret.
 *
 * @throws {UsageError} naming the file.
 */
export async function readSecret(path: string): Promise<Prover> {
  try {
    const content = readSmall(path, MAX_SECRET_BYTES);
    if (othersCanRead(Deno.statSync(path), Deno.gid()) && !isCredential(path)) {
      daemonLog().warn("{path} can be read by others: chmod 600 {path}", { path });
    }
    return await createProver(secretFromFile(content));
  } catch (error) {
    const why = fileReason(error);
    throw new UsageError(`cannot take the secret from ${path}: ${why}`, { cause: error });
  }
}

/** Whether systemd handed the file over as a credential: only the service's user can read it, whatever its mode is. */
function isCredential(path: string): boolean {
  const folder = Deno.env.get("CREDENTIALS_DIRECTORY");
  return folder !== undefined && path.startsWith(`${folder}/`);
}

/**
 * Makes a secret in a new file.
 *
 * @throws {UsageError} when it is there, or cannot be made.
 */
export function makeSecret(path: string): void {
  try {
    using file = Deno.openSync(path, { write: true, createNew: true, mode: 0o600 });
    const bytes = new TextEncoder().encode(createSecret());
    for (let done = 0; done < bytes.length;) done += file.writeSync(bytes.subarray(done));
  } catch (error) {
    throw new UsageError(`cannot make the secret file ${path}: ${fileReason(error)}`, { cause: error });
  }
  daemonLog().info("{path} holds a new secret: give it to daemons and to ipbench with --secret-file", {
    path,
  });
}

/**
 * Reads what the daemon speaks TLS with; `null`: it does not.
 *
 * @throws {UsageError} naming the file that cannot be used.
 */
export function readTls({ tlsCert, tlsKey, tlsClientCa }: DaemonOptions): ServerTls | null {
  if (tlsCert === null || tlsKey === null) return null;
  const pair = { cert: readPem("--tls-cert", tlsCert), key: readPem("--tls-key", tlsKey) };
  if (tlsClientCa === null) return { ...pair, clientCa: null };
  if (!canAskForCertificates()) {
    throw new UsageError(
      `--tls-client-ca needs Deno 2.9 or newer; this is ${Deno.version.deno}, which cannot ask for certificates`,
    );
  }
  try {
    return { ...pair, clientCa: clientAuthorities(Deno.readTextFileSync(tlsClientCa)) };
  } catch (error) {
    const why = fileReason(error);
    throw new UsageError(`cannot take the authority of clients from ${tlsClientCa}: ${why}`, {
      cause: error,
    });
  }
}

function readPem(option: string, path: string): string {
  try {
    const text = Deno.readTextFileSync(path);
    if (!text.includes("-----BEGIN ")) throw new Error("it is no PEM file");
    return text;
  } catch (error) {
    throw new UsageError(`${option}: cannot read ${path}: ${fileReason(error)}`, { cause: error });
  }
}

function readSmall(path: string, limit: number): Uint8Array {
  using file = Deno.openSync(path, { read: true });
  const buffer = new Uint8Array(limit + 1);
  let length = 0;
  for (let count: number | null = 0; count !== null && length <= limit; length += count ?? 0) {
    count = file.readSync(buffer.subarray(length));
  }
  if (length > limit) throw new Error(`it is longer than ${limit} bytes`);
  return buffer.subarray(0, length);
}
