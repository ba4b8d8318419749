/**
 * What is known of a run that goes on, as one record: what a page shows, and what one process sends another.
 *
 * @module
 */

import * as v from "valibot";
import { TEST_PHASES } from "../base/test_progress.ts";
import { MAX_CONSOLE, MAX_NOTES, MAX_PEERS, MAX_POINTS, MAX_TEXT } from "./limits.ts";

const text = v.pipe(v.string(), v.maxLength(MAX_TEXT));
const number = v.pipe(v.number(), v.finite());
/** `null`: not known. */
const known = v.nullable(number);
const list = <T extends v.GenericSchema>(of: T, most: number) => v.pipe(v.array(of), v.maxLength(most));

/** A tester or target. Rates are bit/s, times that end in `Ns` nanoseconds, as in `TestProgress`. */
const peer = v.object({
  role: v.picklist(["client", "target"]),
  /** Host and port. */
  name: text,
  /** "" in a run without classes. */
  class: text,
  /** Step of the run, or while its test runs the test's own phase. */
  phase: text,
  outcome: v.picklist(["", "done", "invalid", "failed"]),
  /** What the test reports of itself; `null`: nothing yet. */
  progress: v.nullable(v.object({
    phase: v.picklist(TEST_PHASES),
    elapsedNs: number,
    expectedNs: number,
    sent: known,
    ok: known,
    lost: known,
    bad: known,
    rateBps: known,
    sentBps: known,
    p50Ns: known,
    p99Ns: known,
    p999Ns: known,
    maxNs: known,
    darkNs: number,
  })),
});

/** Something to know, when it came: milliseconds since 1970. */
const note = v.object({ atMs: number, level: v.picklist(["warning", "error", "SUSPECT", "INVALID"]), text });

/** A line of an attached console, when it came: milliseconds since 1970. */
const consoleLine = v.object({ atMs: number, name: text, text });

/**
 * A second of a class: milliseconds since 1970, bit/s that come back (or are sent), share lost,
 * slowest tester's p50 and p99 in ns.
 */
const point = v.tuple([number, known, known, known, known]);

/** The whole record. */
const liveState = v.object({
  /** The run's number, as in its document; what a link to it holds. */
  id: v.pipe(v.string(), v.regex(/^[0-9A-Za-z_-]{1,64}$/)),
  title: text,
  /** When it began and when this was so, milliseconds since 1970. */
  beganMs: number,
  atMs: number,
  /** Step of the run, in words. */
  phase: text,
  /** When the tests start or have started, and how long they take; `null` unknown. */
  startMs: v.nullable(number),
  expectedMs: v.nullable(number),
  peers: list(peer, MAX_PEERS),
  /** Testers and targets that are not in the list. */
  more: number,
  notes: list(note, MAX_NOTES),
  /** The latest lines; only where a console is attached. */
  console: v.exactOptional(list(consoleLine, MAX_CONSOLE)),
  /** How it ended; `null` while it goes on. */
  ended: v.nullable(v.object({
    verdict: v.picklist(["VALID", "SUSPECT", "INVALID"]),
    reasons: list(text, MAX_NOTES),
    figures: list(text, MAX_NOTES),
  })),
  /** Curves by class, "" in a run without; only in the first state that a reader is sent. */
  curves: v.optional(v.record(text, list(point, MAX_POINTS))),
});

/** See {@linkcode liveState}. */
export type LiveState = v.InferOutput<typeof liveState>;
export type LivePeer = LiveState["peers"][number];
export type LivePoint = v.InferOutput<typeof point>;

/**
 * Reads a state that another process has sent.
 *
 * @param line JSON.
 * @returns The state; `null` when it is none.
 */
export function parseState(line: string): LiveState | null {
  try {
    const parsed = v.safeParse(liveState, JSON.parse(line));
    return parsed.success ? parsed.output : null;
  } catch {
    return null;
  }
}
