/**
 * Dialling in: connects to a controller that listens, proves the secret both ways, and serves what it asks on that
 * connection; again and again, with pauses that grow and are never the same for two daemons.
 *
 * @module
 */
import type { Logger } from "@logtape/logtape";
import { type Channel, Channels } from "../base/channels.ts";
import { pause, withDeadline, within } from "../base/deadline.ts";
import { messageOf } from "../base/errors.ts";
import { readFirstLine, writeText } from "../base/first_line.ts";
import { withKeepalive } from "../ffi/machine/keepalive.ts";
import {
  createNonce,
  formatJoin,
  type Joiner,
  JoinRefusal,
  joinSubject,
  MAX_JOIN_LINE_BYTES,
  MAX_LINE_BYTES,
  parseAdmission,
  parseInvitation,
  ProtocolError,
  type Prover,
  socketAddress,
} from "../protocol/mod.ts";
import {
  JOIN_ANSWER_MS,
  JOIN_CONNECT_MS,
  JOIN_FIRST_PAUSE_MS,
  JOIN_LONGEST_PAUSE_MS,
  JOIN_LOOKUP_MS,
  JOIN_SHORT_MS,
  TICK_MS,
} from "./limits.ts";
import { addressesOf, connectFirst } from "./link/connect.ts";
import { Connection } from "./link/connection.ts";
import { Session } from "./session.ts";
import type { SessionContext } from "./session_types.ts";

/** Whom to connect to, and as whom. */
export interface JoiningOptions {
  readonly host: string;
  readonly port: number;
  readonly as: Joiner;
  /** Trust these authorities (PEM) and no others; `null`: plain TCP. */
  readonly caCerts: readonly string[] | null;
  /** Knows the secret; the controller has to know it, too. */
  readonly prover: Prover | null;
  /** What sessions share; it asks for no secret, since whoever is there has proved it. */
  readonly context: SessionContext;
  readonly log: Logger;
  /** Told of each connection that is over, and of each attempt that failed. */
  readonly onIdle?: (state: { joined: boolean; final: boolean }) => void;
}

/** A daemon that dials in. */
export class Joining {
  readonly #options: JoiningOptions;
  readonly #over = new AbortController();
  readonly #sessions = new Map<Session, Promise<void>>();
  #running: Promise<void> = Promise.resolve();
  #channels: Channels | null = null;
  #lastBusyMs = performance.now();
  #said = "";

  /** @param options Whom to connect to. */
  constructor(options: JoiningOptions) {
    this.#options = options;
  }

  /** When the last connection was there, in milliseconds of `performance.now()`. */
  get lastBusyMs(): number {
    return this.#channels === null ? this.#lastBusyMs : performance.now();
  }

  /** Begins. */
  start(): void {
    this.#running = this.#run();
  }

