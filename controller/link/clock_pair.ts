/**
 * The offset between the clocks of two daemons over a span of time, from the comparisons of each with the controller's.
 *
 * @module
 */
import { MAX_DRIFT_PPM, type OffsetEstimate, type OffsetInterval, reach } from "./clock_estimate.ts";

/** What is known of a daemon's clock: its comparisons with the controller's, in the order in which they were made. */
export type ComparedClock = readonly OffsetInterval[];

/** A span of the controller's clock. */
export interface Span {
  startNs: bigint;
  endNs: bigint;
}

interface Range {
  low: bigint;
  high: bigint;
}

/**
 * By how much one daemon's clock is ahead of another's, with a bound that holds at every instant of a span: half the round
 * trips of the comparisons, and what the clocks' rates may have done since ({@linkcode MAX_DRIFT_PPM} of the time from and to
 * the nearest comparison). One offset for the whole span, so that delays which are recorded as they come can be corrected
 * when the span is over.
 *
 * Nothing is assumed of the paths to the daemons: a stamp was taken between a question and its answer, whichever way was
 * the slower one.
 *
 * @param from comparisons of the sender's clock
 * @param to comparisons of the receiver's clock
 * @param span when the delays were measured
 * @returns the offset (receiver less sender) and its error; `null` when one of them was never compared
 *
 * @example
 * ```ts
 * import { offsetBetween } from "./clock_pair.ts";
 * const seen = { minRttNs: 40_000n, probes: 8, consistent: true };
 * const sender = [{ atNs: 0n, lowNs: -20_000n, highNs: 20_000n, ...seen }];
 * const receiver = [{ atNs: 0n, lowNs: 6_980_000n, highNs: 7_020_000n, ...seen }];
 * offsetBetween(sender, receiver, { startNs: 0n, endNs: 0n }); // 7 ms, right to 40 µs
 * ```
 */
export function offsetBetween(from: ComparedClock, to: ComparedClock, span: Span): OffsetEstimate | null {
  const sender = rangeOver(from, span), receiver = rangeOver(to, span);
  if (sender === null || receiver === null) return null;
  const low = receiver.low - sender.high, high = receiver.high - sender.low;
  const offsetNs = (low + high) / 2n;
  return { offsetNs, errorNs: (high - low + 1n) / 2n + 1n };
}

/** Everything that the offset to the controller's clock can have been in a span. */
function rangeOver(rounds: ComparedClock, { startNs, endNs }: Span): Range | null {
  const first = rounds[0], last = rounds.at(-1);
  if (first === undefined || last === undefined) return null;
  let whole: Range | null = null;
  const add = (at: bigint, between: readonly OffsetInterval[]) => {
    const here = common(between.map((round) => reach(at, round)));
    whole = whole === null ? here : hull(whole, here);
  };
  for (const at of [startNs, endNs]) {
    const next = rounds.findIndex((round) => round.atNs > at);
    add(at, next < 0 ? [last] : next === 0 ? [first] : rounds.slice(next - 1, next + 1));
  }
  for (const [index, after] of rounds.entries()) {
    const before = rounds[index - 1];
    if (before === undefined) continue;
    for (const at of [...meetings(before, after), (before.atNs + after.atNs) / 2n]) {
      if (at > startNs && at < endNs && at >= before.atNs && at <= after.atNs) add(at, [before, after]);
    }
  }
  return whole;
}

/**
 * Between two comparisons that do not contradict each other least is known where what the earlier one leaves possible meets what
 * the later one does: of the lower ends, and of the upper ends.
 */
function meetings(before: OffsetInterval, after: OffsetInterval): bigint[] {
  const middle = (before.atNs + after.atNs) / 2n;
  const moved = (differenceNs: bigint) => (differenceNs * 1_000_000n) / (2n * MAX_DRIFT_PPM);
  return [middle + moved(before.lowNs - after.lowNs), middle + moved(after.highNs - before.highNs)];
}

/** What all of them allow; where they contradict each other, what any does. */
function common(ranges: readonly Range[]): Range {
  const low = ranges.reduce((most, range) => range.low > most ? range.low : most, ranges[0]!.low);
  const high = ranges.reduce((least, range) => range.high < least ? range.high : least, ranges[0]!.high);
  return low <= high ? { low, high } : ranges.reduce(hull);
}

function hull(one: Range, other: Range): Range {
  return {
    low: one.low < other.low ? one.low : other.low,
    high: one.high > other.high ? one.high : other.high,
  };
}
