/**
 * How far links and hosts are from what is usual in a mesh, in deviations.
 *
 * @module
 */
import type { MeshFinding, MeshHost } from "./document.ts";
import { median, medianPolish } from "./median_polish.ts";

/** Fewer hosts cannot tell a link from a host: each has too few other links. */
export const LEAST_HOSTS = 4;
/** How many deviations out is no scatter. Few hosts show little of the scatter: with them it takes more. */
const STANDS_OUT = 6;
const FEW_HOSTS = 4;
/** And so many times as far out as the next one that is not named: what is only the end of a long tail has others near it. */
const APART = 2;
/** Of all links or hosts, at most so many are outliers; what is true of more is usual. */
const MOST_SHARE = 0.25;
/** MAD to standard deviation of a normal distribution. */
const MAD_SCALE = 1.4826;

/** Of several values, how far they are usually from their middle; never less than the resolution of the values. */
function scatterOf(values: readonly number[], least: number): number {
  const m = median(values);
  return Math.max(least, MAD_SCALE * median(values.map((value) => Math.abs(value - m))));
}

/**
 * The usual size of what is left. Medians leave nothing at all of some values, the more so where there are few hosts: those
 * show nothing of the scatter.
 */
function restScatter(rest: readonly (readonly number[])[], common: number): number {
  const least = Math.abs(common) * 1e-9;
  const sizes = rest.flat().filter((value) => !Number.isNaN(value)).map(Math.abs).filter((size) =>
    size > least
  );
  return sizes.length === 0 ? 0 : MAD_SCALE * median(sizes);
}

/** A link of two hosts, with what is left of each direction when both hosts have their share. */
interface Link {
  hosts: [number, number];
  value: number;
  expected: number;
  /** In deviations; the sign is the direction. */
  out: number;
  both: number[];
}

/** Links and hosts of a matrix, by how far they are out. */
export function standing(matrix: readonly (readonly number[])[], leastScatter: (common: number) => number) {
  const { common, rows, columns, rest } = medianPolish(matrix);
  const scatter = Math.max(leastScatter(common), restScatter(rest, common));
  const links: Link[] = [];
  const n = matrix.length;
  for (let i = 0; i < n; i++) {
    for (let j = i + 1; j < n; j++) {
      const both = [rest[i]![j]!, rest[j]![i]!].filter((value) => !Number.isNaN(value));
      if (both.length === 0) continue;
      const values = [matrix[i]![j]!, matrix[j]![i]!].filter((value) => !Number.isNaN(value));
      const mean = (list: number[]) => list.reduce((sum, value) => sum + value, 0) / list.length;
      links.push({
        hosts: [i, j],
        value: mean(values),
        expected: mean(values) - mean(both),
        out: mean(both) / scatter,
        both: both.map((value) => value / scatter),
      });
    }
  }
  const known = rows.flatMap((row, i) =>
    matrix[i]!.some((value) => !Number.isNaN(value)) || matrix.some((other) => !Number.isNaN(other[i]!))
      ? [{ host: i, share: (row + columns[i]!) / 2 }]
      : []
  );
  const hostScatter = scatterOf(known.map(({ share }) => share), leastScatter(common));
  const middle = median(known.map(({ share }) => share));
  const hosts = known.map(({ host, share }) => ({
    host,
    // A host's share is in all of its links; both directions of one have it twice.
    by: share - middle,
    out: (share - middle) / hostScatter,
  }));
  return { common, scatter, links, hosts };
}

/**
 * Those that stand out: far from the middle, and from all others.
 *
 * @param all links or hosts of a mesh of `count` hosts
 * @param sign 1: those that are above, -1: below
 * @returns the furthest first, and how far out the first is that is not named
 */
export function furthest<T extends { out: number }>(
  all: readonly T[],
  count: number,
  sign: 1 | -1,
): { named: T[]; next: number } {
  const sorted = all.toSorted((a, b) => sign * (b.out - a.out));
  const outAt = (n: number) => Math.max(0, sign * (sorted[n]?.out ?? 0));
  const least = STANDS_OUT * (1 + FEW_HOSTS / count);
  for (let most = Math.max(1, Math.floor(MOST_SHARE * sorted.length)); most > 0; most--) {
    const last = outAt(most - 1), next = outAt(most);
    if (last >= least && last >= APART * next) return { named: sorted.slice(0, most), next };
  }
  return { named: [], next: outAt(0) };
}

/** What was found, and what can be concluded where nothing was. */
export interface MeshFindings {
  findings: MeshFinding[];
  summary: string[];
}

export function nameOf(hosts: readonly MeshHost[], n: number): string {
  return hosts[n]?.name ?? `host ${n}`;
}

export function linkName(hosts: readonly MeshHost[], [i, j]: readonly [number, number]): string {
  return `${nameOf(hosts, i)} – ${nameOf(hosts, j)}`;
}
