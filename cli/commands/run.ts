/**
 * `ipbench run`: one benchmark from beginning to end.
 *
 * @module
 */

import { type Command, Option } from "commander";
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
import { addHistoryOptions, Recorder, type RecorderOptions } from "../history/recorder.ts";
import { note, out, print } from "../terminal/io.ts";
import { repeated } from "../repeated.ts";
import { ConsoleReader } from "../terminal/attached_console.ts";
import { labelled, openProgress, type Progress } from "../terminal/live_screen.ts";
import { Output } from "../result_files.ts";
import { openLivePages, titleOf } from "../serving/live_pages.ts";
import { reportProblems } from "../problems.ts";
import { reasonOf } from "../input/read_bytes.ts";
import { addRunOptions, type DescribedRun, describeRun, type RunOptionValues } from "../run_options.ts";
import {
  effectLines,
  eventLines,
  exitStatus,
  figuresLine,
  gateLines,
  outageLines,
  outcomeLines,
} from "../run_outcome.ts";
import { type SlurmOptions, SlurmTesters } from "../clusters/srun.ts";
import { catchInterruption } from "../signals.ts";
import { EventStream } from "../stream/event_stream.ts";
import type { RunWatcher } from "../stream/tally.ts";
import { openTelemetry } from "../stream/telemetry.ts";

interface RunCommandOptions extends RunOptionValues, RecorderOptions, SlurmOptions {
  json?: string;
  csv?: string;
  output: "text" | "json";
  serve?: string | true;
  attach?: string[];
  quiet?: boolean;
  strict?: boolean;
}

const GROUP = "Results:";

