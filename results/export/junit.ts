/**
 * Verdicts as JUnit XML, which continuous-integration servers show.
 *
 * @module
 */
import { pointLabel } from "../compare/pair.ts";
import type { GateResult, ResultDocument } from "../document/document.ts";
import { formatMetric, formatRate, formatShare, formatTime } from "../../base/figures.ts";
import { escapeHtml } from "../report/markup.ts";
import { effectSentence } from "../document/effect/words.ts";
import { lossOf } from "../report/model.ts";
import { ownFigures } from "../report/sections/own_figures.ts";
import { type ReportPoint, reportPoints } from "../report/point.ts";
import { shorten } from "../report/point_hosts.ts";

/** A document and where it came from, or why it could not be read. */
export type JUnitCase = { file: string; document: ResultDocument } | { file: string; error: string };

/** One test case. */
export interface TestCase {
  /** Its class name. */
  of: string;
  name: string;
  seconds?: number;
  /** What goes to its output; "" for nothing. */
  text: string;
  failure?: { type: string; message: string; details?: string } | null;
  error?: string;
}

/**
 * One test case a document, and one for each of its gates: INVALID is a failure, what cannot be read an error.
 *
 * @param strict SUSPECT is a failure, too.
 */
export function junitXml(cases: readonly JUnitCase[], strict = false): string {
  return suiteXml(cases.flatMap((one): TestCase[] => {
    if ("error" in one) return [{ of: "ipbench", name: one.file, text: "", error: one.error }];
    const { run, test, gates = [] } = one.document;
    const bad = run.verdict === "INVALID" || (strict && run.verdict === "SUSPECT");
    const message = run.reasons[0] ?? run.verdict;
    const details = run.reasons.slice(0, 50).join("\n");
    return [{
      of: `ipbench.${test.name}`,
      name: one.file,
      seconds: Math.max(0, (Date.parse(run.ended) - Date.parse(run.started)) / 1000) || 0,
      text: summaryOf(one.document),
      failure: bad ? { type: run.verdict, message, details } : null,
    }, ...gates.map((gate) => gateCase(one.document, gate))];
  }));
}

/** A gate is a case of its own, named after its point. */
function gateCase(document: ResultDocument, gate: GateResult): TestCase {
  const point = reportPoints(document, "").find((each) => each.class === (gate.class ?? null));
  const { metric, operator, limit, met, text } = gate;
  return {
    of: `ipbench.${point?.test ?? document.test.name}`,
    name: `${point === undefined ? "" : `${pointLabel(point)}: `}${metric} ${operator} ${limit}`,
    text: met ? text : "",
    failure: met ? null : { type: "gate", message: text },
  };
}

/** Test cases as JUnit XML. */
export function suiteXml(cases: readonly TestCase[]): string {
  const count = (pick: (one: TestCase) => unknown) => cases.filter(pick).length;
  const seconds = cases.reduce((sum, one) => sum + (one.seconds ?? 0), 0);
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuite name="ipbench" tests="${cases.length}" failures="${
      count(({ failure }) => failure)
    }" errors="${count(({ error }) => error !== undefined)}" skipped="0" time="${seconds.toFixed(3)}">`,
    ...cases.flatMap(caseLines),
    "</testsuite>",
    "",
  ].join("\n");
}

function caseLines({ of, name, seconds, text, failure, error }: TestCase): string[] {
  const time = seconds === undefined ? "0" : seconds.toFixed(3);
  const lines = [`  <testcase classname="${attribute(of)}" name="${attribute(name)}" time="${time}">`];
  if (error !== undefined) lines.push(`    <error message="${attribute(error)}"/>`);
  if (failure) {
    const head = `    <failure type="${attribute(failure.type)}" message="${attribute(failure.message)}"`;
    lines.push(
      failure.details === undefined ? `${head}/>` : `${head}>${attribute(failure.details)}</failure>`,
    );
  }
  if (text !== "") lines.push(`    <system-out>${attribute(text)}</system-out>`);
  return [...lines, "  </testcase>"];
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
