/**
 * A report as one HTML page that needs nothing else: no script, no network.
 *
 * @module
 */
import { byLimits } from "../document/limit_presets.ts";
import { groupReasons } from "../document/reason_groups.ts";
import { effectSection } from "./sections/effect.ts";
import { figure } from "./figure.ts";
import { eventSection } from "./sections/events.ts";
import { consoleSection } from "./sections/consoles.ts";
import { outageSection } from "./sections/outages.ts";
import type { ReportPoint } from "./point.ts";
import type { TargetRow } from "./point_hosts.ts";
import { type ChartSection, chartSections } from "./charts/all.ts";
import { formatDate, formatRate } from "../../base/figures.ts";
import { type Fragment, html, type Markup, raw, table } from "./markup.ts";
import { page } from "./page.ts";
import type { ReportModel } from "./model.ts";
import { cards } from "./sections/summary_cards.ts";
import {
  CLIENT_TABLES,
  clientTable,
  environmentTables,
  metricTable,
  pointTable,
  runTable,
  targetTable,
} from "./sections/tables.ts";
import { threadTable } from "./sections/threads.ts";
import { wayTable } from "./sections/ways.ts";
import { warningsOf } from "./sections/warnings.ts";

/** A part of a page that its navigation leads to. */
export interface Section {
  id: string;
  title: string;
  /** Its name in the navigation. */
  short: string;
  body: Markup;
}

/** The whole page. */
export function reportHtml(model: ReportModel): string {
  return sectionedPage(
    model.title,
    header(model),
    sectionsOf(model),
    html`
      Written by ipbench${model.points[0] !== undefined && html`
        from documents of version ${model.points[0].version}
      `}. Times are round trips${model.points.some(({ ways }) => ways.length > 0)
        ? ", but for those of each way"
        : ""}. Response time counts from when a packet was due, service time from when it left.
    `,
  );
}

/** A page of ours that is a header, sections, and what the figures are. */
export function sectionedPage(
  title: string,
  head: Markup,
  sections: readonly Section[],
  about: Markup,
): string {
  return page(
    title,
    html`
      ${head}
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
      <footer>${about}</footer>
    `,
  );
}

function header(model: ReportModel): Markup {
  const first = model.runs[0];
  const last = model.runs.at(-1);
  const shared = [...model.shared].map(([name, value]) => value === "" ? name : `${name}=${value}`).join(
    ", ",
  );
  return html`
    <header>
      <div class="in"><p class="brand">ipbench report</p>
    <h1>${model.title}</h1>
    ${first !== undefined && last !== undefined &&
      html`<p class="sub">${whatRan(first)}${shared !== "" && ` (${shared})`} · ${formatDate(first.started)}${
        model.runs.length > 1 && ` to ${formatDate(last.ended)}`
      } · run ${first.id}${model.runs.length > 1 && " and others"}</p>`}
    ${verdictBox(model)}</div>
    </header>
  `;
}

/** The test; of several each with its class. */
function whatRan({ test, classes }: ReportPoint): string {
  return classes.length === 0 ? test : classes.map((each) => `${each.name}: ${each.test}`).join(", ");
}

function verdictBox(model: ReportModel): Markup {
  const { runs: points, verdictCounts } = model;
  const only = points.length === 1 ? points[0] : undefined;
  let text: Fragment;
  if (only !== undefined) {
    text = only.run.reasons.length === 0
      ? html`<p>${
        only.run.verdict === "VALID"
          ? "Nothing speaks against this measurement."
          : "No reason is given in the document."
      }</p>`
      : html`<ul>${groupReasons(only.run.details).map((reason) => html`<li>${reason}</li>`)}</ul>`;
  } else if (points.length === 0) text = html`<p>No result document could be read.</p>`;
  else {
    const reasons = groupReasons(points.flatMap((point) => point.run.details));
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
    judgedBy(model.points)
  }</div></div>`;
}

/** Limits that are not the usual ones belong to the verdict. */
function judgedBy(points: readonly ReportPoint[]): Fragment {
  const presets = [...new Set(points.flatMap((point) => point.limitPresets))];
  if (presets.length === 0) return false;
  const point = points.find((each) => each.limitPresets.length > 0);
  return html`<p>Judged${byLimits(presets)}: ${point?.limits.join(", ")}.</p>`;
}

/** Sections of a page, as they are added; what there is nothing of is left out. */
export function sectionList() {
  const sections: Section[] = [];
  return {
    sections,
    add: (id: string, title: string, body: Markup | null, short = title) => {
      if (body !== null) sections.push({ id, title, short, body });
    },
  };
}

/** The sections of a report. */
export function sectionsOf(model: ReportModel): Section[] {
  const { sections, add } = sectionList();
  const figures = cards(model);
  const warnings = warningsOf(model);
  add("effect", "What the classes do to each other", effectSection(model), "Effect");
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
  add("outages", "Outages", outageSection(model));
  add("console", "Console", consoleSection(model));
  add("events", "Events", eventSection(model));
  const only = model.runs.at(-1);
  if (model.points.length > 1) add("points", "Points", pointTable(model));
  add("testers", "Testers", testers(model));
  add("targets", "Targets", only === undefined ? null : targetTable(lastTargets(model, only)));
  add("environment", "Environment", environmentTables(model));
  if (model.runs.length > 1) add("runs", "Runs", runTable(model));
  if (only !== undefined) add("configuration", "Configuration", configuration(model), "Config");
  add("unread", "Files that could not be read", unread(model), "Not read");
  return sections;
}

/** The targets of the last document, those of all its classes. */
function lastTargets(model: ReportModel, last: ReportPoint): TargetRow[] {
  if (last.class === null) return model.points.at(-1)!.targets;
  return model.points.filter((point) => point.file === last.file && point.id === last.id)
    .flatMap((point) => point.targets);
}

function figuresOf(section: ChartSection): Markup {
  return html`${
    section.charts.map((chart) => figure(chart, section.charts.length === 1 ? section.title : null))
  }`;
}

function testers(model: ReportModel): Markup | null {
  if (model.points.length === 0) return null;
  if (model.runs.length === 1) {
    const points = model.points.filter((point) => point.clientCount > 0);
    if (points.length === 0) return null;
    return html`${
      points.map((point) => {
        const metrics = metricTable(point);
        const head = point.class !== null && html`<h3>${point.class} (${point.test})</h3>`;
        return html`${head}${clientTable(point)}${threadTable(point.threads)}${wayTable(point.ways)}${
          metrics !== null && html`<h3>Other figures</h3>${metrics}`
        }`;
      })
    }`;
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
  const first = model.runs[0]!;
  const distinct = new Set(model.points.map((point) => point.config)).size;
  return html`
    ${distinct > 1 &&
      html`<p class="quiet">Of <code>${first.file}</code>; the others vary what the curves show.</p>`}<details${model
        .runs.length === 1
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