const HELP = `
What the tests print (the CSV row) goes to stdout, everything else to stderr.
Values in the file override those of the command line; testers and the target
test of the command line are added to those of the file. "run" may be left out
when the first word is an option.

Examples:
  ipbench run lab.xml --json result.json --csv rows.csv
  ipbench run --client 10.0.0.2 --client 10.0.0.3 --test latency \\
      --test-args socktype=udp,bps=10M,size=64,samples=100000 \\
      --test-target 10.0.0.9 --test-port 7
  ipbench run --client 10.0.0.2 --test discard \\
      --test-args socktype=udp,bps=1G,size=1400 --test-target 10.0.0.9 \\
      --target-test sink     (one way: throughput and loss)
  ipbench run lab.xml --output json | tee events.jsonl | tail -n 1 > result.json
  ipbench --client a --test latency --test-target t --target-test cpu_target \\
      --test-controller-args with_cpu_target

Exit status: 0 valid, 1 failed, INVALID or not as expected (--gate, <expect>),
2 wrong use, 3 SUSPECT with --strict, 130 interrupted. Without the word "run", a
run that printed its row exits 0 whatever its verdict, as the original did,
unless --strict is given or a gate is not met.
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
  addHistoryOptions(addRunOptions(command))
    .addHelpText("after", HELP)
    .optionsGroup("Testers of a cluster:")
    .option(
      "--slurm",
      "have Slurm start the testers, with srun; its SLURM_ variables say where and for how long",
    )
    .option("-N, --nodes <n>", "with --slurm: on how many nodes, a tester each")
    .optionsGroup(GROUP)
    .option("--json <file>", "write the result document; - for the standard output")
    .option(
      "--csv <file>",
      "append the row, with a header when the file is new; - for the standard output; of classes: FILE-CLASS.csv each",
    )
    .addOption(
      new Option(
        "--output <form>",
        "json: the standard output is a stream of events, a line each; the last line is the result",
      ).choices(["text", "json"]).default("text"),
    )
    .option(
      "--serve [address]",
      "serve a page of this run while it goes on (default address: 127.0.0.1:8080; loopback alone)",
    )
    .option(
      "--attach <file>",
      "read a console (a target's serial line, a log that grows; - for the standard input) beside the run: its lines " +
        "with their times stand in the document; repeatable",
      repeated,
    )
    .option(
      "--strict",
      "exit 3 when the result is SUSPECT; with it the verdict counts without the word run, too",
    )
    .option("-q, --quiet", "say nothing but errors and warnings")
    .action(async (config: string | undefined, options: RunCommandOptions) => await run(config, options));
}

async function run(named: string | undefined, options: RunCommandOptions): Promise<void> {
  // "--serve lab.xml": what is no address is the configuration.
  const swallowed = named === undefined && options.serve !== true &&
    /[/]|\.xml$|^-$/.test(options.serve ?? "");
  const [configPath, serve] = swallowed ? [options.serve as string, true as const] : [named, options.serve];
  await using slurm = await SlurmTesters.prepare(options);
  const { description, places, sweep } = await describeRun(slurm?.options ?? options, configPath);
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
  if (options.output === "json" && (json?.isStdout === true || csv?.isStdout === true)) {
    const other = json?.isStdout === true ? "--json" : "--csv";
    throw new ExitError(
      EXIT.USAGE,
      `the standard output takes either the events or ${other}: leave one of them out`,
    );
  }
  const recorder = await Recorder.open(options, description.originalSpelling);
  if (options.attach?.includes("-") === true && configPath === "-") {
    throw new ExitError(
      EXIT.USAGE,
      "the standard input is either the configuration or a console: not both can be -",
    );
  }
  const consoles = await Promise.all((options.attach ?? []).map((path) => ConsoleReader.open(path)));
  const progress = openProgress(options.quiet ? "quiet" : description.debug ? "plain" : "live");
  const reported: string[] = [];
  const live = await openLivePages(titleOf(description, configPath), serve);
  for (const each of consoles) each.onLine = (text) => live?.line(each.name, text);
  const unread = new AbortController();
  let unwritable = false;
  using events = options.output === "text" ? null : new EventStream((sentence) => {
    const kept = json === null ? "ending the test on every daemon" : `the run goes on, for ${json.name}`;
    progress.line(labelled("warning", `${sentence || "nobody reads the standard output any more"}: ${kept}`));
    if (json !== null) return;
    unwritable = true;
    unread.abort();
  });
  const telemetry = await openTelemetry((sentence) => progress.line(labelled("warning", sentence)));
  slurm?.startWith(description, () => unread.abort());
  const { document, problem } = await runAndSave({ description, places }, json, {
    ...progress,
    take(event) {
      if (event.kind === "error") reported.push(event.text);
      progress.take(event);
      events?.take(event);
      live?.take(event);
      telemetry?.take(event);
      slurm?.take(event);
    },
    begin(document) {
      events?.begin(document);
      live?.partial(document);
      telemetry?.begin(document);
      slurm?.begin();
    },
    consoles,
    unread: unread.signal,
  }).catch(async (error) => {
    await live?.close(null);
    throw error;
  });
  // What was measured is reported first, whatever becomes of the files.
  const elsewhere = json?.isStdout === true || csv?.isStdout === true || events !== null;
  const problems = [
    printed(document.csv, elsewhere ? print : out),
    problem,
    await csv?.append(document).then(() => null, (error) => error) ?? null,
  ];
  reportOutcome(document, options, reported, problem === null);
  await recorder.add(document);
  await live?.close(document);
  await telemetry?.finish(document);
  problems.push(await events?.finish(document).then(() => null, (error) => error) ?? null);
  if (slurm?.failure) throw new ExitError(EXIT.FAILED, slurm.failure);
  const status = exitStatus(document, options.strict ?? false, description.originalSpelling);
  const failed = problems.filter((each) => each !== null);
  for (const each of failed) if (!(each instanceof ExitError)) throw each;
  const gone = failed.find((each) => each instanceof ExitError && each.code === EXIT.BROKEN_PIPE);
  if (gone !== undefined) throw gone;
  if (failed.length > 0) {
    const sentences = failed.map((each) => each.message).join("\n");
    const told = !unwritable && status !== EXIT.OK && status !== EXIT.SUSPECT;
    throw new ExitError(told ? status : EXIT.FAILED, sentences);
  }
  if (status !== EXIT.OK) throw new ExitError(status);
}

/** Prints the row. @returns why it could not be printed */
function printed(row: string, show: (text: string) => void): ExitError | null {
  try {
    show(row);
    return null;
  } catch (error) {
    if (error instanceof ExitError) return error;
    throw error;
  }
}

/** What watches a run. */
interface Watcher extends Progress, RunWatcher {
  /** Consoles that are read while it goes on. */
  consoles: readonly ConsoleReader[];
  /** Aborted when nobody would have the result any more, or there will be none. */
  unread: AbortSignal;
}

async function runAndSave(
  { description, places }: Pick<DescribedRun, "description" | "places">,
  json: Output | null,
  progress: Watcher,
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
    signal: AbortSignal.any([interruption.signal, progress.unread]),
    onProgress: (event) => progress.take(event),
    log: (level, message) => log(level, message, description.debug, progress),
    onDocument: async (partial) => {
      progress.begin(partial);
      await saver?.update(partial);
    },
  };
  let document: ResultDocument;
  try {
    document = await runBenchmark(description, runOptions);
    if (progress.consoles.length > 0) {
      document.attached = await Promise.all(progress.consoles.map((each) => each.end()));
    }
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

/** @param isSaved whether the document is where `--json` says */
function reportOutcome(
  document: ResultDocument,
  options: RunCommandOptions,
  reported: readonly string[],
  isSaved: boolean,
): void {
  const { run } = document;
  const gates = gateLines(document);
  const unmet = gates.slice(0, document.gates?.filter(({ met }) => !met).length ?? 0);
  for (const line of options.quiet ? unmet : gates) note(`ipbench: ${line}`);
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
    const of = view.class === null ? "" : `${view.class}: `;
    if (figures !== null) note(`ipbench: ${of}${figures}`);
    for (const line of outageLines(view.document)) note(`ipbench: ${of}${line}`);
  }
  for (const line of [...effectLines(document), ...eventLines(document)]) note(`ipbench: ${line}`);
  if (isSaved && options.json !== undefined && options.json !== "-") {
    note(`ipbench: result document: ${options.json}`);
  }
}
