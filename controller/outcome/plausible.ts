/**
 * Whether the instants that come with a result can be those of the run that was asked for. What a daemon reports of its
 * clock decides over which time rates are added and which starts are called timely, so that it is held against what the
 * controller knows itself: what it asked for, and how much time has passed.
 *
 * @module
 */

import type { ResultStamps } from "../../protocol/mod.ts";

/**
 * How much later or earlier than it can have been an instant may be, in nanoseconds: clocks drift, and a virtual machine
 * that was stopped for a while has a clock that was, too. Finer differences are reasons of the verdict.
 */
const SLACK_NS = 60_000_000_000n;

/** What the controller knows of a daemon's test. */
export interface KnownTimes {
  /** The instant that START named, in the daemon's clock; `null`: none. */
  toldNs: bigint | null;
  /** Nanoseconds on the controller's clock since START was sent. */
  sinceStartNs: bigint;
}

/** An interval of a daemon's clock, in nanoseconds. */
interface Interval {
  start_ns: number;
  end_ns: number;
}

/**
 * Checks the instants of a result.
 *
 * @param stamps when the test was to start, started and ended; `null`: the daemon did not report them
 * @param known what the controller knows
 * @returns what is wrong, a clause; `null` when nothing is
 */
export function wrongStamps(stamps: ResultStamps | null, known: KnownTimes): string | null {
  if (stamps === null) return null;
  const { plannedNs, actualNs, endedNs } = stamps;
  const { toldNs, sinceStartNs } = known;
  if (toldNs === null) return "the result has stamps of an agreed start, and there was none";
  if (plannedNs !== toldNs) {
    return `the result is of a start that was planned for ${plannedNs} ns of the daemon's clock, and START named ${toldNs}`;
  }
  if (actualNs < plannedNs - SLACK_NS || endedNs > plannedNs + sinceStartNs + SLACK_NS) {
    const [from, to] = [actualNs - plannedNs, endedNs - plannedNs].map((ns) => (Number(ns) / 1e9).toFixed(3));
    const passed = (Number(sinceStartNs) / 1e9).toFixed(3);
    return `the test says that it ran from ${from} s to ${to} s after the agreed start, and ${passed} s have passed`;
  }
  return null;
}

/**
 * Checks the measured phase that a plugin reports.
 *
 * @param window the phase, in the daemon's clock; `undefined`: not reported
 * @param stamps of the same result
 * @param expectedNs how long the test was to take; 0: until stopped; `null`: not known
 * @returns what is wrong, a clause; `null` when nothing is
 */
export function wrongWindow(
  window: Interval | undefined,
  stamps: ResultStamps | null,
  expectedNs: number | null,
): string | null {
  if (window === undefined) return null;
  const { start_ns, end_ns } = window;
  if (end_ns < start_ns) return `its measured phase ends at ${end_ns} ns, before it starts at ${start_ns} ns`;
  if (stamps === null) return null;
  // A test that was ended early reports when it would have ended.
  const from = Number(stamps.actualNs - SLACK_NS);
  const to = Number(stamps.endedNs + SLACK_NS) + (expectedNs ?? 0);
  if (start_ns >= from && end_ns <= to) return null;
  return `its measured phase, ${start_ns} to ${end_ns} ns, is not within its run, ${stamps.actualNs} to ${stamps.endedNs} ns`;
}
