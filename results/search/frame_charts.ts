/**
 * Charts of RFC 2544's benchmarks over the frame size, and of the loss over the share of the line's rate, as the RFC asks
 * for them (26.1 to 26.4).
 *
 * @module
 */
import { logAxis } from "../report/charts/load_latency.ts";
import { spread } from "../report/charts/marks.ts";
import type { Chart, EChartsOptions, Frame, LegendEntry } from "../report/chart.ts";
import { axis, curve, grid, logTicks } from "../report/chart.ts";
import { CATEGORIES, colour, type ColourName } from "../report/palette.ts";
import type { ShownFrame, ShownRfc2544 } from "./shown.ts";

/** What a chart over the frame size draws of one size. */
type Pick = (record: ShownFrame) => number | null;

/** A curve over the frame size. */
interface FrameCurve {
  label: string;
  column: string;
  colour: ColourName;
  style: "line" | "dashed" | "dotted";
  pick: Pick;
}

/** All charts that there is something for. */
export function frameCharts(document: ShownRfc2544): Chart[] {
  const { frames } = document;
  const way = document.one_way === true ? "one way" : "round trip";
  return [
    overFrames(frames, {
      name: "frames-throughput",
      title: "Throughput",
      caption: "The highest rate that lost nothing (26.1), and what the line can carry.",
      unit: "frames/s",
      curves: [
        {
          label: "line",
          column: "line_fps",
          colour: "axis",
          style: "dotted",
          pick: (f) => f.full_frames_per_second,
        },
        {
          label: "throughput",
          column: "throughput_fps",
          colour: "c1",
          style: "line",
          pick: (f) => f.throughput?.frames_per_second ?? null,
        },
      ],
    }),
    overFrames(frames, {
      name: "frames-latency",
      title: "Latency at the throughput",
      caption: `${way === "one way" ? "One way" : "Round trips"} at the rate of the throughput (26.2), ` +
        "all trials of a size together.",
      unit: null,
      curves: [
        { label: "mean", column: "mean_ns", colour: "c1", style: "line", pick: timeOf("mean_ns") },
        { label: "p99", column: "p99_ns", colour: "c4", style: "line", pick: timeOf("p99_ns") },
        { label: "slowest", column: "max_ns", colour: "muted", style: "dashed", pick: timeOf("max_ns") },
      ],
    }),
    lossCurves(frames),
    overFrames(frames, {
      name: "frames-burst",
      title: "Back-to-back frames",
      caption:
        "The longest burst at the line's full rate that lost nothing (RFC 9004): mean of the repetitions, " +
        "with a pale bar from the shortest to the longest.",
      unit: "frames",
      curves: [{
        label: "longest burst",
        column: "frames",
        colour: "c3",
        style: "line",
        pick: (f) => f.back_to_back?.average ?? null,
      }],
      range: (f) => f.back_to_back === null ? null : [f.back_to_back.min, f.back_to_back.max],
    }),
  ].filter((chart) => chart !== null);
}

function timeOf(key: "mean_ns" | "p99_ns" | "max_ns"): Pick {
  return ({ latency }) => latency?.response?.[key] ?? null;
}

/** Curves over the frame size; `null` where the last of them, what was measured, has no point. */
function overFrames(frames: readonly ShownFrame[], chart: {
  name: string;
  title: string;
  caption: string;
  /** Of the values; `null`: times, on a logarithm. */
  unit: string | null;
  curves: FrameCurve[];
  /** A pale bar of the last curve. */
  range?: (record: ShownFrame) => [number, number] | null;
}): Chart | null {
  const { name, title, caption, unit, curves, range } = chart;
  const last = curves.at(-1)!;
  if (frames.every((record) => last.pick(record) === null)) return null;
  const height = (value: number) => unit === null ? Math.log10(Math.max(1, value)) : value;
  const values = frames.flatMap((record) => curves.flatMap(({ pick }) => pick(record) ?? []));
  const series = curves.map(({ label, colour: tone, style, pick }) =>
    curve(
      label,
      frames.flatMap((record): [number, number][] => {
        const value = pick(record);
        return value === null ? [] : [[record.frame, height(value)]];
      }),
      { colour: tone, dash: style, marks: style !== "dotted" },
    )
  );
  const bars = frames.flatMap((record): [number, number, number][] => {
    const bounds = range?.(record) ?? null;
    return bounds === null ? [] : [[record.frame, ...bounds]];
  });
  return {
    name,
    title,
    caption,
    legend: curves.map(({ label, colour: tone, style }): LegendEntry => ({ label, colour: tone, style })),
    options: (frame) => ({
      grid: grid(frame),
      xAxis: axis({ type: "value", min: 0, name: "frame size, bytes with FCS" }, frame),
      yAxis: unit === null
        ? logAxis(
          logTicks(Math.max(1, Math.min(...values)), Math.max(2, ...values), frame.narrow ? 9 : 12),
          frame,
        )
        : axis({ type: "value", min: 0, name: unit, axisLabel: { formatter: short } }, frame, true),
      series: [...series, spread(bars, last.colour)],
    }),
    data: {
      columns: ["frame", ...curves.map(({ column }) => column)],
      rows: frames.map((record) => [record.frame, ...curves.map(({ pick }) => pick(record))]),
    },
  };
}

/** 1500000 as "1.5M". */
function short(value: number): string {
  if (value >= 1e6) return `${Number((value / 1e6).toPrecision(3))}M`;
  return value >= 1e3 ? `${Number((value / 1e3).toPrecision(3))}k` : String(Number(value.toPrecision(3)));
}

/** Loss over the share of the line's rate, a curve a frame size; `null` without any. */
function lossCurves(frames: readonly ShownFrame[]): Chart | null {
  const measured = frames.filter(({ loss }) =>
    loss !== null && loss.some((point) => point.loss_ratio !== null)
  );
  if (measured.length === 0) return null;
  const shown = measured.slice(0, CATEGORIES.length);
  const series = shown.map(({ frame, loss }, i): EChartsOptions =>
    curve(
      `${frame} bytes`,
      loss!.flatMap((point): [number, number][] =>
        point.loss_ratio === null ? [] : [[point.percent, 100 * point.loss_ratio]]
      ),
      { colour: CATEGORIES[i]! },
    )
  );
  return {
    name: "frames-loss",
    title: "Frame loss rate",
    caption: "From the line's full rate down in steps of a tenth, until two trials lose nothing (26.3).",
    legend: shown.map(({ frame }, i): LegendEntry => ({
      label: `${frame} bytes`,
      colour: CATEGORIES[i]!,
      style: "line",
    })),
    options: (frame: Frame) => ({
      grid: grid(frame),
      xAxis: axis({ type: "value", min: 0, max: 100, name: "% of the line's frame rate" }, frame),
      yAxis: axis(
        { type: "value", min: 0, name: "% of frames lost", axisLabel: { color: colour("muted") } },
        frame,
        true,
      ),
      series,
    }),
    data: {
      columns: ["frame", "percent_of_line", "load", "loss_percent"],
      rows: measured.flatMap(({ frame, loss }) =>
        loss!.map((point) => [
          frame,
          point.percent,
          point.load,
          point.loss_ratio === null ? null : 100 * point.loss_ratio,
        ])
      ),
    },
  };
}
