/**
 * Latency by percentile on a scale of nines: HdrHistogram's plot.
 *
 * @module
 */
import type { Histogram } from "../../document/histogram.ts";
import { axis, type Chart, curve, type EChartsOptions, grid, type LegendEntry, logTicks } from "../chart.ts";
import type { ReportModel } from "../model.ts";
import { logAxis } from "./load_latency.ts";
import { type Chosen, selection } from "./selection.ts";

/** Points of a curve for each factor of ten of 1/(1 − p). */
const STEPS = 12;

/** One chart a group: response solid, service dashed. */
export function percentileCharts(model: ReportModel): Chart[] {
  const groups = selection(model);
  return groups.map(({ group, chosen }, i) => chartOf(group.label, chosen, i, groups.length > 1));
}

/** Percentiles in 0..100 from the median's side to the last that the count supports, evenly on the scale of nines. */
function ladder(count: number): number[] {
  const last = Math.log10(Math.max(10, count));
  const result: number[] = [];
  for (let x = 0; x < last; x += 1 / STEPS) result.push(100 * (1 - 10 ** -x));
  result.push(100 * (1 - 10 ** -last));
  return result;
}

function points(histogram: Histogram): [number, number][] {
  const steps = ladder(histogram.total);
  const values = histogram.valuesAtPercentiles(steps);
  return steps.map((p, i) => [-Math.log10(1 - p / 100), Math.log10(Math.max(1, values[i]!))]);
}

function chartOf(label: string, chosen: Chosen[], index: number, several: boolean): Chart {
  const legend: LegendEntry[] = [];
  const series: EChartsOptions[] = [];
  const rows: (string | number)[][] = [];
  let low = Infinity;
  let high = 0;
  let most = 10;
  for (const one of chosen) {
    for (const which of ["service", "response"] as const) {
      const histogram = one[which];
      if (histogram === null || histogram.total === 0) continue;
      const data = points(histogram);
      low = Math.min(low, Math.max(1, histogram.min));
      high = Math.max(high, histogram.max);
      most = Math.max(most, histogram.total);
      const alone = chosen.length === 1;
      const name = alone ? `${which} time` : which === "response" ? one.label : `${one.label}, service`;
      const dash = which === "service" ? "dashed" : "line";
      series.push(curve(name, data, {
        colour: alone && which === "service" ? "c2" : one.colour,
        dash,
        width: which === "service" ? 1.5 : 2.25,
        marks: false,
      }));
      if (alone || which === "response") {
        legend.push({ label: name, colour: alone && which === "service" ? "c2" : one.colour, style: dash });
      }
      for (const [x, y] of data) rows.push([one.label, which, 100 * (1 - 10 ** -x), 10 ** y]);
    }
  }
  legend.sort((a, b) => Number(a.style === "dashed") - Number(b.style === "dashed"));
  const nines = Array.from({ length: Math.floor(Math.log10(most)) + 1 }, (_, i) => i);
  return {
    name: several ? `percentiles-${index + 1}` : "percentiles",
    title: several ? `Latency percentiles: ${label}` : "Latency percentiles",
    caption: chosen.length === 1
      ? "The scale stretches the tail: each step to the right is ten times rarer. " +
        "Response time counts from when a packet was due, service time from when it left."
      : "The scale stretches the tail: each step to the right is ten times rarer. Solid: response time; " +
        "dashed: service time of the same load. Repetitions are merged.",
    legend,
    options: (frame) => ({
      grid: grid(frame),
      xAxis: axis({
        type: "value",
        min: 0,
        max: Math.max(1, Math.log10(most)),
        name: "percentile, %",
        axisLabel: { customValues: nines, formatter: ninesLabel },
        axisTick: { customValues: nines },
        splitLine: { show: true, customValues: nines },
      }, frame),
      yAxis: logAxis(logTicks(low, high, frame.narrow ? 9 : 12), frame),
      series,
    }),
    data: { columns: ["point", "time", "percentile", "latency_ns"], rows },
  };
}

/** 0 → "0 %", 1 → "90 %", 3 → "99.9 %". */
function ninesLabel(x: number): string {
  if (x < 0.5) return "0";
  const nines = Math.round(x);
  return nines === 1 ? "90" : nines === 2 ? "99" : `99.${"9".repeat(nines - 2)}`;
}
