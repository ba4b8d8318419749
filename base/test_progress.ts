/**
 * What a running test reports of itself: from the plugin's shared page over the protocol to whoever watches, one record.
 *
 * @module
 */

/** Phases of a test, in the order of `enum ipbench_phase`. */
export const TEST_PHASES = ["idle", "ready", "warmup", "measure", "cooldown", "drain", "done"] as const;

/** One of them. */
export type TestPhase = typeof TEST_PHASES[number];

/** One report. Times are nanoseconds, rates bit/s; `null`: the test does not know it, or not yet. */
export interface TestProgress {
  readonly phase: TestPhase;
  /** Since the test's start. */
  readonly elapsedNs: number;
  /** Whole length; 0 where it is not known. */
  readonly expectedNs: number;
  /** Packets of the measured phase so far. */
  readonly sent: number | null;
  /** Answered well. */
  readonly ok: number | null;
  /** Given up, or overdue. */
  readonly lost: number | null;
  /** Late and corrupt. */
  readonly bad: number | null;
  /** Received at present. */
  readonly rateBps: number | null;
  /** Sent at present. */
  readonly sentBps: number | null;
  /** Percentiles of the response time so far. */
  readonly p50Ns: number | null;
  readonly p99Ns: number | null;
  readonly p999Ns: number | null;
  readonly maxNs: number | null;
  /** For how long nothing has come back, where that is unusual. */
  readonly darkNs: number;
}

/**
 * The share of what was sent that got no good answer, of tests together.
 *
 * @param reports Of some tests.
 * @returns 0 to 1; `null` where one does not know it, or nothing has been decided.
 */
export function lossOf(reports: readonly Pick<TestProgress, "ok" | "lost" | "bad">[]): number | null {
  let ok = 0, settled = 0;
  for (const each of reports) {
    if (each.ok === null || each.lost === null || each.bad === null) return null;
    ok += each.ok;
    settled += each.ok + each.lost + each.bad;
  }
  return settled === 0 ? null : (settled - ok) / settled;
}

/** Of a test that has reported nothing. */
export const NO_PROGRESS: TestProgress = {
  phase: "idle",
  elapsedNs: 0,
  expectedNs: 0,
  sent: null,
  ok: null,
  lost: null,
  bad: null,
  rateBps: null,
  sentBps: null,
  p50Ns: null,
  p99Ns: null,
  p999Ns: null,
  maxNs: null,
  darkNs: 0,
};
