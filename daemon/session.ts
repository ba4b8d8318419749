/**
 * One connection: reads lines, drives the protocol's state machine, and carries out its effects in their order.
 *
 * @module
 */
import { pause, within } from "../base/deadline.ts";
import { messageOf } from "../base/errors.ts";
import {
  type DaemonEffect,
  type DaemonEvent,
  type DaemonState,
  daemonTransition,
  formatClock,
  formatGreeting,
  formatProgress,
  formatResultHeader,
  formatStatus,
  initialDaemonState,
  LineReader,
  ownsSlot,
  type ResultStamps,
  socketAddress,
} from "../protocol/mod.ts";
import { sourceOf } from "../base/network/cidr.ts";
import type { Connection } from "./link/connection.ts";
import { SlotBusyError, TestError } from "./failure.ts";
import type { Refusal } from "./access/guard.ts";
import {
  IDLE_OWNER_MS,
  LINES_AT_ONCE,
  LINES_PAUSE_MS,
  LINGER_BYTES,
  MAX_WAITING_EFFECTS,
  RELEASE_WAIT_MS,
  UNAUTHENTICATED_MS,
} from "./limits.ts";
import type { SessionContext, SessionPlace } from "./session_types.ts";
import type { SlotOwner } from "./slot_types.ts";
import type { Standing, Tenant } from "./places.ts";

const encoder = new TextEncoder();

/** See the module. */
export class Session implements SlotOwner, Tenant {
  /** The peer, as messages name it. */
  readonly name: string;
  /** Its address. */
  readonly address: string;
  /** Who is behind that. */
  readonly source: string;
  readonly #context: SessionContext;
  readonly #connection: Connection;
  readonly #place: SessionPlace;
  readonly #nonce: string | null;
  readonly #reader = new LineReader();
  readonly #startedMs = performance.now();
  #state: DaemonState;
  #effects: DaemonEffect[] = [];
  /** Effects are being carried out; {@linkcode #working} is settled when they are done. */
  #busy = false;
  #working: Promise<void> = Promise.resolve();
  readonly #over = Promise.withResolvers<void>();
  #watch: ReturnType<typeof setInterval> | undefined;
  #lastMs = performance.now();
  #discarded = 0;

  /**
   * @param connection The accepted connection; the session owns it.
   * @param place Both ends of it.
   * @param context What all sessions share.
   */
  constructor(connection: Connection, place: SessionPlace, context: SessionContext) {
    this.#connection = connection;
    this.#place = place;
    this.#context = context;
    this.name = socketAddress(place.remote.hostname, place.remote.port);
    this.address = place.remote.hostname;
    this.source = sourceOf(place.remote.hostname);
    this.#nonce = context.prover === null ? null : context.createNonce();
    this.#state = initialDaemonState(context.role, context.prover !== null);
  }

  /** Whether the connection is over, or about to be. */
  get gone(): boolean {
    return this.#state.phase === "closed";
  }

