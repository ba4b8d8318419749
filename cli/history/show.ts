/**
 * `ipbench history list`, `series` and `show`.
 *
 * @module
 */

import { formatDate } from "../../base/figures.ts";
import { requireCount } from "../../base/values.ts";
import {
  argsText,
  commitText,
  figureText,
  type History,
  loadText,
  machinesText,
  type RunEntry,
  type SeriesEntry,
  SHORT,
  testText,
} from "../../history/mod.ts";
import { EXIT, ExitError } from "../exit.ts";
import { Problems } from "../problems.ts";
import { coloured } from "../terminal/colours.ts";
import { note, out } from "../terminal/io.ts";
import { fit, plainText } from "../terminal/text.ts";
import { parseLabels } from "./recorder.ts";
import { readHistory } from "./open.ts";

interface Named {
  history?: string;
}

/** Runs that a list has unless more are asked for. */
const DEFAULT_LIMIT = "20";
/** Columns that the arguments of a series have in a list. */
const ARGS_COLUMNS = 60;

/** Lists runs. */
export async function listRuns(
  options: Named & { limit?: string; test?: string; series?: string; label?: string[]; find?: string },
): Promise<void> {
  const problems = new Problems();
  const limit = problems.attempt("--limit", () => requireCount(options.limit ?? DEFAULT_LIMIT));
  problems.end();
  const labels = parseLabels(options.label);
  using history = await readHistory(options.history);
  const series = options.series === undefined ? undefined : seriesOf(history, options.series).id;
  const filter = { test: options.test, series, labels, text: options.find };
  const runs = history.list({ ...filter, limit });
  if (runs.length === 0) throw new ExitError(EXIT.FAILED, `no such run in ${history.path}`);
  out(table([
    ["run", "started", "verdict", "test", "commit", "labels and notes"],
    ...runs.map((run) => [
      run.id.slice(0, SHORT),
      formatDate(run.started),
      run.failed ? `${run.verdict} (failed)` : run.verdict,
      testText(run),
      commitText(run),
      labelText(run),
    ]),
  ]));
  const all = history.count(filter);
  if (all > runs.length) note(`ipbench: the newest ${runs.length} of ${all}; --limit shows more`);
}

/** Lists series, or the runs of one. */
export async function listSeries(
  id: string | undefined,
  options: Named & { test?: string; metric?: string },
): Promise<void> {
  if (id === undefined && options.metric !== undefined) {
    throw new ExitError(EXIT.USAGE, "--metric: of which series? Give its number, too");
  }
  using history = await readHistory(options.history);
  if (id !== undefined) return showSeries(history, seriesOf(history, id), options.metric);
  const all = history.series({ test: options.test });
  if (all.length === 0) throw new ExitError(EXIT.FAILED, `no such series in ${history.path}`);
  out(table([
    ["series", "test", "arguments", "load", "testers", "target", "runs", "last"],
    ...all.map((series) => [
      series.id,
      testText(series),
      fit(argsText(series.args), ARGS_COLUMNS),
      loadText(series),
      machinesText(series.testers),
      machinesText(series.targets),
      String(series.runs),
      formatDate(series.last).slice(0, 10),
    ]),
  ]));
}

function showSeries(history: History, series: SeriesEntry, wanted: string | undefined): void {
  const metrics = history.metrics();
  const runs = history.runsOf(series.id);
  const known = [...new Set(runs.flatMap(({ figures }) => Object.keys(figures)))];
  const name = wanted ?? (known.includes("p99") ? "p99" : known[0]);
  const metric = name === undefined ? undefined : metrics.get(name);
  if (metric === undefined || !known.includes(metric.name)) {
    throw new ExitError(
      wanted === undefined ? EXIT.FAILED : EXIT.USAGE,
      `series ${series.id} has no figure ${name ?? ""}; it has ${known.join(", ") || "none"}`,
    );
  }
  out(`${seriesText(series)}\n${describeMachines(series)}`);
  out(table([
    ["run", "started", "verdict", metric.label, "commit", "labels and notes"],
    ...runs.map((run) => {
      const value = run.figures[metric.name];
      return [
        run.id.slice(0, SHORT),
        formatDate(run.started),
        run.verdict,
        value === undefined ? "–" : figureText(metric, value),
        commitText(run),
        labelText(run),
      ];
    }),
  ]));
}

