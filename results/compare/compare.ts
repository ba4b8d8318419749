/**
 * Two sides, point by point: effects with intervals, and whether chance would do.
 *
 * @module
 */
import type { ReportPoint } from "../report/point.ts";
import { minimalDetectableChange, relativeShift } from "../stats/effect.ts";
import { holm, mannWhitney, wilcoxonSignedRank } from "../stats/rank_statistics.ts";
import { describe, median } from "../stats/welford.ts";
import { studentTQuantile } from "../stats/distributions.ts";
import { type ComparedMetric, defaultMetrics, metricOf, metricsOf, type RowMetric } from "./metrics.ts";
import { type Pair, type Pairing, pairPoints } from "./pair.ts";

/**
 * Repetitions a side that a sweep should have to be compared. With the five default metrics tested together, ten find a
 * 5 % shift of the latencies in 98 of 100 cases when single runs scatter by 2 % (standard deviation), and in 90 when
 * they scatter by 2.5 % (twelve: 96); six would need scatter of 1.5 %. The smallest probability that the exact rank test
 * can give for ten a side, 1.1e-5, leaves room for many points.
 */
export const DEFAULT_REPETITIONS = 10;
/** Chance of even one false alarm in a whole comparison. */
const DEFAULT_ALPHA = 0.05;
/** Chance with which the change that "could have been seen" would have been seen. */
export const POWER = 0.8;
/** Points from which all of them together are tested, too. */
const OVERALL_POINTS = 6;

/** What a row finds. */
export type Finding =
  /** A difference, for the better or worse. */
  | "better"
  | "worse"
  /** A difference in a figure whose better direction is unknown. */
  | "changed"
  /** None that could not be chance. */
  | "none"
  /** Too few repetitions for any test, or for one of so many figures together. */
  | "untested";

/** One metric of one point. */
export interface Row {
  metric: RowMetric;
  pair: Pair;
  /** Middle of each side. */
  a: number;
  b: number;
  repetitions: [number, number];
  /** Share, or percentage points for such metrics. */
  change: number;
  interval: { low: number; high: number } | null;
  /** Two-sided, before and after Holm's correction; `null` when untested. */
  p: number | null;
  adjusted: number | null;
  method: string;
  /** Smallest change that would have been seen, in the unit of `change`. */
  detectable: number | null;
  finding: Finding;
}

/** One metric over all points. */
export interface Overall {
  metric: ComparedMetric;
  points: number;
  change: number;
  p: number;
  method: string;
}

/** A whole comparison. */
export interface Comparison {
  pairing: Pairing;
  rows: Row[];
  overall: Overall[];
  alpha: number;
  /** Rows that were tested together. */
  tested: number;
}

/** Choices of a comparison. */
export interface CompareOptions {
  metrics?: readonly string[];
  alpha?: number;
  /** Differences between the sides that do not matter to the caller; see {@linkcode pairPoints}. */
  allow?: ReadonlySet<string>;
}

/**
 * Compares two sides.
 *
 * @param a Points of the base.
 * @param b Points of the other side.
 * @returns the rows; when `pairing.refusals` is not empty there are none.
 */
export function compareSides(
  a: readonly ReportPoint[],
  b: readonly ReportPoint[],
  options: CompareOptions = {},
): Comparison {
  const alpha = options.alpha ?? DEFAULT_ALPHA;
  const pairing = pairPoints(a, b, options.allow);
  const points = [...a, ...b];
  const known = metricsOf(points);
  const metrics = options.metrics?.map((name) => metricOf(name, known)) ?? defaultMetrics(points);
  if (pairing.refusals.length > 0) return { pairing, rows: [], overall: [], alpha, tested: 0 };
  const rows = pairing.pairs.flatMap((pair) =>
    metrics.flatMap((metric) => {
      const row = compareRow(pair, metric, alpha);
      return row === null ? [] : [row];
    })
  );
  const tested = rows.filter((row) => row.p !== null);
  const adjusted = holm(tested.map((row) => row.p!));
  const open = adjusted.filter((p) => p > alpha).length;
  for (const [i, row] of tested.entries()) {
    row.adjusted = adjusted[i]!;
    if (row.adjusted <= alpha && row.change !== 0) {
      const { worse } = row.metric;
      row.finding = worse === null ? "changed" : (row.change > 0) === (worse === "more") ? "worse" : "better";
    } else row.finding = couldReject(row, open, alpha) ? "none" : "untested";
  }
  return { pairing, rows, overall: overallOf(rows, metrics), alpha, tested: tested.length };
}

