/**
 * All charts of a report, by section.
 *
 * @module
 */
import type { Chart } from "../chart.ts";
import type { ReportModel } from "../model.ts";
import { cpuCharts } from "./cpu.ts";
import { distributionCharts } from "./distribution.ts";
import { loadLatencyCharts } from "./load_latency.ts";
import { ownCharts } from "./own.ts";
import { percentileCharts } from "./percentiles.ts";
import { lossChart, throughputChart } from "./throughput.ts";
import { timelineCharts } from "./timeline.ts";

/** A heading and its charts. */
export interface ChartSection {
  id: string;
  title: string;
  /** Its name in the navigation. */
  short: string;
  charts: Chart[];
}

/** The sections that have something to show. */
export function chartSections(model: ReportModel): ChartSection[] {
  const present = (chart: Chart | null) => chart === null ? [] : [chart];
  return [
    {
      id: "throughput",
      title: "Throughput",
      short: "Throughput",
      charts: [...present(throughputChart(model)), ...present(lossChart(model))],
    },
    { id: "load", title: "Latency against load", short: "Load", charts: loadLatencyCharts(model) },
    { id: "percentiles", title: "Percentiles", short: "Percentiles", charts: percentileCharts(model) },
    { id: "histogram", title: "Histogram", short: "Histogram", charts: distributionCharts(model) },
    { id: "time", title: "Over time", short: "Time", charts: timelineCharts(model) },
    { id: "cpu", title: "CPU", short: "CPU", charts: cpuCharts(model) },
    { id: "own", title: "Figures of the tests", short: "Tests' own", charts: ownCharts(model) },
  ].filter((section) => section.charts.length > 0);
}
