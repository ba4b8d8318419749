/**
 * Authentication with a shared secret: each side proves that it knows the secret by an HMAC over both nonces, its role
 * and the daemon's address, so that neither a recorded answer, nor one reflected from the other side, nor one meant for
 * another daemon is of any use.
 *
 * @module
 */
import { HMAC_BYTES, MIN_SECRET_BYTES, NEW_SECRET_BYTES, NONCE_BYTES } from "../limits.ts";
import { ProtocolError, quote } from "../error.ts";
import type { Reply } from "../reply.ts";

/** Who proves. */
export type ProvingRole = "controller" | "daemon";

/** What both sides know of a connection before anything is proved. */
export interface Challenge {
  /** From the greeting, hexadecimal. */
  readonly daemonNonce: string;
  /** From AUTH, hexadecimal. */
  readonly clientNonce: string;
  /** The daemon's end of the connection, see {@linkcode socketAddress}. */
  readonly address: string;
}

/**
 * The text that the HMAC is taken over.
 *
 * @param role Who proves.
 * @param challenge Of this connection.
 */
export function authText(role: ProvingRole, challenge: Challenge): string {
  return `ipbench-auth-1|${role}|${challenge.daemonNonce}|${challenge.clientNonce}|${challenge.address}`;
}

/**
 * The daemon's address as both ends write it: an IPv4 address that travelled in IPv6 form is IPv4, a zone is left out.
 *
 * @param host Address of the daemon's end of the connection.
 * @param port Port of the same end.
 * @returns `10.0.0.7:8036` or `[fd00::7]:8036`.
 */
export function socketAddress(host: string, port: number): string {
  const bare = host.toLowerCase().replace(/^\[|\]$/g, "").replace(/%.*$/, "");
  const mapped = /^::ffff:([0-9]{1,3}(?:\.[0-9]{1,3}){3})$/.exec(bare);
  if (mapped !== null) return `${mapped[1]}:${port}`;
  return bare.includes(":") ? `[${bare}]:${port}` : `${bare}:${port}`;
}

/** A secret, ready to make and check proofs with. */
export interface Prover {
  /**
   * @param role Who proves.
   * @param challenge Of this connection.
   * @returns The HMAC in hexadecimal.
   */
  prove(role: ProvingRole, challenge: Challenge): Promise<string>;
  /**
   * @param role Who should have proved.
   * @param challenge Of this connection.
   * @param hmac Its answer, hexadecimal.
   * @returns Whether that is right; compared in constant time.
   */
  check(role: ProvingRole, challenge: Challenge, hmac: string): Promise<boolean>;
}

/**
 * Prepares a secret: HMAC-SHA-256 with the runtime's Web Crypto.
 *
 * @param secret The secret's bytes; at least one.
 * @returns What makes and checks proofs; the secret cannot be read back from it.
 */
export async function createProver(secret: Uint8Array<ArrayBuffer>): Promise<Prover> {
  if (secret.length === 0) throw new ProtocolError("auth", "the secret is empty");
  const key = await crypto.subtle.importKey("raw", secret, { name: "HMAC", hash: "SHA-256" }, false, [
    "sign",
    "verify",
  ]);
  const encoder = new TextEncoder();
  return {
    async prove(role, challenge) {
      return toHex(
        new Uint8Array(await crypto.subtle.sign("HMAC", key, encoder.encode(authText(role, challenge)))),
      );
    },
    async check(role, challenge, hmac) {
      const given = fromHex(hmac);
      if (given === null || given.length !== HMAC_BYTES) return false;
      // SubtleCrypto.verify compares in constant time.
      return await crypto.subtle.verify("HMAC", key, given, encoder.encode(authText(role, challenge)));
    },
  };
}

/**
 * Cleans what a secret file holds: white space at the end (an editor's last line end) does not count.
 *
 * @param content The file's bytes.
 * @returns The secret.
 * @throws {ProtocolError} when less than {@linkcode MIN_SECRET_BYTES} are left.
 */
export function secretFromFile(content: Uint8Array): Uint8Array<ArrayBuffer> {
  let end = content.length;
  while (end > 0 && [0x20, 0x09, 0x0a, 0x0d].includes(content[end - 1] as number)) end--;
  if (end === 0) throw new ProtocolError("auth", "the secret file is empty");
  if (end < MIN_SECRET_BYTES) {
    throw new ProtocolError(
      "auth",
      `the secret has ${end} bytes, and fewer than ${MIN_SECRET_BYTES} are found by trying; ` +
        "ipbenchd --new-secret FILE makes one",
    );
  }
  return new Uint8Array(content.slice(0, end));
}

/**
 * A new secret.
 *
 * @returns What a secret file holds: {@linkcode NEW_SECRET_BYTES} random bytes in hexadecimal, and a line end.
 */
export function createSecret(): string {
  return `${toHex(crypto.getRandomValues(new Uint8Array(NEW_SECRET_BYTES)))}\n`;
}

/**
 * A new nonce.
 *
 * @param random Fills an array with random bytes; `crypto.getRandomValues` unless a test gives another.
 * @returns {@linkcode NONCE_BYTES} random bytes in hexadecimal.
 */
export function createNonce(
  random: (bytes: Uint8Array<ArrayBuffer>) => unknown = (bytes) => crypto.getRandomValues(bytes),
): string {
  const bytes = new Uint8Array(NONCE_BYTES);
  random(bytes);
  return toHex(bytes);
}

/**
 * Reads the daemon's proof in the answer to AUTH.
 *
 * @param reply The answer.
 * @returns The daemon's HMAC in hexadecimal.
 * @throws {ProtocolError} with code `auth` when the daemon refused, or gave no proof.
 */
export function parseAuthReply(reply: Reply): string {
  if (reply.code === 430) {
    const why = reply.message === null ? "" : `: ${reply.message}`;
    throw new ProtocolError(
      "auth",
      `the daemon refused the secret${why}; is the file given with --secret-file, or IPBENCH_SECRET_FILE, that daemon's?`,
    );
  }
  const match = /^proof=([0-9a-f]+)$/.exec(reply.message ?? "");
  if (reply.code !== 200 || match === null) {
    throw new ProtocolError(
      "auth",
      `the daemon gave no proof that it knows the secret, but ${quote(reply.text)}`,
    );
  }
  return match[1] as string;
}

/**
 * Bytes in hexadecimal.
 *
 * @param bytes Any bytes.
 */
export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function fromHex(text: string): Uint8Array<ArrayBuffer> | null {
  if (text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text)) return null;
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}
