/**
 * Lines of consoles that were attached to a run, beside its time.
 *
 * @module
 */
import { type Fragment, html, type Markup, table } from "../markup.ts";
import type { ReportModel } from "../model.ts";

/** The lines of the one run that is shown; `null`: there are none, or several runs. */
export function consoleSection(model: ReportModel): Markup | null {
  const [run] = model.runs;
  if (model.runs.length !== 1 || run === undefined || run.consoles.length === 0) return null;
  return html`
    ${run.consoles.map(({ name, lines, more }) =>
      html`<h3>${name}</h3>${
        table(
          `Lines of ${name}`,
          [{ name: "Time", numeric: true }, { name: "Line" }],
          lines.map((
            { seconds, text },
          ): Fragment[] => [`${seconds.toFixed(3)} s`, html`<code>${text}</code>`]),
        )
      }${more > 0 && html`<p class="quiet">${more} more lines are in the document, or were not kept.</p>`}`
    )}<p
      class="quiet">Seconds from the begin of the measured phase; without one, from the first line.</p>
  `;
}
