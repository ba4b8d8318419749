/**
 * `ipbench export`: results in other programs' formats.
 *
 * @module
 */
import { type Command, Option } from "commander";
import { type ExportFormat, type ExportOptions, exportResults } from "../../results/answers.ts";
import type { ResultDocument } from "../../results/document/document.ts";
import { EXIT, ExitError } from "../exit.ts";
import { note, out } from "../terminal/io.ts";
import { readDocuments, type ReadResult } from "../read_documents.ts";
import { writeWhole } from "../result_files.ts";

/** Documents of one export: a sweep's and to spare; larger sets are exported in parts. */
const EXPORT_LIMIT = 10_000;

interface Options {
  format?: "hlog" | "prometheus" | "junit";
  output?: string;
  strict?: true;
  runLabel?: true;
}

/** Adds the subcommand. */
export function register(program: Command): void {
  program
    .command("export")
    .summary("write results in other programs' formats")
    .description(
      "Writes result documents as HdrHistogram logs, for Prometheus' textfile collector, or as JUnit XML.",
    )
    .argument("<paths...>", "result documents, or folders of them")
    .addOption(
      new Option("-f, --format <format>", "hlog: HdrHistogram log; prometheus: textfile; junit: XML for CI")
        .choices(["hlog", "prometheus", "junit"] as const),
    )
    .option("-o, --output <file>", "write to a file instead of the standard output")
    .option("--strict", "junit: a SUSPECT run is a failure, too")
    .option(
      "--run-label",
      "prometheus: label samples with the run's number, so that repetitions are told apart",
    )
    .addHelpText(
      "after",
      "\nExit status: 0 written, 2 a named file is missing or is no result document, or\nwrong use.",
    )
    .action(async (paths: string[], options: Options) => {
      if (options.format === undefined) {
        throw new ExitError(EXIT.USAGE, "in which format? Give --format hlog, prometheus or junit");
      }
      const read = await readAll(paths);
      const documents = read.filter((one): one is { file: string; document: ResultDocument } =>
        "document" in one
      );
      if (documents.length === 0 && options.format !== "junit") {
        throw new ExitError(EXIT.USAGE, `no result document in ${paths.join(", ")}`);
      }
      const absent = read.find((one) => "error" in one && paths.includes(one.file));
      if (absent !== undefined && "error" in absent) {
        throw new ExitError(EXIT.USAGE, `${absent.file}: ${absent.error}`);
      }
      const text = await convert(options.format, read, {
        strict: options.strict === true,
        runLabel: options.runLabel === true,
      });
      if (options.output === undefined || options.output === "-") out(text);
      else await write(options.output, text);
    });
}

async function readAll(paths: readonly string[]): Promise<ReadResult[]> {
  const read: ReadResult[] = [];
  for await (const result of readDocuments(paths)) {
    if ("error" in result) note(`ipbench: ${result.file}: ${result.error}`);
    if (read.length >= EXPORT_LIMIT) {
      throw new ExitError(EXIT.USAGE, `more than ${EXPORT_LIMIT} documents; export them in parts`);
    }
    read.push(result);
  }
  return read;
}

async function convert(format: ExportFormat, read: ReadResult[], options: ExportOptions): Promise<string> {
  try {
    return await exportResults(read, format, options);
  } catch (cause) {
    const { SameSeriesError } = await import("../../results/export/prometheus.ts");
    if (!(cause instanceof SameSeriesError)) throw cause;
    throw new ExitError(EXIT.USAGE, `${cause.message}; --run-label tells them apart`, { cause });
  }
}

async function write(path: string, text: string): Promise<void> {
  await writeWhole(path, text);
  note(`ipbench: ${path} written`);
}