/**
 * Whether even the largest difference could have been significant: in Holm's order it would come after the figures that
 * were, so that its smallest probability is multiplied by the number of `open` questions. What never varies needs no test.
 */
function couldReject(row: Row, open: number, alpha: number): boolean {
  if (row.change === 0 && row.detectable === 0) return true;
  return smallestProbability(...row.repetitions) * open <= alpha;
}

/** The smallest two-sided probability that the exact rank test can give for so many repetitions a side. */
function smallestProbability(n: number, m: number): number {
  return 2 / combinations(n + m, n);
}

function compareRow(pair: Pair, metric: RowMetric, alpha: number): Row | null {
  const left = pair.a.map(metric.pick).filter((value) => value !== null);
  const right = pair.b.map(metric.pick).filter((value) => value !== null);
  if (left.length === 0 || right.length === 0) return null;
  const logarithmic = metric.scale === "relative" && [...left, ...right].every((value) => value > 0);
  // A relative metric with zeros in it has no ratio; what is fine as nothing at all has a difference.
  if (metric.scale === "relative" && !logarithmic) {
    return metric.none === undefined ? null : compareRow(pair, { ...metric, scale: "absolute" }, alpha);
  }
  const possible = smallestProbability(left.length, right.length) <= alpha;
  const test = possible ? mannWhitney(left, right) : null;
  const effect = logarithmic ? relativeShift(left, right, 1 - alpha) : pointShift(left, right, alpha);
  return {
    metric,
    pair,
    a: median(left),
    b: median(right),
    repetitions: [left.length, right.length],
    change: effect.change,
    interval: effect.interval,
    p: test?.p ?? null,
    adjusted: null,
    method: test?.method ?? "too few repetitions for a rank test",
    detectable: logarithmic
      ? minimalDetectableChange(left, right, { alpha, power: POWER })
      : pointDetectable(left, right, alpha),
    finding: "untested",
  };
}

/** Difference of two percentages: Hodges and Lehmann's middle of all differences, with Student's interval of the means. */
function pointShift(
  a: readonly number[],
  b: readonly number[],
  alpha: number,
): Pick<Row, "change" | "interval"> {
  const differences = a.flatMap((x) => b.map((y) => y - x));
  const change = median(differences);
  const error = standardError(a, b);
  if (error === null) return { change, interval: null };
  const half = studentTQuantile(1 - alpha / 2, a.length + b.length - 2) * error;
  return { change, interval: { low: change - half, high: change + half } };
}

function pointDetectable(a: readonly number[], b: readonly number[], alpha: number): number | null {
  const error = standardError(a, b);
  if (error === null) return null;
  const df = a.length + b.length - 2;
  return (studentTQuantile(1 - alpha / 2, df) + studentTQuantile(POWER, df)) * error;
}

function standardError(a: readonly number[], b: readonly number[]): number | null {
  if (a.length < 2 || b.length < 2) return null;
  return Math.sqrt(describe(a).variance / a.length + describe(b).variance / b.length);
}

function combinations(n: number, k: number): number {
  let result = 1;
  for (let i = 1; i <= Math.min(k, n - k); i++) result = (result * (n - i + 1)) / i;
  return result;
}

/** All points of a metric together: are their changes centred on none? */
function overallOf(rows: readonly Row[], metrics: readonly ComparedMetric[]): Overall[] {
  return metrics.flatMap((metric) => {
    const own = rows.filter((row) => row.metric === metric);
    if (own.length < OVERALL_POINTS) return [];
    const relative = metric.scale === "relative";
    const changes = own.map((row) => relative ? Math.log1p(row.change) : row.change);
    const test = wilcoxonSignedRank(changes);
    const middle = median(changes);
    return [{
      metric,
      points: own.length,
      change: relative ? Math.expm1(middle) : middle,
      p: test.p,
      method: test.method,
    }];
  });
}
