/**
 * Figures of tests that are not about latency: how a test declares them, and what those of several testers add up to.
 *
 * @module
 */
import type { Metric, TargetResult, TotalMetric } from "./document.ts";

/** How a test declares one of its figures. */
export type MetricDescription = Required<Pick<Metric, "name" | "total" | "better">>;

/**
 * Adds to figures what their test declares of them.
 *
 * @param metrics Figures of one tester or target.
 * @param known The test's own table; a name that ends in `*` stands for any ending, of two that fit the first counts.
 */
export function describeMetrics(metrics: readonly Metric[], known: readonly MetricDescription[]): Metric[] {
  return metrics.map((metric) => {
    const found = known.find(({ name }) =>
      name.endsWith("*") ? metric.name.startsWith(name.slice(0, -1)) : metric.name === name
    );
    return found === undefined ? metric : { ...metric, total: found.total, better: found.better };
  });
}

/**
 * Adds up the figures of a run: those of all testers, then those of the targets of each test.
 *
 * A figure that only one of them reports is as it is. A mean is weighted where each of them has a weight. One of several is left out where its test does not declare how it
 * adds up, where the units differ, or where one of them lacks it.
 *
 * @param test Name of the testers' test.
 * @param clients Testers whose result came.
 * @param targets All targets.
 */
export function totalMetrics(
  test: string,
  clients: readonly { metrics: readonly Metric[] }[],
  targets: readonly Pick<TargetResult, "test" | "metrics" | "error">[],
): TotalMetric[] {
  const answered = targets.filter((target) => target.error === undefined);
  const tests = [...new Set(answered.map((target) => target.test))];
  return [
    ...addUp(test, clients),
    ...tests.flatMap((name) => addUp(name, answered.filter((target) => target.test === name))),
  ];
}

function addUp(test: string, parts: readonly { metrics: readonly Metric[] }[]): TotalMetric[] {
  const found = new Map<string, Metric[]>();
  for (const { metrics } of parts) {
    for (const metric of metrics) {
      const known = found.get(metric.name);
      if (known === undefined) found.set(metric.name, [metric]);
      else known.push(metric);
    }
  }
  return [...found.values()].flatMap((metrics) => {
    const [first] = metrics;
    if (first === undefined || metrics.length !== parts.length) return [];
    const value = totalOf(metrics);
    const { weight: _, ...rest } = first;
    return value === null ? [] : [{ ...rest, value, test, of: metrics.length }];
  });
}

function totalOf([first, ...others]: readonly Metric[]): number | null {
  if (first === undefined) return null;
  if (others.length === 0) return first.value;
  if (others.some(({ unit, total }) => unit !== first.unit || total !== first.total)) return null;
  const all = [first, ...others], values = all.map(({ value }) => value);
  const sum = values.reduce((so, value) => so + value, 0);
  switch (first.total) {
    case "sum":
      return sum;
    case "mean":
      return meanOf(all);
    case "max":
      return values.reduce((most, value) => Math.max(most, value));
    case "min":
      return values.reduce((least, value) => Math.min(least, value));
    case "none":
    case undefined:
      return null;
  }
}

/** By their weights, where each of them has one: a share of many packets counts for more than one of few. */
function meanOf(metrics: readonly Metric[]): number | null {
  const known = metrics.every(({ weight }) => weight !== undefined);
  let sum = 0, whole = 0;
  for (const { value, weight } of metrics) {
    const counts = known ? weight ?? 0 : 1;
    sum += counts * value;
    whole += counts;
  }
  return whole > 0 ? sum / whole : null;
}
