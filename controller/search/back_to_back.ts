/**
 * The back-to-back frames benchmark of RFC 9004: the longest burst, at the line's full rate, that loses nothing. Pure:
 * bursts are measured by a function that is passed in.
 *
 * @module
 */

import type { BackToBack } from "../../results/search/rfc2544_document.ts";

/** A target that forwards so much of the full rate forwards all of it: loads are whole bit/s. */
const LINE_RATE_SHARE = 0.9999;

/** Sends one burst of so many frames; true when all came back. */
export type BurstProbe = (frames: number) => Promise<boolean>;

/**
 * Finds the longest burst without loss: doubles until one loses, then halves the interval.
 *
 * @param probe Sends one burst.
 * @param max Longest burst to try, at least 1.
 * @param resolution Frames within which the length is to be known, at least 1.
 * @returns Frames; 0 when even one is lost.
 */
export async function longestBurst(probe: BurstProbe, max: number, resolution: number): Promise<number> {
  let good = 0;
  let bad: number | null = null;
  for (let length = 1; bad === null && good < max; length = Math.min(max, length * 2)) {
    if (await probe(length)) good = length;
    else bad = length;
  }
  while (bad !== null && bad - good > resolution) {
    const middle = Math.floor((good + bad) / 2);
    if (await probe(middle)) good = middle;
    else bad = middle;
  }
  return good;
}

/**
 * Sums up the repetitions as RFC 9004, section 5.4, has it.
 *
 * @param bursts Longest burst of each repetition; at least one.
 * @param max Longest burst that was allowed.
 * @param fullRate The line's full frame rate, frames/s.
 * @param throughput The target's throughput, frames/s; it forwards that fast while a burst fills its buffer. `null`: not known.
 */
export function backToBack(
  bursts: number[],
  max: number,
  fullRate: number,
  throughput: number | null,
): BackToBack {
  const average = bursts.reduce((sum, burst) => sum + burst, 0) / bursts.length;
  const squares = bursts.reduce((sum, burst) => sum + (burst - average) ** 2, 0);
  const implied = average / fullRate;
  return {
    bursts,
    average,
    min: Math.min(...bursts),
    max: Math.max(...bursts),
    stddev: bursts.length < 2 ? 0 : Math.sqrt(squares / (bursts.length - 1)),
    limited: bursts.some((burst) => burst >= max),
    implied_buffer_seconds: implied,
    corrected_buffer_seconds: throughput === null || throughput >= LINE_RATE_SHARE * fullRate
      ? null
      : implied - implied * throughput / fullRate,
  };
}
