/**
 * Figures of a paper as charts: what is drawn as SVG and, from that, as PDF.
 *
 * @module
 */
import { axis, type Chart, curve, type EChartsOptions, type LegendEntry } from "../chart.ts";
import { spread } from "../charts/marks.ts";
import { CATEGORIES } from "../palette.ts";
import type { PaperFigure } from "./systems.ts";

/** Half the width of a page's text, at the size of the letters there. */
export const PAPER_FRAME = { width: 520, height: 320, narrow: true };
/** Marks that are told apart without colours. */
const SYMBOLS = [
  "circle",
  "rect",
  "triangle",
  "diamond",
  "emptyCircle",
  "emptyRect",
  "emptyTriangle",
  "emptyDiamond",
];
/** What offered load is divided by. */
const LOAD_SCALE = 1e6;

/** Axis of the load, for all formats. */
export const LOAD_AXIS = "requested, Mbit/s";

/**
 * A figure as a chart.
 *
 * @param figure What it shows.
 * @param caption One sentence.
 */
export function paperChart(figure: PaperFigure, caption: string): Chart {
  const curves = figure.curves.slice(0, CATEGORIES.length);
  const legend = curves.map(({ label }, n): LegendEntry => ({
    label,
    colour: CATEGORIES[n]!,
    style: "line",
  }));
  const all = curves.flatMap(({ points }) => points.map(({ x }) => x / LOAD_SCALE));
  const [least, most] = [Math.min(...all), Math.max(...all)];
  const series = curves.flatMap(({ label, points }, n): EChartsOptions[] => [
    spread(
      points.map(({ x, low, high }) => [x / LOAD_SCALE, low / figure.scale, high / figure.scale]),
      CATEGORIES[n]!,
    ),
    {
      ...curve(label, points.map(({ x, value }) => [x / LOAD_SCALE, value / figure.scale]), {
        colour: CATEGORIES[n]!,
      }),
      symbol: SYMBOLS[n]!,
      symbolSize: 7,
    },
  ]);
  if (figure.diagonal) {
    const style = { colour: "axis", dash: "dotted", width: 1.5, marks: false } as const;
    series.unshift(curve("all of it", [[least, least], [most, most]], style));
  }
  return {
    name: figure.name,
    title: figure.title,
    caption,
    legend,
    marks: true,
    options: (frame) => ({
      grid: { left: 62, right: 18, top: 30, bottom: 46 },
      xAxis: axis({ type: "value", min: 0, name: LOAD_AXIS }, frame),
      yAxis: axis({ type: "value", min: 0, name: figure.axis }, frame, true),
      series,
    }),
    data: {
      columns: ["system", "requested_bps", figure.column, "lowest", "highest"],
      rows: figure.curves.flatMap(({ label, points }) =>
        points.map(({ x, value, low, high }) => [label, x, value, low, high])
      ),
    },
  };
}
