/**
 * What a running test reports of itself: from the plugin's shared page over the protocol to whoever watches, one record.
 *
 * @module
 */

/** Phases of a test, in the order of `enum ipbench_phase`. */
export const TEST_PHASES = ["idle", "ready", "warmup", "measure", "cooldown", "drain", "done"] as const;

/** One of them. */
export type TestPhase = typeof TEST_PHASES[number];

/** One report. Times are nanoseconds, rates bit/s; 0 where the test reports none. */
export interface TestProgress {
  readonly phase: TestPhase;
  /** Since the test's start. */
  readonly elapsedNs: number;
  /** Whole length as far as known. */
  readonly expectedNs: number;
  /** Packets of the measured phase so far. */
  readonly sent: number;
  /** Answered well. */
  readonly ok: number;
  /** Given up, or overdue. */
  readonly lost: number;
  /** Late and corrupt. */
  readonly bad: number;
  /** Received at present. */
  readonly rateBps: number;
  /** Sent at present. */
  readonly sentBps: number;
  /** Percentiles of the response time so far. */
  readonly p50Ns: number;
  readonly p99Ns: number;
  readonly p999Ns: number;
  readonly maxNs: number;
  /** For how long nothing has come back, where that is unusual. */
  readonly darkNs: number;
}

/** Of a test that has reported nothing. */
export const NO_PROGRESS: TestProgress = {
  phase: "idle",
  elapsedNs: 0,
  expectedNs: 0,
  sent: 0,
  ok: 0,
  lost: 0,
  bad: 0,
  rateBps: 0,
  sentBps: 0,
  p50Ns: 0,
  p99Ns: 0,
  p999Ns: 0,
  maxNs: 0,
  darkNs: 0,
};
