/**
 * A series as observations of one figure: what changes are looked for in.
 *
 * @module
 */

import { middle } from "../base/figures.ts";
import { analyse, type Analysis } from "./changes.ts";
import type { MetricInfo } from "./identity.ts";
import type { SeriesRun } from "./rows.ts";

/** Smallest change that counts, unless something else is asked for: a share, or percentage points. */
export const MINIMUM = { relative: 0.015, points: 0.1 } as const;

/** One observation: a run, or the repetitions of one point in one sweep. */
export interface Observation {
  /** The first of its runs. */
  run: SeriesRun;
  /** How many runs it is the middle of. */
  of: number;
  value: number;
  /** Whether one of them is SUSPECT. */
  suspect: boolean;
}

/**
 * The observations of a figure. What is INVALID is none; repetitions of one sweep are one, their middle.
 *
 * @param runs Of one series, in their order.
 * @param metric Name of the figure.
 */
export function observationsOf(runs: readonly SeriesRun[], metric: string): Observation[] {
  const usable = runs.filter((run) => run.verdict !== "INVALID" && run.figures[metric] !== undefined);
  const groups = Map.groupBy(usable, (run) => run.batch ?? run.id);
  return [...groups.values()].map((group) => ({
    run: group[0]!,
    of: group.length,
    value: middle(group.map((run) => run.figures[metric]))!,
    suspect: group.some((run) => run.verdict === "SUSPECT"),
  }));
}

/**
 * What one figure of a series shows.
 *
 * @param runs Of the series, in their order.
 * @param metric The figure.
 * @param minimum Smallest change that counts; see {@linkcode MINIMUM}.
 */
export function look(
  runs: readonly SeriesRun[],
  metric: MetricInfo,
  minimum: number = MINIMUM[metric.scale],
): { observations: Observation[]; analysis: Analysis } {
  const observations = observationsOf(runs, metric.name);
  const values = observations.map(({ value }) => value);
  return { observations, analysis: analyse(values, { scale: metric.scale, minimum }) };
}
