/**
 * Dialling in: what a daemon that connects to a controller and the controller send before everything else. Each proves that
 * it knows the secret over both nonces and what the daemon has sent of itself; no address is in it, so that neither address
 * translation nor port forwarding is in the way.
 *
 * @module
 */
import { ProtocolError, quote } from "../error.ts";
import { HMAC_BYTES, MAX_JOIN_INDEX, MAX_JOIN_NAME_LENGTH, NONCE_BYTES } from "../limits.ts";
import { formatReply, parseReply } from "../reply.ts";
import type { DaemonRole } from "../texts.ts";

/** Who dials in. */
export interface Joiner {
  readonly role: DaemonRole;
  /** Its number among those of its role; `null`: whichever is free. */
  readonly index: number | null;
  /** What it calls itself: its machine. */
  readonly name: string;
}

/** What JOIN carries. */
export interface JoinLine extends Joiner {
  /** The daemon's nonce, hexadecimal; `null` with `proof`, without a secret. */
  readonly nonce: string | null;
  /** That it knows the secret. */
  readonly proof: string | null;
}

/** What the proofs of a joiner are over, beside the nonces; an address of {@linkcode Challenge} is never like this. */
export function joinSubject({ role, index, name }: Joiner): string {
  return `join|${role}|${index ?? "-"}|${name}`;
}

/**
 * Writes what a controller sends to whoever connects.
 *
 * @param program Name and version, such as `ipbench 1.0.0`.
 * @param nonce The controller's, in hexadecimal; `null` without a secret.
 */
export function formatInvitation(program: string, nonce: string | null): string {
  return formatReply(100, `${program}; join${nonce === null ? "" : `=${nonce}`}`);
}

/**
 * Reads it.
 *
 * @param line The first line of a connection.
 * @returns The controller's nonce; `null` when it has no secret.
 * @throws {ProtocolError} when no controller listens there.
 */
export function parseInvitation(line: string): { nonce: string | null } {
  const { code, message, text } = parseReply(line);
  if (code === 421) throw new ProtocolError("state", message ?? text);
  const found = /^[^;]+;\s*join(?:=([0-9a-f]+))?$/.exec(message ?? "");
  if (code !== 100 || found === null) {
    throw new ProtocolError(
      "state",
      code === 100
        ? "a daemon answers there, and no controller that listens (ipbench run --listen)"
        : `no controller that listens (ipbench run --listen), but ${quote(line)}`,
    );
  }
  const nonce = found[1] ?? null;
  if (nonce !== null && nonce.length !== 2 * NONCE_BYTES) {
    throw new ProtocolError("auth", `the controller's nonce is not ${2 * NONCE_BYTES} hexadecimal digits`);
  }
  return { nonce };
}

/** Writes JOIN. */
export function formatJoin({ role, index, name, nonce, proof }: JoinLine): string {
  const fields = [
    `role::${role}`,
    ...index === null ? [] : [`index::${index}`],
    `name::${name}`,
    ...nonce === null ? [] : [`nonce::${nonce}`],
    ...proof === null ? [] : [`proof::${proof}`],
  ];
  return `JOIN ${fields.join("||")}\n`;
}

/**
 * Reads JOIN. Fields of other names are passed over.
 *
 * @param line Without its line end.
 * @throws {ProtocolError} when it is something else, or a field of it makes no sense.
 */
export function parseJoin(line: string): JoinLine {
  const found = /^JOIN (.*)$/.exec(line);
  if (found === null) {
    throw new ProtocolError("syntax", "expected JOIN: daemons dial in here (ipbenchd --join)");
  }
  const fields = new Map(
    found[1]!.split("||").map((part): [string, string] => {
      const [name = "", value = ""] = part.split("::", 2);
      return [name, value];
    }),
  );
  const role = fields.get("role");
  const name = fields.get("name") ?? "";
  const index = fields.get("index");
  if (role !== "tester" && role !== "target") {
    throw new ProtocolError("syntax", "role has to be tester or target");
  }
  if (!isJoinName(name)) throw new ProtocolError("syntax", "name has to be the name of a machine");
  if (index !== undefined && !(/^\d{1,9}$/.test(index) && Number(index) <= MAX_JOIN_INDEX)) {
    throw new ProtocolError("syntax", `index has to be a number up to ${MAX_JOIN_INDEX}`);
  }
  return {
    role,
    name,
    index: index === undefined ? null : Number(index),
    nonce: hexField(fields, "nonce", NONCE_BYTES),
    proof: hexField(fields, "proof", HMAC_BYTES),
  };
}

function hexField(fields: ReadonlyMap<string, string>, name: string, bytes: number): string | null {
  const text = fields.get(name);
  if (text === undefined) return null;
  if (text.length === 2 * bytes && /^[0-9a-f]+$/.test(text)) return text;
  throw new ProtocolError("syntax", `${name} has to be ${2 * bytes} hexadecimal digits`);
}

function isJoinName(name: string): boolean {
  return name.length <= MAX_JOIN_NAME_LENGTH && /^[A-Za-z0-9._-]+$/.test(name);
}

/**
 * A name that JOIN carries, made of any other.
 *
 * @param name Such as the machine's.
 */
export function toJoinName(name: string): string {
  const fit = name.replace(/[^A-Za-z0-9._-]+/g, "-").slice(0, MAX_JOIN_NAME_LENGTH);
  return fit === "" ? "unnamed" : fit;
}

/** Why a controller does not take a daemon; `final`: trying again is of no use. */
export class JoinRefusal extends Error {
  override readonly name = "JoinRefusal";

  /**
   * @param message Why, in the controller's words.
   * @param final Trying again is of no use.
   */
  constructor(message: string, readonly final: boolean) {
    super(message);
  }
}

/**
 * Reads the answer to JOIN.
 *
 * @param line Without its line end.
 * @returns The controller's proof; `null` when it gives none.
 * @throws {JoinRefusal} when it refuses.
 * @throws {ProtocolError} when it is no answer.
 */
export function parseAdmission(line: string): string | null {
  const { code, message, text } = parseReply(line);
  if (code === 200) return /^proof=([0-9a-f]+)$/.exec(message ?? "")?.[1] ?? null;
  throw new JoinRefusal(message ?? text, code !== 421);
}
