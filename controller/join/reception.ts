/**
 * Where daemons dial in: listens, checks who comes, and keeps one connection for each of those that are expected.
 *
 * Who has not proved the secret can do nothing: he is sent one line and read one, has a place among few, and a few seconds.
 *
 * @module
 */

import { setImmediate } from "node:timers/promises";
import { type ByteStream, type Channel, Channels } from "../../base/channels.ts";
import { pause, within } from "../../base/deadline.ts";
import { isGoneBeforeAccept, messageOf } from "../../base/errors.ts";
import { readFirstLine, writeText } from "../../base/first_line.ts";
import { withKeepalive } from "../../ffi/machine/keepalive.ts";
import { VERSION } from "../../ffi/self/version.ts";
import {
  createNonce,
  type DaemonRole,
  formatInvitation,
  formatReply,
  type Joiner,
  joinSubject,
  MAX_JOIN_LINE_BYTES,
  parseJoin,
  ProtocolError,
  type Prover,
  socketAddress,
} from "../../protocol/mod.ts";
import { ConnectionError } from "../link/connection_error.ts";
import { ACCEPT_PAUSE_MS, JOIN_MS } from "../limits.ts";
import { Unproven } from "./unproven.ts";

/** Where and whom to expect. */
export interface ReceptionOptions {
  /** `null`: all addresses with a secret, loopback without. */
  host: string | null;
  /** 0: any free one. */
  port: number;
  /** Certificate and key in PEM; `null`: plain TCP. */
  tls: { cert: string; key: string } | null;
  /** Knows the secret; `null`: nobody has to prove anything. */
  prover: Prover | null;
  /** How many of each role. */
  expected: Readonly<Record<DaemonRole, number>>;
  /** Connections at the same time that have proved nothing yet. */
  maxUnproven: number;
  /** Told of those that are refused, with a sentence. */
  onRefused: (sentence: string) => void;
}

/** Who has come. */
export interface Arrival {
  /** What it calls itself. */
  name: string;
  /** Its end of the connection, as it is seen here. */
  address: { hostname: string; port: number };
}

/** One of those that are expected. */
interface Place {
  readonly role: DaemonRole;
  readonly index: number;
  /** The last one that was here; its name is known when it comes again. */
  arrival: Arrival | null;
  /** Its connection; "coming": it is being answered. */
  channels: Channels | "coming" | null;
  /** Resolved when somebody is here; with `null` when nobody is waited for any more. */
  arrived: PromiseWithResolvers<Arrival | null>;
}

type Listener = Deno.TcpListener | Deno.TlsListener;
type Accepted = Deno.TcpConn | Deno.TlsConn;

/** See the module. */
export class Reception {
  readonly #options: ReceptionOptions;
  readonly #listener: Listener;
  readonly #places: Readonly<Record<DaemonRole, Place[]>>;
  readonly #unproven: Unproven<Accepted>;
  readonly #accepting: Promise<void>;
  #closed = false;
  /** Why nobody is taken any more. */
  #full: string | null = null;

  private constructor(options: ReceptionOptions, listener: Listener) {
    this.#options = options;
    this.#listener = listener;
    this.#unproven = new Unproven(options.maxUnproven);
    const places = (role: DaemonRole) =>
      Array.from({ length: options.expected[role] }, (_, index): Place => ({
        ...{ role, index, arrival: null, channels: null },
        arrived: Promise.withResolvers(),
      }));
    this.#places = { tester: places("tester"), target: places("target") };
    this.#accepting = this.#accept();
  }

  /**
   * Begins to listen.
   *
   * @throws {TypeError} when that cannot be.
   */
  static async open(options: ReceptionOptions): Promise<Reception> {
    const { host, port, prover } = options;
    const names = host !== null ? [host] : prover === null ? ["127.0.0.1"] : ["::", "0.0.0.0"];
    let failure: unknown = null;
    for (const hostname of names) {
      try {
        return new Reception(options, await listen(hostname, options));
      } catch (error) {
        failure ??= error;
      }
    }
    const place = socketAddress(host ?? names[0]!, port);
    const why = `${messageOf(failure)}${remedyOf(failure)}`;
    throw new TypeError(`cannot listen on ${place}: ${why}`, { cause: failure });
  }

  /** Where it listens, as HOST:PORT. */
  get address(): string {
    const { hostname, port } = this.#listener.addr as Deno.NetAddr;
    return socketAddress(hostname, port);
  }

