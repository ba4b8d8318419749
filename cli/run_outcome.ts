/**
 * How a finished run is reported: exit status, and a few lines for a person.
 *
 * @module
 */

import { formatMetric, formatRate, formatShare, formatTime } from "../base/figures.ts";
import type { ResultDocument } from "../results/document/document.ts";
import { effectSentence } from "../results/document/effect/words.ts";
import { eventLine, eventsOf } from "../results/report/sections/event_rows.ts";
import { outageSentences } from "../results/document/outages.ts";
import { byLimits, presetsOf } from "../results/document/limit_presets.ts";
import { gateLine } from "../results/gates/gates.ts";
import { groupReasons } from "../results/document/reason_groups.ts";
import { EXIT } from "./exit.ts";
import { plainText } from "./terminal/text.ts";

/** Most figures of a test's own that are shown. */
const MAX_METRICS = 6;
/** Most reasons shown; the document has all of them. */
const MAX_REASONS = 20;

/**
 * The exit status that a document stands for.
 *
 * @param document The result.
 * @param strict Whether the verdict counts in any spelling, and SUSPECT as failure.
 * @param originalSpelling Whether scripts of the original read it: a row that was printed is success to them.
 * @returns See {@linkcode EXIT}.
 */
export function exitStatus(document: ResultDocument, strict: boolean, originalSpelling = false): number {
  const { run } = document;
  if (run.interrupted === true) return EXIT.INTERRUPTED;
  if (document.gates?.some(({ met }) => !met) === true) return EXIT.FAILED;
  if (originalSpelling && !strict && run.failed !== true && document.csv !== "") return EXIT.OK;
  if (run.failed === true || run.verdict === "INVALID") return EXIT.FAILED;
  return run.verdict === "SUSPECT" && strict ? EXIT.SUSPECT : EXIT.OK;
}

/**
 * Verdict, reasons and main figures.
 *
 * @param document The result.
 * @param reported Sentences that the user has read already; reasons that only repeat them are left out.
 * @returns Lines for stderr; the verdict comes first.
 */
export function outcomeLines(document: ResultDocument, reported: readonly string[] = []): string[] {
  const { run } = document;
  const how = run.interrupted === true ? " (interrupted)" : run.failed === true ? " (failed)" : "";
  const lines = [`${run.verdict}${how}${byLimits(presetsOf(document.clients))}`];
  const others = (run.details ?? run.reasons.map((text) => ({ text }))).filter(({ text }) =>
    !reported.some((known) => text.includes(known))
  );
  const reasons = groupReasons(others);
  for (const reason of reasons.slice(0, MAX_REASONS)) lines.push(`  ${plainText(reason)}`);
  if (reasons.length > MAX_REASONS) lines.push(`  … and ${reasons.length - MAX_REASONS} more`);
  return lines;
}

/**
 * The figures that most people look for.
 *
 * @param document The result.
 * @returns One line, or `null` when there are no such figures.
 */
export function figuresLine({ total, clients }: ResultDocument): string | null {
  const { counts, rates, latency } = total;
  const parts: string[] = [];
  if (counts !== null) {
    parts.push(`sent ${counts.sent}`, `ok ${counts.ok}`);
    if (counts.corrupt > 0) parts.push(`damaged ${counts.corrupt}`);
    if (counts.late > 0) parts.push(`late ${counts.late}`);
    parts.push(`loss ${formatShare(counts.lost / counts.sent)}`);
  }
  const missing = clients.reduce(
    (sum, client) => sum + missingSamples(client.pacing?.["missing_samples"]),
    0,
  );
  if (missing > 0) parts.push(`${missing} samples missing`);
  if (rates !== null && rates.received_bps !== null) {
    parts.push(`received ${formatRate(rates.received_bps, 3)}`);
  }
  const response = latency.response;
  if (response !== null) {
    parts.push(
      `response p50 ${formatTime(response.p50_ns)} p99 ${formatTime(response.p99_ns)} max ${
        formatTime(response.max_ns)
      }`,
    );
  }
  for (const way of ["forward", "backward"] as const) {
    const delay = latency[way] ?? null;
    if (delay !== null) {
      parts.push(`${way} p50 ${formatTime(delay.p50_ns)} ± ${formatTime(total.one_way_error_ns)}`);
    }
    const lost = total.metrics?.find(({ name }) => name === `lost_${way}`);
    if (lost !== undefined && lost.value > 0) parts.push(`lost ${way} ${lost.value}`);
  }
  // A test without packets that come back has figures of its own.
  if (counts === null) {
    const known = (total.metrics ?? []).filter(({ better }) => better !== undefined && better !== "unknown");
    for (const { name, value, unit } of known.slice(0, MAX_METRICS)) {
      parts.push(`${plainText(name)} ${formatMetric(value, unit)}`);
    }
  }
  return parts.length === 0 ? null : parts.join(", ");
}

/**
 * What the classes did to the first one.
 *
 * @param document The result.
 * @returns A line for each whose effect is known; none in a run without classes.
 */
export function effectLines({ effect = [] }: ResultDocument): string[] {
  return effect.flatMap((each) => {
    const sentence = effectSentence(each);
    return sentence === null ? [] : [plainText(sentence)];
  });
}

/**
 * Whether the figures are as expected.
 *
 * @param document The result.
 * @returns A line for each gate, those that are not met first.
 */
export function gateLines({ gates = [] }: ResultDocument): string[] {
  return gates.toSorted((a, b) => Number(a.met) - Number(b.met)).map((gate) => plainText(gateLine(gate)));
}

/**
 * How long it was dark.
 *
 * @param document The result, or one class of it.
 * @returns A line each for outages, stalls and outages of single flows; none where there was no such thing.
 */
export function outageLines({ total, clients }: ResultDocument): string[] {
  return outageSentences(total.outages, clients).map(plainText);
}

/** What was done on purpose meanwhile, a line each. */
export function eventLines(document: ResultDocument): string[] {
  return eventsOf(document).map((event) => plainText(eventLine(event)));
}

/** Round trips that were wanted and that a target lost, as a tester reports. */
function missingSamples(value: unknown): number {
  return typeof value === "number" ? value : 0;
}
