/**
 * `ipbench history export`: series for other programs.
 *
 * @module
 */

import {
  bencherJson,
  benchstatText,
  type History,
  otavaConfig,
  otavaCsv,
  type SeriesWithRuns,
} from "../../history/mod.ts";
import { exportResults } from "../../results/answers.ts";
import { parseDocument } from "../../results/document/parse.ts";
import { EXIT, ExitError } from "../exit.ts";
import { makeFolder, writeWhole } from "../result_files.ts";
import { note } from "../terminal/io.ts";
import { readHistory } from "./open.ts";
import { seriesOf } from "./show.ts";

interface Options {
  history?: string;
  format?: "otava" | "bencher" | "benchstat" | "prometheus";
  series?: string[];
  test?: string;
  output?: string;
}

/** Writes series in another program's format. */
export async function exportSeries(options: Options): Promise<void> {
  const { format } = options;
  if (format === undefined) {
    throw new ExitError(
      EXIT.USAGE,
      "in which format? Give --format otava, bencher, benchstat or prometheus",
    );
  }
  using history = await readHistory(options.history);
  const chosen = options.series === undefined
    ? history.series({ test: options.test })
    : options.series.map((id) => seriesOf(history, id));
  const all = chosen.map((series): SeriesWithRuns => ({ series, runs: history.runsOf(series.id) }))
    .filter(({ runs }) => runs.some(({ verdict }) => verdict !== "INVALID"));
  if (all.length === 0) throw new ExitError(EXIT.FAILED, `no series with a usable run in ${history.path}`);
  if (format === "otava") return await exportOtava(history, all, options.output);
  await writeWhole(options.output ?? "-", await textOf(history, all, format));
}

async function textOf(
  history: History,
  all: SeriesWithRuns[],
  format: "bencher" | "benchstat" | "prometheus",
) {
  if (format === "bencher") return bencherJson(all);
  if (format === "benchstat") return benchstatText(all, history.metrics());
  const newest = new Set(
    all.flatMap(({ series, runs }) =>
      series.kind === "run" ? runs.findLast(({ verdict }) => verdict !== "INVALID")?.id ?? [] : []
    ),
  );
  const documents = [...newest].flatMap((id) => {
    const text = history.document(id);
    return text === null ? [] : [{ file: id, document: parseDocument(text) }];
  });
  return await exportResults(documents, "prometheus", { runLabel: true });
}

/** One series goes to the standard output or a file, several to a folder with a configuration. */
async function exportOtava(
  history: History,
  all: SeriesWithRuns[],
  output: string | undefined,
): Promise<void> {
  const folder = output !== undefined && output !== "-" && !output.endsWith(".csv");
  if (!folder) {
    if (all.length > 1) {
      throw new ExitError(EXIT.USAGE, `${all.length} series: name one with --series, or a folder with -o`);
    }
    return await writeWhole(output ?? "-", otavaCsv(all[0]!));
  }
  await makeFolder(output);
  const files = all.map((each) => ({ ...each, file: `${output}/${each.series.id}.csv` }));
  for (const each of files) await writeWhole(each.file, otavaCsv(each));
  await writeWhole(`${output}/otava.yaml`, otavaConfig(files, history.metrics()));
  note(`ipbench: ${files.length} series and otava.yaml written to ${output}`);
}
