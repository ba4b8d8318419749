/**
 * Lines of WATCH: what a running test says of itself.
 *
 * @module
 */
import { quote } from "./error.ts";
import { formatReply, type Reply } from "./reply.ts";

/** Phases of a test as the plugin interface names them. */
export const PHASES = ["idle", "ready", "warmup", "measure", "cooldown", "drain", "done"] as const;

/** One of them. */
export type Phase = typeof PHASES[number];

/** One report. Times are nanoseconds, rates bit/s; 0 where the plugin does not tell. */
export interface ProgressReport {
  /** Process of the test on the daemon's machine. */
  readonly pid: number;
  /** Name of the test, "-" before LOAD. */
  readonly test: string;
  readonly phase: Phase;
  /** Since the test's start. */
  readonly elapsedNs: number;
  /** Whole length as far as known. */
  readonly expectedNs: number;
  /** Packets in the measured phase so far: sent, answered well, given up or overdue, late or corrupt. */
  readonly sent: number;
  readonly ok: number;
  readonly lost: number;
  readonly bad: number;
  /** Currently received and currently sent, bit/s. */
  readonly rateBps: number;
  readonly sentRateBps: number;
  /** Percentiles of the response time so far. */
  readonly p50Ns: number;
  readonly p99Ns: number;
  readonly p999Ns: number;
  readonly maxNs: number;
}

/** Keys on the wire and in {@linkcode ProgressReport}, in the order they are written. */
const NUMBERS = [
  ["elapsed", "elapsedNs"],
  ["expected", "expectedNs"],
  ["sent", "sent"],
  ["ok", "ok"],
  ["lost", "lost"],
  ["bad", "bad"],
  ["rate", "rateBps"],
  ["sentrate", "sentRateBps"],
  ["p50", "p50Ns"],
  ["p99", "p99Ns"],
  ["p999", "p999Ns"],
  ["max", "maxNs"],
] as const satisfies readonly (readonly [string, keyof ProgressReport])[];

/**
 * Writes one report.
 *
 * @param report What the test says, or `null` when no test runs.
 * @returns The line with its line end.
 */
export function formatProgress(report: ProgressReport | null): string {
  if (report === null) return formatReply(150, "idle");
  const numbers = NUMBERS.map(([name, key]) => `${name}=${wholeNumber(report[key])}`);
  return formatReply(150, `pid=${report.pid} test=${report.test} phase=${report.phase} ${numbers.join(" ")}`);
}

/**
 * Reads one report. Keys that are missing count as 0, keys of a later version are passed over.
 *
 * @param reply A reply with code 150.
 * @returns What the test says, or `null` when no test runs or nothing can be made of it.
 */
export function parseProgress(reply: Reply): ProgressReport | null {
  const values = new Map<string, string>();
  for (const word of (reply.message ?? "").split(" ")) {
    const at = word.indexOf("=");
    if (at > 0) values.set(word.slice(0, at), word.slice(at + 1));
  }
  const pid = values.get("pid");
  if (pid === undefined || !/^[0-9]{1,10}$/.test(pid)) return null;
  const phase = PHASES.find((name) => name === values.get("phase")) ?? "idle";
  const number = (name: string): number => {
    const text = values.get(name) ?? "";
    return /^[0-9]{1,20}$/.test(text) ? wholeNumber(Number(text)) : 0;
  };
  return {
    pid: Number(pid),
    test: quote(values.get("test") ?? "-").slice(1, -1),
    phase,
    elapsedNs: number("elapsed"),
    expectedNs: number("expected"),
    sent: number("sent"),
    ok: number("ok"),
    lost: number("lost"),
    bad: number("bad"),
    rateBps: number("rate"),
    sentRateBps: number("sentrate"),
    p50Ns: number("p50"),
    p99Ns: number("p99"),
    p999Ns: number("p999"),
    maxNs: number("max"),
  };
}

/** What comes out of shared memory may be anything; on the wire it is a whole number. */
function wholeNumber(value: number): number {
  if (!Number.isFinite(value) || value < 0) return 0;
  return Math.min(Math.trunc(value), Number.MAX_SAFE_INTEGER);
}
