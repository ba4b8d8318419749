/**
 * `ipbench run`: one benchmark from beginning to end.
 *
 * @module
 */

import type { Command } from "commander";
import { formatAddress } from "../../config/address.ts";
import { ConfigError, type Problem } from "../../config/config_error.ts";
import { placed } from "../../config/places.ts";
import type { RunDescription } from "../../config/run_description.ts";
import { viewsOf } from "../../results/document/class_view.ts";
import type { ResultDocument } from "../../results/document/document.ts";
import type { LogLevel } from "../../controller/log.ts";
import type { RunOptions } from "../../controller/run/run.ts";
import { EXIT, ExitError } from "../exit.ts";
import { colourVerdict } from "../terminal/colours.ts";
import { CsvOutputs } from "../csv_output.ts";
import { note, out, print } from "../terminal/io.ts";
import { labelled, openProgress, type Progress } from "../terminal/live_screen.ts";
import { Output } from "../result_files.ts";
import { reportProblems } from "../problems.ts";
import {
  addRunOptions,
  type DescribedRun,
  describeRun,
  reasonOf,
  type RunOptionValues,
} from "../run_options.ts";
import { effectLines, exitStatus, figuresLine, outcomeLines } from "../run_outcome.ts";
import { catchInterruption } from "../signals.ts";

interface RunCommandOptions extends RunOptionValues {
  json?: string;
  csv?: string;
  quiet?: boolean;
  strict?: boolean;
}

const GROUP = "Results:";

const HELP = `
What the tests print (the CSV row) goes to stdout, everything else to stderr. Values in the file override those of
the command line; testers and the target test of the command line are added to those of the file. "run" may be left
out when the first word is an option.

Examples:
  ipbench run lab.xml --json result.json --csv rows.csv
  ipbench run --client 10.0.0.2 --client 10.0.0.3 --test latency \\
      --test-args socktype=udp,bps=10M,size=64,samples=100000 --test-target 10.0.0.9 --test-port 7
  ipbench run --client 10.0.0.2 --test discard --test-args socktype=udp,bps=1G,size=1400 \\
      --test-target 10.0.0.9 --target-test sink     (one way: throughput and loss)
  ipbench --client a --test latency --test-target t --target-test cpu_target \\
      --test-controller-args with_cpu_target

Exit status: 0 valid, 1 failed or INVALID, 2 wrong use, 3 SUSPECT with --strict, 130 interrupted. Without the word "run"
a run that has printed its row exits 0 whatever its verdict, as the original did, unless --strict is given.
`;

/**
 * Adds the subcommand.
 *
 * @param program The program.
 */
export function register(program: Command): void {
  const command = program.command("run").description("run one benchmark").argument(
    "[config]",
    "configuration file; - for stdin",
  );
  addRunOptions(command)
    .addHelpText("after", HELP)
    .optionsGroup(GROUP)
    .option("--json <file>", "write the result document; - for the standard output")
    .option(
      "--csv <file>",
      "append the row, with a header when the file is new; - for the standard output; of classes: FILE-CLASS.csv each",
    )
    .option(
      "--strict",
      "exit 3 when the result is SUSPECT; with it the verdict counts without the word run, too",
    )
    .option("-q, --quiet", "say nothing but errors and warnings")
    .action(async (config: string | undefined, options: RunCommandOptions) => await run(config, options));
}

async function run(configPath: string | undefined, options: RunCommandOptions): Promise<void> {
  const { description, places, sweep } = await describeRun(options, configPath);
  if (sweep !== null) {
    note(labelled("warning", "the <sweep> of the file is passed over; ipbench sweep runs it"));
  }
  await using json = await Output.open(options.json);
  await using csv = await CsvOutputs.open(options.csv, description);
  if (json?.isStdout === true && csv?.isStdout === true) {
    throw new ExitError(
      EXIT.USAGE,
      "the standard output takes either the document or the row: --json or --csv",
    );
  }
  const progress = openProgress(options.quiet ? "quiet" : description.debug ? "plain" : "live");
  const reported: string[] = [];
  const { document, problem } = await runAndSave({ description, places }, json, {
    ...progress,
    take(event) {
      if (event.kind === "error") reported.push(event.text);
      progress.take(event);
    },
  });
  // What was measured is reported first, whatever becomes of the files.
  if (json?.isStdout === true || csv?.isStdout === true) print(document.csv);
  else out(document.csv);
  const problems = [problem, await csv?.append(document).then(() => null, (error) => error) ?? null];
  reportOutcome(document, options, reported);
  const status = exitStatus(document, options.strict ?? false, description.originalSpelling);
  const failed = problems.filter((each) => each !== null);
  for (const each of failed) if (!(each instanceof ExitError)) throw each;
  if (failed.length > 0) {
    const sentences = failed.map((each) => each.message).join("\n");
    throw new ExitError(status === EXIT.OK || status === EXIT.SUSPECT ? EXIT.FAILED : status, sentences);
  }
  if (status !== EXIT.OK) throw new ExitError(status);
}

