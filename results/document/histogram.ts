/**
 * A histogram of times with a fixed relative error, in the bucket layout of HdrHistogram: what the plugins record in
 * C, what the controller merges, and what other tools read.
 *
 * Counts are kept in a `Float64Array`: values reach an hour in nanoseconds and merged counts pass 2^32, where 32-bit
 * counters and bitwise operators break. Both stay exact up to 2^53.
 *
 * @module
 */
import type { CounterList } from "./counter_list.ts";
import type { Summary } from "./document.ts";

/** Smallest time that the plugins distinguish from its neighbours, in nanoseconds. */
const LOWEST_NS = 1;
/** Longest time that the plugins record, in nanoseconds: one hour. */
const HIGHEST_NS = 3.6e12;
/** Decimal digits that are kept of every value. */
const SIGNIFICANT_DIGITS = 3;
/** Most counters a histogram may have: 5 digits over an hour need 2^22. */
const COUNTERS_LIMIT = 1 << 22;

/** Which values a histogram distinguishes. Two histograms of equal layout are added counter by counter. */
export interface HistogramLayout {
  /** Smallest value distinguished from 0, at least 1. */
  readonly lowest: number;
  /** Largest value, at least twice the lowest. */
  readonly highest: number;
  /** Significant decimal digits, 0..5. */
  readonly digits: number;
}

/** The layout that the plugins use. */
export const DEFAULT_LAYOUT: HistogramLayout = {
  lowest: LOWEST_NS,
  highest: HIGHEST_NS,
  digits: SIGNIFICANT_DIGITS,
};

/** One counter that is not zero: `count` values from `from` to `to`, both included. */
export interface Bucket {
  from: number;
  to: number;
  count: number;
}

/** Position of the highest set bit of a whole number from 1 to 2^53. */
function highestBit(value: number): number {
  return value < 4294967296 ? 31 - Math.clz32(value) : 63 - Math.clz32(value / 4294967296);
}

/**
 * A histogram with a fixed number of significant digits.
 *
 * @example
 * ```ts
 * import { Histogram } from "./histogram.ts";
 * const histogram = new Histogram();
 * histogram.record(12_345);
 * histogram.valueAtPercentile(99); // 12,351: the largest value that shares its counter
 * ```
 */
export class Histogram {
  readonly layout: HistogramLayout;
  /** One counter for each range of values that are not distinguished; index 0 holds the smallest. */
  readonly counts: Float64Array;
  #total = 0;
  /** Of the recorded values. */
  #min = Infinity;
  #max = 0;
  /** Of the counters that were added to by index; what they mean is worked out when it is asked for. */
  #firstIndex = Infinity;
  #lastIndex = -1;
  readonly #unitMagnitude: number;
  readonly #halfMagnitude: number;
  readonly #halfCount: number;

