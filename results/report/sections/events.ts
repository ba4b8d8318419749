/**
 * What was done on purpose while a run went on, and links that were down: a line in the charts over time, and a table.
 *
 * @module
 */
import { formatDate, formatTime } from "../../../base/figures.ts";
import type { EChartsOptions, LegendEntry } from "../chart.ts";
import { type Fragment, html, type Markup, table } from "../markup.ts";
import type { ReportModel } from "../model.ts";
import { colour } from "../palette.ts";
import type { ReportPoint } from "../point.ts";

/** Documents whose events are listed. */
const DOCUMENTS = 40;

const n = (name: string) => ({ name, numeric: true });

/** The section of the page; `null` where nothing was done. */
export function eventSection({ runs }: ReportModel): Markup | null {
  const eventful = runs.filter(({ events }) => events.length > 0);
  if (eventful.length === 0) return null;
  return html`${
    eventful.slice(0, DOCUMENTS).map(({ events, file }) =>
      html`${runs.length > 1 && html`<h3>${file}</h3>`}${
        table(
          "Events",
          [n("Begin"), n("For"), { name: "What" }, { name: "Result" }, { name: "Date" }],
          events.map((event): Fragment[] => [
            `${(event.t_ns / 1e9).toFixed(4)} s`,
            formatTime(event.length_ns, 4),
            event.kind === "command" ? html`<code>${event.text}</code>` : event.text,
            event.problem !== "" ? event.problem : event.kind === "command" ? "done" : "came up",
            html`<span title="${formatDate(event.at)}">${event.at.slice(11, 23)}</span>`,
          ]),
          { stacked: true },
        )
      }`
    )
  }`;
}

/** The legend's entry of {@linkcode eventLines}; none where there are none. */
export function eventLegend({ events }: ReportPoint): LegendEntry[] {
  return events.length === 0 ? [] : [{ label: "event", colour: "ink", style: "dashed" }];
}

/**
 * An upright line where each event began.
 *
 * @param point whose
 * @param place from an instant of the measured phase, in ns, to a place on the axis
 * @param axes the plot's axes
 */
export function eventLines(
  { events }: ReportPoint,
  place: (ns: number) => number,
  axes: { xAxisIndex?: number; yAxisIndex?: number } = {},
): EChartsOptions[] {
  if (events.length === 0) return [];
  return [{
    name: "event",
    type: "line",
    data: [],
    silent: true,
    ...axes,
    lineStyle: { color: colour("ink"), type: [6, 4] },
    itemStyle: { color: colour("ink") },
    markLine: {
      silent: true,
      symbol: "none",
      precision: 12,
      label: { show: false },
      lineStyle: { color: colour("ink"), width: 1.25, type: [6, 4] },
      data: events.map(({ t_ns }) => ({ xAxis: place(t_ns) })),
    },
  }];
}
