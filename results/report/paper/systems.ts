/**
 * Several systems under test over the load that was offered to them: the curves of a paper's figures.
 *
 * @module
 */
import { cpuUse } from "../../document/cpu_use.ts";
import { cellFigure, ReportBuilder, type ReportModel } from "../model.ts";
import type { ReportPoint } from "../point.ts";
import type { ResultDocument } from "../../document/document.ts";

/** Results of one system, and what the legend calls it. */
export interface SystemResults {
  label: string;
  documents: readonly { file: string; document: ResultDocument }[];
}

/** What is known of a system. */
export interface System {
  label: string;
  model: ReportModel;
}

/** A point of a curve: offered load, bit/s, then the middle of its repetitions with the lowest and highest. */
export interface PaperPoint {
  x: number;
  value: number;
  low: number;
  high: number;
}

/** One curve. */
export interface PaperCurve {
  label: string;
  points: PaperPoint[];
}

/** One figure of a paper, before it is drawn. */
export interface PaperFigure {
  name: string;
  /** Of the values in the CSV file, with their unit: that of the documents. */
  column: string;
  title: string;
  /** Of the vertical axis, with its unit. */
  axis: string;
  /** What a value is divided by for that unit. */
  scale: number;
  /** Whether what was offered is drawn, too. */
  diagonal: boolean;
  curves: PaperCurve[];
}

/** Gathers the documents of each system. */
export function systemsOf(all: readonly SystemResults[]): System[] {
  return all.map(({ label, documents }) => {
    const builder = new ReportBuilder();
    for (const { document, file } of documents) builder.add(document, file);
    return { label, model: builder.build(label) };
  });
}

/** Use summed over the cores of the first target, %: two and a half busy cores are 250. */
function cpuSum(point: ReportPoint): number | null {
  const own = point.metrics.find(({ name, unit }) => name === "cpu_sum" && unit === "%");
  if (own !== undefined) return own.value;
  const [use] = cpuUse(point.targets);
  return use === undefined || use.each.length === 0
    ? null
    : use.each.reduce((sum, { value }) => sum + value, 0);
}

/** What the figures of the sDDF project show, in their order. */
const FIGURES:
  readonly (Omit<PaperFigure, "curves"> & { pick: (point: ReportPoint) => number | null | undefined })[] = [
    {
      name: "throughput",
      column: "received_bps",
      title: "Achieved over requested throughput",
      axis: "received, Mbit/s",
      scale: 1e6,
      diagonal: true,
      pick: (point) => point.receivedBps,
    },
    {
      name: "cpu",
      column: "cpu_percent",
      title: "CPU use summed over cores",
      axis: "CPU, % of one core",
      scale: 1,
      diagonal: false,
      pick: cpuSum,
    },
    {
      name: "cycles",
      column: "cycles_per_packet",
      title: "Cycles a packet",
      axis: "thousand cycles a packet",
      scale: 1e3,
      diagonal: false,
      pick: (point) => point.metrics.find(({ name }) => name === "cycles_per_packet")?.value,
    },
    {
      name: "rtt-mean",
      column: "rtt_mean_ns",
      title: "Mean round trip",
      axis: "mean round trip, µs",
      scale: 1e3,
      diagonal: false,
      pick: (point) => point.response?.mean_ns,
    },
    {
      name: "rtt-p99",
      column: "rtt_p99_ns",
      title: "99th percentile of the round trip",
      axis: "p99 of the round trip, µs",
      scale: 1e3,
      diagonal: false,
      pick: (point) => point.response?.p99_ns,
    },
  ];

/**
 * The figures that the systems' results can fill.
 *
 * @param systems At least one.
 */
export function paperFigures(systems: readonly System[]): PaperFigure[] {
  return FIGURES.flatMap(({ pick, ...figure }): PaperFigure[] => {
    const curves = systems.flatMap(({ label, model }) =>
      model.groups.map((group): PaperCurve => ({
        label: model.groups.length === 1 ? label : `${label}, ${group.label}`,
        points: group.cells.flatMap((cell) => {
          const found = cellFigure(cell, pick);
          return found === null ? [] : [{ x: cell.load, ...found }];
        }),
      }))
    ).filter(({ points }) => points.length > 0);
    return curves.length === 0 ? [] : [{ ...figure, curves }];
  });
}
