/**
 * Rate and loss over time.
 *
 * @module
 */
import { axis, type Chart, curve, type EChartsOptions, type Frame } from "../chart.ts";
import { digits, formatRate } from "../../../base/figures.ts";
import type { Group, ReportModel } from "../model.ts";
import { eventLegend, eventLines } from "../sections/events.ts";
import { darkBands, darkLegend } from "../sections/outages.ts";
import { colour } from "../palette.ts";
import type { ReportPoint } from "../point.ts";

/** Charts of this kind: the highest load of each group. */
const TIMELINE_CHARTS = 4;

/** One chart a group, of the run with the highest load that has intervals. */
export function timelineCharts(model: ReportModel): Chart[] {
  const chosen = model.groups.slice(0, TIMELINE_CHARTS).flatMap((group) => {
    const point = lastWithIntervals(group);
    return point === null ? [] : [{ group, point }];
  });
  return chosen.map(({ group, point }, i) =>
    chartOf(group, point, i, chosen.length > 1, model.runs.length > 1)
  );
}

function lastWithIntervals(group: Group): ReportPoint | null {
  for (const cell of group.cells.toReversed()) {
    const found = cell.points.find((point) => point.timeline.length > 1);
    if (found !== undefined) return found;
  }
  return null;
}

function chartOf(group: Group, point: ReportPoint, index: number, several: boolean, many: boolean): Chart {
  const seconds = (ns: number) => ns / 1e9;
  const time = timeUnit(point);
  const steps = (pick: (t: ReportPoint["timeline"][number]) => number): [number, number][] =>
    point.timeline.map((t) => [t.t_ns / time.scale, pick(t)]);
  const { scale, unit } = rateUnit(point);
  const rate = (n: number, t: ReportPoint["timeline"][number]) => n / seconds(t.length_ns) / scale;
  const arrived = point.timelineUnit === "byte" ? "received" : "answered";
  const lost = point.timeline.map((t) => t.sent === 0 ? 0 : 100 * t.lost / t.sent);
  const mostLost = Math.max(...lost);
  const load = point.offeredBps === null ? "" : ` at ${formatRate(point.offeredBps)}`;
  return {
    name: several ? `over-time-${index + 1}` : "over-time",
    title: several
      ? `Rate and loss over time: ${group.label}${load}`
      : `Rate and loss over time${many ? load : ""}`,
    caption: many
      ? "The run with the highest load, all testers together, over its measured phase."
      : "All testers together, over the measured phase.",
    legend: [
      { label: "sent", colour: "c1", style: "dashed" },
      { label: arrived, colour: "c3", style: "line" },
      { label: "lost", colour: "bad", style: "bar" },
      ...darkLegend(point),
      ...eventLegend(point),
    ],
    options: (frame) => ({
      grid: twoGrids(frame),
      xAxis: [
        {
          ...axis({ type: "value", min: 0, max: "dataMax", axisLabel: { show: false } }, frame),
          gridIndex: 0,
        },
        {
          ...axis({
            type: "value",
            min: 0,
            max: "dataMax",
            name: `${time.name} of the measured phase`,
            axisLabel: timeLabel,
          }, frame),
          gridIndex: 1,
        },
      ],
      yAxis: [
        { ...axis({ type: "value", min: 0, name: unit }, frame, true), gridIndex: 0 },
        {
          ...axis(
            { type: "value", min: 0, max: mostLost > 0 ? null : 1, splitNumber: 2, name: "% lost" },
            frame,
            true,
          ),
          gridIndex: 1,
        },
      ],
      series: [
        ...darkBands(point, (ns) => ns / time.scale, { xAxisIndex: 0, yAxisIndex: 0 }),
        ...eventLines(point, (ns) => ns / time.scale, { xAxisIndex: 0, yAxisIndex: 0 }),
        {
          ...curve(arrived, steps((t) => rate(t.ok, t)), { colour: "c3", marks: false }),
          xAxisIndex: 0,
          yAxisIndex: 0,
        },
        {
          ...curve("sent", steps((t) => rate(t.sent, t)), {
            colour: "c1",
            dash: "dashed",
            width: 1.5,
            marks: false,
          }),
          xAxisIndex: 0,
          yAxisIndex: 0,
        },
        lossSeries(point, lost, time.scale),
      ],
    }),
    data: {
      columns: ["t_s", "sent", "ok", "lost", "worst_p50_ns", "worst_p99_ns"],
      rows: point.timeline.map((t) => [seconds(t.t_ns), t.sent, t.ok, t.lost, t.p50_ns, t.p99_ns]),
    },
  };
}

/** Labels of times; the last stands at no round number. */
const timeLabel = { showMaxLabel: false, formatter: (value: number) => digits(value, 3) };

/** What the highest rate is given in: packets, or bits of a bulk transfer. */
function rateUnit({ timeline, timelineUnit }: ReportPoint): { scale: number; unit: string } {
  const most = Math.max(1, ...timeline.map((t) => t.sent * 1e9 / t.length_ns));
  if (timelineUnit === "byte") {
    return most * 8 >= 1e9 ? { scale: 1e9 / 8, unit: "Gbit/s" } : { scale: 1e6 / 8, unit: "Mbit/s" };
  }
  if (most >= 1e6) return { scale: 1e6, unit: "million packets/s" };
  return most >= 1e3 ? { scale: 1e3, unit: "thousand packets/s" } : { scale: 1, unit: "packets/s" };
}

/** Seconds, or what suits a very short or long phase. */
function timeUnit(point: ReportPoint): { scale: number; name: string } {
  const span = point.timeline.at(-1)?.t_ns ?? 0;
  if (span < 2e9) return { scale: 1e6, name: "milliseconds" };
  return span < 600e9 ? { scale: 1e9, name: "seconds" } : { scale: 60e9, name: "minutes" };
}

function lossSeries(point: ReportPoint, lost: number[], scale: number): EChartsOptions {
  return {
    name: "lost",
    type: "line",
    step: "end",
    silent: true,
    showSymbol: false,
    xAxisIndex: 1,
    yAxisIndex: 1,
    data: point.timeline.map((t, i) => [t.t_ns / scale, lost[i]]),
    lineStyle: { color: colour("bad"), width: 1.5 },
    areaStyle: { color: colour("bad"), opacity: 0.25 },
    itemStyle: { color: colour("bad") },
  };
}

function twoGrids(frame: Frame): EChartsOptions[] {
  const sides = frame.narrow ? { left: 52, right: 14 } : { left: 62, right: 24 };
  const split = Math.round(frame.height * 0.62);
  return [
    { ...sides, top: 32, height: split - 56 },
    { ...sides, top: split + 16, height: frame.height - split - 66 },
  ];
}
