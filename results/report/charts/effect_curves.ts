/**
 * What a class does to the first one, against an argument that the runs vary: such as a sweep over `bulk.bps`.
 *
 * @module
 */
import { rateUnit, timeUnit } from "../../../base/figures.ts";
import { parseQuantity, parseValue } from "../../../base/units.ts";
import type { ClassEffect } from "../../document/document.ts";
import { axis, type Chart, curve, type EChartsOptions, grid, type LegendEntry } from "../chart.ts";
import type { ReportModel } from "../model.ts";
import { CATEGORIES, type ColourName } from "../palette.ts";
import type { ReportPoint } from "../point.ts";
import { spread } from "./marks.ts";

/** Curves in one chart. */
const CURVES = 6;
const CHARTS = 6;
/** An interval's end is drawn up to so many times the largest change. */
const LONGEST = 2;

type Change = NonNullable<ClassEffect["added_ns"]>;

/** One run's change at one value of the argument. */
interface Found {
  x: number;
  change: Change;
  file: string;
  without: number | null;
  with: number | null;
}

/**
 * A chart for each class whose own argument varies: the change of the first class's mean response time, or of what it
 * received where it has no times, with the intervals of the runs.
 *
 * @param model a report of several runs
 */
export function effectCurves(model: ReportModel): Chart[] {
  const names = [...new Set(model.points.flatMap((point) => point.effects.map(({ of }) => of)))];
  return names.flatMap((of) => chartOf(model, of) ?? []).slice(0, CHARTS);
}

/** The class's argument that takes the most values, all of them numbers. */
function sweptArgument(points: readonly ReportPoint[], of: string): string | null {
  const counted = [...new Set(points.flatMap((point) => [...point.params.keys()]))]
    .filter((name) => name.startsWith(`${of}.`))
    .map((name) => {
      const values = points.map((point) => numberOf(point.params.get(name)));
      return { name, count: values.includes(null) ? 0 : new Set(values).size };
    });
  const [most] = counted.toSorted((a, b) => b.count - a.count);
  return most === undefined || most.count < 2 ? null : most.name;
}

function numberOf(text: string | undefined): number | null {
  return text === undefined ? null : parseQuantity(text)?.value ?? parseValue("rate", "bit/s", text);
}

function chartOf(model: ReportModel, of: string): Chart | null {
  const points = model.points.filter((point) =>
    point.verdict !== "INVALID" && point.effects.some((effect) => effect.of === of && effect.during !== null)
  );
  const argument = sweptArgument(points, of);
  if (argument === null) return null;
  const effectOf = (point: ReportPoint) => point.effects.find((effect) => effect.of === of)!;
  const hasTimes = points.some((point) => effectOf(point).added_ns !== null);
  const groups = Map.groupBy(points, (point) => labelOf(model, point, argument));
  const curves = [...groups].slice(0, CURVES).map(([label, own]) => ({
    label,
    found: own.flatMap((point) => foundOf(point, effectOf(point), argument, hasTimes))
      .toSorted((a, b) => a.x - b.x),
  })).filter(({ found }) => new Set(found.map(({ x }) => x)).size > 1);
  if (curves.length === 0) return null;
  return draw(argument, of, points[0]!.class ?? "", curves, hasTimes);
}

/** The other arguments in which the runs differ. */
function labelOf(model: ReportModel, point: ReportPoint, argument: string): string {
  return [...point.params].filter(([name]) => name !== argument && !model.shared.has(name))
    .map(([name, value]) => `${name} ${value}`).join(", ");
}

function foundOf(point: ReportPoint, effect: ClassEffect, argument: string, hasTimes: boolean): Found[] {
  const change = hasTimes ? effect.added_ns : effect.received_bps;
  if (change === null) return [];
  const pick = (phase: ClassEffect["before"]) => (hasTimes ? phase?.mean_ns : phase?.received_bps) ?? null;
  return [{
    x: numberOf(point.params.get(argument))!,
    change,
    file: point.file,
    without: pick(effect.before ?? effect.after),
    with: pick(effect.during),
  }];
}

function draw(
  argument: string,
  of: string,
  victim: string,
  curves: readonly { label: string; found: Found[] }[],
  hasTimes: boolean,
): Chart {
  const all = curves.flatMap(({ found }) => found);
  const isRate = /\.(bps|rate|mbps)$/i.test(argument);
  const most = (values: number[]) => Math.max(...values.map(Math.abs));
  const x = isRate ? rateUnit(most(all.map((each) => each.x))) : { scale: 1, unit: "" };
  const estimates = most(all.map(({ change }) => change.estimate));
  // An interval that is much longer than what is estimated would make a line of everything else: it runs out of the frame.
  const bounds = Math.min(
    most(all.flatMap(({ change }) => [change.low, change.high])),
    estimates > 0 ? LONGEST * estimates : Infinity,
  );
  const cut = (value: number) => Math.max(-bounds, Math.min(bounds, value));
  const y = hasTimes ? timeUnit(bounds) : rateUnit(bounds);
  const what = hasTimes ? "mean response time" : "received rate";
  const toneOf = (n: number): ColourName => CATEGORIES[n % CATEGORIES.length]!;
  const legend = curves.map(({ label }, n): LegendEntry => ({
    label: label === "" ? `change of ${victim}'s ${what}` : label,
    colour: toneOf(n),
    style: "line",
  }));
  const series = curves.flatMap(({ found }, n): EChartsOptions[] => [
    spread(
      found.map(({ x: at, change }) => [at / x.scale, cut(change.low) / y.scale, cut(change.high) / y.scale]),
      toneOf(n),
    ),
    curve(
      legend[n]!.label,
      [...Map.groupBy(found, (each) => each.x)].map(([at, own]): [number, number] => [
        at / x.scale,
        own.reduce((sum, { change }) => sum + change.estimate, 0) / own.length / y.scale,
      ]),
      { colour: toneOf(n) },
    ),
  ]);
  const unit = hasTimes ? "ns" : "bps";
  return {
    name: `effect-of-${of}`,
    title: `What ${of} does to ${victim}, against ${argument}`,
    caption:
      `The change of ${victim}'s ${what} while ${of} is active, from what it was without, of ${all.length} runs. The pale bars are the intervals of 95 % of single runs, cut at ${LONGEST} times the largest change; the line is the mean of repetitions.`,
    legend,
    options: (frame) => ({
      grid: grid(frame),
      xAxis: axis({ type: "value", name: `${argument}${x.unit === "" ? "" : `, ${x.unit}`}` }, frame),
      yAxis: axis({ type: "value", name: y.unit }, frame, true),
      series,
    }),
    data: {
      columns: [argument, "curve", "file", "estimate", "low", "high", "without", "with"].map((name, n) =>
        n < 3 ? name : `${name}_${unit}`
      ),
      rows: curves.flatMap(({ label, found }) =>
        found.map(({ x: at, change, file, without, with: during }) => [
          at,
          label,
          file,
          change.estimate,
          change.low,
          change.high,
          without,
          during,
        ])
      ),
    },
  };
}
