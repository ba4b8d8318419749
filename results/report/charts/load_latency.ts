/**
 * Latency against offered load.
 *
 * @module
 */
import type { Summary } from "../../document/document.ts";
import { axis, type Chart, curve, type EChartsOptions, grid, type LegendEntry, logTicks } from "../chart.ts";
import { formatTime, rateUnit } from "../../../base/figures.ts";
import { cellFigure, type Group, type ReportModel } from "../model.ts";
import type { ColourName } from "../palette.ts";
import { crosses, spread } from "./marks.ts";

const PERCENTILES = [
  { key: "p50_ns", label: "p50", colour: "c1" },
  { key: "p99_ns", label: "p99", colour: "c2" },
  { key: "p999_ns", label: "p99.9", colour: "c7" },
] as const satisfies readonly { key: keyof Summary; label: string; colour: ColourName }[];

/** Charts drawn at most, one a group. */
const LATENCY_CHARTS = 6;

/** One chart a group that has several loads. */
export function loadLatencyCharts(model: ReportModel): Chart[] {
  const groups = model.groups.filter((group) =>
    group.cells.filter((cell) => cellFigure(cell, (p) => (p.response ?? p.service)?.p50_ns) !== null).length >
      1
  );
  return groups.slice(0, LATENCY_CHARTS).map((group, i) => chartOf(model, group, i, groups.length > 1));
}

function chartOf(model: ReportModel, group: Group, index: number, several: boolean): Chart {
  const { scale, unit } = rateUnit(Math.max(...group.cells.map((cell) => cell.load)));
  const legend: LegendEntry[] = [];
  const series: EChartsOptions[] = [];
  let low = Infinity;
  let high = 0;
  for (const which of ["service", "response"] as const) {
    for (const { key, label, colour } of PERCENTILES) {
      const found = group.cells.flatMap((cell) => {
        const figure = cellFigure(cell, (point) => point[which]?.[key]);
        return figure === null || figure.value <= 0 ? [] : [{ x: cell.load / scale, ...figure }];
      });
      if (found.length === 0) continue;
      low = Math.min(low, ...found.map((f) => Math.max(1, f.low)));
      high = Math.max(high, ...found.map((f) => f.high));
      const dash = which === "service" ? "dashed" : "line";
      const name = which === "response" ? label : `${label} service`;
      const data = found.map((f): [number, number] => [f.x, Math.log10(f.value)]);
      series.push(curve(name, data, { colour, dash, width: which === "service" ? 1.5 : 2.25 }));
      if (which === "response") {
        series.push(
          spread(found.map((f) => [f.x, Math.log10(Math.max(1, f.low)), Math.log10(f.high)]), colour),
        );
      }
      legend.push({ label: name, colour, style: dash });
    }
  }
  legend.sort((a, b) => Number(a.style === "dashed") - Number(b.style === "dashed"));
  const bad = crosses(model, [group], (p) => {
    const p99 = (p.response ?? p.service)?.p99_ns ?? null;
    if (p99 === null || p99 <= 0) return null;
    low = Math.min(low, p99);
    high = Math.max(high, p99);
    return Math.log10(p99);
  }, scale);
  if (bad !== null) {
    series.push(bad);
    legend.push({ label: "INVALID run", colour: "bad", style: "cross" });
  }
  return {
    name: several ? `latency-against-load-${index + 1}` : "latency-against-load",
    title: several ? `Latency against load: ${group.label}` : "Latency against load",
    caption:
      "Solid: response time, from when each packet was due. Dashed: service time, from when it left. " +
      "Pale bars span the repetitions.",
    legend,
    options: (frame) => {
      const ticks = logTicks(low, high, frame.narrow ? 9 : 12);
      return {
        grid: grid(frame),
        xAxis: axis({ type: "value", min: 0, name: `offered load, ${unit}` }, frame),
        yAxis: logAxis(ticks, frame),
        series,
      };
    },
    data: {
      columns: [
        "offered_bps",
        ...["response", "service"].flatMap((w) => PERCENTILES.map((p) => `${w}_${p.key}`)),
      ],
      rows: group.cells.map((cell) => [
        cell.load,
        ...(["response", "service"] as const).flatMap((which) =>
          PERCENTILES.map(({ key }) => cellFigure(cell, (point) => point[which]?.[key])?.value ?? null)
        ),
      ]),
    },
  };
}

/** A vertical axis of times on the logarithm, with labels such as "20 µs". */
export function logAxis(
  ticks: ReturnType<typeof logTicks>,
  frame: Parameters<typeof axis>[1],
  options: EChartsOptions = {},
): EChartsOptions {
  return axis(
    {
      type: "value",
      min: ticks.min,
      max: ticks.max,
      axisLabel: { customValues: ticks.values, formatter: (value: number) => formatTime(10 ** value) },
      axisTick: { customValues: ticks.values },
      splitLine: { customValues: ticks.values },
      name: "latency",
      ...options,
    },
    frame,
    true,
  );
}
