/**
 * What is compared: figures of a point, by the names that `--metric` and `--fail-if` know.
 *
 * @module
 */
import type { Summary } from "../document.ts";
import { cpuUse, lossOf } from "../report/model.ts";
import type { ReportPoint } from "../report/point.ts";

/** One figure. */
export interface ComparedMetric {
  name: string;
  /** For people: "response p99". */
  label: string;
  /** Which direction is a worsening. */
  worse: "more" | "less";
  /** `relative`: changes are shares of the base. `points`: the figure is a percentage and changes are its difference. */
  scale: "relative" | "points";
  kind: "time" | "rate" | "percent";
  pick: (point: ReportPoint) => number | null;
}

const PERCENTILES: readonly [string, keyof Summary][] = [
  ["min", "min_ns"],
  ["mean", "mean_ns"],
  ["p50", "p50_ns"],
  ["p90", "p90_ns"],
  ["p99", "p99_ns"],
  ["p99.9", "p999_ns"],
  ["p99.99", "p9999_ns"],
  ["p99.999", "p99999_ns"],
  ["max", "max_ns"],
];

function latencyMetrics(which: "response" | "service"): ComparedMetric[] {
  return PERCENTILES.map(([name, key]) => ({
    name: which === "response" ? name : `service-${name}`,
    label: `${which} ${name}`,
    worse: "more",
    scale: "relative",
    kind: "time",
    pick: (point) => point[which]?.[key] ?? null,
  }));
}

/** All figures that can be compared. */
export const METRICS: readonly ComparedMetric[] = [
  ...latencyMetrics("response"),
  ...latencyMetrics("service"),
  {
    name: "throughput",
    label: "throughput",
    worse: "less",
    scale: "relative",
    kind: "rate",
    pick: (point) => point.receivedBps,
  },
  {
    name: "loss",
    label: "loss",
    worse: "more",
    scale: "points",
    kind: "percent",
    pick: (point) => {
      const loss = lossOf(point);
      return loss === null ? null : 100 * loss;
    },
  },
  {
    name: "cpu",
    label: "CPU use",
    worse: "more",
    scale: "points",
    kind: "percent",
    pick: (point) => {
      const [use] = cpuUse(point);
      return use === undefined ? null : use.total;
    },
  },
];

/** What is compared unless something else is asked for. */
export const DEFAULT_METRICS: readonly string[] = ["p50", "p99", "p99.9", "throughput", "loss"];

/** A metric name that is not known. */
export class MetricError extends Error {
  override name = "MetricError";
}

/**
 * Finds a metric by its name.
 * @throws {MetricError} naming those that there are.
 */
export function metricOf(name: string): ComparedMetric {
  const found = METRICS.find((metric) => metric.name === name.trim().toLowerCase());
  if (found !== undefined) return found;
  const names = METRICS.map((metric) => metric.name).join(", ");
  throw new MetricError(`no metric "${name.slice(0, 60)}"; there are ${names}`);
}
