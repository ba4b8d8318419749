/**
 * Getting a connection to a daemon: greeting, authentication, and the commands that need no dialogue.
 *
 * @module
 */

import { type Address, formatAddress } from "../../config/address.ts";
import {
  createNonce,
  type DaemonRole,
  type Greeting,
  parseAuthReply,
  parseClock,
  ProtocolError,
  type Prover,
  socketAddress,
} from "../../protocol/mod.ts";
import type { ClockProbe } from "./clock_estimate.ts";
import { DaemonLink, type Received, type Wired } from "./daemon_link.ts";
import { ConnectionError } from "./connection_error.ts";
import type { Tls } from "./dial.ts";
import type { Limits } from "../limits.ts";
import type { Turn } from "../../base/semaphore.ts";

/** Keys of a daemon. */
export interface DaemonKeys {
  tls?: Tls;
  /** Knows the shared secret; `null` without one. */
  prover?: Prover | null;
}

/** What it takes to reach a daemon. */
export interface DaemonAccess extends Required<DaemonKeys> {
  limits: Limits;
  /** Whether daemons that ask for no secret are refused. */
  requireSecret?: boolean;
  /** Opens a conversation with a daemon that has dialled in. */
  joined?: (role: DaemonRole, index: number) => Promise<Wired>;
  /** What daemons have of their own instead, by {@linkcode formatAddress}. */
  own?: ReadonlyMap<string, DaemonKeys>;
}

/**
 * Chooses the keys for one daemon.
 *
 * @param access what it takes to reach daemons
 * @param at its host and port
 * @returns the same, with its own keys where it has some
 */
export function accessTo(access: DaemonAccess, at: Address): DaemonAccess {
  return { ...access, ...access.own?.get(formatAddress(at)) };
}

/** Where a daemon is: the address to connect to, or which one it is of those that dial in. */
export interface DaemonPlace extends Address {
  role?: "client" | "target";
  joins?: number;
}

/** A connection on which the greeting has been read and AUTH, where asked for, has succeeded. */
export interface OpenDaemon {
  connection: DaemonLink;
  greeting: Greeting;
}

/**
 * Connects to a daemon.
 *
 * @param at its host and port
 * @param shared limits, TLS and secret
 * @param turn runs the making of the connection, as soon as there may be one more at the same time; a daemon that
 * stays silent then keeps no other waiting
 * @returns the connection and who answered
 * @throws {ConnectionError} when it cannot be reached or does not answer
 * @throws {ProtocolError} when what answers is no daemon, or the secret is missing, wrong or, where it is required, not
 * asked for
 */
export async function openDaemon(
  at: DaemonPlace,
  shared: DaemonAccess,
  turn: Turn = (task) => task(),
): Promise<OpenDaemon> {
  const access = accessTo(shared, at);
  const { connection, greeting } = await greetDaemon(at, access, turn);
  try {
    if (at.joins === undefined && greeting.authNonce === null && access.requireSecret === true) {
      throw unproven();
    }
    if (greeting.authNonce !== null) await authenticate(connection, greeting.authNonce, access);
    return { connection, greeting };
  } catch (error) {
    connection.close();
    throw error;
  }
}

/**
 * Connects to a daemon and reads its greeting, which takes no secret.
 *
 * @param at its host and port
 * @param shared limits and TLS
 * @param turn see {@linkcode openDaemon}
 * @returns the connection and who answered
 * @throws {ConnectionError} when it cannot be reached or does not greet, with what that may mean
 * @throws {ProtocolError} when what answers is no daemon
 */
export async function greetDaemon(
  at: DaemonPlace,
  shared: DaemonAccess,
  turn: Turn = (task) => task(),
): Promise<OpenDaemon> {
  const { limits, tls } = accessTo(shared, at);
  const { connectMs, greetingMs, lineBytes, resultBytes } = limits;
  const options = { connectMs, lineBytes, resultBytes, tls };
  const { joins } = at;
  const connection = joins === undefined || shared.joined === undefined
    ? await turn(() => DaemonLink.open(at.host, at.port, options))
    : new DaemonLink(await shared.joined(at.role === "target" ? "target" : "tester", joins), options);
  try {
    const received = await connection.receive(greetingMs);
    if (received.type !== "greeting") throw notAGreeting(received);
    return { connection, greeting: received.greeting };
  } catch (error) {
    connection.close();
    if (joins !== undefined) throw error;
    throw error instanceof ConnectionError ? explainSilence(error, tls) : error;
  }
}

