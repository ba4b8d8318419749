/**
 * Verdicts as JUnit XML, which continuous-integration servers show.
 *
 * @module
 */
import type { ResultDocument } from "../document/document.ts";
import { formatMetric, formatRate, formatShare, formatTime } from "../../base/figures.ts";
import { escapeHtml } from "../report/markup.ts";
import { effectSentence } from "../document/effect_words.ts";
import { lossOf } from "../report/model.ts";
import { ownFigures } from "../report/own_figures.ts";
import { type ReportPoint, reportPoints, shorten } from "../report/point.ts";

/** A document and where it came from, or why it could not be read. */
export type JUnitCase = { file: string; document: ResultDocument } | { file: string; error: string };

/**
 * One test case a document: INVALID is a failure, what cannot be read an error.
 *
 * @param strict SUSPECT is a failure, too.
 */
export function junitXml(cases: readonly JUnitCase[], strict = false): string {
  let failures = 0;
  let errors = 0;
  let seconds = 0;
  const lines: string[] = [];
  for (const one of cases) {
    if ("error" in one) {
      errors++;
      lines.push(
        `  <testcase classname="ipbench" name="${attribute(one.file)}" time="0">`,
        `    <error message="${attribute(one.error)}"/>`,
        "  </testcase>",
      );
      continue;
    }
    const { run } = one.document;
    const time = Math.max(0, (Date.parse(run.ended) - Date.parse(run.started)) / 1000) || 0;
    seconds += time;
    const bad = run.verdict === "INVALID" || (strict && run.verdict === "SUSPECT");
    if (bad) failures++;
    lines.push(
      `  <testcase classname="ipbench.${attribute(one.document.test.name)}" name="${
        attribute(one.file)
      }" time="${time.toFixed(3)}">`,
    );
    if (bad) {
      const reason = run.reasons[0] ?? run.verdict;
      lines.push(
        `    <failure type="${run.verdict}" message="${attribute(reason)}">${
          attribute(run.reasons.slice(0, 50).join("\n"))
        }</failure>`,
      );
    }
    lines.push(`    <system-out>${attribute(summaryOf(one.document))}</system-out>`, "  </testcase>");
  }
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuite name="ipbench" tests="${cases.length}" failures="${failures}" errors="${errors}" skipped="0" time="${
      seconds.toFixed(3)
    }">`,
    ...lines,
    "</testsuite>",
    "",
  ].join("\n");
}

function attribute(text: string): string {
  return escapeHtml(shorten(text)).replaceAll("\n", "&#10;");
}

function summaryOf(document: ResultDocument): string {
  const points = reportPoints(document, "");
  const effects = points.flatMap(({ effects }) => effects.flatMap((effect) => effectSentence(effect) ?? []));
  return [...points.map(summaryOfPoint), ...effects].join("\n");
}

function summaryOfPoint(point: ReportPoint): string {
  const of = point.class === null ? "" : `class ${point.class}, `;
  const latency = point.response ?? point.service;
  return [
    `${of}${point.verdict}: ${formatRate(point.receivedBps)} of ${formatRate(point.offeredBps)}`,
    `loss ${formatShare(lossOf(point))}`,
    `p50 ${formatTime(latency?.p50_ns)}, p99 ${formatTime(latency?.p99_ns)}, p99.9 ${
      formatTime(latency?.p999_ns)
    }`,
    ...ownFigures([point]).map(({ key, pick, unit }) => `${key} ${formatMetric(pick(point), unit)}`),
    ...point.reasons,
  ].join("\n");
}
