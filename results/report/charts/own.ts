/**
 * The tests' own figures against what was swept.
 *
 * @module
 */
import { axis, type Chart, curve, grid } from "../chart.ts";
import { middle, rateUnit } from "../../../base/figures.ts";
import { groupKey, type ReportModel } from "../model.ts";
import { type OwnFigure, ownFigures } from "../sections/own_figures.ts";
import { CATEGORIES } from "../palette.ts";
import type { ReportPoint } from "../point.ts";
import { spread } from "./marks.ts";

/** What the figures are drawn against. */
interface Swept {
  /** With its unit. */
  label: string;
  at: (point: ReportPoint) => number | null;
  /** Tells one curve from the others; the label of a curve. */
  curveOf: (point: ReportPoint) => string;
}

/** One chart a figure; none where nothing was swept. */
export function ownCharts(model: ReportModel): Chart[] {
  if (model.runs.length < 2) return [];
  const usable = model.points.filter((point) => point.verdict !== "INVALID");
  const swept = sweptOf(model, usable);
  return swept === null ? [] : ownFigures(usable).map((figure) => chartOf(figure, usable, swept));
}

/** The load where it varies, else the argument with the most values that are all numbers. */
function sweptOf(model: ReportModel, points: readonly ReportPoint[]): Swept | null {
  const loads = new Set(points.map((point) => point.offeredBps ?? 0));
  if (loads.size > 1) {
    const { scale, unit } = rateUnit(Math.max(...loads));
    const labels = new Map(model.groups.map(({ key, label }) => [key, label]));
    return {
      label: `offered load, ${unit}`,
      at: (point) => point.offeredBps === null ? null : point.offeredBps / scale,
      curveOf: (point) => labels.get(groupKey(point)) ?? point.test,
    };
  }
  const names = new Set(points.flatMap((point) => [...point.params.keys()]));
  let best: { name: string; unit: string; values: number } | null = null;
  for (const name of names) {
    const texts = points.map((point) => numberWithUnit(point.params.get(name)));
    const units = new Set(texts.map((text) => text?.unit));
    const values = new Set(texts.map((text) => text?.value)).size;
    const [unit] = units;
    if (units.size !== 1 || unit === undefined || values < 2 || values <= (best?.values ?? 0)) continue;
    best = { name, unit, values };
  }
  if (best === null) return null;
  const { name, unit } = best;
  return {
    label: unit === "" ? name : `${name}, ${unit}`,
    at: (point) => numberWithUnit(point.params.get(name))?.value ?? null,
    curveOf: (point) =>
      [...point.params].filter(([other]) => other !== name && !model.shared.has(other))
        .map(([other, value]) => `${other} ${value}`).join(", ") || point.test,
  };
}

function numberWithUnit(text: string | undefined): { value: number; unit: string } | null {
  const match = /^(\d+(?:\.\d+)?)([A-Za-z%]*)$/.exec(text ?? "");
  return match === null ? null : { value: Number(match[1]), unit: match[2]! };
}

function chartOf(figure: OwnFigure, points: readonly ReportPoint[], swept: Swept): Chart {
  const curves = new Map<string, Map<number, number[]>>();
  for (const point of points) {
    const x = swept.at(point);
    const value = figure.pick(point);
    if (x === null || value === null) continue;
    const name = swept.curveOf(point);
    const at = curves.get(name) ?? new Map<number, number[]>();
    curves.set(name, at);
    at.set(x, [...at.get(x) ?? [], value]);
  }
  const drawn = [...curves].slice(0, CATEGORIES.length);
  const rows = [...curves].flatMap(([name, at]) =>
    [...at].toSorted(([a], [b]) => a - b).map(([x, values]) => [
      name,
      x,
      middle(values),
      Math.min(...values),
      Math.max(...values),
    ])
  );
  const shown = figure.name.replaceAll("_", " ");
  return {
    name: `own-${figure.key.replace(/[^A-Za-z0-9-]/g, "-")}`,
    title: `${shown} (${figure.test})`,
    caption:
      "The middle of the repetitions, with a bar from the lowest to the highest; INVALID runs are left out.",
    legend: drawn.map(([label], i) => ({ label, colour: CATEGORIES[i]!, style: "line" })),
    options: (frame) => ({
      grid: grid(frame),
      xAxis: axis({ type: "value", name: swept.label, scale: true }, frame),
      yAxis: axis({ type: "value", min: 0, name: figure.unit }, frame, true),
      series: drawn.flatMap(([label], i) => {
        const own = rows.filter(([name]) => name === label) as [string, number, number, number, number][];
        return [
          curve(label, own.map(([, x, value]) => [x, value]), { colour: CATEGORIES[i]! }),
          spread(own.map(([, x, , low, high]) => [x, low, high]), CATEGORIES[i]!),
        ];
      }),
    }),
    data: { columns: ["curve", swept.label, figure.key, "lowest", "highest"], rows },
  };
}
