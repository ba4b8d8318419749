/**
 * From the names of key files to what it takes to reach daemons.
 *
 * @module
 */

import { fileReason, messageOf } from "../../base/errors.ts";
import { type Address, formatAddress } from "../../config/address.ts";
import type { Problem } from "../../config/config_error.ts";
import type { OwnKeys } from "../../config/hosts/host_files.ts";
import type { RunDescription } from "../../config/run_description.ts";
import { createProver, type Prover, secretFromFile } from "../../protocol/mod.ts";
import type { DaemonAccess, DaemonKeys } from "./daemon_access.ts";
import type { Limits } from "../limits.ts";

/** Files with secrets and certificates are smaller than this, in bytes. */
const MAX_KEY_FILE_BYTES = 1024 * 1024;

/** Which files there are, as in a run description. */
export interface KeyFiles {
  /** The secret shared with the daemons, or `null`. */
  secretFile: string | null;
  /** Refuse daemons that ask for none; default `false`. */
  requireSecret?: boolean | undefined;
  /** TLS: the certificate authority to trust and no other, and the certificate to show; `null`: plain TCP. */
  tls: RunDescription["tls"];
  /** Daemons, of which some have files of their own. */
  clients?: readonly (Address & OwnKeys)[];
  targets?: readonly (Address & OwnKeys)[];
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
    own: await readOwn(files.tls, [...files.clients ?? [], ...files.targets ?? []]),
  };
}

/**
 * Finds keys of single daemons that cannot be used.
 *
 * @param files their paths
 * @returns problems whose `where` is a path in the run description, such as "clients[0].secretFile"
 */
export async function findKeyMistakes(
  { clients = [], targets = [] }: Pick<KeyFiles, "clients" | "targets">,
): Promise<Problem[]> {
  const secrets = new Map<string, Promise<unknown>>(), authorities = new Map<string, Promise<unknown>>();
  const problems: Problem[] = [];
  const attempt = async (
    where: string,
    file: string | null | undefined,
    known: Map<string, Promise<unknown>>,
    how: (file: string) => Promise<unknown>,
  ) => {
    if (file === undefined || file === null) return;
    try {
      await once(known, file, how);
    } catch (error) {
      problems.push({ where, message: messageOf(error) });
    }
  };
  for (const [role, daemons] of Object.entries({ clients, targets })) {
    for (const [index, { secretFile, tlsCa }] of daemons.entries()) {
      await attempt(`${role}[${index}].secretFile`, secretFile, secrets, readSecret);
      await attempt(
        `${role}[${index}].tlsCa`,
        tlsCa,
        authorities,
        (file) => readPem("the certificates", file),
      );
    }
  }
  return problems;
}

/** The keys of those daemons that have some of their own; each file is read once. All are shown the same certificate. */
async function readOwn(
  shared: KeyFiles["tls"],
  daemons: readonly (Address & OwnKeys)[],
): Promise<ReadonlyMap<string, DaemonKeys>> {
  const provers = new Map<string | null, Promise<Prover | null>>();
  const authorities = new Map<string | null, Promise<DaemonAccess["tls"]>>();
  const own = new Map<string, DaemonKeys>();
  for (const { secretFile, tlsCa, ...address } of daemons) {
    if (secretFile === undefined && tlsCa === undefined) continue;
    own.set(formatAddress(address), {
      ...secretFile !== undefined && { prover: await once(provers, secretFile, readSecret) },
      ...tlsCa !== undefined && {
        tls: await once(authorities, tlsCa, (ca) => readTls(ca === null ? null : { ...shared, ca })),
      },
    });
  }
  return own;
}

function once<K, T>(known: Map<K, Promise<T>>, key: K, make: (key: K) => Promise<T>): Promise<T> {
  const found = known.get(key) ?? make(key);
  known.set(key, found);
  return found;
}

async function readSecret(path: string | null): Promise<Prover | null> {
  if (path === null) return null;
  try {
    return await createProver(secretFromFile(await readKeyFile(path)));
  } catch (error) {
    throw new TypeError(`cannot use the secret file ${path}: ${fileReason(error)}`, { cause: error });
  }
}

async function readTls(tls: KeyFiles["tls"]): Promise<DaemonAccess["tls"]> {
  if (tls === null) return null;
  const { ca, cert, key } = tls;
  if ((cert === undefined) !== (key === undefined)) {
    throw new TypeError("a certificate to show and its key belong together: give both");
  }
  if (ca !== null && trustsOthers()) {
    throw new TypeError(
      `cannot trust ${ca} and no other authority: start Deno with DENO_TLS_CA_STORE= (set, and empty) and without ` +
        "DENO_CERT and NODE_EXTRA_CA_CERTS",
    );
  }
  const caCerts = ca === null ? [] : [await readPem("the certificates", ca)];
  if (cert === undefined || key === undefined) return { caCerts };
  return {
    caCerts,
    own: { cert: await readPem("the certificate", cert), key: await readPem("the key", key) },
  };
}

/**
 * Whether the runtime trusts certificates beside those that it is given for a connection: it takes them from its
 * environment when it is started. The built programs start it with none.
 */
function trustsOthers(): boolean {
  const stores = Deno.env.get("DENO_TLS_CA_STORE") ?? "mozilla";
  const more = ["DENO_CERT", "NODE_EXTRA_CA_CERTS"].map((name) => Deno.env.get(name) ?? "");
  return [...stores.split(","), ...more].some((name) => name.trim() !== "");
}

/**
 * Reads a certificate, or a key.
 *
 * @param what which one, for messages
 * @param path the file
 * @throws {TypeError} when it cannot be read, or is no PEM file
 */
export async function readPem(what: string, path: string): Promise<string> {
  try {
    const text = new TextDecoder().decode(await readKeyFile(path));
    if (!text.includes("-----BEGIN ")) throw new Error("it is no PEM file");
    return text;
  } catch (error) {
    throw new TypeError(`cannot read ${what} ${path}: ${fileReason(error)}`, { cause: error });
  }
}

async function readKeyFile(path: string): Promise<Uint8Array<ArrayBuffer>> {
  const { size } = await Deno.stat(path);
  if (size > MAX_KEY_FILE_BYTES) throw new RangeError(`it has ${size} bytes, that is no key file`);
  return await Deno.readFile(path);
}