  /** How far it has got; see places.ts. */
  get standing(): Standing | null {
    const { auth, phase, spoken, watching } = this.#state;
    if (auth === "required" || !spoken) return "new";
    if (watching) return "watching";
    if (phase === "taking") return "waiting";
    return ownsSlot(this.#state) ? null : "talking";
  }

  /** When it last sent something, in milliseconds of `performance.now()`. */
  get lastMs(): number {
    return this.#lastMs;
  }

  /** Serves the connection until it is closed. Never throws. */
  async run(): Promise<void> {
    const { log } = this.#context;
    try {
      await this.#write(formatGreeting(this.#context.program, this.#nonce));
      if (this.#nonce === null) this.#context.slot.warm();
      await this.#readLines();
    } catch (error) {
      log.debug("{name}: {why}", {
        name: this.name,
        why: messageOf(error),
      });
      this.#dispatch({ type: "lost" });
    }
    await this.#over.promise; // ENV may still be at work when the peer has sent its last.
    while (this.#busy) await this.#working;
    clearInterval(this.#watch);
    this.#connection.destroy();
  }

  /** The slot reports that this connection's test cannot go on. */
  failed(message: string): void {
    this.#dispatch({ type: "failed", message });
  }

  /**
   * Ends the connection from the daemon's side.
   *
   * @param message Why, for the peer.
   */
  expire(message: string): void {
    this.#dispatch({ type: "expired", message });
  }

  /** Closes at once, whatever is still on its way. */
  drop(): void {
    this.#connection.destroy();
    this.#dispatch({ type: "lost" });
  }

  /**
   * Checks whether a limit of time has run out.
   *
   * @param nowMs `performance.now()`.
   */
  tick(nowMs: number): void {
    const { auth, phase, watching } = this.#state;
    if (phase === "closed" || phase === "running" || phase === "stopping") return;
    if (auth === "required" && nowMs - this.#startedMs > UNAUTHENTICATED_MS) {
      const seconds = UNAUTHENTICATED_MS / 1000;
      this.#context.log.warn("{name}: no secret within {seconds} s", { name: this.name, seconds });
      return this.expire(`No secret within ${seconds} s`);
    }
    const limit = ownsSlot(this.#state) ? IDLE_OWNER_MS : this.#context.idleMs;
    if (!watching && nowMs - this.#lastMs > limit) this.expire(`Nothing heard for ${limit / 1000} s`);
  }

  async #readLines(): Promise<void> {
    for (;;) {
      const bytes = await this.#connection.read();
      const rxNs = this.#context.clock.now();
      if (bytes === null) return this.#dispatch({ type: "eof" });
      if (this.gone) {
        this.#discarded += bytes.length;
        if (this.#discarded > LINGER_BYTES) return this.#connection.destroy();
        continue;
      }
      this.#lastMs = performance.now();
      this.#reader.push(bytes);
      let lines = 0;
      for (
        let token = this.#reader.readLine();
        token !== null && !this.gone;
        token = this.#reader.readLine()
      ) {
        if (token.type === "line") this.#dispatch({ type: "line", line: { text: token.text, rxNs } });
        else if (token.reason === "too-long") this.#dispatch({ type: "overflow" });
        else this.#dispatch({ type: "line", line: { text: null, rxNs } });
        // A peer that waits for its answers never sends so many lines at once.
        if (++lines % LINES_AT_ONCE === 0) await pause(LINES_PAUSE_MS);
      }
      // A peer that sends and does not read is not read from either.
      while (this.#effects.length > MAX_WAITING_EFFECTS && this.#busy) await this.#working;
    }
  }

  #dispatch(event: DaemonEvent): void {
    const [state, effects] = daemonTransition(this.#state, event);
    this.#state = state;
    this.#effects.push(...effects);
    if (this.gone) this.#over.resolve();
    if (!this.#busy && this.#effects.length > 0) this.#working = this.#work();
  }

  /** Carries out what is to be done, one after another, until nothing is left. Never throws. */
  async #work(first?: () => Promise<void>): Promise<void> {
    this.#busy = true;
    if (first !== undefined) await this.#attempt(first);
    for (let effect = this.#effects.shift(); effect !== undefined; effect = this.#effects.shift()) {
      const now = effect;
      const done = this.#attempt(() => this.#perform(now));
      if (done !== undefined) await done;
    }
    this.#busy = false;
  }

  #attempt(work: () => Promise<void> | void): Promise<void> | void {
    const lose = (error: unknown): void => {
      const why = messageOf(error);
      this.#context.log.debug("{name}: {why}", { name: this.name, why });
      this.#connection.destroy();
      this.#dispatch({ type: "lost" });
    };
    try {
      return work()?.catch(lose);
    } catch (error) {
      lose(error);
    }
  }

  /** Carries out one effect; the next one waits for what is returned. */
  #perform(effect: DaemonEffect): Promise<void> | void {
    const { slot, clock, role } = this.#context;
    switch (effect.type) {
      case "send":
        return this.#write(effect.text);
      case "status":
        return this.#write(formatStatus({ role, pid: slot.pid }));
      case "clock":
        return this.#write(formatClock({ rxNs: effect.rxNs, txNs: clock.now() }));
      case "take":
        return this.#launch(slot.take(this), () => ({ type: "taken" }));
      case "load":
        return this.#launch(slot.load(this, effect.plugin), () => ({ type: "loaded" }));
      case "setup":
        return this.#launch(slot.setup(this, effect.fields), () => ({ type: "set-up" }));
      case "start":
        return this.#launch(slot.start(this, effect.atNs), (result) => result && { type: "result", result });
      case "stop":
        return this.#launch(slot.stop(this, effect.atNs), (result) => ({ type: "result", result }));
      case "halt":
        return void slot.halt(this);
      case "continue":
        return this.#launch(slot.continue(), (ok) => ({ type: "continued", ok }));
      case "release":
        return this.#cleared(slot.release(this));
      case "abort":
        return this.#cleared(slot.abort(this.name));
      case "environment":
        return this.#environment(effect.iface, effect.target);
      case "authenticate":
        return this.#launch(this.#authenticate(effect.nonce, effect.hmac), (event) => event);
      case "turn-away":
        return this.#launch(this.#turnAway(effect.what), (event) => event);
      case "watch":
        return this.#startWatch(effect.everyMs);
      case "unwatch":
        return clearInterval(this.#watch);
      case "result":
        return this.#writeResult(effect.result.valid, effect.result.data, effect.result.stamps);
      case "send-environment":
        return this.#writeResult(true, effect.json, null);
      case "close":
        return this.#connection.finish();
      default:
        return unreachable(effect);
    }
  }

  /** Lets work go on beside the effects, and reports what became of it as an event. */
  #launch<T>(work: Promise<T>, event: (value: T) => DaemonEvent | null): void {
    work.then(event, (error): DaemonEvent => this.#failure(error)).then((result) => {
      if (result !== null) this.#dispatch(result);
    });
  }

  #failure(error: unknown): DaemonEvent {
    if (error instanceof SlotBusyError) return { type: "busy" };
    const message = messageOf(error);
    if (!this.gone) this.#context.log.warn("{name}: {message}", { name: this.name, message });
    if (!(error instanceof TestError)) {
      this.#context.log.error("internal error: {error}", { error: String(error) });
    }
    return { type: "failed", message };
  }

  async #cleared(work: Promise<void>): Promise<void> {
    if (await within(work, RELEASE_WAIT_MS)) return;
    this.#context.log.error("{name}: the test's process does not end", { name: this.name });
  }

  #environment(iface: string | null, target: string | null): void {
    this.#context.slot.environment(this, iface, target).then(
      (json): DaemonEvent => ({ type: "environment", json: encoder.encode(json) }),
      (error): DaemonEvent => ({
        type: "no-environment",
        message: messageOf(error),
      }),
    ).then((event) => this.#dispatch(event));
  }

  async #authenticate(clientNonce: string, hmac: string): Promise<DaemonEvent> {
    const { prover, guard, slot } = this.#context;
    const { remote, local } = this.#place;
    if (prover === null || this.#nonce === null) return { type: "rejected" };
    const address = socketAddress(local.hostname, local.port);
    const challenge = { daemonNonce: this.#nonce, clientNonce, address };
    if (!await prover.check("controller", challenge, hmac).catch(() => false)) {
      return await this.#refuse(guard.refuse(remote.hostname, performance.now()), "wrong secret");
    }
    slot.warm();
    return { type: "authenticated", proof: await prover.prove("daemon", challenge) };
  }

  /** A command came that needs the secret. That is no guess at it, but is refused, logged and delayed like one. */
  #turnAway(what: string): Promise<DaemonEvent> {
    return this.#refuse(this.#context.guard.refuse(this.#place.remote.hostname, performance.now()), what);
  }

  async #refuse(refusal: Refusal | null, what: string): Promise<DaemonEvent> {
    if (refusal === null) return { type: "rejected" };
    const { log } = this.#context;
    const { source, failures, untold } = refusal;
    log.warn("{name}: {what}, refusal {failures} of {source}; {untold} more were refused at once", {
      ...{ name: this.name, what, failures, source, untold },
    });
    await pause(refusal.delayMs);
    const late = refusal.over();
    if (late > 0) {
      log.warn("{source}: {untold} more were refused at once", { source, untold: late });
    }
    return { type: "rejected" };
  }

  #startWatch(everyMs: number): Promise<void> {
    clearInterval(this.#watch);
    this.#watch = setInterval(() => {
      // A slow reader misses reports; they never pile up.
      if (!this.#busy && !this.gone) this.#working = this.#work(() => this.#report());
    }, everyMs);
    return this.#report();
  }

  #report(): Promise<void> {
    return this.#write(formatProgress(this.#context.slot.progress()));
  }

  #write(text: string): Promise<void> {
    return this.#connection.write(encoder.encode(text));
  }

  #writeResult(valid: boolean, data: Uint8Array, stamps: ResultStamps | null): Promise<void> {
    return this.#context.deliveries.send(
      this.#connection,
      formatResultHeader(valid, data.length, stamps),
      data,
      () => {
        this.#context.log.warn("{name}: its result was not read in time: others' need the room", {
          name: this.name,
        });
      },
    );
  }
}

function unreachable(value: never): never {
  throw new TypeError(`not an effect: ${JSON.stringify(value)}`);
}