  /**
   * @param layout Which values are distinguished; by default the plugins' layout.
   * @throws {RangeError} when the layout is not one, or needs more than {@linkcode COUNTERS_LIMIT} counters.
   */
  constructor(layout: HistogramLayout = DEFAULT_LAYOUT) {
    const { lowest, highest, digits } = layout;
    if (!Number.isInteger(digits) || digits < 0 || digits > 5) {
      throw new RangeError(`a histogram keeps 0 to 5 significant digits, not ${digits}`);
    }
    if (!(lowest >= 1) || !(highest >= 2 * lowest) || !(highest <= 2 ** 63)) {
      throw new RangeError(`a histogram cannot reach from ${lowest} to ${highest}`);
    }
    const subBuckets = 2 ** Math.ceil(Math.log2(2 * 10 ** digits));
    this.layout = { lowest, highest, digits };
    this.#unitMagnitude = Math.floor(Math.log2(lowest));
    this.#halfCount = subBuckets / 2;
    this.#halfMagnitude = Math.log2(this.#halfCount);
    let buckets = 1;
    for (let reach = subBuckets * 2 ** this.#unitMagnitude; reach <= highest; reach *= 2) buckets++;
    const length = (buckets + 1) * this.#halfCount;
    if (length > COUNTERS_LIMIT) throw new RangeError(`a histogram of ${length} counters is too large`);
    this.counts = new Float64Array(length);
  }

  /** How many values were recorded. */
  get total(): number {
    return this.#total;
  }

  /** Smallest value; of a decoded histogram, the lower end of its counter. 0 when empty. */
  get min(): number {
    if (this.#total === 0) return 0;
    return this.#lastIndex < 0 ? this.#min : Math.min(this.#min, this.lowestAt(this.#firstIndex));
  }

  /** Largest value; of a decoded histogram, the upper end of its counter. 0 when empty. */
  get max(): number {
    const last = this.#lastIndex;
    return last < 0 ? this.#max : Math.max(this.#max, this.lowestAt(last) + this.widthAt(last) - 1);
  }

  /** Whether another histogram's counters mean the same values as this one's. */
  sameLayout(other: Histogram): boolean {
    return this.layout.digits === other.layout.digits && this.#unitMagnitude === other.#unitMagnitude;
  }

  /** Index of the counter that holds a value. */
  indexOf(value: number): number {
    const scaled = Math.floor(value / 2 ** this.#unitMagnitude);
    const bits = scaled < 1 ? 0 : highestBit(scaled);
    const bucket = Math.max(0, bits - this.#halfMagnitude);
    const sub = Math.floor(scaled / 2 ** bucket);
    return bucket * this.#halfCount + sub;
  }

  /** Smallest value that the counter of an index holds. */
  lowestAt(index: number): number {
    const { bucket, sub } = this.#place(index);
    return sub * 2 ** (bucket + this.#unitMagnitude);
  }

  /** How many whole values the counter of an index holds. */
  widthAt(index: number): number {
    return 2 ** (this.#place(index).bucket + this.#unitMagnitude);
  }

  #place(index: number): { bucket: number; sub: number } {
    const row = Math.floor(index / this.#halfCount);
    const offset = index - row * this.#halfCount;
    return row === 0 ? { bucket: 0, sub: offset } : { bucket: row - 1, sub: offset + this.#halfCount };
  }

  /**
   * Records a value. One beyond the highest is counted at the highest.
   * @throws {RangeError} when the value is negative or not a number.
   */
  record(value: number, count = 1): void {
    if (!(value >= 0)) throw new RangeError(`a histogram records numbers from 0, not ${value}`);
    const held = Math.min(Math.floor(value), this.layout.highest);
    const index = this.indexOf(held);
    this.counts[index] = (this.counts[index] ?? 0) + count;
    this.#total += count;
    if (held < this.#min) this.#min = held;
    if (held > this.#max) this.#max = held;
  }

  /**
   * Adds to counters by their index, as a decoder does.
   *
   * @param list Ascending.
   * @throws {RangeError} when there is no such counter; then nothing is added.
   */
  addCounters({ indices, counts, length }: CounterList): void {
    if (length === 0) return;
    const first = indices[0]!, last = indices[length - 1]!;
    if (last >= this.counts.length) throw new RangeError(`a histogram has no counter ${last}`);
    const own = this.counts;
    let total = 0;
    for (let n = 0; n < length; n++) {
      const count = counts[n]!;
      own[indices[n]!]! += count;
      total += count;
    }
    this.#total += total;
    if (first < this.#firstIndex) this.#firstIndex = first;
    if (last > this.#lastIndex) this.#lastIndex = last;
  }

  /** Adds everything another histogram holds. Counter by counter where the layouts are equal, else by value. */
  add(other: Histogram): void {
    if (this.sameLayout(other)) {
      const length = Math.min(this.counts.length, other.counts.length);
      for (let i = 0; i < length; i++) this.counts[i] = this.counts[i]! + other.counts[i]!;
      let over = 0;
      for (let i = length; i < other.counts.length; i++) over += other.counts[i]!;
      if (over > 0) this.counts[this.counts.length - 1]! += over;
      this.#total += other.#total;
      if (other.#total > 0) this.#min = Math.min(this.#min, other.min);
      this.#max = Math.max(this.#max, other.max);
      return;
    }
    for (const { from, to, count } of other.buckets()) this.record((from + to) / 2, count);
    if (other.#total > 0) this.#min = Math.min(this.#min, other.min);
    this.#max = Math.min(Math.max(this.#max, other.max), this.layout.highest);
  }

  /** The counters that are not zero, smallest values first. */
  *buckets(): Generator<Bucket> {
    for (let i = 0; i < this.counts.length; i++) {
      const count = this.counts[i]!;
      if (count === 0) continue;
      const from = this.lowestAt(i);
      yield { from, to: from + this.widthAt(i) - 1, count };
    }
  }

  /**
   * The value that a share of all values does not exceed, as HdrHistogram gives it: the largest that shares the
   * counter, at most 0.1 % above the true one with three digits.
   *
   * @param percentile 0..100.
   * @returns the value, 0 when the histogram is empty.
   */
  valueAtPercentile(percentile: number): number {
    return this.valuesAtPercentiles([percentile])[0] ?? 0;
  }

  /** The same for several percentiles, ascending, in one pass. */
  valuesAtPercentiles(percentiles: readonly number[]): number[] {
    const values: number[] = [];
    const { min, max } = this;
    let seen = 0;
    let index = -1;
    for (const percentile of percentiles) {
      // The tiny subtraction keeps 99.9 % of 1,000 at rank 999 where the product is rounded up.
      const exact = (Math.min(Math.max(percentile, 0), 100) / 100) * this.#total;
      const rank = Math.max(1, Math.ceil(exact - exact * 1e-15));
      while (seen < rank && index < this.counts.length - 1) seen += this.counts[++index]!;
      const top = index < 0 ? 0 : this.lowestAt(index) + this.widthAt(index) - 1;
      values.push(this.#total === 0 ? 0 : Math.max(min, Math.min(top, max)));
    }
    return values;
  }

  /** Mean of the counters' middles. */
  mean(): number {
    let sum = 0;
    for (const { from, to, count } of this.buckets()) sum += middle(from, to) * count;
    return this.#total === 0 ? 0 : sum / this.#total;
  }

  /** Standard deviation of the counters' middles. */
  stddev(): number {
    const mean = this.mean();
    let sum = 0;
    for (const { from, to, count } of this.buckets()) sum += (middle(from, to) - mean) ** 2 * count;
    return this.#total === 0 ? 0 : Math.sqrt(sum / this.#total);
  }
}

function middle(from: number, to: number): number {
  return from + Math.floor((to - from + 1) / 2);
}

/**
 * A distribution as it stands in the result document.
 *
 * @returns the summary, or `null` when nothing was recorded.
 */
export function summarize(histogram: Histogram): Summary | null {
  if (histogram.total === 0) return null;
  const [p50, p90, p99, p999, p9999, p99999] = histogram.valuesAtPercentiles([
    50,
    90,
    99,
    99.9,
    99.99,
    99.999,
  ]);
  return {
    count: histogram.total,
    min_ns: histogram.min,
    mean_ns: histogram.mean(),
    stddev_ns: histogram.stddev(),
    p50_ns: p50!,
    p90_ns: p90!,
    p99_ns: p99!,
    p999_ns: p999!,
    p9999_ns: p9999!,
    p99999_ns: p99999!,
    max_ns: histogram.max,
  };
}

/**
 * Summary of several clients' pooled values: percentiles from their merged histogram, and the figures that a
 * histogram rounds (smallest, largest, mean, deviation) from the clients' own exact ones.
 *
 * @param merged All clients' histograms, added.
 * @param parts Each client's own summary.
 * @returns the summary, or `null` when nothing was recorded.
 */
export function summarizeMerged(merged: Histogram, parts: readonly Summary[]): Summary | null {
  const summary = summarize(merged);
  if (summary === null) return null;
  const count = parts.reduce((sum, part) => sum + part.count, 0);
  if (count !== merged.total) return summary;
  const mean = parts.reduce((sum, part) => sum + part.mean_ns * part.count, 0) / count;
  const squares = parts.reduce(
    (sum, part) => sum + (part.stddev_ns ** 2 + (part.mean_ns - mean) ** 2) * part.count,
    0,
  );
  const min = Math.min(...parts.filter((part) => part.count > 0).map((part) => part.min_ns));
  const max = Math.max(...parts.filter((part) => part.count > 0).map((part) => part.max_ns));
  const capped = Object.fromEntries(
    (["p50_ns", "p90_ns", "p99_ns", "p999_ns", "p9999_ns", "p99999_ns"] as const)
      .map((key) => [key, Math.max(min, Math.min(summary[key], max))]),
  );
  return {
    ...summary,
    ...capped,
    min_ns: min,
    max_ns: max,
    mean_ns: mean,
    stddev_ns: Math.sqrt(squares / count),
  };
}
