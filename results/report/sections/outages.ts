/**
 * How long it was dark: the section of the page, and what charts shade.
 *
 * @module
 */
import { formatCount, formatDate, formatTime } from "../../../base/figures.ts";
import type { EChartsOptions, LegendEntry } from "../chart.ts";
import type { DarkRow, DarkTimes } from "./dark_times.ts";
import { type Fragment, html, type Markup, table } from "../markup.ts";
import type { ReportModel } from "../model.ts";
import { colour } from "../palette.ts";
import type { ReportPoint } from "../point.ts";

/** Bands in a chart. */
const BANDS = 120;

const n = (name: string) => ({ name, numeric: true });

/** The section of the page; `null` where nothing was dark. */
export function outageSection({ points }: ReportModel): Markup | null {
  const dark = points.filter(({ outages }) => outages.all > 0 || outages.runs.length > 0);
  if (dark.length === 0) return null;
  return html`${dark.slice(0, 40).map((point) => pointSection(point, points.length > 1))}`;
}

function pointSection({ outages, class: name, file }: ReportPoint, several: boolean): Markup {
  const { rows, all, runs, sentences, reasons } = outages;
  const head = several && html`<h3>${name ?? file}</h3>`;
  const texts = [...sentences, ...reasons].map((text) => html`<li>${text}</li>`);
  return html`${head}${texts.length > 0 && html`<ul>${texts}</ul>`}${
    rows.length > 0 && table(
      "Outages",
      [
        { name: "Tester" },
        n("Begin"),
        { name: "Date" },
        n("Length"),
        n("Right to"),
        n("Packets"),
        { name: "What is known" },
      ],
      rows.map((row): Fragment[] => [
        row.host,
        `${(row.t_ns / 1e9).toFixed(4)} s`,
        row.at === null ? "–" : html`<span title="${formatDate(row.at)}">${row.at.slice(11, 23)}</span>`,
        formatTime(row.length_ns, 4),
        row.error_ns === null ? "–" : `± ${formatTime(row.error_ns)}`,
        formatCount(row.packets),
        noteOf(row),
      ]),
      { stacked: true },
    )
  }${
    all > rows.length &&
    html`<p class="quiet">${formatCount(all - rows.length)} more are not shown; these are the longest.</p>`
  }${
    runs.length > 0 && html`<details><summary>Lost packets in a row (loss periods, RFC 3357)</summary>${
      table(
        "Loss periods",
        [n("Packets in a row"), n("Runs"), n("Packets")],
        runs.map(({ from, to, runs: count, packets }): Fragment[] => [
          from === to ? formatCount(from) : `${formatCount(from)} to ${formatCount(to)}`,
          formatCount(count),
          formatCount(packets),
        ]),
      )
    }</details>`
  }`;
}

function noteOf({ kind, flow, refused, edges }: DarkRow): string {
  return [
    kind === "stall" ? "stall: nothing came back, though nothing was lost" : "",
    kind === "flow" ? `flow ${flow} alone` : "",
    refused > 0 ? `${formatCount(refused)} of the packets never left the tester` : "",
    edges,
  ].filter((text) => text !== "").join("; ");
}

/** The legend's entry of what {@linkcode darkBands} shades; none where nothing is. */
export function darkLegend({ outages }: ReportPoint): LegendEntry[] {
  return bandsOf(outages).length === 0 ? [] : [{ label: "dark", colour: "bad", style: "bar" }];
}

function bandsOf({ rows }: DarkTimes): DarkRow[] {
  return rows.length <= BANDS ? rows : rows.toSorted((a, b) => b.length_ns - a.length_ns).slice(0, BANDS);
}

/**
 * The times in which it was dark, as a band over the height of a plot.
 *
 * @param point whose
 * @param place from an instant of the measured phase, in ns, to a place on the axis
 * @param axes the plot's axes
 */
export function darkBands(
  { outages }: ReportPoint,
  place: (ns: number) => number,
  axes: { xAxisIndex?: number; yAxisIndex?: number } = {},
): EChartsOptions[] {
  const rows = bandsOf(outages);
  if (rows.length === 0) return [];
  return [{
    name: "dark",
    type: "line",
    data: [],
    silent: true,
    z: 0,
    ...axes,
    itemStyle: { color: colour("bad") },
    markArea: {
      silent: true,
      // A short one is a line.
      itemStyle: { color: colour("bad"), opacity: 0.16, borderColor: colour("bad"), borderWidth: 0.75 },
      data: rows.map((row) => [{ xAxis: place(row.t_ns) }, { xAxis: place(row.t_ns + row.length_ns) }]),
    },
  }];
}
