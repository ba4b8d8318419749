/**
 * Do two sets of repetitions differ? Rank tests ask without assuming that run-to-run noise is normal, which it is not:
 * a stray run is slow, never fast.
 *
 * @module
 */
import { normalCdf } from "./distributions.ts";

/** Largest product of the sample sizes for which the exact distribution is computed. */
export const EXACT_LIMIT = 2500;
/** The same where values are equal: that distribution is another for each set of ties, and not remembered. */
const EXACT_TIES_LIMIT = 400;

/** The result of a test. */
export interface TestResult {
  /** Probability of ranks at least this uneven when there is no difference, two-sided. */
  p: number;
  /** How `p` was made. */
  method: string;
  /** Mann and Whitney's U of the second sample, or Wilcoxon's W. */
  statistic: number;
}

/** Ranks from 1, equal values sharing the mean of theirs, and the sum of t³ − t over groups of equal values. */
export function ranks(values: readonly number[]): { ranks: number[]; ties: number } {
  const order = values.map((_, i) => i).sort((a, b) => values[a]! - values[b]!);
  const result = new Array<number>(values.length).fill(0);
  let ties = 0;
  for (let i = 0; i < order.length;) {
    let j = i;
    while (j < order.length && values[order[j]!] === values[order[i]!]) j++;
    for (let k = i; k < j; k++) result[order[k]!] = (i + j + 1) / 2;
    ties += (j - i) ** 3 - (j - i);
    i = j;
  }
  return { ranks: result, ties };
}

/**
 * P(U ≤ u) for u = 0 … n·m when both samples come from one distribution without ties: counts the ways in which n of
 * n + m ranks can be chosen, by U (Mann and Whitney, Annals of Mathematical Statistics 18, 1947).
 */
export function mannWhitneyCdf(n: number, m: number): Float64Array {
  const size = n * m + 1;
  // ways[k][u]: k ranks chosen so far that beat u of the other sample's.
  const ways = Array.from({ length: n + 1 }, () => new Float64Array(size));
  ways[0]![0] = 1;
  for (let rank = 0; rank < n + m; rank++) {
    for (let k = Math.min(rank + 1, n); k >= 1; k--) {
      const beaten = rank - (k - 1);
      if (beaten > m) continue;
      const from = ways[k - 1]!;
      const to = ways[k]!;
      for (let u = size - 1; u >= beaten; u--) to[u]! += from[u - beaten]!;
    }
  }
  return cumulate(ways[n]!);
}

function cumulate(ways: Float64Array): Float64Array {
  let total = 0;
  for (const way of ways) total += way;
  let sum = 0;
  return ways.map((way) => (sum += way) / total);
}

const known = new Map<string, Float64Array>();

/** {@linkcode mannWhitneyCdf}, remembered: a comparison asks for the same sizes again and again. */
export function knownMannWhitneyCdf(n: number, m: number): Float64Array {
  const key = `${n},${m}`;
  const found = known.get(key);
  if (found !== undefined) return found;
  const made = mannWhitneyCdf(n, m);
  if (known.size < 64) known.set(key, made);
  return made;
}

/**
 * Mann–Whitney U test (Wilcoxon's rank-sum test), two-sided. Assumes that the repetitions are independent of each
 * other and that the order of the runs had nothing to do with the side they are on; it does not assume normal noise.
 *
 * @param a Repetitions of one side, at least one.
 * @param b Those of the other.
 * @returns the exact probability where the samples are small, else the normal approximation with corrections for ties
 *   and continuity.
 * @throws {RangeError} when a side is empty.
 */
