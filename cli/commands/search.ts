/**
 * `ipbench search`: the highest load that meets a goal.
 *
 * @module
 */

import { repeated } from "../repeated.ts";
import type { Command } from "commander";
import { formatQuantity } from "../../base/values.ts";
import type { SearchDocument } from "../../results/search/document.ts";
import { GoalError } from "../../controller/search/goal.ts";
import { SearchConfigError } from "../../controller/search/mlr_search.ts";
import type { SearchEvent, SearchOptions } from "../../controller/search/run_search.ts";
import { requestText, searchTable, trialLine } from "../../results/search/table.ts";
import { groupRuns } from "../../results/document/reason_groups.ts";
import { EXIT, ExitError } from "../exit.ts";
import { plainText } from "../terminal/text.ts";
import { note } from "../terminal/io.ts";
import { Output } from "../result_files.ts";
import { addHistoryOptions, Recorder } from "../history/recorder.ts";
import { addRunOptions } from "../run_options.ts";
import {
  DEFAULT_MAX_TIME,
  DEFAULT_MAX_TRIALS,
  DEFAULT_RANGE,
  type SearchCommandOptions,
  searchOptions,
} from "../search_options.ts";
import { deliver } from "../trial_files.ts";
import { openTrials } from "../trial_runner.ts";
import type { TrialReporter } from "../terminal/trial_reporter.ts";
import { Unwritten } from "../unwritten.ts";

const GROUP = "What is searched:";
const TRIALS = "How trials are run:";
const HELP = `
Goals (RFC 9971): ndr (no loss), pdr:0.5% (that much loss), rfc2544 (60 s
trials, no loss), tst009 (60 s, two of them, half may lose), fdio (no loss and
0.5%, 20 trials of 1 s, half may exceed). Each may be changed:
  --goal ndr,final=2s,sum=20s,width=1%,exceed=0,initial=500ms,loss=0.1%
Each load is divided over all testers.

Examples:
  ipbench search lab.xml --max 1G --goal ndr --goal pdr:0.5%
  ipbench search lab.xml --max 10G --goal ndr --latency "p99<200us" \\
      --json knee.json --out knee

Exit status: 0 a regular result for each goal, 1 an irregular one or a failure,
2 wrong use, 130 interrupted.
`;

/**
 * Adds the subcommand.
 *
 * @param program The program.
 */
export function register(program: Command): void {
  const command = program.command("search").description("find the highest load that meets a goal (RFC 9971)")
    .argument(
      "[config]",
      "configuration file; - for stdin",
    );
  const described = addHistoryOptions(addRunOptions(command))
    .addHelpText("after", HELP)
    .optionsGroup(GROUP)
    .option("--goal <goal>", "what to look for; repeatable (default: ndr)", repeated)
    .option(
      "--latency <limit>",
      "and round trips faster than this, such as p99<200us; repeatable",
      repeated,
    )
    .option("--max <load>", "largest load, such as 1G; has to be given")
    .option("--min <load>", `smallest load (default: the largest / ${DEFAULT_RANGE})`)
    .option("--unit <text>", "unit of the load, for people (default: bit/s)")
    .option("--max-trials <n>", `stop after so many trials (default: ${DEFAULT_MAX_TRIALS})`)
    .option("--max-time <time>", `stop when trials have taken this long (default: ${DEFAULT_MAX_TIME})`);
  addTrialOptions(described).action(async (config: string | undefined, options: SearchCommandOptions) =>
    await search(config, options)
  );
}

/** Adds the options that say how trials are run. */
export function addTrialOptions(command: Command): Command {
  return command
    .optionsGroup(TRIALS)
    .option("--load-arg <name>", "argument of the test that carries the load (default: bps)")
    .option("--duration-arg <name>", "argument that carries the measured time (default: duration)")
    .option("--rampup <time|none>", "let the rate rise for so long before each trial (default: 200ms)")
    .option("--warmup <time|none>", "send at the full rate for so long before measuring (default: 100ms)")
    .option("--cooldown <time|none>", "and go on for so long behind (default: 50ms)")
    .option("--settle <time>", "idle time between trials (default: 0)")
    .option("--invalid <n>", "so many INVALID trials in a row at a load are the testers' limit (default: 3)")
    .option("--strict", "take SUSPECT trials for INVALID ones")
    .option("--json <file>", "write the document")
    .option("-o, --out <dir>", "keep the result document of each trial in this folder")
    .option("-q, --quiet", "say nothing but errors and warnings");
}

