/**
 * What a host offers to be measured against: daemons, an iperf3 server, an echo. All ports are tried side by side.
 *
 * @module
 */
import { createSocket } from "node:dgram";
import { isIPv4 } from "node:net";
import { messageOf } from "../../base/errors.ts";
import { DEFAULT_CLIENT_PORT, DEFAULT_TARGET_PORT } from "../../config/run_description.ts";
import { askStatus } from "../link/ask_status.ts";
import { ConnectionError } from "../link/connection_error.ts";
import type { DaemonAccess } from "../link/daemon_access.ts";
import { dial } from "../link/dial.ts";
import { COMPANY_MS, ECHO_AGAIN_MS, FIND_MS } from "./limits.ts";

/** How the sentence of a name begins that has no address. */
const UNRESOLVED = "cannot resolve the name";
/** Where an echo is (RFC 862). */
export const ECHO_PORT = 7;
/** Where an iperf3 server is. */
export const IPERF3_PORT = 5201;
/** Control ports of daemons that are looked for where none is named. */
const CONTROL_PORTS: readonly number[] = [DEFAULT_TARGET_PORT, DEFAULT_CLIENT_PORT, DEFAULT_TARGET_PORT + 1];

/** A daemon that was found. */
export interface FoundDaemon {
  port: number;
  role: "tester" | "target";
  /** Name and version. */
  peer: string;
  /** Runs a test. */
  busy: boolean;
}

/** What a host offers. */
export interface Offer {
  host: string;
  daemons: FoundDaemon[];
  iperf3: boolean;
  udp_echo: boolean;
  tcp_echo: boolean;
  /** What was tried and did not work out, in a clause each; refusals are not among them. */
  problems: string[];
}

/** Nothing answers that a measurement could use, and nothing stands in the way either. */
export class NothingThere extends Error {
  /** Name of the class. */
  override readonly name = "NothingThere";
}

/** What one port was found to be. */
type Answer = { kind: "refused" } | { kind: "silent" } | { kind: "unknown"; problem: string };

/**
 * Examines a host.
 *
 * @param host name or address
 * @param port control port of its daemon, when that was named: then no other is looked for
 * @param access limits and keys for its daemons
 * @returns what there is
 * @throws {Error} when nothing is there that a measurement could use, with a sentence that says what to do
 */
export async function discover(host: string, port: number | null, access: DaemonAccess): Promise<Offer> {
  const limits = { ...access.limits, connectMs: FIND_MS, greetingMs: FIND_MS, replyMs: FIND_MS };
  const ports = port === null ? CONTROL_PORTS : [port];
  const enough = new AbortController();
  const offer: Offer = { host, daemons: [], iperf3: false, udp_echo: false, tcp_echo: false, problems: [] };
  const answers: Answer[] = [];
  const note = (answer: Answer) => {
    answers.push(answer);
    if (answer.kind === "unknown") offer.problems.push(answer.problem);
  };
  const daemons = ports.map(async (each) => {
    const found = await findDaemon(host, each, { ...access, limits });
    if ("kind" in found) return note(found);
    offer.daemons.push(found);
    // Nothing else is needed; a second target may be there, too.
    if (found.role === "target") setTimeout(() => enough.abort(), COMPANY_MS);
  });
  const services = [
    speaksIperf3(host, IPERF3_PORT).then((found) =>
      found === true ? void (offer.iperf3 = true) : note(found)
    ),
    echoesTcp(host, ECHO_PORT).then((found) => found === true ? void (offer.tcp_echo = true) : note(found)),
    echoesUdp(host, ECHO_PORT, enough.signal).then((found) => void (offer.udp_echo = found)),
  ];
  const stopped = new Promise<void>((resolve) => enough.signal.addEventListener("abort", () => resolve()));
  await Promise.race([Promise.all([...daemons, ...services]), stopped]);
  const { iperf3, udp_echo: udp, tcp_echo: tcp } = offer;
  if (offer.daemons.length === 0 && !iperf3 && !udp && !tcp) {
    throw new (offer.problems.length === 0 ? NothingThere : Error)(nothing(offer, answers, ports));
  }
  offer.daemons.sort((x, y) => ports.indexOf(x.port) - ports.indexOf(y.port));
  return structuredClone(offer); // what comes later is not waited for
}

function nothing({ host, problems }: Offer, answers: readonly Answer[], ports: readonly number[]): string {
  const control = ports.length === 1 ? `port ${ports[0]}` : `ports ${ports.join(", ")}`;
  const remedy =
    `start "ipbenchd --target" there, and let this machine through to its ports (TCP 8037, 5205; UDP 5205, 5206)`;
  const unknown = problems.find((problem) => problem.startsWith(UNRESOLVED));
  if (unknown !== undefined) {
    return `${unknown}: is it spelt right, and does a name server know it? An address, such as 192.0.2.1, will do, too`;
  }
  if (problems.length > 0) return `${problems[0]}; nothing else answers on ${host}`;
  if (answers.some((each) => each.kind === "refused")) {
    return `${host} is there, but nothing that can be measured: no daemon (${control}), no iperf3 server (${IPERF3_PORT}), no echo (${ECHO_PORT}); ${remedy}`;
  }
  return `${host} does not answer (tried for ${
    FIND_MS / 1000
  } s: a daemon on ${control}, iperf3 on ${IPERF3_PORT}, an echo on ${ECHO_PORT}): is it on, and is that its name? Else ${remedy}`;
}