export function mannWhitney(a: readonly number[], b: readonly number[]): TestResult {
  const n = a.length;
  const m = b.length;
  if (n === 0 || m === 0) throw new RangeError("a rank test needs at least one repetition a side");
  const { ranks: ranked, ties } = ranks([...a, ...b]);
  const rankSum = ranked.slice(n).reduce((sum, rank) => sum + rank, 0);
  const u = rankSum - (m * (m + 1)) / 2;
  if (ties === 0 && n * m <= EXACT_LIMIT) {
    const cdf = knownMannWhitneyCdf(n, m);
    const tail = cdf[Math.min(u, n * m - u)]!;
    return { p: Math.min(1, 2 * tail), method: "Mann–Whitney, exact", statistic: u };
  }
  if (n * m <= EXACT_TIES_LIMIT) {
    return { p: permutationTail(ranked, m, rankSum), method: "Mann–Whitney, exact with ties", statistic: u };
  }
  const total = n + m;
  const variance = ((n * m) / 12) * (total + 1 - ties / (total * (total - 1)));
  const method = "Mann–Whitney, normal approximation with ties";
  if (variance <= 0) return { p: 1, method, statistic: u };
  const z = Math.max(0, Math.abs(u - (n * m) / 2) - 0.5) / Math.sqrt(variance);
  return { p: Math.min(1, 2 * (1 - normalCdf(z))), method, statistic: u };
}

/**
 * Share of all ways to choose `m` of the ranks whose sum is at least as far from its mean as `observed`: the exact
 * distribution where ranks are shared. Ranks are halves at most, so their doubles are whole numbers.
 */
function permutationTail(ranked: readonly number[], m: number, observed: number): number {
  const doubled = ranked.map((rank) => 2 * rank);
  const most = doubled.reduce((sum, rank) => sum + rank, 0);
  const ways = Array.from({ length: m + 1 }, () => new Float64Array(most + 1));
  ways[0]![0] = 1;
  for (const rank of doubled) {
    for (let k = m; k >= 1; k--) {
      const from = ways[k - 1]!;
      const to = ways[k]!;
      for (let sum = most; sum >= rank; sum--) to[sum]! += from[sum - rank]!;
    }
  }
  const centre = (most * m) / ranked.length;
  const distance = Math.abs(2 * observed - centre);
  let total = 0;
  let far = 0;
  for (const [sum, count] of ways[m]!.entries()) {
    total += count;
    if (Math.abs(sum - centre) >= distance - 1e-9) far += count;
  }
  return Math.min(1, far / total);
}

/**
 * Wilcoxon's signed-rank test, two-sided: are paired differences centred on zero? For points of a sweep that were run
 * once a side. Assumes that the differences are independent and symmetric around their centre. Zeros are left out.
 */
export function wilcoxonSignedRank(differences: readonly number[]): TestResult {
  const used = differences.filter((d) => d !== 0);
  const n = used.length;
  if (n === 0) return { p: 1, method: "Wilcoxon signed-rank, no differences", statistic: 0 };
  const { ranks: ranked, ties } = ranks(used.map(Math.abs));
  const w = ranked.reduce((sum, rank, i) => used[i]! > 0 ? sum + rank : sum, 0);
  const most = (n * (n + 1)) / 2;
  if (ties === 0 && n <= 50) {
    const ways = new Float64Array(most + 1);
    ways[0] = 1;
    for (let rank = 1; rank <= n; rank++) for (let s = most; s >= rank; s--) ways[s]! += ways[s - rank]!;
    const tail = cumulate(ways)[Math.min(w, most - w)]!;
    return { p: Math.min(1, 2 * tail), method: "Wilcoxon signed-rank, exact", statistic: w };
  }
  const variance = (n * (n + 1) * (2 * n + 1)) / 24 - ties / 48;
  const z = Math.max(0, Math.abs(w - most / 2) - 0.5) / Math.sqrt(variance);
  const method = "Wilcoxon signed-rank, normal approximation";
  return { p: Math.min(1, 2 * (1 - normalCdf(z))), method, statistic: w };
}

/**
 * Holm's correction for asking several questions at once (Scandinavian Journal of Statistics 6, 1979): the chance of
 * even one false alarm among them stays what it was for one.
 *
 * @returns the adjusted probabilities, in the order given.
 */
export function holm(probabilities: readonly number[]): number[] {
  const order = probabilities.map((_, i) => i).sort((a, b) => probabilities[a]! - probabilities[b]!);
  const adjusted = new Array<number>(probabilities.length).fill(1);
  let highest = 0;
  for (const [place, i] of order.entries()) {
    highest = Math.max(highest, Math.min(1, probabilities[i]! * (probabilities.length - place)));
    adjusted[i] = highest;
  }
  return adjusted;
}
