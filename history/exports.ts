/**
 * Series in other programs' formats: Apache Otava's CSV, Bencher's JSON, the text of Go's benchmarks (benchstat).
 *
 * @module
 */

import type { MetricInfo } from "./identity.ts";
import { observationsOf } from "./observations.ts";
import type { SeriesEntry, SeriesRun } from "./rows.ts";

/** A series with its runs. */
export interface SeriesWithRuns {
  series: SeriesEntry;
  runs: readonly SeriesRun[];
}

/**
 * A series as CSV that Apache Otava reads (`docs/CSV.md` there): time, attributes, and the figures that every run has. INVALID runs are
 * left out.
 */
export function otavaCsv({ runs }: SeriesWithRuns): string {
  const usable = usableOf(runs);
  const names = commonFigures(usable);
  const rows = usable.map(({ started, commit, tag, id, verdict, figures }) => [
    ...[started, commit ?? "", tag ?? "", id, verdict],
    ...names.map((name) => String(figures[name])),
  ]);
  return [["time", "commit", "tag", "run", "verdict", ...names], ...rows].map((row) =>
    row.map(csvField).join(",") + "\n"
  )
    .join("");
}

/**
 * The configuration with which Otava reads those files.
 *
 * @param all The series, each with the name of its file.
 * @param metrics What the figures mean.
 */
export function otavaConfig(
  all: readonly (SeriesWithRuns & { file: string })[],
  metrics: ReadonlyMap<string, MetricInfo>,
): string {
  const tests = all.map(({ series, runs, file }) => {
    const names = commonFigures(usableOf(runs));
    const lines = names.map((name) => {
      const direction = metrics.get(name)?.worse === "less" ? 1 : -1;
      return `      ${JSON.stringify(name)}: { column: ${JSON.stringify(name)}, direction: ${direction} }\n`;
    });
    return `  ${JSON.stringify(seriesName(series))}:\n    type: csv\n    file: ${JSON.stringify(file)}\n` +
      `    time_column: time\n    attributes: [commit, tag, run, verdict]\n    metrics:\n${lines.join("")}` +
      `    csv_options:\n      delimiter: ","\n      quotechar: '"'\n`;
  });
  return `tests:\n${tests.join("")}`;
}

/** The newest observation of each series in Bencher Metric Format: of repetitions their middle and range. */
export function bencherJson(all: readonly SeriesWithRuns[]): string {
  const benchmarks = all.flatMap(({ series, runs }) => {
    const last = usableOf(runs).at(-1);
    if (last === undefined) return [];
    const measures = Object.keys(last.figures).flatMap((name) => {
      const newest = observationsOf(runs, name).at(-1);
      if (newest === undefined) return [];
      const own = usableOf(runs).filter((run) => run.batch === newest.run.batch && run.batch !== null);
      const values = own.flatMap(({ figures }) => figures[name] ?? []);
      const range = values.length > 1
        ? { lower_value: Math.min(...values), upper_value: Math.max(...values) }
        : {};
      return [[name, { value: newest.value, ...range }]];
    });
    return [[seriesName(series), Object.fromEntries(measures)]];
  });
  return JSON.stringify(Object.fromEntries(benchmarks), null, 1) + "\n";
}

/**
 * All runs in the text format of Go's benchmarks, which benchstat compares (https://go.dev/design/14313-benchmark-format): a line each,
 * with the commit as configuration, and which direction of a unit is better. Times are in ns, other units are the figures'.
 */
export function benchstatText(
  all: readonly SeriesWithRuns[],
  metrics: ReadonlyMap<string, MetricInfo>,
): string {
  const unitOf = (name: string) => {
    const unit = metrics.get(name)?.unit.replaceAll(/\s/g, "_") ?? "";
    return unit === "" ? name : `${name}-${unit}`;
  };
  const lines = [...metrics.values()].filter(({ worse }) => worse !== null).map(({ name, worse }) =>
    `Unit ${unitOf(name)} better=${worse === "more" ? "lower" : "higher"}`
  );
  let commit: string | null = null;
  const runs = all.flatMap(({ series, runs }) => usableOf(runs).map((run) => ({ series, run })));
  for (const { series, run } of runs.sort((a, b) => a.run.started < b.run.started ? -1 : 1)) {
    const version = run.tag ?? run.commit ?? "unknown";
    if (version !== commit) lines.push(`commit: ${version.replaceAll(/\s/g, "_")}`);
    commit = version;
    const figures = Object.entries(run.figures).map(([name, value]) => `${value} ${unitOf(name)}`);
    if (figures.length > 0) lines.push(`${goName(series)} 1 ${figures.join(" ")}`);
  }
  return lines.map((line) => `${line}\n`).join("");
}

/** A name for a series that other programs can keep: test, class, arguments, load and the beginning of its number. */
function seriesName(series: SeriesEntry): string {
  return [...partsOf(series), series.id].join(" ");
}

/** The same as Go names benchmarks: a capital first, no blanks. */
function goName(series: SeriesEntry): string {
  const [test = "", ...rest] = [...partsOf(series), `series=${series.id}`].map((part) =>
    part.replaceAll(/[\s/]/g, "_")
  );
  return `Benchmark${test.charAt(0).toUpperCase()}${test.slice(1)}/${rest.join("/")}`;
}

function partsOf({ test, class: of, args, load }: SeriesEntry): string[] {
  const pairs = Object.entries({ ...args, ...load }).map(([name, value]) =>
    value === "" ? name : `${name}=${value}`
  );
  return [test, ...of === null ? [] : [`class=${of}`], ...pairs];
}

function usableOf(runs: readonly SeriesRun[]): SeriesRun[] {
  return runs.filter(({ verdict }) => verdict !== "INVALID");
}

/** Figures that every run has. */
function commonFigures(runs: readonly SeriesRun[]): string[] {
  const [first, ...others] = runs;
  return Object.keys(first?.figures ?? {}).filter((name) =>
    others.every(({ figures }) => figures[name] !== undefined)
  );
}

function csvField(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