/** Shows a run. */
export async function showRun(id: string, options: Named & { json?: true }): Promise<void> {
  using history = await readHistory(options.history);
  const run = runOf(history, id);
  if (options.json === true) {
    const text = history.document(run.id);
    if (text === null) {
      throw new ExitError(EXIT.FAILED, `the document of run ${run.id} was taken out (prune)`);
    }
    return out(text.endsWith("\n") ? text : `${text}\n`);
  }
  const metrics = history.metrics();
  const facts: [string, string][] = [
    ["run", run.id],
    ["test", testText(run)],
    ["started", formatDate(run.started)],
    ["verdict", run.failed ? `${run.verdict} (failed)` : run.verdict],
    ["measured by", `ipbench ${run.version}`],
    ["commit", commitText(run)],
    ["labels", labelText(run)],
  ];
  for (const [name, value] of facts) if (value !== "") out(`${name.padEnd(13)}${plainText(value)}\n`);
  for (const series of run.series.map((each) => history.series({ id: each })[0]!)) {
    out(`\n${seriesText(series)}\n${describeMachines(series)}`);
    const { figures } = history.runsOf(series.id).find((each) => each.id === run.id)!;
    const rows = Object.entries(figures).flatMap(([name, value]) => {
      const metric = metrics.get(name);
      return metric === undefined ? [] : [[`  ${metric.label}`, figureText(metric, value)]];
    });
    out(table(rows));
  }
}

/**
 * The one series that a number begins.
 *
 * @throws {ExitError} when there is none, or several.
 */
export function seriesOf(history: History, id: string): SeriesEntry {
  return only(history.series({ id }), id, "series", history);
}

/** The one run that a number begins. @throws {ExitError} when there is none, or several. */
export function runOf(history: History, id: string): RunEntry {
  return only(history.list({ id, limit: 2 }), id, "run", history);
}

function only<T extends { id: string }>(found: T[], id: string, what: string, { path }: History): T {
  const exact = found.find((each) => each.id === id);
  if (exact !== undefined) return exact;
  if (found.length === 1) return found[0]!;
  const why = found.length === 0 ? `no ${what} ${id} in ${path}` : `more than one ${what} begins with ${id}`;
  throw new ExitError(EXIT.FAILED, `${why}; "ipbench history ${what === "run" ? "list" : what}" lists them`);
}

/** A series in a line. */
export function seriesText(series: SeriesEntry): string {
  const parts = [testText(series), argsText(series.args), loadText(series)].filter((part) => part !== "");
  return plainText(`series ${series.id}: ${parts.join(", ")}`);
}

function describeMachines({ testers, targets }: SeriesEntry): string {
  const line = (word: string, machines: readonly Record<string, string>[]) =>
    machines.map((machine) => plainText(`  ${word} ${Object.values(machine).join(", ")}`) + "\n").join("");
  return line("tester", testers) + line("target", targets);
}

function labelText({ labels, note: own }: Pick<RunEntry, "labels" | "note">): string {
  return [argsText(labels), own ?? ""].filter((text) => text !== "").join("; ");
}

/** Lines whose columns stand below one another. */
export function table(rows: readonly (readonly string[])[]): string {
  const clean = rows.map((row) => row.map((cell) => plainText(cell)));
  const widths = clean.reduce<number[]>(
    (most, row) => row.map((cell, n) => Math.max(most[n] ?? 0, cell.length)),
    [],
  );
  return clean.map((row) => row.map((cell, n) => cell.padEnd(widths[n]!)).join("  ").trimEnd() + "\n").map((
    line,
  ) => line.replace(/\bINVALID\b/, (word) => coloured(Deno.stdout, "bad", word))).join("");
}
