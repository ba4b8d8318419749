/**
 * Histogram of response times.
 *
 * @module
 */
import type { Histogram } from "../../document/histogram.ts";
import { axis, type Chart, type EChartsOptions, grid, logTicks } from "../chart.ts";
import { formatTime } from "../../../base/figures.ts";
import type { ReportModel } from "../model.ts";
import { colour } from "../palette.ts";
import { type Chosen, selection } from "./selection.ts";

/** Bins of a chart from its smallest to its largest time. */
const BINS = 72;

/** One chart a group. */
export function distributionCharts(model: ReportModel): Chart[] {
  const groups = selection(model);
  return groups.flatMap(({ group, chosen }, i) => {
    const chart = chartOf(group.label, chosen, i, groups.length > 1);
    return chart === null ? [] : [chart];
  });
}

/**
 * Share of all values in each of `count` bins of equal width on the logarithm.
 *
 * @returns percent for each bin; values outside are left out.
 */
function logBins(histogram: Histogram, low: number, high: number, count: number): number[] {
  const bins = new Array<number>(count).fill(0);
  const width = (Math.log10(high) - Math.log10(low)) / count;
  for (const { from, to, count: values } of histogram.buckets()) {
    const at = Math.floor((Math.log10(Math.max(1, (from + to) / 2)) - Math.log10(low)) / width);
    if (at >= 0 && at < count) bins[at]! += (100 * values) / histogram.total;
  }
  return bins;
}

function chartOf(label: string, chosen: Chosen[], index: number, several: boolean): Chart | null {
  const known = chosen.flatMap((one) => {
    const histogram = one.response ?? one.service;
    return histogram === null || histogram.total === 0 ? [] : [{ ...one, histogram }];
  });
  if (known.length === 0) return null;
  const low = Math.max(1, Math.min(...known.map((one) => one.histogram.min))) * 0.97;
  const high = Math.max(...known.map((one) => one.histogram.valueAtPercentile(99.95))) * 1.06;
  const width = Math.log10(high / low) / BINS;
  const edges = Array.from({ length: BINS + 1 }, (_, i) => Math.log10(low) + i * width);
  const rows: (string | number)[][] = [];
  const series = known.map((one): EChartsOptions => {
    const bins = logBins(one.histogram, low, high, BINS);
    for (const [i, share] of bins.entries()) {
      if (share > 0) rows.push([one.label, 10 ** edges[i]!, 10 ** edges[i + 1]!, share]);
    }
    return {
      name: one.label,
      type: "line",
      step: "end",
      silent: true,
      showSymbol: false,
      data: [...bins.map((share, i) => [edges[i], share]), [edges[BINS], bins[BINS - 1]]],
      lineStyle: { color: colour(one.colour), width: 1.75 },
      areaStyle: { color: colour(one.colour), opacity: known.length === 1 ? 0.35 : 0.1 },
      itemStyle: { color: colour(one.colour) },
    };
  });
  const kind = known.every((one) => one.response !== null) ? "response" : "service";
  return {
    name: several ? `histogram-${index + 1}` : "histogram",
    title: several ? `Histogram of ${kind} times: ${label}` : `Histogram of ${kind} times`,
    caption: "Share of the packets in each of " +
      `${BINS} bins of equal width on the logarithmic scale. The slowest 0.05 % lie beyond the right edge.`,
    legend: known.map((one) => ({ label: one.label, colour: one.colour, style: "bar" })),
    options: (frame) => {
      const ticks = logTicks(low, high, frame.narrow ? 6 : 14);
      const inside = ticks.values.filter((tick) => tick >= Math.log10(low) && tick <= Math.log10(high));
      return {
        grid: grid(frame),
        xAxis: axis({
          type: "value",
          min: Math.log10(low),
          max: Math.log10(high),
          name: `${kind} time`,
          axisLabel: { customValues: inside, formatter: (value: number) => formatTime(10 ** value) },
          axisTick: { customValues: inside },
        }, frame),
        yAxis: axis({ type: "value", min: 0, name: "% of packets" }, frame, true),
        series,
      };
    },
    data: { columns: ["point", "from_ns", "to_ns", "percent"], rows },
  };
}
