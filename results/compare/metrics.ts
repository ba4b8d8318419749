/**
 * What is compared: figures of a point, by the names that `--metric` and `--fail-if` know.
 *
 * @module
 */
import type { Summary } from "../document/document.ts";
import { cpuUse } from "../document/cpu_use.ts";
import { lossOf } from "../report/model.ts";
import { figureKey, figuresBesideCpu, ownFigures } from "../report/sections/own_figures.ts";
import type { ReportPoint } from "../report/point.ts";

/** One figure. */
export interface ComparedMetric {
  name: string;
  /** Of the kind `own`: its name with its test's before it, by which it is found, too. */
  key?: string;
  /** For people: "response p99". */
  label: string;
  /** Which direction is a worsening; `null`: not declared. */
  worse: "more" | "less" | null;
  /** `relative`: changes are shares of the base. `points`: the figure is a percentage and changes are its difference. */
  scale: "relative" | "points";
  /** What 0 is called, of a relative figure that may be 0: it is then compared by its difference. */
  none?: string | undefined;
  kind: "time" | "rate" | "percent" | "own";
  /** Of the kind `own`. */
  unit?: string;
  pick: (point: ReportPoint) => number | null;
}

/** A figure as a row has it. */
export interface RowMetric extends Omit<ComparedMetric, "scale"> {
  /** `absolute`: changes are differences in the figure's own unit, where some value is 0 and there are no ratios. */
  scale: ComparedMetric["scale"] | "absolute";
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
    name: "longest-outage",
    label: "longest outage",
    none: "no outage",
    worse: "more",
    scale: "relative",
    kind: "time",
    pick: ({ outages: { total } }) => total?.longest_ns ?? null,
  },
  {
    name: "dark",
    label: "dark in all",
    none: "no outage",
    worse: "more",
    scale: "relative",
    kind: "time",
    pick: ({ outages: { total } }) => total?.sum_ns ?? null,
  },
  {
    name: "cpu",
    label: "CPU use",
    worse: "more",
    scale: "points",
    kind: "percent",
    pick: (point) => {
      const [use] = cpuUse(point.targets);
      return use === undefined ? null : use.total;
    },
  },
];

/** What is compared unless something else is asked for. */
const DEFAULT_METRICS: readonly string[] = ["p50", "p99", "p99.9", "throughput", "loss"];
/** The same, where it was dark. */
const DARK_METRICS: readonly string[] = [...DEFAULT_METRICS, "longest-outage"];

/** A metric name that is not known. */
export class MetricError extends Error {
  override name = "MetricError";

  /**
   * @param message What is wrong.
   * @param typed The name that nobody knows, and the names that there are; to suggest one.
   */
  constructor(message: string, readonly typed?: { name: string; known: readonly string[] }) {
    super(message);
  }
}

/** Keys of documents and columns that somebody may take for names: "p999" of p999_ns, "cpu_percent", "cpu_target.cpu_use". */
function spelled(name: string): string {
  return name
    .replace(/^service[.:]/, "service-")
    .replace(/^((?:service-)?p99)(9{1,3})$/, "$1.$2")
    .replace(/^(?:[\w-]+\.)?cpu_(?:use|percent)$/, "cpu");
}

/**
 * All figures that these points can be compared by: those that every test has, then the tests' own, by their name, or
 * with their test before it ("sink.loss") where the name alone is taken.
 */
export function metricsOf(points: readonly ReportPoint[]): ComparedMetric[] {
  const taken = new Set(METRICS.map(({ name }) => name));
  const described = new Map(
    points.flatMap((point) => point.metrics.map((metric) => [figureKey(metric), metric])),
  );
  return [
    ...METRICS,
    ...figuresBesideCpu(points).map(({ key, name, unit, pick }): ComparedMetric => {
      const short = name.toLowerCase();
      const better = described.get(key)?.better;
      const own = taken.has(short) ? key.toLowerCase() : short;
      taken.add(own);
      return {
        name: own,
        key: key.toLowerCase(),
        label: own === short ? name : key,
        worse: better === "more" ? "less" : better === "less" ? "more" : null,
        scale: unit === "%" ? "points" : "relative",
        kind: unit === "%" ? "percent" : "own",
        unit,
        pick,
      };
    }),
  ];
}

/**
 * What is compared unless something else is asked for: the usual figures, or, where no point has a round trip, those of
 * the tests' own of which it is known whether more or less is better.
 */
export function defaultMetrics(points: readonly ReportPoint[]): ComparedMetric[] {
  const all = metricsOf(points);
  const names = points.some(({ outages: { total } }) => (total?.count ?? 0) > 0)
    ? DARK_METRICS
    : DEFAULT_METRICS;
  const usual = all.filter(({ name }) => names.includes(name));
  if (points.some((point) => point.response !== null)) return usual;
  const keys = new Set(ownFigures(points).map(({ key }) => key.toLowerCase()));
  const short = new Set([...keys].map((key) => key.slice(key.indexOf(".") + 1)));
  return [
    ...usual,
    ...all.slice(METRICS.length).filter(({ name }) => keys.has(name) || short.has(name)),
  ];
}

/**
 * Finds a metric by its name.
 *
 * @param known Those that there are, see {@linkcode metricsOf}.
 * @throws {MetricError} naming the nearest, and those that there are.
 */
export function metricOf(name: string, known: readonly ComparedMetric[] = METRICS): ComparedMetric {
  const wanted = name.trim().toLowerCase();
  const found = known.find((metric) => metric.name === wanted || metric.key === wanted) ??
    known.find((metric) => metric.name === spelled(wanted));
  if (found !== undefined) return found;
  const names = known.map((metric) => metric.name);
  throw new MetricError(`no metric "${name.slice(0, 60)}"; there are ${names.join(", ")}`, {
    name,
    known: names,
  });
}
