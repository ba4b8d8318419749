/**
 * The lines of `ipbench run --output json`, as docs/events.md describes them. Keys are added, never renamed; what changes
 * otherwise gets another number in {@linkcode EVENTS_FORMAT}.
 *
 * @module
 */

import type { PeerName, RunPhase } from "../../controller/run/progress.ts";
import type { ResultDocument } from "../../results/document/document.ts";
import type { Tally } from "./tally.ts";

/** The value of `format` in the first line. */
export const EVENTS_FORMAT = "ipbench-events/1";

/** One line before the last, without its time `at` (ISO 8601, UTC). The last is the result document, as an event. */
export type StreamEvent =
  /** The first line. `run`: the number that the result document has as `run.id`. */
  | {
    event: "begin";
    format: typeof EVENTS_FORMAT;
    ipbench: string;
    run: string;
    test: string;
    clients: number;
    targets: number;
  }
  /** The run enters a phase. */
  | { event: "phase"; phase: RunPhase; text: string }
  /** All is started; it begins in `lead_ns`, is expected to take `expected_ns` and is given up after `deadline_ns`. */
  | { event: "schedule"; lead_ns: number; expected_ns: number | null; deadline_ns: number }
  /** What the running tests have reported so far, together: one line a second, of several classes one each. */
  | { event: "progress" } & Tally
  | { event: "warning"; peer: PeerName | null; text: string }
  | { event: "error"; peer: PeerName | null; phase: RunPhase; text: string }
  /** So many lines were left out here, because they were not read in time. */
  | { event: "skipped"; lines: number };

/** How the last line begins: what a log holds beside it is told from it by that. */
const RESULT_LINE = '{"event":"result",';

/** What is no plain text to a terminal that shows a line: all but the characters below U+0020, which JSON escapes itself. */
const UNSAFE = /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

function json(value: unknown): string {
  return JSON.stringify(value).replaceAll(
    UNSAFE,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/**
 * The text of a line.
 *
 * @param event What happened.
 * @param at When.
 */
export function lineOf({ event, ...rest }: StreamEvent, at: Date): string {
  return `${json({ event, at: at.toISOString(), ...rest })}\n`;
}

/**
 * The text of the last line, in pieces: one for each client, one for each target.
 *
 * @param document The result.
 * @param at When.
 */
export function* resultLine(document: ResultDocument, at: Date): Generator<string> {
  yield `${RESULT_LINE}"at":${json(at.toISOString())}`;
  for (const [key, value] of Object.entries(document)) {
    if (value === undefined) continue;
    yield `,${json(key)}:`;
    if (!Array.isArray(value)) yield json(value);
    else {
      for (let n = 0; n < value.length; n++) yield `${n === 0 ? "[" : ","}${json(value[n])}`;
      yield value.length === 0 ? "[]" : "]";
    }
  }
  yield "}\n";
}

/**
 * Finds the result document in what a run has printed with `--output json`, also in a log into which other lines have got.
 *
 * @param text A file's text.
 * @returns The last result; `null` when the stream has none; the text itself when it is no such stream.
 */
export function resultInStream(text: string): string | null {
  const at = text.lastIndexOf(`\n${RESULT_LINE}`);
  if (at >= 0 || text.startsWith(RESULT_LINE)) {
    const end = text.indexOf("\n", at + 1);
    return text.slice(at + 1, end < 0 ? undefined : end);
  }
  return text.startsWith('{"event":"') || text.includes('\n{"event":"begin",') ? null : text;
}
