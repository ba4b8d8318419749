/**
 * A comparison for programs: JSON, and JUnit XML.
 *
 * @module
 */
import { suiteXml, type TestCase } from "../export/junit.ts";
import type { Comparison, Row } from "./compare.ts";
import type { Failure } from "./fail_if.ts";
import { changeText, figureTexts, findingText, intervalText, summaryText } from "./words.ts";

/** Names of both sides. */
interface Names {
  a: string;
  b: string;
}

/**
 * A comparison as JSON: every row with its numbers.
 *
 * @param failed Rows that met a `--fail-if`.
 * @param lacking Sentences on what only A has, where that fails.
 */
export function compareJson(
  comparison: Comparison,
  names: Names,
  failed: readonly Failure[],
  lacking: readonly string[],
): string {
  const { rows, overall, alpha, tested, pairing } = comparison;
  const document = {
    format: "ipbench-compare/1",
    a: names.a,
    b: names.b,
    alpha,
    tested,
    summary: summaryText(comparison),
    rows: rows.map((row) => ({
      point: row.pair.label,
      load_bps: row.pair.load,
      metric: row.metric.name,
      /** Changes are shares of A, or differences in percentage points. */
      scale: row.metric.scale,
      unit: unitOf(row),
      a: row.a,
      b: row.b,
      repetitions: row.repetitions,
      change: row.change,
      interval: row.interval,
      p: row.p,
      adjusted_p: row.adjusted,
      detectable: row.detectable,
      finding: row.finding,
      failed: failed.filter((failure) => failure.row === row).map(({ condition }) => condition.text),
    })),
    overall: overall.map(({ metric, points, change, p }) => ({ metric: metric.name, points, change, p })),
    unmatched: pairing.unmatched,
    missing: lacking,
  };
  return JSON.stringify(document, null, 1) + "\n";
}

/**
 * A comparison as JUnit XML: a case for each figure of each point, named after it. Those fail that met a `--fail-if`; without
 * any such condition, those that got worse.
 */
export function compareJunit(
  comparison: Comparison,
  names: Names,
  failed: readonly Failure[],
  lacking: readonly string[],
  gated: boolean,
): string {
  const cases = comparison.rows.map((row): TestCase => {
    const met = failed.filter((failure) => failure.row === row).map(({ condition }) => condition.text);
    const bad = gated ? met.length > 0 : row.finding === "worse";
    const [a, b] = figureTexts(row);
    const text = `${a} → ${b}, ${changeText(row.metric, row.change)} (${intervalText(row)}); ${
      findingText(row)
    }`;
    return {
      of: `ipbench.compare.${names.b}`,
      name: `${row.pair.label}: ${row.metric.label}`,
      text,
      failure: bad ? { type: gated ? "fail-if" : "worse", message: [...met, text].join(": ") } : null,
    };
  });
  const missing = lacking.map((sentence): TestCase => ({
    of: `ipbench.compare.${names.b}`,
    name: sentence,
    text: "",
    failure: { type: "missing", message: sentence },
  }));
  return suiteXml([...cases, ...missing]);
}

function unitOf({ metric }: Row): string {
  if (metric.kind === "time") return "ns";
  if (metric.kind === "rate") return "bit/s";
  return metric.kind === "percent" ? "%" : metric.unit ?? "";
}
