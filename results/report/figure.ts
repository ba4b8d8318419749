/**
 * A chart on a page: its words, its drawing in two sizes, and its numbers.
 *
 * @module
 */
import type { Chart, LegendEntry } from "./chart.ts";
import { FRAMES, renderChart } from "./chart.ts";
import { html, type Markup, raw, table } from "./markup.ts";
import { withVariables } from "./palette.ts";

/** Rows of a chart's numbers that the page holds; `--csv` has all. */
const DATA_ROWS = 250;

/** A chart with its words, in both sizes, and its numbers. `heading`: the section's title, not to be repeated. */
export function figure(chart: Chart, heading: string | null = null): Markup {
  const draw = (size: "wide" | "narrow") =>
    raw(
      withVariables(
        renderChart(chart, { ...FRAMES[size], height: chart.heights?.[size] ?? FRAMES[size].height }),
      ).replace(
        /^<svg /,
        `<svg role="img" aria-labelledby="t-${chart.name}" focusable="false" `,
      ),
    );
  const { columns, rows } = chart.data;
  return html`
    <figure class="chart" id="chart-${chart.name}">
      <figcaption>
    ${chart.title === heading
      ? html`<span id="t-${chart.name}" hidden>${chart.title}</span>`
      : html`<h3 id="t-${chart.name}">${chart.title}</h3>`}
    <p>${chart.caption}</p></figcaption>
      <ul class="legend" aria-label="Legend">${chart.legend.map(legendItem)}</ul>
      <div class="plot wide">${draw("wide")}</div>
      <div class="plot narrow">${draw("narrow")}</div>
      <details><summary>Numbers</summary>${table(
        `Numbers of ${chart.title}`,
        columns.map((name, i) => ({ name, numeric: rows.some((row) => typeof row[i] === "number") })),
        rows.slice(0, DATA_ROWS).map((row) =>
          row.map((cell) => typeof cell === "number" ? shortNumber(cell) : cell)
        ),
      )}${rows.length > DATA_ROWS &&
        html`<p class="quiet">${rows.length - DATA_ROWS} more rows: ipbench report --csv.</p>`}</details>
    </figure>
  `;
}

function shortNumber(value: number): string {
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(6)));
}

function legendItem(entry: LegendEntry): Markup {
  const tone = `var(--${entry.colour})`;
  const marks: Record<LegendEntry["style"], string> = {
    line: `<path d="M1 6H25" stroke="${tone}" stroke-width="2.5"/>`,
    dashed: `<path d="M1 6H25" stroke="${tone}" stroke-width="2" stroke-dasharray="6 4"/>`,
    dotted: `<path d="M1 6H25" stroke="${tone}" stroke-width="2" stroke-dasharray="2 3"/>`,
    bar: `<rect x="6" y="1" width="14" height="10" rx="2" fill="${tone}"/>`,
    dot: `<circle cx="13" cy="6" r="4" fill="${tone}"/>`,
    triangle: `<path d="M13 1L19 11H7Z" fill="none" stroke="${tone}" stroke-width="2"/>`,
    diamond: `<path d="M13 0L19 6L13 12L7 6Z" fill="${tone}"/>`,
    ring: `<circle cx="13" cy="6" r="4.5" fill="none" stroke="${tone}" stroke-width="1.5"/>`,
    cross: `<path d="M8 1L18 11M8 11L18 1" stroke="${tone}" stroke-width="2"/>`,
  };
  return html`<li><svg width="26" height="12" viewBox="0 0 26 12" aria-hidden="true">${
    raw(marks[entry.style])
  }</svg><span>${entry.label}</span></li>`;
}
