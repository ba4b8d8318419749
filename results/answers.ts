/**
 * Reports, comparisons and exports as functions: result documents in, text out. What the commands of the same names do,
 * without files. Each loads what it needs when it is called.
 *
 * @module
 */
import type { Comparison } from "./compare/compare.ts";
import type { Failure } from "./compare/fail_if.ts";
import type { ResultDocument } from "./document/document.ts";
import type { JUnitCase } from "./export/junit.ts";

/** A result document and the name by which texts call it: such as a file's. */
export interface NamedResult {
  file: string;
  document: ResultDocument;
}

/** A document that could not be read, which reports and JUnit name. */
export interface UnreadResult {
  file: string;
  error: string;
}

/** How to make a report. */
export interface ReportOptions {
  /** `html`: one page without scripts; `markdown`: figures and points; `csv`: one row a document. HTML when absent. */
  format?: "html" | "markdown" | "csv";
  /** Heading of the page. */
  title?: string;
}

/**
 * Makes a report, as `ipbench report` does.
 *
 * @param results At least one document, and what could not be read.
 * @param options Format and heading.
 * @returns The whole text.
 * @throws {TypeError} when there is no document.
 *
 * @example A page and a table
 * ```ts
 * import { makeReport, parseDocument } from "@ipbench/ipbench";
 *
 * const document = parseDocument(await Deno.readTextFile("result.json"));
 * await Deno.writeTextFile("report.html", await makeReport([{ file: "result.json", document }]));
 * console.log(await makeReport([{ file: "result.json", document }], { format: "markdown" }));
 * ```
 */
export async function makeReport(
  results: readonly (NamedResult | UnreadResult)[],
  options: ReportOptions = {},
): Promise<string> {
  if (!results.some((result) => "document" in result)) {
    throw new TypeError("a report needs a result document");
  }
  const { ReportBuilder } = await import("./report/model.ts");
  const builder = new ReportBuilder();
  for (const result of results) {
    if ("document" in result) builder.add(result.document, result.file);
    else builder.addError(result.file, result.error);
  }
  const model = builder.build(options.title ?? "Results");
  if (options.format === undefined || options.format === "html") {
    return (await import("./report/html.ts")).reportHtml(model);
  }
  const { reportCsv, reportMarkdown } = await import("./report/formats.ts");
  return options.format === "csv" ? reportCsv(model) : reportMarkdown(model);
}

/** How to compare. */
export interface CompareResultsOptions {
  /** Figures by the names that `ipbench compare --metric` knows; the usual ones when absent. */
  metrics?: readonly string[];
  /** Chance of even one false alarm in the whole comparison; 0.05 when absent. */
  alpha?: number;
  /** Differences between the sides that do not matter, as `--allow` knows them: "kernel", or the name of an argument. */
  allow?: readonly string[];
  /** Conditions, such as "p99 +5%" or "throughput -2%"; their metrics are compared, too. */
  failIf?: readonly string[];
}

/** What a comparison found. */
export interface ComparedResults {
  /** Every row; none where `comparison.pairing.refusals` says why the sides should not be compared. */
  comparison: Comparison;
  /** Conditions that were met, each with its row. */
  failures: Failure[];
  /** What only A has, and no condition could be held against; a sentence each. Empty with "missing" in `allow`. */
  missing: string[];
  /** Conditions that could not have seen a change as large as their limit; a sentence each. */
  warnings: string[];
  /** The same as text, as `ipbench compare` prints it. */
  markdown: string;
}

/**
 * Compares two sets of results, as `ipbench compare` does: effects with intervals, and whether chance would do.
 *
 * @param a The base.
 * @param b The other side.
 * @param options What is compared, and what may differ.
 * @returns What was found.
 * @throws {MetricError} when a metric or a condition is not known.
 * @throws {TypeError} when one side is empty.
 *
 * @example A gate in a program
 * ```ts
 * import { compareResults, type NamedResult } from "@ipbench/ipbench";
 *
 * async function isWorse(before: NamedResult[], after: NamedResult[]): Promise<boolean> {
 *   const { comparison, failures, missing } = await compareResults(before, after, { failIf: ["p99 +5%"] });
 *   return comparison.pairing.refusals.length > 0 || failures.length > 0 || missing.length > 0;
 * }
 * ```
 */
export async function compareResults(
  a: readonly NamedResult[],
  b: readonly NamedResult[],
  options: CompareResultsOptions = {},
): Promise<ComparedResults> {
  if (a.length === 0 || b.length === 0) throw new TypeError("a comparison needs results on both sides");
  const [{ compareSides }, gates, { metricsOf }, { compareMarkdown }, { reportPoints }] = await Promise.all([
    import("./compare/compare.ts"),
    import("./compare/fail_if.ts"),
    import("./compare/metrics.ts"),
    import("./compare/markdown.ts"),
    import("./report/point.ts"),
  ]);
  const [left, right] = [a, b].map((side) =>
    side.flatMap(({ document, file }) => reportPoints(document, file))
  );
  const known = metricsOf([...left!, ...right!]);
  const conditions = (options.failIf ?? []).map((text) => gates.parseFailIf(text, known));
  const needed = conditions.map(({ metric }) => metric.name);
  const metrics = options.metrics ?? (needed.length === 0 ? undefined : []);
  const allow = new Set(options.allow);
  const comparison = compareSides(left!, right!, {
    allow,
    ...(options.alpha === undefined ? {} : { alpha: options.alpha }),
    ...(metrics === undefined ? {} : { metrics: [...new Set([...metrics, ...needed])] }),
  });
  const failures = gates.failures(comparison, conditions);
  return {
    comparison,
    failures,
    missing: allow.has("missing") ? [] : gates.missing(comparison, conditions),
    warnings: gates.blind(comparison, conditions),
    markdown: compareMarkdown(comparison, { a: a[0]!.file, b: b[0]!.file }, failures),
  };
}

/** Formats of other programs: an HdrHistogram log, Prometheus' textfile collector, JUnit XML for CI. */
export type ExportFormat = "hlog" | "prometheus" | "junit";

/** Choices of an export. */
export interface ExportOptions {
  /** JUnit: a SUSPECT run is a failure, too. */
  strict?: boolean;
  /** Prometheus: samples have the run's number as a label, so that repetitions are told apart. */
  runLabel?: boolean;
}

/**
 * Writes results in another program's format, as `ipbench export` does.
 *
 * @param results The documents, in any order; JUnit also names what could not be read.
 * @param format Which format.
 * @param options Its choices.
 * @returns The whole text.
 * @throws {SameSeriesError} when two documents would be one series of Prometheus.
 *
 * @example
 * ```ts
 * import { exportResults, type NamedResult } from "@ipbench/ipbench";
 *
 * const xml = (results: NamedResult[]) => exportResults(results, "junit", { strict: true });
 * ```
 */
export async function exportResults(
  results: readonly JUnitCase[],
  format: ExportFormat,
  { strict = false, runLabel = false }: ExportOptions = {},
): Promise<string> {
  if (format === "junit") return (await import("./export/junit.ts")).junitXml(results, strict);
  const read = results.flatMap((one) => "document" in one ? [one] : [])
    .toSorted((a, b) => a.document.run.started < b.document.run.started ? -1 : 1);
  return format === "hlog"
    ? (await import("./export/histogram_log.ts")).histogramLog(read.map(({ document }) => document))
    : (await import("./export/prometheus.ts")).prometheusText(read, runLabel);
}
