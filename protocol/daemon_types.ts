/**
 * What the daemon's state machine takes and gives: its state, the events of a connection, the effects on the world.
 *
 * @module
 */
import type { ResultStamps } from "./result.ts";
import type { TestSetup } from "../base/test_setup.ts";
import type { DaemonRole } from "./texts.ts";

/** How far the handshake of a connection has come. */
export type DaemonPhase =
  /** Nothing yet, or HELLO was not sent. */
  | "listen"
  /** HELLO: waiting for the test slot. */
  | "taking"
  /** The slot is ours; LOAD comes next. */
  | "taken"
  | "loading"
  /** SETUP comes next. */
  | "loaded"
  | "setting-up"
  /** START comes next. */
  | "ready"
  | "running"
  /** STOP was given: the result comes next. */
  | "stopping"
  /** Over: nothing that comes now matters. */
  | "closed";

/** Where a connection stands with the secret. */
export type AuthState =
  /** The daemon has none. */
  | "open"
  | "required"
  | "done";

/** State of one connection. */
export interface DaemonState {
  readonly role: DaemonRole;
  readonly phase: DaemonPhase;
  readonly auth: AuthState;
  /** Name of the test after LOAD. */
  readonly plugin: string | null;
  /** What the session works on beside the handshake; lines wait until it is done. */
  readonly pending: "environment" | "authentication" | "turning-away" | "continue" | null;
  readonly watching: boolean;
  /** Whether a command was understood. */
  readonly spoken: boolean;
  /** Lines that wait. */
  readonly queue: readonly ReceivedLine[];
  /** The peer sends nothing any more; close when nothing is pending. */
  readonly ended: boolean;
}

/** A line as the session read it. */
export interface ReceivedLine {
  /** The text, or `null` when it was none (too long, a NUL, not UTF-8). */
  readonly text: string | null;
  /** The daemon's clock when it was read, nanoseconds. */
  readonly rxNs: bigint;
}

/** A test's data as it goes to the controller. */
export interface TestResult {
  readonly valid: boolean;
  readonly data: Uint8Array;
  /** After `START at::` alone. */
  readonly stamps: ResultStamps | null;
}

/** What happens to a connection. */
export type DaemonEvent =
  | { readonly type: "line"; readonly line: ReceivedLine }
  /** A line that is too long to go on: the stream is of no use. */
  | { readonly type: "overflow" }
  /** The peer closed, or half-closed, the connection. */
  | { readonly type: "eof" }
  /** The connection broke, or a write missed its deadline. */
  | { readonly type: "lost" }
  /** HELLO got the slot, or did not. */
  | { readonly type: "taken" }
  | { readonly type: "busy" }
  | { readonly type: "loaded" }
  | { readonly type: "set-up" }
  /** The test has ended with data. */
  | { readonly type: "result"; readonly result: TestResult }
  /** The test cannot go on; the message is the whole text of the 451. */
  | { readonly type: "failed"; readonly message: string }
  /** ENV is answered, or could not be. */
  | { readonly type: "environment"; readonly json: Uint8Array }
  | { readonly type: "no-environment"; readonly message: string }
  /** The secret was right, and this is our proof; or it was not. */
  | { readonly type: "authenticated"; readonly proof: string }
  | { readonly type: "rejected" }
  /** CONTINUE reached a waiting test, or there was none. */
  | { readonly type: "continued"; readonly ok: boolean }
  /** A limit of time ran out, or the daemon goes down. */
  | { readonly type: "expired"; readonly message: string };

/** What the session is to do, in this order, each finished before the next where it is marked *awaited*. */
export type DaemonEffect =
  | { readonly type: "send"; readonly text: string }
  /** Send the answer to STATUS. */
  | { readonly type: "status" }
  /** Send the answer to CLOCK, its second stamp taken right before. */
  | { readonly type: "clock"; readonly rxNs: bigint }
  /** Ask for the slot; `taken` or `busy` or `failed` follows. */
  | { readonly type: "take" }
  /** `loaded` or `failed` follows. */
  | { readonly type: "load"; readonly plugin: string }
  /** `set-up` or `failed` follows. */
  | { readonly type: "setup"; readonly fields: TestSetup }
  /** A tester's `result` or `failed` follows when the test has ended; a target's `failed` alone. */
  | { readonly type: "start"; readonly atNs: bigint | null }
  /** `result` or `failed` follows. */
  | { readonly type: "stop"; readonly atNs: bigint | null }
  /** A tester's test is to end early; its `result` is that of `start`. */
  | { readonly type: "halt" }
  /** Awaited: if this connection owns the slot, end its test and free the slot. */
  | { readonly type: "release" }
  /** Awaited: end the running test, whoever owns it. */
  | { readonly type: "abort" }
  /** `environment` or `no-environment` follows. */
  | { readonly type: "environment"; readonly iface: string | null; readonly target: string | null }
  /** `authenticated` or `rejected` follows, the latter after a delay. */
  | { readonly type: "authenticate"; readonly nonce: string; readonly hmac: string }
  /** The secret is missing, or its proof is none: `rejected` follows, after a delay. `what` is for the log. */
  | { readonly type: "turn-away"; readonly what: string }
  /** `continued` follows. */
  | { readonly type: "continue" }
  /** Begin, or end, to send progress. */
  | { readonly type: "watch"; readonly everyMs: number }
  | { readonly type: "unwatch" }
  /** Send a result: header and bytes. */
  | { readonly type: "result"; readonly result: TestResult }
  /** Send the environment: header and bytes. */
  | { readonly type: "send-environment"; readonly json: Uint8Array }
  | { readonly type: "close" };

/** What a transition gives. */
export type DaemonStep = readonly [DaemonState, readonly DaemonEffect[]];
