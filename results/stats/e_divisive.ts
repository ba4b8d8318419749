/**
 * Where a series changes: E-divisive, the hierarchical division of Matteson and James ("A Nonparametric Approach for
 * Multiple Change Point Analysis of Multivariate Data", Journal of the American Statistical Association 109, 2014), for one
 * figure and with distances to the power of 1. As in MongoDB's use of it for performance tests (Daly and others, "The Use of
 * Change Point Detection to Identify Software Performance Regressions in a Continuous Integration System", ICPE 2020) each
 * part is divided as a whole: κ of the paper is the end of the part.
 *
 * @module
 */

import { seededRandom } from "../../base/random.ts";

/** How to divide. */
export interface DivisionOptions {
  /** Largest probability with which chance would do for a change. */
  alpha?: number;
  /** Orders of the values that chance is tried with; the smallest probability is one of so many and one. */
  permutations?: number;
  /** Fewest values on each side of a change. */
  smallest?: number;
  /** Of the orders. */
  seed?: number;
}

/** A change. */
export interface Division {
  /** Number of the first value after it, from 0. */
  index: number;
  /** Q of the paper: the divergence of both sides, scaled by their sizes. */
  q: number;
  /** Share of the orders that divide as well. */
  p: number;
}

/** A part of the series that was not divided yet: values `from` to before `to`. */
interface Part {
  from: number;
  to: number;
}

/**
 * Divides a series at its changes, the clearest first, until chance would do for the next.
 *
 * @param values In their order.
 * @param options Of the test.
 * @returns the changes by their places
 */
export function divide(values: readonly number[], options: DivisionOptions = {}): Division[] {
  const { alpha = 0.001, permutations = 999, smallest = 1, seed = 1 } = options;
  const n = values.length;
  const random = seededRandom(seed);
  const space = new Splitter(values, smallest);
  const found: Division[] = [];
  const natural = Int32Array.from(values.keys());
  let parts: Part[] = [{ from: 0, to: n }];
  const bests = new Map<Part, { index: number; q: number }>();
  for (;;) {
    for (const part of parts) if (!bests.has(part)) bests.set(part, space.best(natural, part));
    const divided = parts.reduce((most, part) => bests.get(part)!.q > bests.get(most)!.q ? part : most);
    const { index, q } = bests.get(divided)!;
    if (!(q > 0)) break;
    const p = chance(space, parts, q, { alpha, permutations, random });
    if (p > alpha) break;
    found.push({ index, q, p });
    parts = parts.flatMap((part) =>
      part === divided ? [{ from: part.from, to: index }, { from: index, to: part.to }] : [part]
    );
  }
  return found.sort((a, b) => a.index - b.index);
}

/**
 * How often the values of each part in another order divide at least as well: the permutation test of the paper. It ends
 * as soon as the answer is above `alpha`, which most orders of a steady series decide at once.
 */
function chance(
  space: Splitter,
  parts: readonly Part[],
  q: number,
  { alpha, permutations, random }: { alpha: number; permutations: number; random: () => number },
): number {
  const order = Int32Array.from({ length: space.size }, (_, i) => i);
  const allowed = Math.floor(alpha * (permutations + 1)) - 1;
  let better = 0;
  for (let r = 1; r <= permutations; r++) {
    let most = 0;
    for (const part of parts) {
      shuffle(order, part, random);
      most = Math.max(most, space.best(order, part).q);
    }
    if (most >= q && ++better > allowed) return (better + 1) / (r + 1);
  }
  return (better + 1) / (permutations + 1);
}

/** Fisher and Yates' shuffle of one part. */
function shuffle(order: Int32Array, { from, to }: Part, random: () => number): void {
  for (let i = to - 1; i > from; i--) {
    const j = from + Math.floor(random() * (i - from + 1));
    const kept = order[i]!;
    order[i] = order[j]!;
    order[j] = kept;
  }
}

/** Finds the best division of a part, for values in any order. Its work grows with the square of the part. */
class Splitter {
  readonly size: number;
  readonly #smallest: number;
  /** Distance of each value to each, row by row. */
  readonly #distances: Float64Array;
  /** Sum of the distances within the first so many values of a part, and within those from so many on. */
  readonly #first: Float64Array;
  readonly #last: Float64Array;

  constructor(values: readonly number[], smallest: number) {
    const n = values.length;
    this.size = n;
    this.#smallest = Math.max(1, smallest);
    this.#distances = new Float64Array(n * n);
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) this.#distances[i * n + j] = Math.abs(values[i]! - values[j]!);
    }
    this.#first = new Float64Array(n + 1);
    this.#last = new Float64Array(n + 1);
  }

  /**
   * The largest Q of all places of a part.
   *
   * @param order Numbers of the values.
   * @param part The places that are examined.
   * @returns the place and its Q, 0 where the part is too short
   */
  best(order: Int32Array, { from, to }: Part): { index: number; q: number } {
    const n = this.size, length = to - from, smallest = this.#smallest;
    const distances = this.#distances, first = this.#first, last = this.#last;
    first[0] = 0;
    last.fill(0, 0, length + 1);
    for (let end = 1; end < length; end++) {
      const row = order[from + end]! * n;
      let sum = 0;
      for (let begin = end - 1; begin >= 0; begin--) {
        sum += distances[row + order[from + begin]!]!;
        last[begin]! += sum;
      }
      first[end + 1] = first[end]! + sum;
    }
    first[1] = 0;
    let q = 0, index = from;
    for (let left = smallest; left <= length - smallest; left++) {
      const right = length - left;
      const before = first[left]!, after = last[left]!;
      const between = last[0]! - before - after;
      const found = 2 / length * between -
        left * right / length * (before * pairs(left) + after * pairs(right));
      if (found > q) {
        q = found;
        index = from + left;
      }
    }
    return { index, q };
  }
}

/** By how much to multiply a sum over all pairs of so many values to have their mean. */
function pairs(count: number): number {
  return count < 2 ? 0 : 2 / (count * (count - 1));
}
