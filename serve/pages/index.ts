/**
 * The first page: runs that go on, and results.
 *
 * @module
 */

import { formatDate } from "../../base/figures.ts";
import { type Fragment, html, type Markup, table } from "../../results/report/markup.ts";
import { page } from "../../results/report/page.ts";
import type { LiveState } from "../live_state.ts";
import type { ListedRun } from "../results.ts";
import { choice, labelLinks, pages } from "./lists.ts";
import { STYLE } from "./style.ts";

/** What one source of results has for the page. */
export interface Listing {
  title: string;
  runs: readonly ListedRun[];
  count: number;
}

/**
 * Makes the page.
 *
 * @param live Runs that go on or have just ended.
 * @param results What has been measured, of each place where results are.
 * @param query `q`: words and labels; `page`: from 1.
 * @param series Whether there are series to be seen.
 */
export function indexPage(
  live: readonly LiveState[],
  results: readonly Listing[],
  query: URLSearchParams,
  series: boolean,
): string {
  return page(
    "ipbench",
    html`
      <header>
        <div class="in">
          <p class="brand">ipbench serve</p>
          <h1>Runs</h1>
        </div>
      </header>
      <main id="main">
        <section aria-labelledby="h-live"><h2 id="h-live">Going on, or just ended</h2>
          <ul class="runs" id="runs" aria-live="polite">${live.map(liveItem)}</ul>
          <p class="quiet" id="none"${live.length > 0 && html`
            hidden
          `}>No run goes on. Those of this user on this machine
            appear here by themselves.</p>
        </section>
        ${results.length > 0 && searchForm(query, series)}
        ${results.map((listing, n) => resultsSection(listing, query, n))}
      </main>
    `,
    { script: "/live.js", style: STYLE },
  );
}

function liveItem({ id, title, phase, ended }: LiveState): Markup {
  return html`<li><a href="/live/${id}">${title}</a> <span class="quiet">${
    ended?.verdict ?? phase
  }</span></li>`;
}

function searchForm(query: URLSearchParams, series: boolean): Markup {
  return html`<section aria-label="Search"><form class="search" action="/" role="search"><label>Words, or labels such as
      board=tx2 <input name="q" value="${query.get("q") ?? ""}"></label> <button>Filter</button></form>
    ${series && html`<p><a href="/series">Series: the same measurement over time</a></p>`}</section>`;
}

function resultsSection({ title, runs, count }: Listing, query: URLSearchParams, place: number): Markup {
  const rows = runs.map(({ id, name, started, verdict, labels, series, single }): Fragment[] => [
    html`<a href="/runs/${id}">${name}</a>`,
    started === "" ? "–" : formatDate(started),
    verdict !== "" && html`<span class="tag ${verdict}">${verdict}</span>`,
    html`<span>${labelLinks(labels)}${
      series.map((each) =>
        html`
          <a href="/series/${each}">series</a>
        `
      )
    }</span>`,
    single && choice("a", id, `${name}, ${formatDate(started)}`),
    single && choice("b", id, `${name}, ${formatDate(started)}`),
  ]);
  const comparable = runs.some(({ single }) => single);
  return html`
    <section aria-labelledby="h-results-${place}"><h2 id="h-results-${place}">${title}</h2>
      <form action="/compare">
        <p class="quiet">${count} ${count === 1 ? "run" : "runs"}. ${comparable && html`
          <button>Compare A with B</button>
        `}</p>
        ${rows.length > 0 && table(
          title,
          [{ name: "Run" }, { name: "Started" }, { name: "Verdict" }, { name: "Labels" }, { name: "A" }, {
            name: "B",
          }],
          rows,
          { stacked: true },
        )}</form>
      ${pages("/", query, count).links}
    </section>
  `;
}
