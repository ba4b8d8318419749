/**
 * How large is a difference, within which bounds, and how large would it have to be to be seen?
 *
 * All of it is relative: latencies of different points differ by orders of magnitude, and noise grows with them. So
 * the logarithms are compared, and the results turned back into shares (0.05 is "+5 %").
 *
 * @module
 */
import { normalQuantile, studentTQuantile } from "./distributions.ts";
import { EXACT_LIMIT, knownMannWhitneyCdf } from "./rank_statistics.ts";
import { describe, median } from "./welford.ts";

/** Relative change from one side to the other. */
export interface Effect {
  /** Hodges–Lehmann estimate: 0.05 means 5 % more. */
  change: number;
  /** Bounds of the interval that belongs to the rank test; `null` when there are too few repetitions for one. */
  interval: { low: number; high: number } | null;
}

/**
 * Hodges–Lehmann estimate of the relative change from `a` to `b`, and the interval that inverts the Mann–Whitney test
 * (Hodges and Lehmann, Annals of Mathematical Statistics 34, 1963).
 *
 * @param a Repetitions of the base, all above 0.
 * @param b Repetitions of the other side, all above 0.
 * @param confidence Of the interval.
 */
export function relativeShift(a: readonly number[], b: readonly number[], confidence = 0.95): Effect {
  const differences: number[] = [];
  for (const x of a) for (const y of b) differences.push(Math.log(y / x));
  differences.sort((p, q) => p - q);
  const change = Math.expm1(median(differences));
  const cut = criticalRank(a.length, b.length, 1 - confidence);
  if (cut < 0) return { change, interval: null };
  const low = Math.expm1(differences[cut]!);
  const high = Math.expm1(differences[differences.length - 1 - cut]!);
  return { change, interval: { low, high } };
}

/** How many of the sorted differences to leave out at each end; −1 when even none is too many. */
function criticalRank(n: number, m: number, alpha: number): number {
  if (n * m <= EXACT_LIMIT) {
    const cdf = knownMannWhitneyCdf(n, m);
    let u = -1;
    while (cdf[u + 1]! <= alpha / 2) u++;
    return u;
  }
  const spread = Math.sqrt((n * m * (n + m + 1)) / 12);
  return Math.floor((n * m) / 2 + normalQuantile(alpha / 2) * spread - 0.5);
}

/**
 * The smallest relative change that these repetitions would have shown with the given power: what "no difference
 * seen" is worth. From the run-to-run spread seen on both sides, for Student's t widened by the rank test's efficiency
 * (3/π at normal noise).
 *
 * @returns the share, or `null` when a side has fewer than two repetitions.
 */
export function minimalDetectableChange(
  a: readonly number[],
  b: readonly number[],
  options: { alpha?: number; power?: number } = {},
): number | null {
  const n = a.length;
  const m = b.length;
  if (n < 2 || m < 2) return null;
  const { alpha = 0.05, power = 0.8 } = options;
  const df = n + m - 2;
  const left = describe(a.map(Math.log)).variance * (n - 1);
  const right = describe(b.map(Math.log)).variance * (m - 1);
  const error = Math.sqrt(((left + right) / df) * (1 / n + 1 / m) / (3 / Math.PI));
  return Math.expm1((studentTQuantile(1 - alpha / 2, df) + studentTQuantile(power, df)) * error);
}