  /**
   * Waits for one of those that are expected.
   *
   * @returns the daemon that has come; `null` when it is given up, or the reception has closed
   */
  arrival(role: DaemonRole, index: number): Promise<Arrival | null> {
    const place = this.#place(role, index);
    if (place.channels instanceof Channels && place.channels.closed) this.#free(place, place.channels);
    return place.arrived.promise;
  }

  /** Waits for one of those that are expected no longer. */
  giveUp(role: DaemonRole, index: number): void {
    this.#place(role, index).arrived.resolve(null);
  }

  /** Whether one of those that are expected is here. */
  isHere(role: DaemonRole, index: number): boolean {
    const { channels } = this.#place(role, index);
    return channels instanceof Channels && !channels.closed;
  }

  /**
   * Opens a conversation with one who is here.
   *
   * @throws {ConnectionError} when it is not, or no longer
   */
  async open(role: DaemonRole, index: number): Promise<Wire> {
    const { channels, arrival } = this.#place(role, index);
    if (!(channels instanceof Channels) || arrival === null) {
      throw new ConnectionError("closed", "its connection was lost, and it has not dialled in again");
    }
    try {
      return new Wire(await channels.open(), { transport: "tcp", ...arrival.address });
    } catch (error) {
      throw new ConnectionError("closed", `its connection was lost (${messageOf(error)})`, error);
    }
  }

  /**
   * Refuses all who dial in from now on.
   *
   * @param why the reason that they are sent
   */
  refuseFurther(why: string): void {
    this.#full = why;
  }

  /** Ends all connections, and listens no longer. */
  async close(): Promise<void> {
    this.#closed = true;
    closeQuietly(this.#listener);
    for (const raw of this.#unproven) closeQuietly(raw);
    for (const { channels, arrived } of [...this.#places.tester, ...this.#places.target]) {
      if (channels instanceof Channels) channels.close();
      arrived.resolve(null);
    }
    await this.#accepting;
  }

  #place(role: DaemonRole, index: number): Place {
    const place = this.#places[role][index];
    if (place === undefined) throw new RangeError(`no ${role} ${index} is expected`);
    return place;
  }

  async #accept(): Promise<void> {
    while (!this.#closed) {
      let raw: Accepted;
      try {
        raw = await this.#listener.accept();
      } catch (error) {
        if (this.#closed) return;
        if (isGoneBeforeAccept(error)) await setImmediate();
        else await pause(ACCEPT_PAUSE_MS); // Too many open files, perhaps; those that prove nothing go.
        continue;
      }
      this.#unproven.add(raw, performance.now());
      void this.#receive(raw);
      await this.#makeRoom();
    }
  }

  /** While there is one too many of those that have proved nothing, waits until one may be sent away, and does so. */
  async #makeRoom(): Promise<void> {
    for (let next = this.#unproven.leaver(); next !== null && !this.#closed; next = this.#unproven.leaver()) {
      const left = next.atMs - performance.now();
      if (left > 0) {
        await pause(Math.min(left, ACCEPT_PAUSE_MS / 10));
        continue;
      }
      this.#drop(next.one);
      await setImmediate(); // However many come, what others have sent is read.
    }
  }

  #drop(raw: Accepted): void {
    this.#unproven.delete(raw);
    closeQuietly(raw);
  }

  /** Serves one connection until it has a place or is refused. Never throws. */
  async #receive(raw: Accepted): Promise<void> {
    const failed = this.#welcome(raw).then(() => null, (error) => error as Error);
    const inTime = await within(failed, JOIN_MS);
    const error = inTime ? await failed : new Error(`it did not say who it is within ${JOIN_MS / 1000} s`);
    if (error === null) return;
    const dropped = !this.#unproven.has(raw);
    this.#drop(raw);
    if (dropped || this.#closed) return;
    const { hostname, port } = raw.remoteAddr as Deno.NetAddr;
    this.#options.onRefused(`${socketAddress(hostname, port)} was refused: ${messageOf(error)}`);
  }

