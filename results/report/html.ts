/**
 * A report as one HTML page that needs nothing else: no script, no network.
 *
 * @module
 */
import type { Chart, LegendEntry } from "./chart.ts";
import { byLimits } from "../document/limit_presets.ts";
import { groupReasons } from "../document/reason_groups.ts";
import type { ReportPoint } from "./point.ts";
import { FRAMES, renderChart } from "./chart.ts";
import { type ChartSection, chartSections } from "./charts/all.ts";
import { formatDate, formatRate } from "../../base/figures.ts";
import { type Fragment, html, type Markup, raw, table } from "./markup.ts";
import type { ReportModel } from "./model.ts";
import { withVariables } from "./palette.ts";
import { STYLE } from "./style.ts";
import { cards } from "./summary_cards.ts";
import {
  CLIENT_TABLES,
  clientTable,
  environmentTables,
  metricTable,
  pointTable,
  runTable,
  targetTable,
} from "./tables.ts";
import { warningsOf } from "./warnings.ts";

/** Rows of a chart's numbers that the page holds; `--csv` has all. */
const DATA_ROWS = 250;

interface Section {
  id: string;
  title: string;
  /** What the navigation says. */
  short: string;
  body: Markup;
}

/** The whole page. */
export function reportHtml(model: ReportModel): string {
  const sections = sectionsOf(model);
  return page(
    model.title,
    html`
      ${header(model)}
      <nav aria-label="Sections">
        <ul>${sections.map((section) => html`<li><a href="#${section.id}">${section.short}</a></li>`)}</ul>
      </nav>
      <main id="main">${sections.map((section) =>
        html`
          <section id="${section.id}" aria-labelledby="h-${section.id}"><h2 id="h-${section.id}">${section
            .title}</h2>
          ${section.body}</section>
        `
      )}</main>
      <footer>Written by ipbench${model.points[0] !== undefined && html`
        from documents of version ${model.points[0].version}
      `}. Times are round trips. Response time counts from when a packet was due, service time from when it left.</footer>
    `,
  );
}

/** A page of ours around a body. */
export function page(title: string, body: Markup): string {
  return html`
    <!DOCTYPE html>
    <html lang="en">
      <head>
        <meta charset="utf-8">
        <meta http-equiv="Content-Security-Policy"
          content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <meta name="referrer" content="no-referrer">
        <link rel="icon" href="data:,">
        <title>${title}</title>
        <style>${raw(STYLE)}</style>
      </head>
      <body>
    <a class="skip" href="#main">Skip to the content</a>
    ${body}
      </body>
    </html>
  `.text.trimStart();
}

function header(model: ReportModel): Markup {
  const first = model.points[0];
  const last = model.points.at(-1);
  const shared = [...model.shared].map(([name, value]) => value === "" ? name : `${name}=${value}`).join(
    ", ",
  );
  return html`
    <header>
      <div class="in"><p class="brand">ipbench report</p>
    <h1>${model.title}</h1>
    ${first !== undefined && last !== undefined &&
      html`<p class="sub">${first.test}${shared !== "" && ` (${shared})`} · ${formatDate(first.started)}${
        model.points.length > 1 && ` to ${formatDate(last.ended)}`
      } · run ${first.id}${model.points.length > 1 && " and others"}</p>`}
    ${verdictBox(model)}</div>
    </header>
  `;
}

function verdictBox(model: ReportModel): Markup {
  const { points, verdictCounts } = model;
  const only = points.length === 1 ? points[0] : undefined;
  let text: Fragment;
  if (only !== undefined) {
    text = only.reasons.length === 0
      ? html`<p>${
        only.verdict === "VALID"
          ? "Nothing speaks against this measurement."
          : "No reason is given in the document."
      }</p>`
      : html`<ul>${groupReasons(only.details).map((reason) => html`<li>${reason}</li>`)}</ul>`;
  } else if (points.length === 0) text = html`<p>No result document could be read.</p>`;
  else {
    const reasons = groupReasons(points.flatMap((point) => point.details));
    const counts = (["VALID", "SUSPECT", "INVALID"] as const).filter((verdict) => verdictCounts[verdict] > 0)
      .map((verdict) => `${verdictCounts[verdict]} ${verdict}`).join(", ");
    text = html`<p>${points.length} runs: ${counts}.</p>${
      reasons.length > 0 && html`<ul>${
        reasons.slice(0, 5).map((reason) => html`<li>${reason}</li>`)
      }${reasons.length > 5 && html`<li>and ${reasons.length - 5} more, listed with the runs</li>`}</ul>`
    }`;
  }
  const verdict = points.length === 0 ? "INVALID" : model.verdict;
  const share = points.length > 1 && verdictCounts[verdict] < points.length
    ? `${verdictCounts[verdict]} of ${points.length} `
    : "";
  return html`<div class="verdict ${verdict}"><b>${share}${verdict}</b><div>${text}${
    judgedBy(points)
  }</div></div>`;
}

