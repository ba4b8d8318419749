/**
 * What the classes of a run did to the first one: the section of the page that comes first, and the rows that tables share.
 *
 * @module
 */
import { formatCount, formatRate, formatShare, formatTime } from "../../../base/figures.ts";
import type { ClassEffect } from "../../document/document.ts";
import { effectSentence, rateChange, timeChange } from "../../document/effect/words.ts";
import { effectChart } from "../charts/classes.ts";
import { effectCurves } from "../charts/effect_curves.ts";
import { figure } from "../figure.ts";
import { type Fragment, html, type Markup, table } from "../markup.ts";
import type { ReportModel } from "../model.ts";
import type { ReportPoint } from "../point.ts";

/** Effects of many documents that are listed. */
const EFFECT_ROWS = 400;

/** What one class did, as rows of a table: one a phase. */
export function phaseRows(effect: ClassEffect): string[][] {
  return (["before", "during", "after"] as const).flatMap((name) => {
    const phase = effect[name];
    if (phase === null) return [];
    const seconds = (phase.end_ns - phase.start_ns) / 1e9;
    return [[
      `${name} ${effect.of}`,
      `${seconds.toFixed(1)} s`,
      formatTime(phase.mean_ns),
      formatTime(phase.p50_ns),
      formatTime(phase.p99_ns),
      formatTime(phase.max_ns),
      formatShare(phase.sent === 0 ? null : lossOf(phase, effect.unit)),
      formatRate(phase.received_bps),
      effect.unit === "byte" ? `${formatCount(phase.ok)} B` : formatCount(phase.ok),
    ]];
  });
}

/** What of bytes crosses the end of an interval is not lost; of packets each is counted when it was due. */
function lossOf(
  { sent, ok, lost }: NonNullable<ClassEffect["before"]>,
  unit: ClassEffect["unit"],
): number | null {
  if (unit !== "byte") return (sent - ok) / sent;
  return lost === null ? null : lost / sent;
}

/** Names of the columns of {@linkcode phaseRows}. */
export const PHASE_COLUMNS = [
  "Phase",
  "Length",
  "Mean response",
  "p50",
  "p99",
  "Slowest",
  "Loss",
  "Received",
  "Arrived",
] as const;

/** The changes of an effect that are known, as sentences. */
export function changes(effect: ClassEffect): string[] {
  const found: string[] = [];
  const since = effect.before === null ? "after" : "before";
  if (effect.added_ns !== null) {
    found.push(`Mean response time, during less ${since}: ${timeChange(effect.added_ns)}.`);
  }
  if (effect.received_bps !== null) {
    found.push(`Received, during less ${since}: ${rateChange(effect.received_bps)}.`);
  }
  if (effect.left_ns !== null) {
    found.push(`Mean response time, after less before: ${timeChange(effect.left_ns)}.`);
  }
  if (effect.background.length > 0) {
    found.push(`Active in all of these phases: ${effect.background.join(", ")}.`);
  }
  return found;
}

/** All effects of a report's documents, with whose they are. */
export function effectsOf(model: ReportModel): { point: ReportPoint; effect: ClassEffect }[] {
  return model.points.flatMap((point) => point.effects.map((effect) => ({ point, effect })));
}

/** The section; `null` when no document has an effect. */
export function effectSection(model: ReportModel): Markup | null {
  const found = effectsOf(model);
  if (found.length === 0) return null;
  return model.runs.length === 1 ? oneRun(found, model.points) : manyRuns(found, model);
}

function oneRun(
  found: readonly { point: ReportPoint; effect: ClassEffect }[],
  points: readonly ReportPoint[],
): Markup {
  const { point } = found[0]!;
  const chart = effectChart(point, points.filter((each) => each !== point));
  return html`${
    found.map(({ effect }) => {
      const sentence = effectSentence(effect);
      return html`
        ${sentence !== null && html`<p><b>${sentence}.</b></p>`}${table(
          `${point.class} before, during and after ${effect.of}`,
          PHASE_COLUMNS.map((name, n) => ({ name, numeric: n > 0 })),
          phaseRows(effect),
        )}<p
          class="quiet">${changes(effect).join(
            " ",
          )} In brackets the intervals of 95 %, which allow for neighbouring intervals being alike.</p>
      `;
    })
  }${chart !== null && figure(chart)}`;
}

function manyRuns(
  found: readonly { point: ReportPoint; effect: ClassEffect }[],
  model: ReportModel,
): Markup {
  const { shared } = model;
  const rows = found.slice(0, EFFECT_ROWS).map(({ point, effect }): Fragment[] => [
    html`<code>${point.file}</code>`,
    effect.of,
    [...point.params].filter(([name]) => name.startsWith(`${effect.of}.`) && !shared.has(name)).map((
      [name, value],
    ) => `${name}=${value}`)
      .join(", "),
    formatTime((effect.before ?? effect.after)?.mean_ns),
    formatTime(effect.during?.mean_ns),
    effect.added_ns === null ? "–" : timeChange(effect.added_ns),
  ]);
  const n = (name: string) => ({ name, numeric: true });
  return html`
    ${effectCurves(model).map((chart) => figure(chart))}${table(
      "What the classes do to each other",
      [
        { name: "Document" },
        { name: "Class" },
        { name: "Its arguments" },
        n("Without"),
        n("With"),
        n("Change"),
      ],
      rows,
      { stacked: true },
    )}<p
      class="quiet">Mean response time of ${found[0]!.point
        .class}; the changes with their intervals of 95 %.</p>
  `;
}
