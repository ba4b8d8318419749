/**
 * What a host offers to be measured against: daemons, an iperf3 server, an echo. All ports are tried side by side.
 *
 * @module
 */
import { createSocket } from "node:dgram";
import { messageOf } from "../../base/errors.ts";
import { DEFAULT_CLIENT_PORT, DEFAULT_TARGET_PORT } from "../../config/run_description.ts";
import { askStatus } from "../link/ask_status.ts";
import { ConnectionError } from "../link/connection_error.ts";
import type { DaemonAccess } from "../link/daemon_access.ts";
import { dial } from "../link/dial.ts";
import { COMPANY_MS, ECHO_AGAIN_MS, FIND_MS } from "./limits.ts";

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

/** What one port was found to be. */
type Answer = { kind: "refused" } | { kind: "silent" } | { kind: "unknown"; problem: string };

/**
 * Looks at a host.
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
    accepts(host, IPERF3_PORT).then((found) => found === true ? void (offer.iperf3 = true) : note(found)),
    echoesTcp(host, ECHO_PORT).then((found) => found === true ? void (offer.tcp_echo = true) : note(found)),
    echoesUdp(host, ECHO_PORT, enough.signal).then((found) => void (offer.udp_echo = found)),
  ];
  const stopped = new Promise<void>((resolve) => enough.signal.addEventListener("abort", () => resolve()));
  await Promise.race([Promise.all([...daemons, ...services]), stopped]);
  const { iperf3, udp_echo: udp, tcp_echo: tcp } = offer;
  if (offer.daemons.length === 0 && !iperf3 && !udp && !tcp) throw new Error(nothing(offer, answers, ports));
  offer.daemons.sort((x, y) => ports.indexOf(x.port) - ports.indexOf(y.port));
  return structuredClone(offer); // what comes later is not waited for
}

function nothing({ host, problems }: Offer, answers: readonly Answer[], ports: readonly number[]): string {
  const control = ports.length === 1 ? `port ${ports[0]}` : `ports ${ports.join(", ")}`;
  const remedy =
    `start "ipbenchd --target" there, and let this machine through to its ports (TCP 8037, 5205; UDP 5205, 5206)`;
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
  return { kind: "unknown", problem: text.includes("resolve the name") ? text : `${what}: ${text}${remedy}` };
}

async function accepts(host: string, port: number): Promise<true | Answer> {
  try {
    (await dial(host, port, FIND_MS, null)).close();
    return true;
  } catch (error) {
    return answerOf(error, `port ${port} of ${host}`);
  }
}

/** What is sent to an echo; it has to come back as it is. */
const QUESTION = new TextEncoder().encode("ipbench?");

function isAnswer(bytes: Uint8Array): boolean {
  return bytes.length === QUESTION.length && bytes.every((byte, i) => byte === QUESTION[i]);
}

async function echoesTcp(host: string, port: number): Promise<true | Answer> {
  let connection: Deno.Conn;
  try {
    connection = await dial(host, port, FIND_MS, null);
  } catch (error) {
    return answerOf(error, `port ${port} of ${host}`);
  }
  const late = setTimeout(() => connection.close(), FIND_MS);
  let open = true;
  try {
    await connection.write(QUESTION);
    const bytes = new Uint8Array(QUESTION.length);
    for (let at = 0; at < bytes.length;) {
      const count = await connection.read(bytes.subarray(at));
      if (count === null) return { kind: "refused" };
      at += count;
    }
    return isAnswer(bytes) ? true : { kind: "refused" };
  } catch {
    open = false;
    return { kind: "silent" };
  } finally {
    clearTimeout(late);
    if (open) connection.close();
  }
}

/** Asks a few times, because a datagram may get lost. */
async function echoesUdp(host: string, port: number, signal: AbortSignal): Promise<boolean> {
  const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
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
