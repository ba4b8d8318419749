/**
 * Mean and variance in one pass.
 *
 * @module
 */

/**
 * Welford's running mean and variance (Technometrics 4, 1962), merged by Chan, Golub and LeVeque's formula: stable
 * where a sum of squares loses all digits.
 *
 * @example
 * ```ts
 * import { Welford } from "./welford.ts";
 * const w = new Welford();
 * for (const x of [2, 4, 4, 4, 5, 5, 7, 9]) w.add(x);
 * w.mean; // 5
 * ```
 */
export class Welford {
  count = 0;
  mean = 0;
  #squares = 0;

  /** Adds one value. */
  add(value: number): void {
    this.count++;
    const delta = value - this.mean;
    this.mean += delta / this.count;
    this.#squares += delta * (value - this.mean);
  }

  /** Adds all that another has seen. */
  merge(other: Welford): void {
    if (other.count === 0) return;
    const count = this.count + other.count;
    const delta = other.mean - this.mean;
    this.#squares += other.#squares + (delta * delta * this.count * other.count) / count;
    this.mean += (delta * other.count) / count;
    this.count = count;
  }

  /** Variance of a sample (n − 1); 0 of fewer than two values. */
  get variance(): number {
    return this.count < 2 ? 0 : this.#squares / (this.count - 1);
  }

  /** Square root of {@linkcode variance}. */
  get stddev(): number {
    return Math.sqrt(this.variance);
  }
}

/** Mean and sample variance of a list. */
export function describe(values: readonly number[]): Welford {
  const welford = new Welford();
  for (const value of values) welford.add(value);
  return welford;
}

/** Middle of a list: the mean of the two middle values when their number is even. `NaN` of an empty list. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  if (sorted.length === 0) return NaN;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}
