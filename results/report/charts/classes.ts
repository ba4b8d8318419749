/**
 * All classes of a run on one time axis, with when each was active.
 *
 * @module
 */
import { axis, type Chart, curve, type EChartsOptions, grid, type LegendEntry } from "../chart.ts";
import { timeUnit } from "../../../base/figures.ts";
import { CATEGORIES, colour, type ColourName } from "../palette.ts";
import { eventLegend, eventLines } from "../sections/events.ts";
import { darkBands, darkLegend } from "../sections/outages.ts";
import type { ReportPoint } from "../point.ts";

/** The colours of further classes' active times. */
const SHADES: readonly ColourName[] = CATEGORIES.slice(1);

const seconds = (ns: number) => ns / 1e9;

/**
 * The victim's response time, and that of each other class that has one, with the times of the others shaded.
 *
 * @param point the victim
 * @param more the other classes of the same run
 * @returns `null` when it does not report how its times went on
 */
export function effectChart(point: ReportPoint, more: readonly ReportPoint[]): Chart | null {
  const start = point.timelineStartNs;
  const known = timed(point);
  if (start === null || known.length < 2) return null;
  const middleOf = (t: ReportPoint["timeline"][number], from = start) =>
    seconds(from + t.t_ns + t.length_ns / 2);
  const beside = more.filter((each) => each.timelineStartNs !== null && timed(each).length > 1);
  const most = Math.max(
    ...known.map((t) => Math.max(t.mean_ns!, t.p99_ns ?? 0)),
    ...beside.flatMap((each) => timed(each).map((t) => t.mean_ns!)),
  );
  const { scale, unit } = timeUnit(most);
  const others = point.classes.filter((each) => each.name !== point.class && each.active !== null);
  const toneOf = (name: string | null): ColourName =>
    SHADES[
      Math.max(
        0,
        point.classes.filter((each) => each.name !== point.class).findIndex((each) => each.name === name),
      ) % SHADES.length
    ]!;
  const end = seconds(start + point.timeline.at(-1)!.t_ns + point.timeline.at(-1)!.length_ns);
  const last = Math.max(end, ...others.map(({ active }) => seconds(active!.end_ns)));
  const legend: LegendEntry[] = [
    { label: `${point.class}: mean`, colour: "c1", style: "line" },
    { label: `${point.class}: p99 of the slowest tester`, colour: "c1", style: "dotted" },
    ...beside.map((each): LegendEntry => ({
      label: `${each.class}: mean`,
      colour: toneOf(each.class),
      style: "line",
    })),
    ...others.map(({ name }): LegendEntry => ({
      label: `${name} active`,
      colour: toneOf(name),
      style: "bar",
    })),
    ...darkLegend(point),
    ...eventLegend(point),
  ];
  return {
    name: "classes",
    title: `${point.class} while the other classes come and go`,
    caption:
      "Response time of each interval, all testers of the class together; the shaded times are those in which " +
      "another class was active.",
    legend,
    options: (frame) => ({
      grid: grid(frame),
      xAxis: axis(
        { type: "value", min: 0, max: roundUp(last), name: "seconds from the begin of the run" },
        frame,
      ),
      yAxis: axis({ type: "value", min: 0, name: unit }, frame, true),
      series: [
        ...others.map(({ name, active }) => shade(active!, toneOf(name))),
        ...darkBands(point, (ns) => seconds(start + ns)),
        ...eventLines(point, (ns) => seconds(start + ns)),
        curve(
          legend[1]!.label,
          known.map((
            t,
          ): [number, number | null] => [middleOf(t), t.p99_ns === null ? null : t.p99_ns / scale]),
          {
            colour: "c1",
            dash: "dotted",
            width: 1.25,
            marks: false,
          },
        ),
        curve(legend[0]!.label, known.map((t): [number, number] => [middleOf(t), t.mean_ns! / scale]), {
          colour: "c1",
          marks: false,
        }),
        ...beside.map((each) =>
          curve(
            `${each.class}: mean`,
            timed(each).map((t): [number, number] => [
              middleOf(t, each.timelineStartNs!),
              t.mean_ns! / scale,
            ]),
            { colour: toneOf(each.class), width: 1.5, marks: false },
          )
        ),
      ],
    }),
    data: {
      columns: ["from_begin_s", "sent", "ok", "lost", "mean_ns", "worst_p99_ns", "active"],
      rows: point.timeline.map((t) => [
        seconds(start + t.t_ns),
        t.sent,
        t.ok,
        t.lost,
        t.mean_ns,
        t.p99_ns,
        others.filter(({ active }) =>
          start + t.t_ns < active!.end_ns && start + t.t_ns + t.length_ns > active!.start_ns
        ).map(({ name }) => name).join(" "),
      ]),
    },
  };
}

/** The intervals of which a mean time is known. */
function timed(point: ReportPoint): ReportPoint["timeline"] {
  return point.timeline.filter((t) => t.mean_ns !== null);
}

/** A whole number of seconds, so that the axis ends at a label. */
function roundUp(value: number): number {
  return value > 5 ? Math.ceil(value) : Math.ceil(value * 10) / 10;
}

/** A pale band over the whole height. */
function shade(active: { start_ns: number; end_ns: number }, tone: ColourName): EChartsOptions {
  return {
    type: "line",
    data: [],
    silent: true,
    z: 0,
    markArea: {
      silent: true,
      itemStyle: { color: colour(tone), opacity: 0.16 },
      data: [[{ xAxis: seconds(active.start_ns) }, { xAxis: seconds(active.end_ns) }]],
    },
  };
}
