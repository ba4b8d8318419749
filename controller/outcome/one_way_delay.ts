/**
 * One-way delays: what a test recorded between two clocks, and the delays that it becomes when their offset is known.
 *
 * A stamp of the receiver less a stamp of the sender is the delay and the offset of the two clocks together. Plugins keep
 * it as a distance from a base (`tests_c/lib/data/ipb_oneway.h`); here the offset is taken off. A delay is given only where
 * it is known better than by its own size.
 *
 * @module
 */
import type { RawOneWay, Summary } from "../../results/document/document.ts";
import { DEFAULT_LAYOUT, Histogram, summarize } from "../../results/document/histogram.ts";
import { decodeHistogram, encodeHistogram } from "../../results/document/histogram_codec.ts";
import { formatTime } from "../../base/figures.ts";

/** Delays of one direction, or why they are not known. */
export type OneWayDelay =
  | { known: true; summary: Summary; histogram: string }
  | {
    known: false;
    reason: string;
    /** The offset cannot be the true one: nothing that it is taken off is known either. */
    contradiction?: true;
  };

/**
 * Takes the offset of the two clocks off what was recorded between them.
 *
 * @param raw what the plugin recorded
 * @param offsetNs by how much the receiver's stamps are ahead of the sender's
 * @param errorNs how far from the truth that may be, at any instant of the measurement
 * @returns the delays, each true within that error, 0.05 % of its distance from the base (the middle of a bucket) and 0.1 % of
 *   itself; or a sentence why there are none: the error is larger than the median, or a delay is less than nothing by more than it
 * @throws {HistogramError} when a histogram cannot be read
 */
export function oneWayDelay(raw: RawOneWay, offsetNs: bigint, errorNs: bigint): OneWayDelay {
  const shift = Number(BigInt(raw.base_ns) - offsetNs), error = Number(errorNs);
  const least = shift + raw.min_ns;
  if (least + error < 0) {
    return {
      known: false,
      contradiction: true,
      reason:
        `the least delay would be ${formatTime(least)}, which is further below nothing than the clocks' ` +
        `error of ${formatTime(error)}: one of them is not what it says, or was stepped`,
    };
  }
  const delays = new Histogram(DEFAULT_LAYOUT);
  for (const [text, sign] of [[raw.above, 1], [raw.below, -1]] as const) {
    if (text === null) continue;
    for (const { from, to, count } of decodeHistogram(text).buckets()) {
      const distance = sign * (from + Math.floor((to - from) / 2));
      const held = Math.min(Math.max(distance, raw.min_ns), raw.max_ns);
      delays.record(Math.max(0, shift + held), count);
    }
  }
  const made = summarize(delays);
  if (made === null) return { known: false, reason: "no packet was answered" };
  if (error > made.p50_ns) {
    return {
      known: false,
      reason: `the clocks are compared to ${formatTime(error)} only, which is more than the median delay`,
    };
  }
  const min = Math.max(0, least), max = Math.max(0, shift + raw.max_ns);
  const capped = Object.fromEntries(
    (["p50_ns", "p90_ns", "p99_ns", "p999_ns", "p9999_ns", "p99999_ns"] as const)
      .map((key) => [key, Math.max(min, Math.min(made[key], max))]),
  );
  return {
    known: true,
    histogram: encodeHistogram(delays),
    summary: {
      ...made,
      ...capped,
      min_ns: min,
      max_ns: max,
      mean_ns: Math.max(0, shift + raw.mean_ns),
      stddev_ns: raw.stddev_ns,
    },
  };
}
