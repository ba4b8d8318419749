/**
 * Figures as a person reads them, in few columns.
 *
 * @module
 */

import { formatNanoseconds, formatQuantity } from "../config/values.ts";
import type { Counts } from "../results/document.ts";

/** A rate, "9.98 Mbit/s"; "-" when it is not known. */
export function rateText(bps: number | null | undefined): string {
  if (bps === null || bps === undefined) return "-";
  const match = /^(.*?)([kMG]?)$/.exec(formatQuantity(bps, 3));
  return `${match?.[1]} ${match?.[2]}bit/s`;
}

/** A time, "12.3 µs"; "-" when it is not known. */
export function timeText(ns: number | null | undefined): string {
  if (ns === null || ns === undefined) return "-";
  const match = /^([-\d.e+]+)(.*)$/.exec(formatNanoseconds(ns, 3));
  return `${match?.[1]} ${match?.[2]?.replace("us", "µs")}`;
}

/** The share of packets that did not come back well, "0.02 %"; "-" when nothing was sent. */
export function lossText(counts: Pick<Counts, "sent" | "ok"> | null): string {
  if (counts === null || counts.sent === 0) return "-";
  const share = 100 * (counts.sent - counts.ok) / counts.sent;
  if (share === 0) return "0 %";
  return share < 0.01 ? "<0.01 %" : `${share.toFixed(2)} %`;
}

/** Seconds with one digit, from nanoseconds. */
export function secondsText(ns: number): string {
  return (ns / 1e9).toFixed(1);
}

/** Cuts a line so that it stays one on a terminal. */
export function fit(line: string, width: number): string {
  const characters = Array.from(line);
  return characters.length <= width ? line : characters.slice(0, Math.max(0, width - 1)).join("") + "…";
}

// deno-lint-ignore no-control-regex -- control characters are what is looked for
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/gu;

/**
 * Takes out what could move the cursor or change colours: names and messages come from the network.
 *
 * @param text Any text.
 * @returns The text on one line, control characters shown as "?".
 */
export function plainText(text: string): string {
  return text.replace(CONTROL, (c) => c === "\n" || c === "\t" ? " " : "?");
}
