/**
 * A quick look as a page: what was found first, then the report of its runs.
 *
 * @module
 */

import { formatCount, formatDate, formatRate, formatShare, formatTime } from "../../base/figures.ts";
import type { ResultDocument, Verdict } from "../document/document.ts";
import { sectionedPage, sectionsOf } from "../report/html.ts";
import { type Fragment, html, type Markup, table } from "../report/markup.ts";
import { ReportBuilder } from "../report/model.ts";

/** What of a quick look's document stands on its page. */
export interface QuickLook {
  ipbench: { version: string };
  /** `null`: this machine's loopback. */
  host: string | null;
  started: string;
  verdict: Verdict;
  phases: readonly QuickPhase[];
  findings: readonly { text: string }[];
  missing: readonly string[];
  documents: Readonly<Record<string, ResultDocument | undefined>>;
}

interface QuickPhase {
  phase: string;
  up_bps: number | null;
  down_bps: number | null;
  rtt: { median_ns: number; p95_ns: number } | null;
  full_ns: number | null;
  rpm: number | null;
  loss: number | null;
  cpu: number | null;
  verdict: Verdict;
}

/** Words for the phases. */
const PHASES: Readonly<Record<string, string>> = {
  idle: "idle",
  up: "TCP up",
  down: "TCP down",
  both: "TCP both",
  udp: "UDP up",
};

/**
 * The whole page; where nothing was measured it says why.
 *
 * @param look What was found.
 * @param title Its heading.
 */
export function quickPage(look: QuickLook, title: string): string {
  const builder = new ReportBuilder();
  for (const [phase, document] of Object.entries(look.documents)) {
    if (document !== undefined) builder.add(document, PHASES[phase] ?? phase);
  }
  const model = builder.build(title);
  const { verdict, phases, findings, missing, host, started } = look;
  const sentences = [...findings.map(({ text }) => text), ...missing];
  const where = host === null
    ? "this machine to itself, over loopback"
    : `this machine or its testers to ${host}`;
  return sectionedPage(
    title,
    html`
      <header>
        <div class="in">
          <p class="brand">ipbench quick</p>
          <h1>${title}</h1>
          <p class="sub">${where} · ${formatDate(started)}</p>
          <div class="verdict ${verdict}"><b>${verdict}</b><div>${sentences.length === 0
            ? html`<p>Nothing stands out.</p>`
            : html`<ul>${sentences.map((text) => html`<li>${text}</li>`)}</ul>`}</div></div>
        </div>
      </header>
    `,
    [
      { id: "found", title: "What was found", short: "Found", body: phaseTable(phases) },
      ...model.points.length === 0 ? [] : sectionsOf(model),
    ],
    html`
      Written by ipbench from a document of version ${look.ipbench
        .version}. Times are round trips. What a full queue adds is
      the 95th percentile of a phase less the round trip when idle.
    `,
  );
}

function phaseTable(phases: readonly QuickPhase[]): Markup {
  const time = (ns: number | null | undefined) => ns === null || ns === undefined ? "–" : formatTime(ns);
  return table(
    "What was found",
    [
      { name: "Load" },
      ...["Up", "Down", "Round trip", "95 %", "Full adds", "Trips/min", "Lost", "CPU there"]
        .map(
          (name) => ({ name, numeric: true }),
        ),
      { name: "Verdict" },
    ],
    phases.map((each): Fragment[] => [
      PHASES[each.phase] ?? each.phase,
      each.up_bps === null ? "–" : formatRate(each.up_bps, 3),
      each.down_bps === null ? "–" : formatRate(each.down_bps, 3),
      time(each.rtt?.median_ns),
      time(each.rtt?.p95_ns),
      time(each.full_ns),
      each.rpm === null ? "–" : formatCount(Math.round(each.rpm)),
      each.loss === null ? "–" : formatShare(each.loss),
      each.cpu === null ? "–" : `${(100 * each.cpu).toFixed(0)} %`,
      html`<span class="tag ${each.verdict}">${each.verdict}</span>`,
    ]),
    { stacked: true },
  );
}
