/**
 * Series of the history: a list, and one of them as a curve over its runs.
 *
 * @module
 */

import { formatCount, formatDate } from "../../base/figures.ts";
import {
  argsText,
  commitText,
  figureText,
  loadText,
  machinesText,
  type SeriesEntry,
  testText,
} from "../../history/mod.ts";
import { figure } from "../../results/report/figure.ts";
import { type Fragment, html, table } from "../../results/report/markup.ts";
import { page } from "../../results/report/page.ts";
import type { ShownSeries } from "../history_results.ts";
import { heading } from "./heading.ts";
import { choice, labelLinks, pages, ROWS } from "./lists.ts";
import { changesList, changesOf, historyChart } from "./series_chart.ts";
import { STYLE } from "./style.ts";

/** Figure that a series shows unless another one is asked for. */
const USUAL = "p99";

/**
 * What of a series a query asks for.
 *
 * @param query `metric`: the figure; `page`.
 */
export function wantedOfSeries(query: URLSearchParams) {
  return {
    metric: query.get("metric") ?? USUAL,
    part: (count: number) => ({ offset: pages("", query, count).from, limit: ROWS }),
  };
}

/**
 * All series.
 *
 * @param all Those of the history.
 * @param query `q`: words that a series' row holds; `page`.
 */
export function seriesListPage(all: readonly SeriesEntry[], query: URLSearchParams): string {
  const words = (query.get("q") ?? "").toLowerCase().split(/\s+/);
  const rows = all.map((series) => ({
    series,
    texts: [
      testText(series),
      argsText(series.args),
      loadText(series),
      machinesText(series.testers),
      machinesText(series.targets),
    ],
  })).filter(({ texts }) => words.every((word) => texts.join(" ").toLowerCase().includes(word)));
  const { from, links } = pages("/series", query, rows.length);
  return page(
    "Series",
    html`
      ${heading(
        "Series",
        html`<p class="sub">One test with its arguments at one load between the same machines.</p>`,
      )}
      <main id="main">
        <section aria-label="Series">
        <form class="search" action="/series" role="search"><label>Words <input name="q" value="${query.get(
          "q",
        ) ?? ""}"></label> <button>Filter</button></form>
        <p class="quiet">${formatCount(rows.length)} of ${formatCount(all.length)}.</p>${table(
          "Series",
          [
            { name: "Test" },
            { name: "Arguments" },
            { name: "Load" },
            { name: "Testers" },
            { name: "Target" },
            {
              name: "Runs",
              numeric: true,
            },
            { name: "Last" },
          ],
          rows.slice(from, from + ROWS).map(({ series, texts: [test, ...others] }): Fragment[] => [
            html`<a href="/series/${series.id}">${test}</a>`,
            ...others,
            series.runs,
            formatDate(series.last),
          ]),
          { stacked: true },
        )}${links}</section>
      </main>
    `,
    { style: STYLE },
  );
}

/**
 * One series.
 *
 * @param shown The series with its runs.
 * @param query As for {@linkcode wantedOfSeries}.
 */
export function seriesPage(shown: ShownSeries, query: URLSearchParams): string {
  const { series, family, metrics, metric, drawn, observed, listed } = shown;
  const { links } = pages(`/series/${series.id}`, query, series.runs);
  const changes = metric === null ? null : changesOf(observed, series.runs, metric);
  // What a search, a mesh or a quick look found is compared by its figures alone.
  const comparable = series.kind === "run";
  const machineText = (word: string, of: SeriesEntry["testers"]) =>
    of.map((machine) => html`<p class="sub">${word} ${machineFacts(machine)}</p>`);
  const title = [testText(series), loadText(series)].filter((text) => text !== "").join(", ");
  return page(
    title,
    html`
      ${heading(
        title,
        [
          html`<p class="sub">${argsText(series.args)}</p>`,
          machineText("tester", series.testers),
          machineText("target", series.targets),
        ],
        html`
          · <a href="/series">series</a>
        `,
      )}
      <main id="main">
        ${metric === null ? html`<p>These runs have no figures.</p>` : html`
          <section
            aria-label="Figure"><form class="search" action="/series/${series
              .id}"><label>Figure <select name="metric">${metrics.map(({ name, label }) =>
                html`
                  <option value="${name}" ${name === metric.name && html`
                    selected
                  `}>${label}</option>
                `
              )}</select></label> <button>Show</button></form>
                  ${figure(historyChart(drawn, series.runs, metric, changes?.steps ?? []))}${changesList(
                    changes,
                    metric,
                  )}</section>
        `}
        ${family.length > 1 && html`
          <section aria-labelledby="h-family">
            <h2 id="h-family">The same at other loads</h2>
            <ul>${family.filter(({ id }) => id !== series.id).map((other) =>
              html`<li><a href="/series/${other.id}${
                metric !== null && `?metric=${encodeURIComponent(metric.name)}`
              }">${loadText(other)}</a> <span class="quiet">${formatCount(other.runs)} runs</span></li>`
            )}</ul>
          </section>
        `}
        <section aria-labelledby="h-runs"><h2 id="h-runs">Runs</h2><form action="/compare">
          <p class="quiet">${formatCount(
            series.runs,
          )}, the latest first. ${comparable && html`<button>Compare A with B</button>`}</p>${table(
            "Runs",
            [
              { name: "Run" },
              { name: "Started" },
              { name: metric?.label ?? "Figure", numeric: true },
              { name: "Verdict" },
              {
                name: "Commit and labels",
              },
              ...comparable ? [{ name: "A" }, { name: "B" }] : [],
            ],
            listed.map((run): Fragment[] => {
              const value = metric === null ? undefined : run.figures[metric.name];
              return [
                html`<a href="/runs/${run.id}">${run.id.slice(0, 10)}</a>`,
                formatDate(run.started),
                value === undefined ? "–" : figureText(metric!, value),
                html`<span class="tag ${run.verdict}">${run.verdict}</span>`,
                html`<span>${commitText(run)} ${labelLinks(run.labels)} ${run.note}</span>`,
                ...comparable ? [choice("a", run.id, run.id), choice("b", run.id, run.id)] : [],
              ];
            }),
            { stacked: true },
          )}${links}</form></section>
      </main>
    `,
    { style: STYLE },
  );
}

/** What a machine is; what says nothing by itself (8, false) has its name before it. */
function machineFacts(machine: Readonly<Record<string, string>>): string {
  return Object.entries(machine).map(([name, value]) =>
    /^([\d.]+|true|false)$/.test(value) ? `${name} ${value}` : value
  ).join(", ");
}
