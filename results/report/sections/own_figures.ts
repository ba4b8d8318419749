/**
 * Which of the tests' own figures a report shows beside those that every test has.
 *
 * @module
 */
import { isCpuUse } from "../../document/cpu_use.ts";
import type { TotalMetric } from "../../document/document.ts";
import type { ReportPoint } from "../point.ts";

/** Figures that get a column, a card or a curve of their own. */
const OWN_FIGURES = 8;

/** One figure of a test's own, over all points that have it. */
export interface OwnFigure {
  /** Test and name: "sink.received_rate". */
  key: string;
  test: string;
  name: string;
  unit: string;
  pick: (point: ReportPoint) => number | null;
}

/** Name by which tables and other programs know a figure. */
export function figureKey({ test, name }: Pick<TotalMetric, "test" | "name">): string {
  return `${test}.${name}`;
}

/** All figures of the tests' own, in the order in which they are first met. */
export function allFigures(points: readonly ReportPoint[]): OwnFigure[] {
  return figuresOf(points, () => true);
}

/** All of them but the one that stands in `cpu_percent` already. */
export function figuresBesideCpu(points: readonly ReportPoint[]): OwnFigure[] {
  return allFigures(points).filter((own, n, all) =>
    !isCpuUse(own) || all.findIndex((other) => other.test === own.test && isCpuUse(other)) !== n
  );
}

/**
 * The figures that show how good a run was: those with a better direction, and those of tests that do not describe them.
 * What a CPU meter reports is left out: it has places of its own.
 */
export function ownFigures(points: readonly ReportPoint[]): OwnFigure[] {
  return figuresOf(
    points,
    ({ name, unit, total, better }) =>
      total !== "none" && better !== "unknown" && !(unit === "%" && /^cpu/i.test(name)),
  ).slice(0, OWN_FIGURES);
}

function figuresOf(points: readonly ReportPoint[], wanted: (metric: TotalMetric) => boolean): OwnFigure[] {
  const found = new Map<string, OwnFigure>();
  for (const { metrics } of points) {
    for (const metric of metrics) {
      const key = figureKey(metric);
      if (found.has(key) || !wanted(metric)) continue;
      const { test, name, unit } = metric;
      const pick = (point: ReportPoint) =>
        point.metrics.find((one) => one.name === name && one.test === test)?.value ?? null;
      found.set(key, { key, test, name, unit, pick });
    }
  }
  return [...found.values()];
}
