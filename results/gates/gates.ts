/**
 * Gates: what figures of a run have to be, and whether they are.
 *
 * @module
 */

import { suggestion } from "../../base/nearest.ts";
import { parseQuantity } from "../../base/units.ts";
import { type ComparedMetric, MetricError, metricOf, METRICS, metricsOf } from "../compare/metrics.ts";
import { valueText } from "../compare/words.ts";
import type { GateResult, ResultDocument } from "../document/document.ts";
import { reportPoints } from "../report/point.ts";

/** What a figure has to be. */
export interface Gate {
  /** By the names of `ipbench compare --metric`, those of the test's own figures included. */
  metric: string;
  operator: "<" | "<=" | ">" | ">=";
  /** A number with its unit: "200us", "0.1%", "10M". */
  limit: string;
  /** Of this class alone. */
  class?: string;
}

/** Units of tests' own figures that are times, in nanoseconds. */
const TIME_UNITS: Readonly<Record<string, number>> = { ns: 1, us: 1e3, "µs": 1e3, ms: 1e6, s: 1e9 };

/**
 * Whether a run was as expected. A figure that is not there is not as expected: what cannot be seen may be what got worse.
 *
 * @param document The run's document, complete.
 * @param gates What is expected.
 * @returns one result for each gate and class that it is about
 */
export function judgeGates(document: ResultDocument, gates: readonly Gate[]): GateResult[] {
  if (gates.length === 0) return [];
  const points = reportPoints(document, "");
  const known = metricsOf(points);
  return gates.flatMap((gate) =>
    points.filter((point) => gate.class === undefined || gate.class === point.class).map(
      (point): GateResult => {
        const of = point.class === null ? {} : { class: point.class };
        const { metric: name, operator, limit } = gate;
        const result = { metric: name, operator, limit, ...of };
        const metric = find(name, known);
        if (typeof metric === "string") return { ...result, value: null, met: false, text: metric };
        const bound = limitOf(gate, metric);
        const value = metric.pick(point);
        if (bound === null || value === null) {
          const text = bound === null ? unitText(gate, metric) : `${metric.label} is not known`;
          return { ...result, value, met: false, text };
        }
        return {
          ...result,
          value,
          met: compare(value, operator, bound),
          text: `${metric.label} ${valueText(metric, value)}`,
        };
      },
    )
  );
}

/**
 * What is wrong with a gate before anything has run: a unit that does not fit one of the figures that every test has.
 *
 * @returns a sentence; `null`: nothing, as far as that can be known
 */
export function gateProblem(gate: Gate): string | null {
  const metric = find(gate.metric, METRICS);
  return typeof metric === "string" || limitOf(gate, metric) !== null ? null : unitText(gate, metric);
}

/** A gate as it is typed on a command line. */
function gateText({ metric, operator, limit, class: of }: Gate): string {
  return `${of === undefined ? "" : `${of}: `}${metric}${operator}${limit}`;
}

/** A gate's result in a line. */
export function gateLine(result: GateResult): string {
  return `${result.met ? "as expected" : "NOT as expected"}: ${gateText(result)} (${result.text})`;
}

function find(name: string, known: readonly ComparedMetric[]): ComparedMetric | string {
  try {
    return metricOf(name, known);
  } catch (error) {
    if (!(error instanceof MetricError)) throw error;
    return `no figure of that name${suggestion(name, known.map((metric) => metric.name))}`;
  }
}

/** The limit in the unit of the figure; `null`: it has another one. */
function limitOf({ limit }: Gate, metric: ComparedMetric): number | null {
  const quantity = parseQuantity(limit);
  if (quantity === null) return null;
  const { value, unit } = quantity;
  if (value === 0 && unit === "") return 0; // nothing is nothing in every unit
  const scale = metric.kind === "time" ? 1 : TIME_UNITS[metric.unit ?? ""];
  if (scale !== undefined) return unit === "s" ? value * 1e9 / scale : null;
  if (metric.kind === "percent") return unit === "%" ? value * 100 : null;
  return unit === "" ? value : null;
}

function unitText({ limit }: Gate, metric: ComparedMetric): string {
  const time = metric.kind === "time" || TIME_UNITS[metric.unit ?? ""] !== undefined;
  const wanted = time
    ? "a time, such as 200us"
    : metric.kind === "percent"
    ? "a share, such as 0.1%"
    : "a number";
  return `${metric.label} is compared with ${wanted}, not with ${limit}`;
}

function compare(value: number, operator: Gate["operator"], limit: number): boolean {
  if (operator === "<") return value < limit;
  if (operator === "<=") return value <= limit;
  return operator === ">" ? value > limit : value >= limit;
}
