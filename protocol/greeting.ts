/**
 * The greeting, and the extensions that a daemon announces in its message.
 *
 * @module
 */
import { NONCE_BYTES } from "./limits.ts";
import { ProtocolError, quote } from "./error.ts";
import { formatReply, parseReply } from "./reply.ts";

/** Extensions of the protocol; each is used only where both ends know it. */
export const EXTENSIONS = ["form", "env", "clock", "at", "watch", "continue", "stop"] as const;

/** One of them. */
export type Extension = typeof EXTENSIONS[number];

/** What a daemon sends of itself on connect. */
export interface Greeting {
  /** Name and version, "ipbenchd/1.0.0"; "ipbench-1.0" for an original, which sends neither. */
  readonly peer: string;
  /** What it can beyond the original protocol. */
  readonly extensions: ReadonlySet<Extension>;
  /** The daemon's nonce in hexadecimal when it wants a secret, else `null`. */
  readonly authNonce: string | null;
}

/** How {@linkcode Greeting.peer} names a daemon without extensions. */
const ORIGINAL_PEER = "ipbench-1.0";

/**
 * Writes the greeting.
 *
 * @param program Name and version, such as `ipbenchd 1.0.0`.
 * @param authNonce The nonce of this connection in hexadecimal, or `null` where no secret is asked for.
 * @returns The line with its line end.
 */
export function formatGreeting(program: string, authNonce: string | null): string {
  const auth = authNonce === null ? "" : `,auth=${authNonce}`;
  return formatReply(100, `${program}; ext=${EXTENSIONS.join(",")}${auth}`);
}

/**
 * Reads a greeting. Extensions that this side does not know are passed over.
 *
 * @param line The first line of a connection.
 * @returns Who answers and what it can.
 * @throws {ProtocolError} when the line is not a greeting, with the text that came instead.
 */
export function parseGreeting(line: string): Greeting {
  const reply = parseReply(line);
  if (reply.code !== 100) {
    throw new ProtocolError(
      "state",
      `expected the greeting 100 IPBENCH V1.0, got ${quote(line)}: is that an ipbench daemon?`,
    );
  }
  const original: Greeting = { peer: ORIGINAL_PEER, extensions: knownSet(""), authNonce: null };
  const match = /^([^;]+);\s*ext=(\S*)$/.exec(reply.message ?? "");
  if (match === null) return original;
  const words = (match[2] as string).split(",");
  const nonce = words.find((word) => word.startsWith("auth="))?.slice("auth=".length) ?? null;
  if (nonce !== null && !(/^[0-9a-f]+$/.test(nonce) && nonce.length === 2 * NONCE_BYTES)) {
    throw new ProtocolError(
      "auth",
      `the daemon's nonce ${quote(nonce)} is not ${2 * NONCE_BYTES} hexadecimal digits`,
    );
  }
  return {
    peer: (match[1] as string).trim().replace(/\s+/, "/"),
    extensions: knownSet(EXTENSIONS.filter((name) => words.includes(name)).join()),
    authNonce: nonce,
  };
}

/** Sets of extensions by their names: thousands of daemons announce the same one. */
const sets = new Map<string, ReadonlySet<Extension>>();

function knownSet(names: string): ReadonlySet<Extension> {
  const known = sets.get(names) ?? new Set(EXTENSIONS.filter((name) => names.split(",").includes(name)));
  sets.set(names, known);
  return known;
}
