/**
 * Draws charts as static SVG, in one width for screens and paper and one for telephones.
 *
 * @module
 */
import { BarChart, CustomChart, LineChart, ScatterChart } from "echarts/charts";
import { GridComponent, LegendComponent, MarkAreaComponent, MarkLineComponent } from "echarts/components";
import * as echarts from "echarts/core";
import { SVGRenderer } from "echarts/renderers";
import { colour, type ColourName } from "./palette.ts";

echarts.use([
  BarChart,
  CustomChart,
  GridComponent,
  LegendComponent,
  LineChart,
  MarkAreaComponent,
  MarkLineComponent,
  ScatterChart,
  SVGRenderer,
]);

/** One entry of a chart's legend, drawn by the page. */
export interface LegendEntry {
  label: string;
  colour: ColourName;
  style: "line" | "dashed" | "dotted" | "bar" | "cross" | "dot" | "ring" | "triangle" | "diamond";
}

/** Size of a drawing, and how many labels its axes have room for. */
export interface Frame {
  width: number;
  height: number;
  narrow: boolean;
}

/** The two sizes that a page holds. */
export const FRAMES: { wide: Frame; narrow: Frame } = {
  wide: { width: 960, height: 380, narrow: false },
  narrow: { width: 342, height: 300, narrow: true },
};

/** A chart: what it shows in words, its legend, and the options for a size. */
export interface Chart {
  /** File name without its ending. */
  name: string;
  title: string;
  /** One sentence: what is drawn and how to read it. */
  caption: string;
  legend: LegendEntry[];
  options: (frame: Frame) => EChartsOptions;
  /** Whether the curves' marks stand in the legend inside of a drawing, for who prints without colours. */
  marks?: boolean;
  /** Heights of its own, where the number of rows decides. */
  heights?: { wide: number; narrow: number };
  /** The numbers behind the drawing: a header and rows. */
  data: { columns: string[]; rows: (string | number | null)[][] };
}

/** Options of echarts, as a plain object. */
export type EChartsOptions = Record<string, unknown>;

const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif";

/**
 * Draws a chart.
 *
 * @param chart What to draw.
 * @param frame In which size.
 * @param standalone With the legend inside, for a paper; a page writes it itself.
 * @returns an `<svg>` element.
 */
export function renderChart(chart: Chart, frame: Frame, standalone = false): string {
  const height = standalone ? frame.height + 40 : frame.height;
  const instance = echarts.init(null, null, { renderer: "svg", ssr: true, width: frame.width, height });
  try {
    const options = chart.options(frame);
    instance.setOption({
      animation: false,
      backgroundColor: standalone ? "#ffffff" : "transparent",
      textStyle: { fontFamily: FONT, color: colour("muted") },
      ...options,
      grid: gridOf(options, standalone),
      ...(standalone ? { legend: legendOf(chart) } : {}),
    });
    return clean(instance.renderToSVGString());
  } finally {
    instance.dispose();
  }
}

function gridOf(options: EChartsOptions, standalone: boolean): EChartsOptions | EChartsOptions[] {
  const lower = (grid: EChartsOptions) => ({
    ...grid,
    top: Number(grid["top"] ?? 0) + (standalone ? 40 : 0),
  });
  const grid = options["grid"];
  return Array.isArray(grid) ? grid.map((g) => lower(g as EChartsOptions)) : lower(grid as EChartsOptions);
}

function legendOf(chart: Chart): EChartsOptions {
  return {
    top: 8,
    left: 8,
    itemHeight: chart.marks === true ? 8 : 2,
    itemWidth: 22,
    itemGap: 22,
    textStyle: { color: colour("ink"), fontSize: 12 },
    data: chart.legend.map((entry) => ({ name: entry.label, itemStyle: { color: colour(entry.colour) } })),
  };
}

/** Leaves out what only a live chart needs. */
function clean(svg: string): string {
  return svg
    .replace(/<style\s*>[\s\S]*?<\/style>/g, "")
    .replace(/ class="zr\d+-cls-\d+"/g, "")
    .replace(/ ecmeta_[a-z_]+="[^"]*"/g, "")
    .replace(/ pointer-events="visible"/g, "")
    .replace(/ (d|transform)="[^"]*"/g, (attribute) => attribute.replace(/(\d\.\d\d)\d+/g, "$1"));
}

/** Style shared by all axes. */
export function axis(
  options: EChartsOptions & { name?: string },
  frame: Frame,
  vertical = false,
): EChartsOptions {
  const named = options.name !== undefined;
  return {
    ...options,
    nameLocation: vertical ? "end" : "middle",
    nameGap: vertical ? 14 : 30,
    nameTextStyle: {
      color: colour("muted"),
      fontSize: frame.narrow ? 11 : 12,
      ...(vertical ? { align: "left", padding: [0, 0, 0, frame.narrow ? -44 : -52] } : {}),
    },
    name: named ? options.name : "",
    axisLine: { show: !vertical, lineStyle: { color: colour("axis") } },
    axisTick: {
      show: !vertical,
      lineStyle: { color: colour("axis") },
      ...(options["axisTick"] as object ?? {}),
    },
    axisLabel: {
      color: colour("muted"),
      fontSize: frame.narrow ? 10.5 : 12,
      hideOverlap: true,
      ...(options["axisLabel"] as object ?? {}),
    },
    splitLine: {
      show: vertical,
      lineStyle: { color: colour("grid"), width: 1 },
      ...(options["splitLine"] as object ?? {}),
    },
  };
}

/** Margins around the plot: room for the labels of the axes. */
export function grid(frame: Frame): EChartsOptions {
  return frame.narrow
    ? { left: 52, right: 14, top: 30, bottom: 46, containLabel: false }
    : { left: 62, right: 24, top: 32, bottom: 50, containLabel: false };
}

/** A curve of points. */
export function curve(
  name: string,
  data: (readonly [number, number | null])[],
  style: { colour: ColourName; dash?: LegendEntry["style"]; width?: number; marks?: boolean; step?: boolean },
): EChartsOptions {
  const type = style.dash === "dashed" ? [6, 4] : style.dash === "dotted" ? [2, 3] : "solid";
  return {
    name,
    type: "line",
    data,
    silent: true,
    showSymbol: style.marks !== false && data.length <= 60,
    symbol: style.dash === "dashed" ? "emptyCircle" : "circle",
    symbolSize: 5,
    step: style.step === true ? "middle" : false,
    lineStyle: { color: colour(style.colour), width: style.width ?? 2, type },
    itemStyle: { color: colour(style.colour), borderWidth: 1.5 },
  };
}

/** Ticks of a logarithmic axis drawn on the logarithms: 1, 2, 5 of each decade, or whole decades when there are many. */
export function logTicks(
  low: number,
  high: number,
  room: number,
): { values: number[]; min: number; max: number } {
  const steps = [1, 2, 5];
  const all: number[] = [];
  for (let decade = Math.floor(Math.log10(low)) - 1; decade <= Math.ceil(Math.log10(high)) + 1; decade++) {
    for (const step of steps) all.push(step * 10 ** decade);
  }
  const from = all.findLast((tick) => tick <= low * 1.0001) ?? low;
  const to = all.find((tick) => tick >= high * 0.9999 && tick > from) ?? high;
  let ticks = all.filter((tick) => tick >= from * 0.999 && tick <= to * 1.001);
  if (ticks.length > room) ticks = ticks.filter((tick) => Math.abs(Math.log10(tick) % 1) < 1e-9);
  return { values: ticks.map(Math.log10), min: Math.log10(from), max: Math.log10(to) };
}
