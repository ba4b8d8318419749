/**
 * A run that goes on. The page is empty of figures: its script asks for the run's states and fills it.
 *
 * @module
 */

import { html } from "../../results/report/markup.ts";
import { page } from "../../results/report/page.ts";
import type { LiveState } from "../live_state.ts";
import { heading } from "./heading.ts";
import { STYLE } from "./style.ts";

/** Columns of the table of testers; those of "n" are numbers. */
const COLUMNS = ["Tester", "Phase", "Time", "Rate", "Loss", "p50", "p99", "Slowest"] as const;

/**
 * Makes the page.
 *
 * @param state The run, as it is.
 * @param reports Whether the server has reports, too, of runs that have ended.
 */
export function livePage({ id, title }: LiveState, reports: boolean): string {
  return page(
    title,
    html`
      ${heading(
        title,
        html`
          <p
            class="sub"><span id="phase" aria-live="polite">connecting to the run</span> <span id="time"></span></p>
          <progress id="progress" aria-label="How far the run is" max="1" value="0" hidden></progress>
          <div id="verdict" hidden></div>
        `,
      )}
      <main id="main" data-run="${id}" data-reports="${reports ? "yes" : "no"}">
        <p class="offline" id="offline" role="status"
          hidden>The connection is lost; this page tries again by itself. What
          follows is the last that was known.</p>
        <section aria-labelledby="h-classes">
          <h2 id="h-classes">All testers</h2>
          <div id="classes"></div>
        </section>
        <section aria-labelledby="h-peers">
          <h2 id="h-peers">Testers and targets</h2>
          <div class="scroll" role="region" aria-label="Testers and targets" tabindex="0">
            <table class="stacked" id="peers">
              <thead>
                <tr>${COLUMNS.map((name, i) =>
                  html`
                    <th scope="col" ${i > 1 && html`
                      class="n"
                    `}>${name}</th>
                  `
                )}</tr>
              </thead>
              <tbody></tbody>
            </table>
          </div>
          <p class="quiet" id="more" hidden></p>
        </section>
        <section aria-labelledby="h-notes">
          <h2 id="h-notes">What speaks against it so far</h2>
          <ul class="warnings" id="notes" aria-live="polite"></ul>
          <p class="quiet"
            id="nothing">Nothing yet. Whether the testers were good enough is known with their results.</p>
        </section>
        <section aria-labelledby="h-console" id="console" hidden>
          <h2 id="h-console">Console</h2>
          <div class="scroll" role="region" aria-label="Console" tabindex="0">
            <ol class="console" id="lines"></ol>
          </div>
        </section>
        <noscript><p>The figures of a run that goes on need JavaScript; no other page does.</p></noscript>
      </main>
    `,
    { script: "/live.js", style: STYLE },
  );
}
