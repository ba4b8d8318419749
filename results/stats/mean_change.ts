/**
 * By how much did the mean of a series change from one phase to another, within which bounds? Neighbouring values of a
 * series are alike, and an interval that takes them for independent is too narrow by far.
 *
 * @module
 */
import { studentTQuantile } from "./distributions.ts";

/** One value of a series, and how many observations it is the mean of. */
export interface WeightedValue {
  value: number;
  weight: number;
}

/** A phase's mean, and how well it is known. */
export interface PhaseMean {
  mean: number;
  /** Of the mean. */
  variance: number;
  /** Degrees of freedom of that variance. */
  df: number;
}

/** A difference with the bounds of its 95 % interval. */
export interface Change {
  estimate: number;
  low: number;
  high: number;
}

/** Fewest values of a phase for which its spread is given. */
export const LEAST_VALUES = 8;
/** Batches of a phase, where it has enough values. */
const BATCHES = 10;
/** Neighbours this much alike leave nothing to estimate from: the interval is then as wide as it can be. */
const HIGHEST_CORRELATION = 0.98;
/** Fewest independent values that a phase is assumed to hold. */
const LEAST_EFFECTIVE = 2;

/**
 * The weighted mean of a phase and its variance, which is the wider one of two that allow for autocorrelation:
 *
 * - from the effective number of values of a process whose correlation dies out evenly, n (1 − ρ) / (1 + ρ) (Zwiers and
 *   von Storch, "Taking Serial Correlation into Account in Tests of the Mean", J. Climate 8, 1995), with the correlation ρ
 *   of neighbours freed from its bias (Kendall, "Note on Bias in the Estimation of Autocorrelation", Biometrika 41, 1954);
 * - from the spread of batch means (Law, "Simulation Modeling and Analysis", 5th ed., 9.5.3), which knows no model.
 *
 * @param values of one phase, in their order
 * @returns `null` for fewer than {@linkcode LEAST_VALUES} values
 */
export function phaseMean(values: readonly WeightedValue[]): PhaseMean | null {
  const n = values.length;
  const total = values.reduce((sum, { weight }) => sum + weight, 0);
  if (n < LEAST_VALUES || !(total > 0)) return null;
  const mean = values.reduce((sum, { value, weight }) => sum + weight * value, 0) / total;
  // Each value's share of the mean's error, scaled so that equal weights leave it as it is.
  const errors = values.map(({ value, weight }) => (weight * n / total) * (value - mean));
  const candidates = [fromCorrelation(errors), fromBatches(errors)];
  const width = ({ variance, df }: Spread) => studentTQuantile(0.975, df) * Math.sqrt(variance);
  const widest = candidates.reduce((most, one) => width(one) > width(most) ? one : most);
  return { mean, ...widest };
}

interface Spread {
  variance: number;
  df: number;
}

function fromCorrelation(errors: readonly number[]): Spread {
  const n = errors.length;
  const squares = errors.reduce((sum, error) => sum + error * error, 0);
  if (squares === 0) return { variance: 0, df: n - 1 };
  let products = 0;
  for (let i = 1; i < n; i++) products += errors[i]! * errors[i - 1]!;
  const unbiased = (n * (products / squares) + 1) / (n - 4);
  const rho = Math.min(HIGHEST_CORRELATION, Math.max(0, unbiased));
  const effective = Math.max(LEAST_EFFECTIVE, (n * (1 - rho)) / (1 + rho));
  // The mean follows what is correlated, so that the spread around it is too small.
  const spread = squares / n / (1 - 1 / effective);
  return { variance: spread / effective, df: effective - 1 };
}

function fromBatches(errors: readonly number[]): Spread {
  const n = errors.length;
  const batches = Math.min(BATCHES, n >> 1);
  const sums = new Array<number>(batches).fill(0), sizes = new Array<number>(batches).fill(0);
  errors.forEach((error, i) => {
    const at = Math.floor((i * batches) / n);
    sums[at]! += error;
    sizes[at]!++;
  });
  const means = sums.map((sum, i) => sum / sizes[i]!);
  const middle = means.reduce((sum, mean) => sum + mean, 0) / batches;
  const squares = means.reduce((sum, mean) => sum + (mean - middle) ** 2, 0);
  return { variance: squares / (batches - 1) / batches, df: batches - 1 };
}

/**
 * The change from one phase to another with its 95 % interval: Welch's, with the degrees of freedom of two means whose
 * variances differ (B. L. Welch, Biometrika 34, 1947).
 *
 * @param from the phase that is compared with
 * @param to the other
 */
export function meanChange(from: PhaseMean, to: PhaseMean): Change {
  const estimate = to.mean - from.mean;
  const variance = from.variance + to.variance;
  if (variance === 0) return { estimate, low: estimate, high: estimate };
  const df = variance ** 2 / (from.variance ** 2 / from.df + to.variance ** 2 / to.df);
  const half = studentTQuantile(0.975, Math.max(1, df)) * Math.sqrt(variance);
  return { estimate, low: estimate - half, high: estimate + half };
}
