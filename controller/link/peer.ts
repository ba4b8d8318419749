/**
 * The dialogue with one daemon, from connecting to QUIT.
 *
 * @module
 */

import { messageOf } from "../../base/errors.ts";
import { formatAddress } from "../../config/address.ts";
import { monotonicNowNs } from "../../ffi/mod.ts";
import {
  type Command,
  type Extension,
  formatCommand,
  type Greeting,
  type Reply,
  type ResultStamps,
} from "../../protocol/mod.ts";
import type { TestSetup } from "../../base/test_setup.ts";
import type { ClockProbe } from "./clock_estimate.ts";
import type { DaemonLink, Received } from "./daemon_link.ts";
import { ConnectionError } from "./connection_error.ts";
import { type DaemonAccess, openDaemon, probeClock } from "./daemon_access.ts";
import { pause, withDeadline } from "../../base/deadline.ts";
import { freeOriginal } from "./free_original.ts";
import type { PeerName, RunPhase } from "../run/progress.ts";
import { codeOf } from "../run/error_code.ts";
import { RunError, type RunErrorCode } from "../run/run_error.ts";
import type { Turn } from "../../base/semaphore.ts";

/** What the peers of a run share. */
export interface PeerContext extends DaemonAccess {
  /** Debug lines, worded as the original's. */
  debug: (message: string) => void;
  onPhase: (peer: PeerName, phase: RunPhase) => void;
}

/** What a daemon sent as its result. */
export interface RawResult {
  /** 220 rather than 221. */
  valid: boolean;
  data: Uint8Array<ArrayBuffer>;
  /** When the test was to start, started and ended, in the daemon's clock; only after `START at::`. */
  stamps: ResultStamps | null;
}

/** The beginning of a result. */
export type ResultHead = Received & { type: "begin" };

/** How far a peer's test has come, as far as ABORT is concerned. */
type Ownership = "none" | "taken" | "over";

/** A peer without extensions may take one `recv` for one command, so commands that nothing answers stay apart. */
const UNANSWERED_GAP_MS = 200;
/** After `--reset`, the old test needs a moment to die before HELLO is accepted. */
const BUSY_RETRIES = 20, BUSY_RETRY_MS = 100;
/** The same with an original daemon, which is freed anew each time. */
const ORIGINAL_RETRIES = 2;

/** One daemon of a run, seen from the controller. */
export class Peer {
  greeting: Greeting | null = null;
  /** What ended this peer's part, if anything did. */
  error: RunError | null = null;
  phase: RunPhase = "connect";
  /** The instant that START named, in the daemon's clock; `null`: none. */
  toldNs: bigint | null = null;
  /** When START was sent, on the controller's clock. */
  startSentNs = 0n;
  #connection: DaemonLink | null = null;
  #ownership: Ownership = "none";
  #unansweredAt = -Infinity;
  /** The run is over for this peer: a step that is still under way must not claim the daemon. */
  #abandoned = false;
  /** HELLO has been sent: settled when it is known who has the slot. */
  #asking: Promise<unknown> = Promise.resolve();

  /**
   * @param name which daemon
   * @param context what the peers of the run share
   */
  constructor(readonly name: PeerName, readonly context: PeerContext) {}

  /** Whether the daemon announced an extension. */
  has(extension: Extension): boolean {
    return this.greeting?.extensions.has(extension) === true;
  }

