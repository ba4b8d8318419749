/**
 * What happened to one figure of one series: steps, drift, outliers, two modes, and how much it scatters.
 *
 * Steps are found in two stages, as Apache Otava does it (Fleming and others, "Hunter: Using Change Point Detection to Hunt
 * for Performance Regressions", ICPE 2023): E-divisive with a permutation test proposes, and what does not hold between
 * the two parts on its sides, the least certain first, is taken out again. Here that second test is Mann and Whitney's,
 * which no outlier misleads.
 *
 * @module
 */

import { divide } from "../results/stats/e_divisive.ts";
import { relativeShift } from "../results/stats/effect.ts";
import { mannWhitney } from "../results/stats/rank_statistics.ts";
import { median } from "../results/stats/welford.ts";

/** Newest observations that are examined: the work grows with the square. */
export const OBSERVATIONS = 400;
/** Fewest observations on a side of a step. */
const SMALLEST = 3;
/** Fewest observations that are judged at all. */
export const FEWEST = 8;
/** Probability by chance below which a step is proposed. */
const PROPOSED = { alpha: 0.02, permutations: 199 };
/** The same below which a step is reported. In 1,000 steady series of 100 runs it gives one false alarm at most. */
const REPORTED = 5e-5;
/** Most pairs of observations that are examined one by one. */
const PAIRS = 4_000;
/** A step so large against the scatter, without any overlap, needs no more observations than {@linkcode SMALLEST}. */
const PLAIN_DEVIATIONS = 6;
/** From here on a single value is an outlier: deviations from the middle of its part, by the median absolute deviation. */
const OUTLIER_DEVIATIONS = 6;
/** Median absolute deviation of normal noise to its standard deviation. */
const MAD_SCALE = 1.4826;
/** Two modes: distance of their means in their deviations (Ashman's D), and the smaller one's share. */
const MODES_APART = 4.5, MODE_SHARE = 0.1;
/** And of the gap between them. */
const MODES_GAP = 2;
/** Fewest observations in which two modes are looked for. */
const MODES_FEWEST = 30;
/** Steps up and down between two levels from which on a series counts as one of two modes. */
const MODE_STEPS = 3;

/** How a figure is examined. */
export interface AnalysisOptions {
  /** `relative`: changes are shares, as all values are above 0; `points`: they are differences. */
  scale: "relative" | "points";
  /** Smallest change that counts: a share, or a difference. */
  minimum: number;
}

/** A step. */
export interface Step {
  /** Number of the first observation after it, from 0. */
  index: number;
  /** Middle of the observations since the step before, and until the one behind. */
  before: number;
  after: number;
  /** How many observations those are. */
  counts: [before: number, after: number];
  /** From `before` to `after`: a share, or a difference. */
  change: number;
  /** 95 % interval of it; `null`: too few observations. */
  interval: { low: number; high: number } | null;
  /** Of Mann and Whitney's test between both sides. */
  p: number;
}

/** What a series shows. */
export interface Analysis {
  /** `drift`: it goes evenly from `first` to `last` level; `modes`: it jumps between two levels. */
  kind: "few" | "steady" | "steps" | "drift" | "modes";
  /** Of the kind `steps`, in their order. */
  steps: Step[];
  /** Of the kind `drift`: the change of the fitted line over all observations, a share or a difference. */
  drift: number | null;
  /** Of two modes: their middles. */
  modes: [low: number, high: number] | null;
  /** Numbers of single observations far from their part. */
  outliers: number[];
  /** Scatter of single observations within parts (standard deviation): a share, or a difference. */
  noise: number;
  /** How many of the oldest observations were not examined. */
  skipped: number;
}

/**
 * Examines a figure.
 *
 * @param all Observations in their order.
 * @param options What counts.
 */