async function search(configPath: string | undefined, given: SearchCommandOptions): Promise<void> {
  const options = await searchOptions(given, configPath);
  await using json = await Output.open(given.json);
  const unwritten = new Unwritten("search");
  const recorder = await Recorder.open(given);
  const document = await run(options, given, unwritten, recorder);
  const problem = await deliver(document, searchTable, json, given.out, unwritten);
  await recorder.addSearch(document);
  unwritten.end(() => reportEnd(document, given, problem === null), problem);
}

async function run(
  options: SearchOptions,
  given: SearchCommandOptions,
  unwritten: Unwritten,
  recorder: Recorder,
): Promise<SearchDocument> {
  const { runSearch } = await import("../../controller/search/run_search.ts");
  await using trials = await openTrials(given, options.base.debug, unwritten, recorder);
  try {
    return await runSearch(options, { ...trials.deps, onEvent: reportTo(trials.reporter, options.unit) });
  } catch (error) {
    throw wrongUse(error);
  }
}

/** Reports what is tried, and what came of it. */
function reportTo(reporter: TrialReporter, unit: string): (event: SearchEvent) => void {
  let bounds: string[] = [];
  return (event) => {
    if (event.kind === "trial") {
      reporter.heading = [`trial ${event.n}`, requestText(event.request, unit), ...bounds];
      return;
    }
    bounds = event.results.flatMap(({ goal, lower, upper }) => {
      const known = boundsText(lower, upper);
      return known === null ? [] : `${goal.name} ${known}`;
    });
    const found = bounds.length === 0 ? "" : ` (${bounds.join(", ")})`;
    reporter.line(`ipbench: ${trialLine(event.record, unit)}${found}`);
  };
}

/** What is known of where a goal's load lies; `null` when nothing is. */
function boundsText(lower: number | null, upper: number | null): string | null {
  const text = (load: number) => formatQuantity(load, 4);
  if (lower !== null && upper !== null) return `${text(lower)} to ${text(upper)}`;
  if (lower !== null) return `at least ${text(lower)}`;
  return upper === null ? null : `below ${text(upper)}`;
}

function reportEnd(document: SearchDocument, given: SearchCommandOptions, written: boolean): void {
  const { totals, search } = document;
  const shown = document.trials.filter(({ outcome, verdict }) =>
    outcome === "invalid" || outcome === "failed" || (given.quiet !== true && verdict === "SUSPECT")
  );
  const reasons = shown.map((trial) => trial.details ?? []);
  for (const line of groupRuns(reasons, `${totals.trials} trials`)) note(`  ${plainText(line)}`);
  if (given.quiet !== true) {
    const invalid = totals.invalid_trials > 0 ? `, ${totals.invalid_trials} of them INVALID` : "";
    note(
      `ipbench: ${totals.trials} trial${
        totals.trials === 1 ? "" : "s"
      }${invalid}; ${totals.trial_seconds} s measured in ${totals.elapsed_seconds} s`,
    );
    if (given.json !== undefined && written) note(`ipbench: search document: ${given.json}`);
    if (given.out !== undefined) note(`ipbench: see it drawn with: ipbench report ${given.out}`);
  }
  if (search.interrupted === true) throw new ExitError(EXIT.INTERRUPTED, "interrupted");
  if (search.failed === true) throw new ExitError(EXIT.FAILED, `trials failed: ${search.reasons.join("; ")}`);
  if (!search.regular) {
    throw new ExitError(EXIT.FAILED, "no regular result for each goal; see the last column");
  }
}

/** A search that makes no sense ends with status 2. */
function wrongUse(error: unknown): unknown {
  const known = error instanceof GoalError || error instanceof SearchConfigError ||
    error instanceof RangeError;
  return known ? new ExitError(EXIT.USAGE, (error as Error).message, { cause: error }) : error;
}
