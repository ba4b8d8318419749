/**
 * What a run reports while it goes on: for live lines, logs and programs that wait for a phase.
 *
 * @module
 */

import type { TestProgress } from "../../base/test_progress.ts";

/** Steps of a run, in their order. */
export type RunPhase =
  | "connect"
  | "authenticate"
  | "reset"
  | "hello"
  | "load"
  | "setup"
  | "clock"
  | "start"
  | "run"
  | "collect"
  | "stop"
  | "unmarshall"
  | "output"
  | "close";

/** Which daemon an event is about. */
export interface PeerName {
  role: "client" | "target";
  /** Position in the run description's `clients` or `targets`, from 0. */
  index: number;
  host: string;
  port: number;
  /** Its number among those of its role that dial in; not there when the controller connects to it. */
  joins?: number;
  /** Its class, in a run of several tests. */
  class?: string;
}

/** One thing that happened, in the order in which it did. */
export type ProgressEvent =
  /** The run as a whole enters a phase. `done` of `total` daemons are through it, where that can be counted. */
  | { kind: "phase"; phase: RunPhase; text: string }
  /** One daemon enters a phase. */
  | { kind: "peer"; peer: PeerName; phase: RunPhase }
  /** All is started. `expectedNs`: how long the tests expect to take, `null` unknown; `deadlineNs`: given up after. */
  | { kind: "schedule"; leadNs: number; expectedNs: number | null; deadlineNs: number }
  /** Figures of a running test, about five times a second, from daemons that report them. */
  | { kind: "progress"; peer: PeerName; progress: TestProgress }
  /** One daemon's result has come in and was understood. */
  | { kind: "result"; peer: PeerName; valid: boolean; bytes: number }
  /** Something to know that does not end the run. */
  | { kind: "warning"; peer: PeerName | null; text: string }
  /** A daemon failed; with `require` below "all" the run may go on. The sentence names host, phase, cause, remedy. */
  | { kind: "error"; peer: PeerName | null; phase: RunPhase; text: string };
