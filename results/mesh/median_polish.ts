/**
 * Tables taken apart by medians, and the tail of the binomial distribution: what a mesh's findings rest on.
 *
 * @module
 */

const POLISH_ROUNDS = 20;

/** A middle value; of an even number the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  if (values.length === 0) return NaN;
  const sorted = values.toSorted((a, b) => a - b), half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}

/** What medians make of a matrix: value = common + row + column + rest. */
export interface Polished {
  common: number;
  rows: number[];
  columns: number[];
  /** By row and column; `NaN` where there is no value. */
  rest: number[][];
}

/**
 * Tukey's median polish.
 *
 * @param matrix square, `NaN` where nothing is known
 */
export function medianPolish(matrix: readonly (readonly number[])[]): Polished {
  const n = matrix.length;
  const rest = matrix.map((row) => [...row]);
  const rows = new Array<number>(n).fill(0), columns = new Array<number>(n).fill(0);
  let common = 0;
  const known = (values: readonly number[]) => values.filter((value) => !Number.isNaN(value));
  const middle = (values: readonly number[]) => known(values).length === 0 ? 0 : median(known(values));
  for (let round = 0; round < POLISH_ROUNDS; round++) {
    let moved = 0;
    for (let i = 0; i < n; i++) {
      const m = middle(rest[i]!);
      rest[i] = rest[i]!.map((value) => value - m);
      rows[i]! += m;
      moved = Math.max(moved, Math.abs(m));
    }
    const rowMiddle = median(rows);
    common += rowMiddle;
    for (let i = 0; i < n; i++) rows[i]! -= rowMiddle;
    for (let j = 0; j < n; j++) {
      const m = middle(rest.map((row) => row[j]!));
      for (let i = 0; i < n; i++) rest[i]![j]! -= m;
      columns[j]! += m;
      moved = Math.max(moved, Math.abs(m));
    }
    const columnMiddle = median(columns);
    common += columnMiddle;
    for (let j = 0; j < n; j++) columns[j]! -= columnMiddle;
    if (moved <= Math.abs(common) * 1e-9) break;
  }
  return { common, rows, columns, rest };
}

/**
 * The chance of at least k events in n, each with probability p: the tail of the binomial distribution, summed from its
 * largest term on.
 */
export function binomialTail(k: number, n: number, p: number): number {
  if (k <= 0) return 1;
  if (p <= 0) return 0;
  if (k > n) return 0;
  const odds = p / (1 - p);
  let log = n * Math.log1p(-p);
  for (let i = 1; i <= k; i++) log += Math.log((n - i + 1) / i) + Math.log(odds);
  let term = Math.exp(log), sum = 0;
  for (let i = k; i <= n; i++) {
    sum += term;
    term *= (n - i) / (i + 1) * odds;
    if (term < sum * 1e-12 && i > n * p) break;
  }
  return Math.min(1, sum);
}