async function runAndSave(
  { description, places }: Pick<DescribedRun, "description" | "places">,
  json: Output | null,
  progress: Progress,
): Promise<{ document: ResultDocument; problem: Error | null }> {
  const { runBenchmark } = await import("../../controller/run/run.ts");
  const { documentText, DocumentSaver } = await import("../../controller/store/save.ts");
  const warn = (sentence: string) => progress.line(labelled("warning", sentence));
  const file = json?.file ?? null;
  const saver = file === null ? null : new DocumentSaver(file, warn);
  using interruption = catchInterruption((name) =>
    progress.line(`ipbench: ${name}: ending the test on every daemon (once more: at once)`)
  );
  const runOptions: RunOptions = {
    signal: interruption.signal,
    onProgress: (event) => progress.take(event),
    log: (level, message) => log(level, message, description.debug, progress),
  };
  if (saver !== null) runOptions.onDocument = (partial) => saver.update(partial);
  let document: ResultDocument;
  try {
    document = await runBenchmark(description, runOptions);
  } catch (error) {
    if (error instanceof ConfigError) throw wrongArguments(placed(error.problems, places), description);
    if (error instanceof TypeError) throw new ExitError(EXIT.USAGE, error.message, { cause: error });
    throw error;
  } finally {
    progress.close();
  }
  try {
    if (saver !== null) await saver.finish(document);
    else await json?.write(documentText(document));
    return { document, problem: null };
  } catch (cause) {
    if (cause instanceof ExitError) return { document, problem: cause };
    const remedy = saver === null ? "" : await remedyOf(saver);
    const text = `cannot write ${json?.name}: ${reasonOf(cause)}${remedy}`;
    return { document, problem: new ExitError(EXIT.FAILED, text, { cause }) };
  }
}

/** To scripts of the original what a test refuses is a run that failed, not wrong use. */
function wrongArguments(problems: Problem[], { originalSpelling }: RunDescription): Error {
  if (originalSpelling !== true) return new ConfigError(problems);
  reportProblems(problems);
  return new ExitError(EXIT.FAILED);
}

/** What can be done about a document that could not be written. */
async function remedyOf(saver: { path: string; close(): void }): Promise<string> {
  saver.close();
  const kept = await Deno.stat(`${saver.path}.journal`).then(() => true, () => false);
  return kept ? `; when that is mended, "ipbench recover ${saver.path}" makes it from what was kept` : "";
}

/** Debug lines are worded as the original's and go out as they are: lab scripts look for them. */
function log(level: LogLevel, message: string, debug: boolean, progress: Progress): void {
  if (level === "debug") {
    if (debug) progress.line(message);
  } else if (level !== "info" || debug) {
    progress.line(level === "info" ? `ipbench: ${message}` : labelled(level, message));
  }
}

function reportOutcome(
  document: ResultDocument,
  options: RunCommandOptions,
  reported: readonly string[],
): void {
  const { run } = document;
  if (options.quiet && run.verdict === "VALID" && run.failed !== true && run.interrupted !== true) return;
  const [verdict = "", ...reasons] = outcomeLines(document, reported);
  note(colourVerdict(Deno.stderr, `ipbench: ${verdict}`));
  reasons.forEach(note);
  for (const part of [...document.clients, ...document.targets]) {
    const { error } = part;
    if (error === undefined || [...run.reasons, ...reported].some((text) => text.includes(error))) continue;
    note(`  ${labelled("error", `${formatAddress(part)}: ${error}`)}`);
  }
  if (options.quiet) return;
  for (const view of viewsOf(document)) {
    const figures = figuresLine(view.document);
    if (figures !== null) note(`ipbench: ${view.class === null ? "" : `${view.class}: `}${figures}`);
  }
  for (const line of effectLines(document)) note(`ipbench: ${line}`);
  if (options.json !== undefined && options.json !== "-") note(`ipbench: result document: ${options.json}`);
}
