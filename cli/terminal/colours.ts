/**
 * Colours for what matters, on a terminal that has them.
 *
 * @module
 */

import { styleText } from "node:util";
import { hasColours } from "./io.ts";

/** A stream that may be a terminal. */
type Stream = Parameters<typeof hasColours>[0];

/** The colours of good, doubtful and bad news, and of what is unimportant. */
const COLOURS = { good: "green", doubtful: "yellow", bad: "red", silent: "gray" } as const;
/** Which of these a text is. */
export type Mood = keyof typeof COLOURS;

const MOODS: Readonly<Record<string, Mood>> = {
  VALID: "good",
  SUSPECT: "doubtful",
  INVALID: "bad",
  invalid: "bad",
  failed: "bad",
};

/**
 * Colours a text where its stream shows colours.
 *
 * @param stream Where it goes.
 * @param mood How it is to be taken.
 * @param text The text; what came from elsewhere is plain in it.
 */
export function coloured(stream: Stream, mood: Mood, text: string): string {
  return hasColours(stream) ? styleText(COLOURS[mood], text, { validateStream: false }) : text;
}

/**
 * Colours the verdict of a line, which is the first word of its kind in it.
 *
 * @param stream Where the line goes.
 * @param line A line of ours.
 */
export function colourVerdict(stream: Stream, line: string): string {
  return line.replace(
    /\b(?:VALID|SUSPECT|INVALID|invalid|failed)\b/,
    (word) => coloured(stream, MOODS[word]!, word),
  );
}

/** Colours, in a table of results, whether each is regular: "regular", "irregular (max-load)". */
export function colourRegular(stream: Stream, table: string): string {
  return table.replace(
    /(?<= )(?:regular$|\(irregular\)|irregular \([a-z-]+\)$)/gm,
    (words) => coloured(stream, words.includes("irregular") ? "doubtful" : "good", words),
  );
}

/** Colours, in a live line, how a tester ended: the word behind its name. */
export function colourOutcome(stream: Stream, line: string): string {
  return line.replace(
    /^(\S+ +)(done|invalid|failed)\b/,
    (_, name: string, word: string) => name + coloured(stream, word === "done" ? "good" : "bad", word),
  );
}
