/**
 * Confidence intervals for samples that are not independent: batch means.
 *
 * Round trips that follow each other are alike: a queue that is full for one packet is full for the next. An interval
 * that assumes independence is then far too narrow. Batch means cuts the samples, in the order in which they were
 * taken, into long batches whose means are nearly independent, and applies Student's t to those
 * (C. Alexopoulos and A. F. Seila, "Output data analysis", in Handbook of Simulation, Wiley 1998;
 * B. Schmeiser, "Batch size effects in the analysis of simulation output", Operations Research 30, 1982, who shows
 * that 10 to 30 batches serve nearly every case).
 *
 * @module
 */
import type { Interval } from "../document/document.ts";
import { studentTQuantile } from "./distributions.ts";
import { describe, median } from "./welford.ts";

/** Batches that are made: Schmeiser's upper recommendation. */
export const BATCHES = 30;
/** Fewest samples a batch needs for its mean to say anything. */
export const SMALLEST_BATCH = 10;

/**
 * 95 % interval for the mean of a series whose neighbours may depend on each other.
 *
 * @param values In the order in which they were taken.
 * @returns the interval, or `null` when there are fewer than {@linkcode BATCHES} × {@linkcode SMALLEST_BATCH} values.
 */
export function batchMeansInterval(values: ArrayLike<number>, confidence = 0.95): Interval | null {
  const size = Math.floor(values.length / BATCHES);
  if (size < SMALLEST_BATCH) return null;
  const means: number[] = [];
  for (let batch = 0; batch < BATCHES; batch++) {
    let sum = 0;
    for (let i = batch * size; i < (batch + 1) * size; i++) sum += values[i]!;
    means.push(sum / size);
  }
  const { mean, stddev } = describe(means);
  const half = studentTQuantile(0.5 + confidence / 2, BATCHES - 1) * stddev / Math.sqrt(BATCHES);
  const method = `batch means, ${BATCHES} batches of ${size}, Student t`;
  return { estimate_ns: mean, low_ns: mean - half, high_ns: mean + half, method };
}

/**
 * The same for the median, by sectioning: the deviation of the batches' medians around the median of all.
 */
export function batchMedianInterval(values: ArrayLike<number>, confidence = 0.95): Interval | null {
  const size = Math.floor(values.length / BATCHES);
  if (size < SMALLEST_BATCH) return null;
  const all = Array.from(values).slice(0, size * BATCHES);
  const estimate = median(all);
  let squares = 0;
  for (let batch = 0; batch < BATCHES; batch++) {
    squares += (median(all.slice(batch * size, (batch + 1) * size)) - estimate) ** 2;
  }
  const error = Math.sqrt(squares / (BATCHES - 1) / BATCHES);
  const half = studentTQuantile(0.5 + confidence / 2, BATCHES - 1) * error;
  const method = `batch medians, ${BATCHES} batches of ${size}, Student t`;
  return { estimate_ns: estimate, low_ns: estimate - half, high_ns: estimate + half, method };
}
