/**
 * Responsiveness in round trips a minute, as the IETF draft "Responsiveness under Working Conditions"
 * (draft-ietf-ippm-responsiveness-09) aggregates its samples. docs/quick.md describes where our samples differ.
 *
 * @module
 */
import type { Histogram } from "../../results/document/histogram.ts";

/** The share of the samples that the mean keeps, the shortest ones: the draft's TMP (Trimmed Mean Percentage). */
const TRIMMED_SHARE = 0.95;
const NS_PER_MINUTE = 60e9;

/**
 * The single-sided trimmed mean of a histogram: the longest times are left out.
 *
 * @param histogram times in nanoseconds, each taken for the middle of its bucket (right to 0.05 %)
 * @param share what is kept, 0..1, rounded down to whole samples, at least one
 * @returns nanoseconds; `null` without samples
 */
export function trimmedMean(histogram: Histogram, share = TRIMMED_SHARE): number | null {
  const keep = kept(histogram.total, share);
  let left = keep, sum = 0;
  for (const { from, to, count } of histogram.buckets()) {
    const taken = Math.min(count, left);
    sum += taken * (from + to) / 2;
    left -= taken;
    if (left === 0) break;
  }
  return keep === 0 ? null : sum / keep;
}

/**
 * The same of a list.
 *
 * @param times nanoseconds, in any order
 * @param share as above
 */
export function trimmedMeanOf(times: readonly number[], share = TRIMMED_SHARE): number | null {
  const keep = kept(times.length, share);
  if (keep === 0) return null;
  return times.toSorted((a, b) => a - b).slice(0, keep).reduce((sum, time) => sum + time, 0) / keep;
}

function kept(count: number, share: number): number {
  return count === 0 ? 0 : Math.max(1, Math.floor(count * share + 1e-9));
}

/**
 * Round trips a minute: 60 s over the trimmed mean of each kind of probe, and the mean of those.
 *
 * @param foreignNs trimmed mean of the probes beside the load, ns; `null`: there were none
 * @param selfNs trimmed mean of the load's own round trips, ns; `null`: not known
 * @returns the draft's `(Foreign_Responsiveness + Loaded_Responsiveness) / 2`, or the one of them that there is; `null`
 *   without both
 */
export function roundTripsPerMinute(foreignNs: number | null, selfNs: number | null): number | null {
  const rates = [foreignNs, selfNs].filter((ns) => ns !== null && ns > 0).map((ns) => NS_PER_MINUTE / ns!);
  return rates.length === 0 ? null : rates.reduce((sum, rate) => sum + rate, 0) / rates.length;
}