  async #welcome(raw: Accepted): Promise<void> {
    if ("handshake" in raw) await raw.handshake();
    else raw.setNoDelay(true);
    const { prover } = this.#options;
    const nonce = prover === null ? null : createNonce();
    await writeText(raw, formatInvitation(`ipbench ${VERSION}`, nonce));
    const { line, rest } = await readFirstLine(raw, MAX_JOIN_LINE_BYTES);
    let proof: string | null = null;
    let place: Place;
    try {
      const join = parseJoin(line);
      if (prover !== null && nonce !== null) {
        const subject = { daemonNonce: join.nonce ?? "", clientNonce: nonce, address: joinSubject(join) };
        if (join.nonce === null || join.proof === null) {
          throw new Refusal(430, "this run asks for a secret: start ipbenchd with --secret-file");
        }
        if (!await prover.check("daemon", subject, join.proof)) {
          throw new Refusal(430, "the secret is not the one of this run");
        }
        proof = await prover.prove("controller", subject);
      }
      place = this.#findPlace(join);
      place.arrival = { name: join.name, address: raw.remoteAddr as Deno.NetAddr };
    } catch (error) {
      const code = error instanceof Refusal ? error.code : error instanceof ProtocolError ? 500 : 421;
      await writeText(raw, formatReply(code, messageOf(error))).catch(() => {});
      throw error;
    }
    await this.#seat(raw, place, proof, rest);
  }

  /** Finds the place of one who may come, and reserves it. */
  #findPlace({ role, index, name }: Joiner): Place {
    if (this.#full !== null) throw new Refusal(421, this.#full);
    const places = this.#places[role];
    const isFree = ({ channels }: Place) => channels === null;
    let place: Place | undefined;
    if (index === null) {
      // Who comes again has its old place, where that is free.
      place = places.find((each) => isFree(each) && each.arrival?.name === name) ??
        places.find((each) => isFree(each) && each.arrival === null) ?? places.find(isFree);
      if (place === undefined) throw new Refusal(421, `all ${places.length} places of ${role}s are taken`);
    } else {
      place = places[index];
      if (place === undefined) {
        const known = places.length === 0
          ? `no ${role} is expected`
          : `${role}s 0 to ${places.length - 1} are expected`;
        throw new Refusal(421, `${role} ${index} is not: ${known}`);
      }
      if (!isFree(place)) {
        const { name: other = "", address } = place.arrival ?? {};
        const where = address === undefined ? "" : ` at ${socketAddress(address.hostname, address.port)}`;
        throw new Refusal(421, `the place of ${role} ${index} is taken by ${other}${where}`);
      }
    }
    place.channels = "coming";
    return place;
  }

  async #seat(raw: Accepted, place: Place, proof: string | null, rest: Uint8Array): Promise<void> {
    try {
      await writeText(raw, formatReply(200, proof === null ? undefined : `proof=${proof}`));
    } catch (error) {
      place.channels = null;
      throw error;
    }
    if (!this.#unproven.delete(raw)) {
      place.channels = null; // Its time is over, and it is closed.
      return;
    }
    const channels = new Channels(raw as ByteStream, null, rest);
    place.channels = channels;
    void channels.over.then(() => this.#free(place, channels));
    if (this.#closed) channels.close();
    else place.arrived.resolve(place.arrival!);
  }

  /** Frees a place for another daemon when its connection is over. */
  #free(place: Place, channels: Channels): void {
    if (place.channels !== channels) return;
    place.channels = null;
    place.arrived = Promise.withResolvers();
    if (this.#closed) place.arrived.resolve(null);
  }
}

/** Why a daemon that dials in is refused. */
class Refusal extends Error {
  constructor(readonly code: 421 | 430, message: string) {
    super(message);
  }
}

/** A conversation with a daemon that has dialled in, with what a connection has. */
class Wire implements ByteStream {
  constructor(private readonly channel: Channel, readonly remoteAddr: Deno.NetAddr) {}

  read(into: Uint8Array<ArrayBuffer>): Promise<number | null> {
    return this.channel.read(into);
  }

  take(): Promise<Uint8Array<ArrayBuffer> | null> {
    return this.channel.take();
  }

  write(bytes: Uint8Array): Promise<number> {
    return this.channel.write(bytes);
  }

  close(): void {
    this.channel.close();
  }
}

/** What to do when it cannot be listened. */
function remedyOf(failure: unknown): string {
  if (failure instanceof Deno.errors.AddrInUse) {
    return "; another run may listen there: --listen takes another port, or 0 for any that is free";
  }
  if (failure instanceof Deno.errors.PermissionDenied) return "; ports from 1024 on are for everybody";
  if (/certificate|key/i.test(messageOf(failure))) return "; --tls-cert and --tls-key belong together";
  return "; --listen takes an address of this machine, or a port alone";
}

async function listen(hostname: string, { port, tls }: ReceptionOptions): Promise<Listener> {
  const { socket } = await withKeepalive<Listener>(() =>
    tls === null ? Deno.listen({ hostname, port }) : Deno.listenTls({ hostname, port, ...tls })
  );
  return socket;
}

function closeQuietly(what: { close(): void }): void {
  try {
    what.close();
  } catch {
    // Closed already.
  }
}
