/**
 * `ipbench history check`: what changed.
 *
 * @module
 */

import { formatDate } from "../../base/figures.ts";
import { requireShare } from "../../base/values.ts";
import {
  checkHistory,
  commitText,
  figureText,
  type Finding,
  type History,
  isAlarm,
  type SeriesState,
} from "../../history/mod.ts";
import { changeText } from "../../results/compare/words.ts";
import { EXIT, ExitError } from "../exit.ts";
import { Problems } from "../problems.ts";
import { coloured, type Mood } from "../terminal/colours.ts";
import { note, out, widthOf } from "../terminal/io.ts";
import { plainText, wrapWords } from "../terminal/text.ts";
import { failing, readHistory } from "./open.ts";
import { seriesText, table } from "./show.ts";
import { resolveCommit } from "./working_folder.ts";

interface Options {
  history?: string;
  since?: string;
  metric?: string[];
  test?: string;
  min?: string;
  all?: true;
  json?: true;
  fail?: true;
}

const MOODS: Readonly<Record<Finding["finding"], Mood>> = {
  worse: "bad",
  better: "good",
  changed: "doubtful",
};

/** Finds what changed, and prints it. */
export async function checkChanges(options: Options): Promise<void> {
  const problems = new Problems();
  const minimum = options.min === undefined
    ? undefined
    : problems.attempt("--min", () => requireShare(options.min!));
  problems.end();
  using history = await readHistory(options.history);
  if (options.test !== undefined && history.series({ test: options.test }).length === 0) {
    throw new ExitError(
      EXIT.FAILED,
      `no series of a test ${options.test} in ${history.path}; "ipbench history series" lists them`,
    );
  }
  const metrics = options.metric?.flatMap((names) => names.split(","));
  const known = history.metrics();
  const unknown = metrics?.find((name) => !known.has(name));
  if (unknown !== undefined) {
    throw new ExitError(
      EXIT.USAGE,
      `there is no figure ${unknown}; there are ${[...known.keys()].join(", ")}`,
    );
  }
  const since = options.since === undefined ? undefined : await beginOf(history, options.since);
  const { findings, states } = failing(() =>
    checkHistory(history, { metrics, test: options.test, since, minimum })
  );
  const alarms = findings.filter(isAlarm);
  if (options.json === true) {
    out(JSON.stringify({ format: "ipbench-changes/1", findings, series: states }, null, 1) + "\n");
  } else {
    for (const finding of findings) out(paragraph(finding));
    if (options.all === true) out(stateTable(states));
    summary(findings, states, alarms.length);
  }
  if (options.fail === true && alarms.length > 0) {
    throw new ExitError(EXIT.FAILED, `${alarms.length} got worse; "ipbench history ack" accepts a change`);
  }
}

/** When the newest run of a version began, or a date. */
async function beginOf(history: History, ref: string): Promise<string> {
  const known = history.lastOf(ref);
  if (known !== null) return known;
  const commit = await resolveCommit(".", ref);
  const of = commit === null ? null : history.lastOf(commit);
  if (of !== null) return of;
  const time = Date.parse(ref);
  if (Number.isFinite(time)) return new Date(time).toISOString();
  throw new ExitError(
    EXIT.USAGE,
    `--since ${ref}: ${history.path} has no run of such a commit or tag, and it is no date such as 2026-01-31`,
  );
}

function paragraph(finding: Finding): string {
  const { series, metric, kind, change, interval, before, after, last, first, loads, suspect } = finding;
  const text = (value: number) => figureText(metric, value);
  const amount = (value: number) => changeText({ ...metric, pick: () => null }, value);
  const within = interval === null ? "" : ` (95 %: ${amount(interval.low)} … ${amount(interval.high)})`;
  const word = kind === "drift" ? `drifts, ${finding.finding}` : finding.finding;
  const marks = [
    loads.of > 1 ? `at ${loads.seen} of ${loads.of} loads` : "",
    suspect > 0 ? `${suspect} of the runs are SUSPECT` : "",
    finding.canary ? "the canary changed, too: it is the machine" : "",
    finding.ack === null ? "" : `accepted${finding.ack.reason === "" ? "" : `: ${finding.ack.reason}`}`,
  ].filter((part) => part !== "");
  const version = (run: Finding["first"]) => {
    const commit = commitText(run);
    return `${commit === "" ? "" : `${commit}, `}${formatDate(run.started)}`;
  };
  const lines = [
    `${word}: ${metric.label} ${amount(change)}${within}, ${text(before)} → ${text(after)}${
      marks.length === 0 ? "" : `; ${marks.join("; ")}`
    }`,
    `  ${seriesText(series)}`,
    `  ${kind === "drift" ? "from" : "after"} ${version(last)} ${kind === "drift" ? "to" : "and by"} ${
      version(first)
    }`,
    `  ${series.id} ${metric.name} ${first.id.slice(0, 10)}`,
  ];
  const width = widthOf(Deno.stdout);
  const shown = lines.map((line) => wrapWords(plainText(line), width)).join("\n");
  const mood = finding.ack !== null || finding.canary ? "silent" : MOODS[finding.finding];
  return shown.replace(word, (found) => coloured(Deno.stdout, mood, found)) + "\n";
}

function stateTable(states: readonly SeriesState[]): string {
  return table([
    ["series", "figure", "runs", "", "scatter", "would show", "outliers"],
    ...states.map(({ series, metric, kind, observations, noise, detectable, outliers, modes }) => {
      const amount = (value: number) =>
        changeText({ ...metric, pick: () => null }, value).replace(/^[+±]/, "");
      const two = modes === null ? "" : ` ${modes.map((value) => figureText(metric, value)).join(" and ")}`;
      return [
        ...[series.id, metric.name, String(observations), `${kind}${two}`],
        ...[amount(noise), amount(detectable), String(outliers)],
      ];
    }),
  ]);
}

function summary(findings: readonly Finding[], states: readonly SeriesState[], alarms: number): void {
  const series = new Set(states.map((state) => state.series.id)).size;
  const few = states.filter(({ kind }) => kind === "few").length;
  note(
    `ipbench: ${states.length} figures of ${series} series: ${findings.length} changed, ${alarms} for the worse` +
      (few > 0 ? `; ${few} have too few runs` : ""),
  );
}
