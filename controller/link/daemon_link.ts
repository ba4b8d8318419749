/**
 * One control connection: lines and counted bytes over TCP or TLS, each wait bounded, each buffer limited.
 *
 * @module
 */

import type { ByteStream } from "../../base/channels.ts";
import { messageOf } from "../../base/errors.ts";
import { giveBack, lend } from "./lent_buffers.ts";
import { monotonicNowNs } from "../../ffi/mod.ts";
import {
  type Command,
  type DialogueEffect,
  type DialogueEvent,
  type DialogueState,
  dialogueTransition,
  INITIAL_DIALOGUE,
  ProtocolError,
  ReplyReader,
  type ReplyToken,
} from "../../protocol/mod.ts";
import { ConnectionError, tooLate } from "./connection_error.ts";
import { withDeadline, withinTurns } from "../../base/deadline.ts";
import { dial, type Tls } from "./dial.ts";

/** How to connect. */
export interface ConnectOptions {
  /** Bound of the whole attempt, TLS included. */
  connectMs: number;
  /** Longest line. */
  lineBytes: number;
  /** Largest result. */
  resultBytes: number;
  tls: Tls;
}

/** What a link needs of a connection, made or accepted. */
export interface Wired extends ByteStream {
  readonly remoteAddr: Deno.Addr;
}

const READ_CHUNK_BYTES = 512;

type ReceivedEffect = Exclude<DialogueEffect, { type: "broken" }>;

/** What {@linkcode DaemonLink.receive} gives. */
export type Received = Exclude<ReceivedEffect, { type: "send" | "data" | "end" }>;

const encoder = new TextEncoder();
/** When an error came. */
const WAITING = "while an answer was awaited";

/** One control connection. Not for several readers at the same time. */
export class DaemonLink {
  #conn: Wired;
  #reader: ReplyReader;
  #state: DialogueState = INITIAL_DIALOGUE;
  #effects: DialogueEffect[] = [];
  #closed = false;
  /** Pieces of results that have come over all connections. */
  static #pieces = 0;
  /** For all reads but a result's: there is one reader at a time. Of a connection that gives its own pieces, none. */
  #chunk: Uint8Array<ArrayBuffer> | null = null;
  /** CLOCK_MONOTONIC when the latest bytes had been read. */
  lastReadNs = 0n;
  /** CLOCK_MONOTONIC just before the latest command was written. */
  lastWriteNs = 0n;

  /**
   * @param conn the connection; this object owns it from now on
   * @param options bounds
   */
  constructor(conn: Wired, options: Pick<ConnectOptions, "lineBytes" | "resultBytes">) {
    this.#conn = conn;
    this.#reader = new ReplyReader({ maxLine: options.lineBytes, maxResult: options.resultBytes });
  }

  /**
   * Connects, trying each address of a name in turn.
   *
   * @param host name or address
   * @param port port number
   * @param options bounds and TLS
   * @returns the connection, with Nagle's algorithm off
   * @throws {ConnectionError} when no address answers in time
   */
  static async open(host: string, port: number, options: ConnectOptions): Promise<DaemonLink> {
    return new DaemonLink(await dial(host, port, options.connectMs, options.tls), options);
  }

  /** Address and port of the daemon. */
  get remoteAddr(): Deno.NetAddr {
    return this.#conn.remoteAddr as Deno.NetAddr;
  }

  /** Whether this end has closed it. */
  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Sends one command, in one write.
   *
   * @param command what to send
   * @throws {ProtocolError} when it cannot be sent now
   * @throws {ConnectionError} when the connection is gone
   */
  async send(command: Command): Promise<void> {
    const [state, effects] = dialogueTransition(this.#state, { type: "command", command });
    this.#state = state;
    for (const effect of effects) if (effect.type === "send") await this.write(effect.text);
  }

  /**
   * Writes text as it is, in one piece.
   *
   * @param text a line with its end
   * @throws {ConnectionError} when the connection is gone
   */
  async write(text: string): Promise<void> {
    const bytes = encoder.encode(text);
    this.lastWriteNs = monotonicNowNs();
    try {
      for (let done = 0; done < bytes.length;) done += await this.#conn.write(bytes.subarray(done));
    } catch (error) {
      throw this.#failure(error, "while a command was being sent");
    }
  }

  /**
   * Reads the next thing that the daemon sends.
   *
   * @param ms bound of the wait, in milliseconds; `null`: none (another wait bounds it)
   * @returns the greeting, an answer, a report, or the head of a result
   * @throws {ConnectionError} when it does not come in time or breaks the protocol
   */
  receive(ms: number | null): Promise<Received> {
    const received = this.#receive();
    return ms === null ? received : inTime(received, ms, () => tooLate(ms));
  }

  /** In one function: thousands wait here, each with what it takes to wait. */
  async #receive(): Promise<Received> {
    for (;;) {
      const effect = this.#step();
      if (effect === null) {
        let got: Uint8Array | null;
        try {
          got = await this.#next();
        } catch (error) {
          throw this.#failure(error, WAITING);
        }
        this.#feed(got);
      } else if (effect.type !== "send" && effect.type !== "data" && effect.type !== "end") return effect;
    }
  }