export function analyse(all: readonly number[], options: AnalysisOptions): Analysis {
  const skipped = Math.max(0, all.length - OBSERVATIONS);
  const raw = all.slice(skipped);
  const relative = options.scale === "relative" && raw.every((value) => value > 0);
  // Shares of a base are differences of logarithms.
  const values = relative ? raw.map(Math.log) : raw;
  const minimum = relative ? Math.log1p(options.minimum) : options.minimum;
  const none: Analysis = {
    kind: "few",
    steps: [],
    drift: null,
    modes: null,
    outliers: [],
    noise: 0,
    skipped,
  };
  if (values.length < FEWEST || values.every((value) => value === values[0])) {
    return { ...none, kind: values.length < FEWEST ? "few" : "steady", noise: scatter(values, []) };
  }
  const places = confirmed(values, proposals(values), minimum);
  const noise = scatter(values, places);
  const outliers = outliersOf(values, places).map((index) => index + skipped);
  const modes = modesOf(values, minimum);
  const found = { ...none, noise: relative ? Math.expm1(noise) : noise, outliers };
  const level = (value: number) => relative ? Math.exp(value) : value;
  if (modes !== null && (places.length === 0 || alternates(values, places))) {
    return { ...found, kind: "modes", modes: [level(modes[0]), level(modes[1])] };
  }
  if (places.length === 0) return { ...found, kind: "steady" };
  const slope = drift(values, places);
  if (slope !== null && Math.abs(slope) >= minimum) {
    return { ...found, kind: "drift", drift: relative ? Math.expm1(slope) : slope };
  }
  const steps = places.map((place, n) =>
    stepOf(raw, bounds(places, n, raw.length), place, relative, skipped)
  );
  return { ...found, kind: "steps", steps };
}

/** Places at which E-divisive divides; single wild values are drawn in first, for they hide everything else. */
function proposals(values: readonly number[]): number[] {
  const middle = median(values);
  const limit = OUTLIER_DEVIATIONS * deviation(values, middle);
  const drawn = limit === 0
    ? values
    : values.map((value) => Math.min(middle + limit, Math.max(middle - limit, value)));
  return divide(drawn, { ...PROPOSED, smallest: SMALLEST }).map(({ index }) => index);
}

/** Takes out what does not hold, the least certain first: its neighbours' parts grow, and may then hold or not. */
function confirmed(values: readonly number[], proposed: readonly number[], minimum: number): number[] {
  const places = [...proposed];
  for (;;) {
    const weights = places.map((place, n) => {
      const [from, to] = bounds(places, n, values.length);
      return certainty(values.slice(from, place), values.slice(place, to), minimum);
    });
    const least = weights.reduce((most, weight, n) => weight > (weights[most] ?? 0) ? n : most, 0);
    if (!((weights[least] ?? 0) > REPORTED)) return places;
    places.splice(least, 1);
  }
}

/** The probability that chance would do; 1 for what is too small to count. */
function certainty(left: readonly number[], right: readonly number[], minimum: number): number {
  const [before, after] = [median(left), median(right)];
  if (Math.abs(shift(left, right)) < minimum) return 1;
  const { p } = mannWhitney(left, right);
  if (p <= REPORTED) return p;
  if (left.length < FEWEST) return p;
  const spread = Math.max(deviation(left, before), deviation(right, after));
  const apart = before < after
    ? Math.min(...right) > Math.max(...left)
    : Math.max(...right) < Math.min(...left);
  return apart && Math.abs(after - before) >= PLAIN_DEVIATIONS * spread ? REPORTED : p;
}

/** Hodges and Lehmann's estimate, of large parts the difference of their middles. */
function shift(left: readonly number[], right: readonly number[]): number {
  if (left.length * right.length > PAIRS) return median(right) - median(left);
  return median(left.flatMap((a) => right.map((b) => b - a)));
}

/** Where the parts on both sides of a step begin and end. */
function bounds(places: readonly number[], n: number, length: number): [from: number, to: number] {
  return [places[n - 1] ?? 0, places[n + 1] ?? length];
}

function stepOf(
  raw: readonly number[],
  [from, to]: [number, number],
  place: number,
  relative: boolean,
  skipped: number,
): Step {
  const [left, right] = [raw.slice(from, place), raw.slice(place, to)];
  const { change, interval } = relative ? relativeShift(left, right) : difference(left, right);
  return {
    index: place + skipped,
    before: median(left),
    after: median(right),
    counts: [left.length, right.length],
    change,
    interval,
    p: mannWhitney(left, right).p,
  };
}

