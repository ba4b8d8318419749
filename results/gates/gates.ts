/**
 * Gates: what figures of a run have to be, and whether they are.
 *
 * @module
 */

import { suggestion } from "../../base/nearest.ts";
import { type ComparedMetric, MetricError, metricOf, metricsOf } from "../compare/metrics.ts";
import { valueText } from "../compare/words.ts";
import type { GateResult, ResultDocument } from "../document/document.ts";
import { reportPoints } from "../report/point.ts";
import { type Gate, limitOf, unitText } from "./limit.ts";

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
        const { operator, limit } = gate;
        const metric = find(gate.metric, known);
        if (typeof metric === "string") {
          return { metric: gate.metric, operator, limit, ...of, value: null, met: false, text: metric };
        }
        const result = { metric: metric.name, operator, limit, ...of };
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

function compare(value: number, operator: Gate["operator"], limit: number): boolean {
  if (operator === "<") return value < limit;
  if (operator === "<=") return value <= limit;
  return operator === ">" ? value > limit : value >= limit;
}