/** Limits that are not the usual ones belong to the verdict. */
function judgedBy(points: readonly ReportPoint[]): Fragment {
  const presets = [...new Set(points.flatMap((point) => point.limitPresets))];
  if (presets.length === 0) return false;
  const point = points.find((each) => each.limitPresets.length > 0);
  return html`<p>Judged${byLimits(presets)}: ${point?.limits.join(", ")}.</p>`;
}

function sectionsOf(model: ReportModel): Section[] {
  const sections: Section[] = [];
  const add = (id: string, title: string, body: Markup | null, short = title) => {
    if (body !== null) sections.push({ id, title, short, body });
  };
  const figures = cards(model);
  const warnings = warningsOf(model);
  add(
    "glance",
    "At a glance",
    figures.length === 0
      ? null
      : html`<dl class="cards">${
        figures.map((card) =>
          html`<div><dt>${card.name}</dt><dd>${card.value}</dd>${
            card.note !== undefined && html`<dd class="note">${card.note}</dd>`
          }</div>`
        )
      }</dl>`,
    "Figures",
  );
  add(
    "warnings",
    "Before you believe it",
    warnings.length === 0
      ? null
      : html`<ul class="warnings">${
        warnings.map((warning) =>
          html`<li${warning.level === "bad" ? raw(' class="bad"') : ""}>${warning.text}</li>`
        )
      }</ul>`,
    "Warnings",
  );
  for (const section of chartSections(model)) {
    add(section.id, section.title, figuresOf(section), section.short);
  }
  const [only] = model.points;
  if (model.points.length > 1) add("points", "Points", pointTable(model));
  add("testers", "Testers", testers(model));
  add("targets", "Targets", only === undefined ? null : targetTable(model.points.at(-1)!));
  add("environment", "Environment", environmentTables(model));
  if (model.points.length > 1) add("runs", "Runs", runTable(model));
  if (only !== undefined) add("configuration", "Configuration", configuration(model), "Config");
  add("unread", "Files that could not be read", unread(model), "Not read");
  return sections;
}

function figuresOf(section: ChartSection): Markup {
  return html`${
    section.charts.map((chart) => figure(chart, section.charts.length === 1 ? section.title : null))
  }`;
}

/** A chart with its words, in both sizes, and its numbers. `heading`: the section's title, not to be said twice. */
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
    cross: `<path d="M8 1L18 11M8 11L18 1" stroke="${tone}" stroke-width="2"/>`,
  };
  return html`<li><svg width="26" height="12" viewBox="0 0 26 12" aria-hidden="true">${
    raw(marks[entry.style])
  }</svg><span>${entry.label}</span></li>`;
}

function testers(model: ReportModel): Markup | null {
  if (model.points.length === 0) return null;
  if (model.points.length === 1) {
    const point = model.points[0]!;
    if (point.clientCount === 0) return null;
    const metrics = metricTable(point);
    return html`${clientTable(point)}${metrics !== null && html`<h3>Other figures</h3>${metrics}`}`;
  }
  const shown = model.groups.flatMap((group) =>
    group.cells.flatMap((cell) => cell.points.slice(0, 1).map((point) => ({ group, cell, point })))
  ).slice(0, CLIENT_TABLES);
  return html`<p class="quiet">The first run of each point.</p>${
    shown.map(({ group, cell, point }) =>
      html`<details><summary>${group.label} at ${formatRate(cell.load)} <code>${point.file}</code></summary>${
        clientTable(point)
      }</details>`
    )
  }`;
}

function configuration(model: ReportModel): Markup {
  const first = model.points[0]!;
  const distinct = new Set(model.points.map((point) => point.config)).size;
  return html`
    ${distinct > 1 &&
      html`<p class="quiet">Of <code>${first.file}</code>; the others vary what the curves show.</p>`}<details${model
        .points.length === 1
      ? raw(" open")
      : ""}>
      <summary>The run description as it was used</summary>
      <pre tabindex="0">${first.config}</pre>
      </details>
  `;
}

function unread(model: ReportModel): Markup | null {
  if (model.errors.length === 0) return null;
  return html`${
    table(
      "Files that could not be read",
      [{ name: "File" }, { name: "Why" }],
      model.errors.map((error): Fragment[] => [
        html`<code>${error.file}</code>`,
        error.message,
      ]),
    )
  }${
    model.errorCount > model.errors.length &&
    html`<p class="quiet">${model.errorCount - model.errors.length} more are not listed.</p>`
  }`;
}
