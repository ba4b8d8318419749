/**
 * Lines of WATCH: what a running test reports of itself.
 *
 * @module
 */
import { NO_PROGRESS, TEST_PHASES, type TestProgress } from "../base/test_progress.ts";
import { quote } from "./error.ts";
import { formatReply, type Reply } from "./reply.ts";

/** One report of WATCH. */
export interface ProgressReport extends TestProgress {
  /** Process of the test on the daemon's machine. */
  readonly pid: number;
  /** Name of the test, "-" before LOAD. */
  readonly test: string;
  /** Whose test it is: the controller's address and port as the daemon sees them; `null` where it does not send them. */
  readonly owner: string | null;
  /** How long that controller has had the daemon. */
  readonly heldNs: number;
}

/** Keys on the wire and in {@linkcode TestProgress}, in the order they are written. */
const NUMBERS = [
  ["elapsed", "elapsedNs"],
  ["expected", "expectedNs"],
  ["sent", "sent"],
  ["ok", "ok"],
  ["lost", "lost"],
  ["bad", "bad"],
  ["rate", "rateBps"],
  ["sentrate", "sentBps"],
  ["p50", "p50Ns"],
  ["p99", "p99Ns"],
  ["p999", "p999Ns"],
  ["max", "maxNs"],
  ["dark", "darkNs"],
  ["held", "heldNs"],
] as const satisfies readonly (readonly [string, keyof ProgressReport])[];

/** Of these 0 is none. */
const RESPONSE_TIMES: ReadonlySet<string> = new Set(["p50Ns", "p99Ns", "p999Ns", "maxNs"]);

/**
 * Writes one report.
 *
 * @param report What the test reports, or `null` when no test runs.
 * @returns The line with its line end.
 */
export function formatProgress(report: ProgressReport | null): string {
  if (report === null) return formatReply(150, "idle");
  const numbers = NUMBERS.flatMap(([name, key]) => {
    const value = report[key];
    return value === null ? [] : [`${name}=${wholeNumber(value)}`];
  });
  const owner = report.owner === null ? "" : ` of=${report.owner}`;
  return formatReply(
    150,
    `pid=${report.pid} test=${report.test} phase=${report.phase} ${numbers.join(" ")}${owner}`,
  );
}

/**
 * Reads one report. Keys that are missing are not known, keys of a later version are passed over.
 *
 * @param reply A reply with code 150.
 * @returns What the test reports, or `null` when no test runs or nothing can be made of it.
 */
export function parseProgress(reply: Reply): ProgressReport | null {
  const values = new Map<string, string>();
  for (const word of (reply.message ?? "").split(" ")) {
    const at = word.indexOf("=");
    if (at > 0) values.set(word.slice(0, at), word.slice(at + 1));
  }
  const pid = values.get("pid");
  if (pid === undefined || !/^[0-9]{1,10}$/.test(pid)) return null;
  const numbers = NUMBERS.flatMap(([name, key]) => {
    const text = values.get(name) ?? "";
    if (!/^[0-9]{1,20}$/.test(text)) return [];
    const value = wholeNumber(Number(text));
    return [[key, value === 0 && RESPONSE_TIMES.has(key) ? null : value] as const];
  });
  const owner = values.get("of");
  return {
    ...NO_PROGRESS,
    heldNs: 0,
    ...Object.fromEntries(numbers),
    pid: Number(pid),
    test: quote(values.get("test") ?? "-").slice(1, -1),
    phase: TEST_PHASES.find((name) => name === values.get("phase")) ?? "idle",
    owner: owner === undefined ? null : quote(owner).slice(1, -1),
  };
}

/** What comes out of shared memory may be anything; on the wire it is a whole number. */
function wholeNumber(value: number): number {
  if (!Number.isFinite(value) || value < 0) return 0;
  return Math.min(Math.trunc(value), Number.MAX_SAFE_INTEGER);
}