async function findDaemon(host: string, port: number, access: DaemonAccess): Promise<FoundDaemon | Answer> {
  try {
    const { greeting, status } = await askStatus({ host, port }, access, false);
    const role = status?.role ?? (port === DEFAULT_CLIENT_PORT ? "tester" : "target");
    return { port, role, peer: greeting.peer, busy: (status?.pid ?? null) !== null };
  } catch (error) {
    return answerOf(error, `port ${port} of ${host}`);
  }
}

function answerOf(error: unknown, what: string): Answer {
  const text = messageOf(error);
  if (/refused|ECONNREFUSED/i.test(text)) return { kind: "refused" };
  if (error instanceof ConnectionError && error.code === "timeout" && !/did not greet/.test(text)) {
    return { kind: "silent" };
  }
  if (error instanceof ConnectionError && error.code === "connect" && /unreachable|No route/i.test(text)) {
    return { kind: "unknown", problem: text };
  }
  const remedy = error instanceof ConnectionError && error.remedy !== null ? ` (${error.remedy})` : "";
  if (text.startsWith(UNRESOLVED)) return { kind: "unknown", problem: text.replace(/ \(.*\)$/, "") };
  return { kind: "unknown", problem: `${what}: ${text}${remedy}` };
}

/** What a client sends first to an iperf3 server, a cookie of 36 characters and a zero, and the answer. */
const COOKIE = `${"ipbench".repeat(6).slice(0, 36)}\0`;
const PARAM_EXCHANGE = 9;
const ACCESS_DENIED = 255;
const CLIENT_TERMINATE = 12;

/**
 * Something that merely takes connections is none: there are proxies that take them for every host. The test that this begins
 * is given up at once.
 */
async function speaksIperf3(host: string, port: number): Promise<true | Answer> {
  const [state] = await exchange(host, port, new TextEncoder().encode(COOKIE), 1, async (connection) => {
    await connection.write(Uint8Array.of(CLIENT_TERMINATE));
  });
  if (typeof state !== "number") return state!;
  if (state === PARAM_EXCHANGE) return true;
  if (state !== ACCESS_DENIED) return { kind: "refused" };
  return {
    kind: "unknown",
    problem: `the iperf3 server on port ${port} of ${host} runs a test of somebody else: wait for its end`,
  };
}

/** What is sent to an echo; it has to come back as it is. */
const QUESTION = new TextEncoder().encode("ipbench?");

function isAnswer(bytes: Uint8Array): boolean {
  return bytes.length === QUESTION.length && bytes.every((byte, i) => byte === QUESTION[i]);
}

async function echoesTcp(host: string, port: number): Promise<true | Answer> {
  const found = await exchange(host, port, QUESTION, QUESTION.length);
  const [first] = found;
  if (typeof first === "object") return first;
  return isAnswer(Uint8Array.from(found as number[])) ? true : { kind: "refused" };
}

/**
 * Sends something over TCP, and reads so many bytes of the answer.
 *
 * @param then what is done before the connection is closed
 * @returns the bytes, or what the port was found to be
 */
async function exchange(
  host: string,
  port: number,
  question: Uint8Array<ArrayBuffer>,
  length: number,
  then = async (_connection: Deno.Conn) => {},
): Promise<number[] | [Answer]> {
  let connection: Deno.Conn;
  try {
    connection = await dial(host, port, FIND_MS, null);
  } catch (error) {
    return [answerOf(error, `port ${port} of ${host}`)];
  }
  const late = setTimeout(() => connection.close(), FIND_MS);
  let open = true;
  try {
    await connection.write(question);
    const bytes = new Uint8Array(length);
    for (let at = 0; at < bytes.length;) {
      const count = await connection.read(bytes.subarray(at));
      if (count === null) return [{ kind: "refused" }];
      at += count;
    }
    await then(connection).catch(() => {}); // the answer is what was asked for
    return [...bytes];
  } catch {
    open = false;
    return [{ kind: "silent" }];
  } finally {
    clearTimeout(late);
    if (open) connection.close();
  }
}

/** By whichever kind of address a name has. */
async function echoesUdp(host: string, port: number, signal: AbortSignal): Promise<boolean> {
  const kinds = host.includes(":")
    ? ["udp6" as const]
    : isIPv4(host)
    ? ["udp4" as const]
    : ["udp4", "udp6"] as const;
  const found = await Promise.all(kinds.map((kind) => echoesOver(kind, host, port, signal)));
  return found.includes(true);
}

/** Asks a few times, because a datagram may get lost. */
async function echoesOver(
  kind: "udp4" | "udp6",
  host: string,
  port: number,
  signal: AbortSignal,
): Promise<boolean> {
  const socket = createSocket(kind);
  const answered = Promise.withResolvers<boolean>();
  const ask = () => socket.send(QUESTION, port, host, (error) => error && answered.resolve(false));
  socket.on("message", (bytes) => isAnswer(new Uint8Array(bytes)) && answered.resolve(true));
  socket.on("error", () => answered.resolve(false));
  signal.addEventListener("abort", () => answered.resolve(false));
  const timers = [setInterval(ask, ECHO_AGAIN_MS), setTimeout(() => answered.resolve(false), FIND_MS)];
  try {
    ask();
    return await answered.promise;
  } catch {
    return false;
  } finally {
    timers.forEach(clearTimeout);
    socket.close();
  }
}