  /**
   * Connects, reads the greeting and authenticates where that is asked for.
   *
   * @param turn runs the making of the connection; see {@linkcode openDaemon}
   * @throws {RunError} when the daemon cannot be reached or refuses
   */
  async connect(turn?: Turn): Promise<void> {
    this.#enter("connect");
    const label = this.name.role === "client" ? "IpbenchTestClient" : "IpbenchTestTarget";
    this.context.debug(`[${label}:__init__] : client ${this.name.host}`);
    const opened = await this.#guard(
      "is the daemon running there, and the port open?",
      () => openDaemon(this.name, this.context, turn),
    );
    this.#connection = opened.connection;
    this.greeting = opened.greeting;
    if (this.#abandoned) {
      opened.connection.close();
      throw this.fail("interrupted", "the run has ended");
    }
  }

  /**
   * Ends whatever test the daemon runs, whoever owns it, and connects again.
   *
   * @throws {RunError} when the daemon cannot be reached again
   */
  async reset(): Promise<void> {
    this.#enter("reset");
    await this.#guard("", () => this.#send({ name: "ABORT" }));
    await this.#connection?.drain(this.context.limits.replyMs);
    this.#connection?.close();
    await this.connect();
  }

  /**
   * Takes the daemon's test slot.
   *
   * @param afterReset whether to ask again for a while when it is still taken
   * @throws {RunError} with code "busy" when another controller has it
   */
  async hello(afterReset: boolean): Promise<void> {
    const asking = this.#hello(afterReset);
    this.#asking = asking.catch(() => {});
    await asking;
  }

  async #hello(afterReset: boolean): Promise<void> {
    for (let attempt = 0;; attempt++) {
      const isOriginal = this.greeting?.extensions.size === 0;
      this.#enter("hello");
      const reply = await this.#exchange({ name: "HELLO" }, this.context.limits.replyMs);
      if (reply.code === 200) break;
      if (reply.code !== 421) throw this.#refusal(reply);
      if (!afterReset || attempt >= (isOriginal ? ORIGINAL_RETRIES : BUSY_RETRIES)) {
        throw this.fail(
          "busy",
          `the daemon ${afterReset ? "still" : "already"} runs a test (${reply.message ?? reply.text})`,
          afterReset
            ? "somebody else may have begun one; if nobody has, start the daemon anew"
            : `wait for it, or end it with "ipbench abort ${formatAddress(this.name)}" or --reset`,
        );
      }
      this.#connection?.close();
      if (isOriginal) await freeOriginal(this.name, this.context);
      else await pause(BUSY_RETRY_MS);
      await this.connect();
    }
    this.#ownership = "taken";
  }

  /**
   * Loads a test.
   *
   * @param plugin name of the test
   * @throws {RunError} when the daemon has none of that name, or does not answer
   */
  async load(plugin: string): Promise<void> {
    this.#enter("load");
    await this.#demand({ name: "LOAD", plugin }, this.context.limits.loadMs);
  }

  /**
   * Sets the loaded test up.
   *
   * @param fields what SETUP carries
   * @throws {RunError} when the plugin refuses, or the daemon does not answer
   */
  async setup(fields: TestSetup): Promise<void> {
    this.#enter("setup");
    await this.#demand({ name: "SETUP", fields }, this.context.limits.setupMs);
  }

  /**
   * Asks for the daemon's clock, several times.
   *
   * @param probes how many times at most
   * @param askUntil after this, on `performance.now()`'s clock, only the first question is asked
   * @returns the probes; none when the daemon does not answer
   * @throws {RunError} when the connection is lost
   */
  async probeClock(probes: number, askUntil = Infinity): Promise<ClockProbe[]> {
    if (!this.has("clock")) return [];
    this.#enter("clock");
    const { replyMs } = this.context.limits;
    return await this.#guard("", () => probeClock(this.#open(), { probes, askUntil, replyMs }));
  }

  /**
   * Starts the test; nothing answers.
   *
   * @param atNs the instant, in the daemon's clock; `null`: at once
   * @throws {RunError} when the connection is lost
   */
  async start(atNs: bigint | null): Promise<void> {
    this.#enter("start");
    this.toldNs = atNs;
    this.startSentNs = monotonicNowNs();
    await this.#guard("", () => this.#send({ name: "START", atNs }));
    this.#unansweredAt = performance.now();
  }

  /**
   * Stops a target's test; its result answers.
   *
   * @param atNs the instant, in the daemon's clock; `null`: at once
   * @throws {RunError} when the connection is lost
   */
  async stop(atNs: bigint | null): Promise<void> {
    this.#enter("stop");
    await this.#settle();
    await this.#guard("", () => this.#send({ name: "STOP", atNs }));
  }

  /**
   * Waits for the head of the result: until then nothing may come.
   *
   * @returns the head
   * @throws {RunError} when something else comes, or the connection ends
   */
  async resultHead(): Promise<ResultHead> {
    try {
      const received = await this.#open().receive(null);
      if (received.type === "begin") return received;
      throw this.#unexpected(received);
    } catch (error) {
      throw this.#named(error, "see the daemon's log");
    }
  }

  /**
   * Reads the bytes of the result.
   *
   * @param head what {@linkcode resultHead} gave
   * @param take gets them piece by piece, each valid until what it returns has settled
   * @throws {RunError} when it does not come whole
   */
  async resultBody(head: ResultHead, take: (chunk: Uint8Array) => Promise<void>): Promise<void> {
    this.#enter("collect");
    const { transferStallMs, transferMs } = this.context.limits;
    await this.#guard(
      "see the daemon's log",
      () => this.#open().passBody(head.length, transferStallMs, transferMs, take),
    );
    this.#ownership = "over";
  }

  /** Sends QUIT and closes; it is no error when the daemon has gone already. */
  async quit(): Promise<void> {
    const connection = this.#connection;
    if (connection === null || connection.closed) return;
    try {
      await this.#settle();
      await this.#send({ name: "QUIT" });
      if (this.#ownership === "taken") await connection.drain(this.context.limits.abortMs);
    } catch {
      // The daemon has closed after its result, as it should.
    }
    this.#ownership = "over";
    connection.close();
    this.#connection = null;
  }

  /**
   * Ends this peer's test, if it is ours, and closes. Never throws; bounded.
   *
   * @returns whether the daemon is free of our test, or will be as soon as it notices that the connection has ended
   */
  async abort(): Promise<boolean> {
    this.#abandoned = true;
    // An original whose controller vanishes between HELLO and its answer stays taken for ever.
    await withDeadline(this.#asking, this.context.limits.abortMs, () => new Error("late")).catch(() => {});
    const connection = this.#connection;
    const owned = this.#ownership === "taken";
    this.#ownership = "over";
    if (connection === null || !owned) {
      connection?.close();
      return true;
    }
    if (!connection.closed && this.error === null) {
      try {
        await this.#settle();
        await this.#send({ name: "ABORT" });
        await connection.drain(this.context.limits.abortMs);
      } catch {
        // The daemon has closed.
      }
    }
    connection.close();
    // A daemon of our line is free as soon as it sees that its connection has ended, and may have somebody else's test by
    // the time that a second one is there; an original notices nothing, and remembers a test that it has killed.
    if (this.greeting?.extensions.size !== 0) return true;
    return await freeOriginal(this.name, this.context);
  }

  /** Closes without a word; what is waiting on this peer fails. */
  close(): void {
    this.#connection?.close();
  }

  /**
   * Makes, and remembers, this peer's error.
   *
   * @param code stable name of the cause
   * @param reason the cause, a clause
   * @param remedy what to do about it
   * @param cause the error underneath
   * @returns the error, for throwing
   */
  fail(code: RunErrorCode, reason: string, remedy = "", cause?: unknown): RunError {
    const error = new RunError(this.name, this.phase, code, reason, remedy, cause);
    this.error ??= error;
    return error;
  }

  #enter(phase: RunPhase): void {
    this.phase = phase;
    this.context.onPhase(this.name, phase);
  }

  #open(): DaemonLink {
    if (this.#connection === null || this.#connection.closed) {
      throw new ConnectionError("closed", "the connection is closed");
    }
    return this.#connection;
  }

  async #send(command: Command): Promise<void> {
    const connection = this.#open();
    this.context.debug(`[send_command] : ${formatCommand(command, this.has("form")).trimEnd()}`);
    await connection.send(command);
  }

  async #settle(): Promise<void> {
    const left = this.#unansweredAt + UNANSWERED_GAP_MS - performance.now();
    if (left > 0 && this.greeting?.extensions.size === 0) await pause(left);
  }

  async #exchange(command: Command, ms: number): Promise<Reply> {
    return await this.#guard("see the daemon's log", async () => {
      if (this.#abandoned) throw new ConnectionError("closed", "the run has ended");
      await this.#send(command);
      const received = await this.#open().receive(ms);
      if (received.type === "reply") return received.reply;
      throw this.#unexpected(received);
    });
  }

  async #demand(command: Command, ms: number): Promise<void> {
    const reply = await this.#exchange(command, ms);
    if (reply.code !== 200) throw this.#refusal(reply);
  }

  #refusal(reply: Reply): RunError {
    const message = reply.message ?? `${reply.code} ${reply.text}`;
    if (reply.code === 451) {
      // The daemon closes and is free again by itself.
      this.#ownership = "over";
      return this.fail("plugin", message);
    }
    if (reply.code === 430) {
      return this.fail("authentication", message, "give the daemon's secret with --secret-file");
    }
    return this.fail("refused", `the daemon answered ${reply.code} ${reply.text} (${reply.message ?? ""})`);
  }

  #unexpected(received: Received): RunError {
    if (received.type === "reply" || received.type === "test-failed") return this.#refusal(received.reply);
    return this.fail("protocol", `the daemon sent a ${received.type} where it should not`);
  }

  /** Turns what goes wrong underneath into this peer's error. */
  async #guard<T>(remedy: string, task: () => Promise<T>): Promise<T> {
    try {
      return await task();
    } catch (error) {
      throw this.#named(error, remedy);
    }
  }

  #named(error: unknown, remedy: string): RunError {
    if (error instanceof RunError) return error;
    const code = codeOf(error);
    const known = error instanceof ConnectionError ? error.remedy : code === "authentication" ? "" : null;
    return this.fail(code, messageOf(error), known ?? remedy, error);
  }
}