/** The same estimate of a difference: Hodges and Lehmann's, through the ratio of exponentials. */
function difference(left: readonly number[], right: readonly number[]) {
  const all = [...left, ...right];
  const middle = median(all);
  // Exponentials keep the order, and their logarithms are the differences.
  const scale = Math.max(...all.map((value) => Math.abs(value - middle)), Number.MIN_VALUE);
  const lift = (value: number) => Math.exp((value - middle) / scale);
  const { change, interval } = relativeShift(left.map(lift), right.map(lift));
  const back = (share: number) => Math.log1p(share) * scale;
  return {
    change: back(change),
    interval: interval === null ? null : { low: back(interval.low), high: back(interval.high) },
  };
}

/** Standard deviation by the median absolute deviation, which half of the values cannot move. */
function deviation(values: readonly number[], middle: number): number {
  return MAD_SCALE * median(values.map((value) => Math.abs(value - middle)));
}

function partsOf(values: readonly number[], places: readonly number[]): { from: number; part: number[] }[] {
  return [0, ...places].map((from, n) => ({ from, part: values.slice(from, places[n] ?? values.length) }));
}

function scatter(values: readonly number[], places: readonly number[]): number {
  const residuals = partsOf(values, places).flatMap(({ part }) => {
    const middle = median(part);
    return part.map((value) => value - middle);
  });
  return residuals.length === 0 ? 0 : deviation(residuals, 0);
}

function outliersOf(values: readonly number[], places: readonly number[]): number[] {
  return partsOf(values, places).flatMap(({ from, part }) => {
    const middle = median(part);
    const limit = OUTLIER_DEVIATIONS * deviation(part, middle);
    if (limit === 0) return [];
    return part.flatMap((value, n) => Math.abs(value - middle) > limit ? [from + n] : []);
  });
}

/** The means of two modes, when the values are clearly of two kinds (Ashman, Bird and Zepf, Astronomical Journal 108, 1994). */
function modesOf(values: readonly number[], minimum: number): [number, number] | null {
  const sorted = values.toSorted((a, b) => a - b);
  const n = sorted.length;
  if (n < MODES_FEWEST) return null;
  let widest = 0, at = 0;
  for (let i = Math.ceil(MODE_SHARE * n); i <= n - Math.ceil(MODE_SHARE * n); i++) {
    const gap = sorted[i]! - sorted[i - 1]!;
    if (gap > widest) [widest, at] = [gap, i];
  }
  if (at === 0) return null;
  const [low, high] = [sorted.slice(0, at), sorted.slice(at)];
  const [a, b] = [mean(low), mean(high)];
  const spread = Math.sqrt((variance(low, a) + variance(high, b)) / 2);
  return b - a >= minimum && b - a > MODES_APART * spread && widest > MODES_GAP * spread ? [a, b] : null;
}

/** Whether steps lead up and down again between levels, as no change of software does. */
function alternates(values: readonly number[], places: readonly number[]): boolean {
  if (places.length < MODE_STEPS) return false;
  const levels = partsOf(values, places).map(({ part }) => median(part));
  const steps = levels.slice(1).map((level, n) => Math.sign(level - levels[n]!));
  return steps.slice(1).every((step, n) => step === -steps[n]!);
}

/**
 * The change of a straight line over all values, when it describes them better than the steps do, by Schwarz's criterion
 * ("Estimating the Dimension of a Model", Annals of Statistics 6, 1978); `null`: the steps do.
 */
function drift(values: readonly number[], places: readonly number[]): number | null {
  const n = values.length;
  const middle = (n - 1) / 2, level = mean(values);
  let [products, squares] = [0, 0];
  values.forEach((value, i) => {
    products += (i - middle) * (value - level);
    squares += (i - middle) ** 2;
  });
  const slope = products / squares;
  const line = values.reduce((sum, value, i) => sum + (value - level - slope * (i - middle)) ** 2, 0);
  const stairs = partsOf(values, places).reduce(
    (sum, { part }) => sum + variance(part, mean(part)) * part.length,
    0,
  );
  // A line has two parameters, steps have a level each and their places.
  const criterion = (rest: number, parameters: number) =>
    n * Math.log(Math.max(rest, Number.MIN_VALUE) / n) + parameters * Math.log(n);
  return criterion(line, 2) < criterion(stairs, 2 * places.length + 1) ? slope * (n - 1) : null;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function variance(values: readonly number[], around: number): number {
  return values.reduce((sum, value) => sum + (value - around) ** 2, 0) / values.length;
}