  /**
   * Reads the bytes of the record whose beginning has just been received.
   *
   * @param size how many were announced
   * @param stallMs longest wait for the next piece, in milliseconds
   * @param wholeMs longest wait for all of it
   * @returns the bytes
   * @throws {ConnectionError} when the daemon closes early or stops sending
   */
  async readBody(size: number, stallMs: number, wholeMs: number): Promise<Uint8Array<ArrayBuffer>> {
    const body = new Uint8Array(size);
    let filled = 0;
    await this.passBody(size, stallMs, wholeMs, (chunk) => {
      body.set(chunk, filled);
      filled += chunk.length;
      return Promise.resolve();
    });
    return body;
  }

  /**
   * Passes on, piece by piece, the bytes of the result whose beginning has just been received.
   *
   * @param size how many were announced
   * @param stallMs longest wait for the next piece, in milliseconds
   * @param wholeMs longest wait for all of it
   * @param take gets each piece, valid until what it returns has settled
   * @throws {ConnectionError} when the daemon closes early or stops sending
   * @throws what `take` throws
   */
  async passBody(
    size: number,
    stallMs: number,
    wholeMs: number,
    take: (chunk: Uint8Array) => Promise<void>,
  ): Promise<void> {
    const deadline = performance.now() + wholeMs;
    const chunk = lend();
    for (let passed = 0;;) {
      const effect = this.#step();
      if (effect?.type === "end") {
        if (this.#reader.buffered === 0) giveBack(chunk);
        return;
      }
      if (effect?.type === "data") {
        await take(effect.chunk);
        passed += effect.chunk.length;
        continue;
      }
      const coming = this.#read(chunk);
      for (
        let seen = DaemonLink.#pieces;
        !await withinTurns(coming, Math.min(stallMs, deadline - performance.now()));
      ) {
        // While others' results come, it may be this end that is behind.
        if (seen === DaemonLink.#pieces || performance.now() >= deadline) {
          throw new ConnectionError("timeout", `stopped sending its result after ${passed} of ${size} bytes`);
        }
        seen = DaemonLink.#pieces;
      }
      const got = await coming;
      DaemonLink.#pieces++;
      this.#feed(got, true);
    }
  }

  /**
   * Waits for the daemon to close; what it still sends is thrown away.
   *
   * @param ms bound of the wait
   * @returns whether it closed in time
   */
  async drain(ms: number): Promise<boolean> {
    const deadline = performance.now() + ms;
    try {
      for (let left = ms; left > 0; left = deadline - performance.now()) {
        if (await withDeadline(this.#read(null), left, () => tooLate(ms)) === null) return true;
      }
      return false;
    } catch (error) {
      return error instanceof ConnectionError && error.code !== "timeout";
    }
  }

  /** Closes this end; what is waiting fails. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    try {
      this.#conn.close();
    } catch {
      // Deno throws when the runtime has closed it already; it is closed, which is what was wanted.
    }
  }

  /**
   * Gives the parser what was read; the end of file goes through the dialogue, which knows what it means.
   *
   * @param isGiven whether nobody else uses the bytes until the parser has given them on
   */
  #feed(got: Uint8Array | null, isGiven = this.#conn.take !== undefined): void {
    this.lastReadNs = monotonicNowNs();
    if (got !== null) return isGiven ? this.#reader.give(got) : this.#reader.push(got);
    try {
      this.#reader.end();
    } catch (error) {
      throw new ConnectionError("closed", messageOf(error), error);
    }
    this.#take({ type: "eof" });
  }

  /** What comes next, with an error that says what is wrong. */
  async #read(into: Uint8Array<ArrayBuffer> | null): Promise<Uint8Array | null> {
    try {
      return await this.#next(into);
    } catch (error) {
      throw this.#failure(error, WAITING);
    }
  }

  #next(into: Uint8Array<ArrayBuffer> | null = null): Promise<Uint8Array | null> {
    if (into === null && this.#conn.take !== undefined) return this.#conn.take();
    const chunk = into ?? (this.#chunk ??= new Uint8Array(READ_CHUNK_BYTES));
    return this.#conn.read(chunk).then((count) => count === null ? null : chunk.subarray(0, count));
  }

  /** The next effect of what has come so far; `null` when more bytes are needed. */
  #step(): ReceivedEffect | null {
    for (;;) {
      const effect = this.#effects.shift();
      if (effect?.type === "broken") throw brokenConnection(effect.error);
      if (effect !== undefined) return effect;
      let token: ReplyToken | null;
      try {
        token = this.#reader.next();
      } catch (error) {
        throw error instanceof ProtocolError ? brokenConnection(error) : error;
      }
      if (token === null) return null;
      this.#take({ type: "token", token });
    }
  }

  #take(event: DialogueEvent): void {
    const [state, effects] = dialogueTransition(this.#state, event);
    this.#state = state;
    this.#effects.push(...effects);
  }

  #failure(error: unknown, when: string): ConnectionError {
    if (this.#closed) return new ConnectionError("closed", `the connection was given up ${when}`, error);
    if (error instanceof ConnectionError) return error;
    const reset = error instanceof Deno.errors.ConnectionReset || error instanceof Deno.errors.BrokenPipe;
    return new ConnectionError(
      reset ? "reset" : "closed",
      `lost the connection ${when} (${messageOf(error)})`,
      error,
    );
  }
}

/** Gives what comes in time; this machine's own slowness is not held against the daemon. */
async function inTime<T>(coming: Promise<T>, ms: number, late: () => Error): Promise<T> {
  if (await withinTurns(coming, ms)) return await coming;
  throw late();
}

function brokenConnection(error: ProtocolError): ConnectionError {
  const code = error.code === "eof" ? "closed" : error.code === "limit" ? "limit" : "rubbish";
  return new ConnectionError(code, error.message, error);
}