/** A daemon behind TLS waits for the client to speak first; one that refuses an address closes without a word. */
function explainSilence(error: ConnectionError, tls: Tls): ConnectionError {
  const { code, message } = error;
  if (code === "timeout" && tls === null) {
    const remedy = "does the daemon speak TLS (then give --tls-ca FILE), and is that an ipbench daemon?";
    return new ConnectionError(
      code,
      `it accepted the connection and did not greet: ${message}`,
      error,
      remedy,
    );
  }
  if (code !== "closed" && code !== "reset") return error;
  const may = [
    "refuse this address (its --allow)",
    "have no place left (--max-connections)",
    ...tls === null ? ["speak TLS (then give --tls-ca FILE)"] : [],
  ];
  const remedy = `it may ${may.slice(0, -1).join(", ")} or ${may.at(-1)}; its log says which`;
  return new ConnectionError(code, message, error, remedy);
}

function notAGreeting(received: Received): ProtocolError {
  const message = "reply" in received
    ? `${received.reply.code} ${received.reply.message ?? received.reply.text}`
    : received.type;
  return new ProtocolError("state", `the daemon does not serve us: ${message}`);
}

function unproven(): ProtocolError {
  return new ProtocolError(
    "auth",
    "the daemon asks for no secret, so it may be somebody else; start it with --secret-file, or leave out --require-secret",
  );
}

async function authenticate(
  connection: DaemonLink,
  daemonNonce: string,
  access: DaemonAccess,
): Promise<void> {
  if (access.prover === null) {
    throw new ProtocolError(
      "auth",
      "the daemon asks for a secret; give the file that holds it with --secret-file or IPBENCH_SECRET_FILE",
    );
  }
  const remote = connection.remoteAddr;
  const challenge = {
    daemonNonce,
    clientNonce: createNonce(),
    address: socketAddress(remote.hostname, remote.port),
  };
  const hmac = await access.prover.prove("controller", challenge);
  await connection.send({ name: "AUTH", nonce: challenge.clientNonce, hmac });
  const received = await connection.receive(access.limits.replyMs);
  if (received.type !== "reply" && received.type !== "test-failed") {
    throw new ProtocolError("auth", "the daemon did not answer to AUTH");
  }
  const proof = parseAuthReply(received.reply);
  if (!(await access.prover.check("daemon", challenge, proof))) {
    throw new ProtocolError("auth", "the daemon does not know the secret: it may be somebody else");
  }
}

/** How often a clock is asked, and how long its answers are waited for. */
export interface ProbeOptions {
  /** Most questions. */
  probes: number;
  /** After this, on `performance.now()`'s clock, only the first question is asked. */
  askUntil: number;
  /** Longest wait for one answer, in milliseconds. */
  replyMs: number;
}

/**
 * Asks a daemon for its clock, several times.
 *
 * @param connection an open connection on which nothing else goes on
 * @param options how often, how long
 * @returns the probes that were answered
 * @throws {ConnectionError} when the connection is lost
 */
export async function probeClock(
  connection: DaemonLink,
  { probes, askUntil, replyMs }: ProbeOptions,
): Promise<ClockProbe[]> {
  const made: ClockProbe[] = [];
  while (made.length < probes && (made.length === 0 || performance.now() < askUntil)) {
    await connection.send({ name: "CLOCK" });
    const received = await connection.receive(replyMs);
    if (received.type !== "reply" || received.reply.code !== 200) break;
    const { lastWriteNs: sentNs, lastReadNs: receivedNs } = connection;
    made.push({ sentNs, receivedNs, ...parseClock(received.reply) });
  }
  return made;
}
