/**
 * `--fail-if "p99 +5%"`: when a comparison ends in failure.
 *
 * @module
 */
import type { Comparison, Row } from "./compare.ts";
import { type ComparedMetric, MetricError, metricOf } from "./metrics.ts";
import { detectableText } from "./words.ts";

/** One condition. */
export interface FailCondition {
  text: string;
  metric: ComparedMetric;
  /** Change beyond which it fails, with its sign: a share, or percentage points for loss and CPU use. */
  limit: number;
}

/**
 * Reads a condition: a metric and a signed change, such as `p99 +5%`, `throughput -2%`, `loss +0.1%` (percentage
 * points, as `cpu`).
 *
 * @param known The metrics that there are, see `metricsOf`.
 * @throws {MetricError} saying what was found and what is expected.
 */
export function parseFailIf(text: string, known?: readonly ComparedMetric[]): FailCondition {
  const match = /^\s*([a-z0-9_.-]+?)\s*([+-])\s*(\d+(?:\.\d+)?)\s*(%|pp)\s*$/i.exec(text);
  if (match === null) {
    throw new MetricError(
      `--fail-if "${
        text.slice(0, 80)
      }": expected a metric and a signed change, such as "p99 +5%" or "throughput -2%"`,
    );
  }
  const metric = metricOf(match[1]!, known);
  const size = Number(match[3]) * (match[2] === "-" ? -1 : 1);
  return { text: text.trim(), metric, limit: metric.scale === "relative" ? size / 100 : size };
}

/** A condition that a row has met. */
export interface Failure {
  condition: FailCondition;
  row: Row;
}

/**
 * Rows that fail a condition: the estimated change is beyond the limit, and, where repetitions allow a test, chance
 * alone does not explain a difference.
 */
export function failures(comparison: Comparison, conditions: readonly FailCondition[]): Failure[] {
  return conditions.flatMap((condition) =>
    comparison.rows.filter((row) =>
      row.metric.name === condition.metric.name &&
      (condition.limit < 0
        ? row.change <= condition.limit
        : row.change >= condition.limit && row.change > 0) &&
      row.finding !== "none"
    ).map((row) => ({ condition, row }))
  );
}

/**
 * What a gate cannot judge, because only A has it: whole points, and figures of points that both have. A sweep that
 * ended early may have lost just the points that got worse.
 *
 * @returns one sentence each, without a full stop
 */
export function missing(comparison: Comparison, conditions: readonly FailCondition[]): string[] {
  const points = comparison.pairing.unmatched.filter(({ side }) => side === "A").map(({ label }) =>
    `only A has the point ${label}`
  );
  const figures = conditions.flatMap(({ metric }) =>
    comparison.pairing.pairs.filter((pair) =>
      pair.a.some((point) => metric.pick(point) !== null) &&
      pair.b.every((point) => metric.pick(point) === null)
    ).map((pair) => `only A has ${metric.label} at ${pair.label}`)
  );
  return [...points, ...figures];
}

/**
 * Conditions that a comparison cannot really judge: where repetitions scatter so much that a change
 * as large as the limit would probably not have been seen.
 *
 * @returns one sentence each, without a full stop
 */
export function blind(comparison: Comparison, conditions: readonly FailCondition[]): string[] {
  return conditions.flatMap((condition) =>
    comparison.rows.filter((row) =>
      row.metric.name === condition.metric.name && row.metric.scale !== "absolute" &&
      row.finding === "none" && row.detectable !== null &&
      row.detectable > Math.abs(condition.limit)
    ).map((row) =>
      `--fail-if "${condition.text}" could not have seen such a change at ${row.pair.label}: ` +
      `only ${detectableText(row)} or more`
    )
  );
}