  /**
   * Ends all sessions, and with them the test; a result on its way is sent to its end.
   *
   * @param patienceMs Longest time that may take.
   */
  async close(patienceMs: number): Promise<void> {
    this.#over.abort();
    for (const session of this.#sessions.keys()) session.expire("The daemon goes down");
    const done = (async () => {
      await Promise.all(this.#sessions.values());
      await this.#options.context.slot.shutdown();
    })();
    if (!await within(done, patienceMs)) this.#options.log.error("not everything ended in time");
    this.#channels?.close();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { log, onIdle } = this.#options;
    for (let failures = 0; !this.#over.signal.aborted;) {
      let joined = false, final = false;
      try {
        const began = performance.now();
        const why = await this.#serve();
        joined = true;
        this.#said = "";
        log.info("the controller {place} has closed the connection{why}", { place: this.#place, why });
        failures = performance.now() - began < JOIN_SHORT_MS ? failures + 1 : 0;
      } catch (error) {
        failures++;
        final = error instanceof JoinRefusal && error.final;
        this.#complain(messageOf(error));
      }
      if (this.#over.signal.aborted) return;
      onIdle?.({ joined, final });
      await pause(pauseMs(failures), this.#over.signal);
    }
  }

  get #place(): string {
    return socketAddress(this.#options.host, this.#options.port);
  }

  /** Each reason once, not at every attempt. */
  #complain(why: string): void {
    const { log } = this.#options;
    const text = "cannot join {place}: {why}; trying again";
    if (why === this.#said) log.debug(text, { place: this.#place, why });
    else log.warn(text, { place: this.#place, why });
    this.#said = why;
  }

  /** Connects, is taken, and serves the connection to its end. */
  async #serve(): Promise<string> {
    const { log, as } = this.#options;
    const raw = await this.#dial();
    let rest: Uint8Array;
    try {
      const late = () => new Error(`no answer within ${JOIN_ANSWER_MS / 1000} s`);
      rest = await withDeadline(this.#introduce(raw), JOIN_ANSWER_MS, late);
    } catch (error) {
      closeQuietly(raw);
      throw error;
    }
    const { remoteAddr: remote, localAddr: local } = raw as {
      [K in "remoteAddr" | "localAddr"]: Deno.NetAddr;
    };
    log.info("joined {place} as {role}{index}", {
      place: this.#place,
      role: as.role,
      index: as.index === null ? "" : ` ${as.index}`,
    });
    const channels = new Channels(raw, (channel) => this.#open(channel, { remote, local }), rest);
    this.#channels = channels;
    if (this.#over.signal.aborted) channels.close();
    const tick = setInterval(() => {
      const now = performance.now();
      for (const session of this.#sessions.keys()) session.tick(now);
    }, TICK_MS);
    const error = await channels.over;
    clearInterval(tick);
    this.#channels = null;
    this.#lastBusyMs = performance.now();
    // The test has ended with its connection; the next one is free to begin.
    await Promise.all(this.#sessions.values());
    return error === null ? "" : ` (${messageOf(error)})`;
  }

  async #dial(): Promise<Deno.TcpConn | Deno.TlsConn> {
    const { host: hostname, port, caCerts } = this.#options;
    const addresses = await addressesOf(hostname, JOIN_LOOKUP_MS);
    const connect = (address: string, signal: AbortSignal) =>
      withKeepalive(() => Deno.connect({ hostname: address, port, signal }));
    const { socket: plain } = await connectFirst(addresses, JOIN_CONNECT_MS, connect);
    plain.setNoDelay(true);
    if (caCerts === null) return plain;
    try {
      return await Deno.startTls(plain, { hostname, caCerts: [...caCerts] });
    } catch (error) {
      closeQuietly(plain);
      throw error;
    }
  }

  /** Sends who this is; both prove the secret. Gives what was read beyond the answer. */
  async #introduce(raw: Deno.TcpConn | Deno.TlsConn): Promise<Uint8Array> {
    const { as, prover } = this.#options;
    if ("handshake" in raw) await raw.handshake();
    const greeting = await readFirstLine(raw, MAX_JOIN_LINE_BYTES);
    const { nonce: theirs } = parseInvitation(greeting.line);
    if (prover !== null && theirs === null) {
      throw new ProtocolError(
        "auth",
        "the controller has no secret (--secret-file); it may be somebody else",
      );
    }
    const nonce = prover === null || theirs === null ? null : createNonce();
    const challenge = { daemonNonce: nonce ?? "", clientNonce: theirs ?? "", address: joinSubject(as) };
    const proof = nonce === null ? null : await prover!.prove("daemon", challenge);
    await writeText(raw, formatJoin({ ...as, nonce, proof }));
    const { line, rest } = await readFirstLine(raw, MAX_LINE_BYTES);
    const theirProof = parseAdmission(line);
    if (prover !== null && !(await prover.check("controller", challenge, theirProof ?? ""))) {
      throw new ProtocolError("auth", "the controller does not know the secret: it may be somebody else");
    }
    return rest;
  }

  #open(channel: Channel, place: { remote: Deno.NetAddr; local: Deno.NetAddr }): void {
    const { context, log } = this.#options;
    const connection = new Connection(Object.assign(channel, {
      remoteAddr: place.remote,
      localAddr: place.local,
    }));
    const session = new Session(connection, place, context);
    log.debug("{name}: channel {id} is open", { name: session.name, id: channel.id });
    const running = session.run().catch((error) => {
      log.error("internal error: {error}", { error: String(error) });
    }).finally(() => this.#sessions.delete(session));
    this.#sessions.set(session, running);
  }
}

/** Half as long to one and a half times as long as it would be: thousands of daemons do not come all at once. */
function pauseMs(failures: number): number {
  const longest = Math.min(JOIN_FIRST_PAUSE_MS * 2 ** Math.min(failures, 20), JOIN_LONGEST_PAUSE_MS);
  return longest * (0.5 + Math.random());
}

function closeQuietly(raw: { close(): void }): void {
  try {
    raw.close();
  } catch {
    // Closed already.
  }
}
