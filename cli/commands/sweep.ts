/**
 * `ipbench sweep`: the same benchmark at many points.
 *
 * @module
 */

import { repeated } from "../repeated.ts";
import type { Command } from "commander";
import { SweepError } from "../../controller/sweep/plan.ts";
import type { SweepOptions } from "../../controller/sweep/run_sweep.ts";
import type { IndexPoint, SweepIndex } from "../../controller/sweep/sweep_index.ts";
import { groupRuns } from "../../results/document/reason_groups.ts";
import { EXIT, ExitError } from "../exit.ts";
import { plainText } from "../terminal/text.ts";
import { note, out } from "../terminal/io.ts";
import { makeFolder, Output } from "../result_files.ts";
import { reasonOf } from "../input/read_bytes.ts";
import { addRunOptions } from "../run_options.ts";
import { drawFigures } from "../paper/figures.ts";
import { PRESET_NAMES, withPreset } from "../paper/preset.ts";
import { addHistoryOptions, Recorder } from "../history/recorder.ts";
import { catchInterruption } from "../signals.ts";
import { DEFAULT_RETRY, settingsOf, type SweepCommandOptions } from "../sweep_settings.ts";
import { SweepGates } from "../sweep_gates.ts";
import { SweepReporter } from "../terminal/sweep_reporter.ts";
import { runnerOf } from "../trial_runner.ts";
import { LastSteps, Unwritten } from "../unwritten.ts";

const GROUP = "What is swept:";

const HELP = `
Values: a list (64,512,1472), a range with a step (10M:1G:100M) or a factor
(10M:1G:x2); units k M G T, Ki Mi Gi, % and ns us ms s min h. The first --over
runs fastest. Axes on the command line replace the <sweep> of the file. One
result document a point goes to the folder, and index.json, which grows; the
summary goes to stdout as CSV. Ctrl-C keeps everything; --resume measures only
what is missing or INVALID, with the plan that the folder has.

Examples:
  ipbench sweep lab.xml --over bps=10M:1G:100M --over size=64,512,1472 \\
      --repeat 3 --out curves
  ipbench sweep lab.xml --over bps=10M:1G:x2 --until "loss>1%" --split \\
      --out knee
  ipbench sweep classes.xml --over bulk.bps=10M:40M:10M   (the class bulk's bps)
  ipbench sweep --preset sddf -c 192.0.2.11 -T 192.0.2.1 --out sel4
  ipbench sweep --resume --out curves
  ipbench report curves

Exit status: 0 every point measured, 1 some INVALID, failed or not as expected
(--gate, <expect>), 2 wrong use, 130 interrupted.
`;

/**
 * Adds the subcommand.
 *
 * @param program The program.
 */
export function register(program: Command): void {
  const command = program.command("sweep").description("run the same benchmark at many points").argument(
    "[config]",
    "configuration file; - for stdin",
  );
  addHistoryOptions(addRunOptions(command))
    .addHelpText("after", HELP)
    .optionsGroup(GROUP)
    .option(
      "--over <name=values>",
      "an argument of the test and its values; repeatable",
      repeated,
    )
    .option(
      "--preset <name>",
      `measure what figures of papers show, and draw them into the folder's figures/: ${
        PRESET_NAMES.join(", ")
      }`,
    )
    .option("--repeat <n>", "measure each combination so often (default: 1)")
    .option("--shuffle", "run the points in random order")
    .option("--seed <n>", "seed of that order (default: drawn, and kept in the index)")
    .option("--split", "divide the load (bps, Mbps or rate) over the testers instead of giving it to each")
    .option("--until <condition>", "end a branch where this holds: loss>1%, received<95%, p99>1ms", repeated)
    .option("--retry <n>", `measure an INVALID point again so often (default: ${DEFAULT_RETRY})`)
    .option("--cooldown <time>", "wait between points (default: 0)")
    .option("-o, --out <dir>", "folder for documents and index (default: sweep-DATE-TIME)")
    .option("--resume", "go on with what is in the folder; what is not given is as it was")
    .option("-q, --quiet", "say nothing but errors and warnings")
    .action(async (config: string | undefined, options: SweepCommandOptions) => await sweep(config, options));
}

async function sweep(configPath: string | undefined, typed: SweepCommandOptions): Promise<void> {
  const given = withPreset(typed, configPath !== undefined || typed.config !== undefined);
  if (given.resume === true && given.out === undefined) {
    throw new ExitError(EXIT.USAGE, "--resume needs the folder: give --out DIR");
  }
  const settings = await settingsOf(given, configPath);
  const folder = given.out ??
    `sweep-${new Date().toISOString().slice(0, 19).replace(/[-:]/g, "").replace("T", "-")}`;
  await makeFolder(folder);
  const { INDEX_FILE } = await import("../../controller/sweep/store.ts");
  await using _held = await Output.open(`${folder}/${INDEX_FILE}`);
  const unwritten = new Unwritten("sweep");
  const recorder = await Recorder.open(given);
  const gates = new SweepGates();
  const index = await runIn(folder, settings, given, { unwritten, recorder, gates });
  const { sweepCsv } = await import("../../controller/sweep/summary.ts");
  const steps = new LastSteps();
  await steps.take(() => out(sweepCsv(index)));
  if (given.preset !== undefined) {
    await unwritten.attempt(`${folder}/figures`, () => drawFigures([folder], `${folder}/figures`));
  }
  unwritten.end(() => {
    reportEnd(index, folder, given);
    gates.end();
  }, steps.problem);
}

async function runIn(
  folder: string,
  settings: SweepOptions,
  options: SweepCommandOptions,
  { unwritten, recorder, gates }: { unwritten: Unwritten; recorder: Recorder; gates: SweepGates },
): Promise<SweepIndex> {
  const { runSweep } = await import("../../controller/sweep/run_sweep.ts");
  const { FolderStore } = await import("../../controller/sweep/store.ts");
  const { SYSTEM_CLOCK } = await import("../../controller/run/runner.ts");
  const reporter = new SweepReporter(options.quiet === true);
  using interruption = catchInterruption((name) =>
    reporter.line(`ipbench: ${name}: ending this point; what is measured is kept (once more: at once)`)
  );
  try {
    return await runSweep(settings, {
      run: gates.watching(recorder.kept(reporter.shown(await runnerOf(settings.base.debug), true))),
      clock: SYSTEM_CLOCK,
      store: new FolderStore(folder, (path, write) => unwritten.attempt(path, write)),
      signal: interruption.signal,
      onEvent: (event) => reporter.take(event),
    });
  } catch (error) {
    if (error instanceof ExitError) throw error;
    if (error instanceof SweepError) throw new ExitError(EXIT.USAGE, error.message, { cause: error });
    if (error instanceof Error && "code" in error) {
      throw new ExitError(EXIT.FAILED, `${folder}: ${reasonOf(error)}`, { cause: error });
    }
    throw error;
  }
}

function reportEnd(index: SweepIndex, folder: string, options: SweepCommandOptions): void {
  const of = (status: IndexPoint["status"]) => index.points.filter((point) => point.status === status).length;
  const [done, invalid, pending, skipped] = [of("done"), of("invalid"), of("pending"), of("skipped")];
  const parts = [`${done} of ${index.points.length} points measured`];
  if (invalid > 0) parts.push(`${invalid} INVALID`);
  if (skipped > 0) parts.push(`${skipped} left out`);
  if (pending > 0) parts.push(`${pending} missing`);
  const shown = index.points.filter(({ status, verdict }) =>
    status === "invalid" || (options.quiet !== true && verdict === "SUSPECT")
  );
  const reasons = shown.map(({ details = [], reason }) =>
    details.length > 0 || reason === null ? details : [{ text: reason }]
  );
  for (const line of groupRuns(reasons, `${index.points.length} points`)) note(`  ${plainText(line)}`);
  if (options.quiet !== true) {
    note(`ipbench: ${parts.join(", ")}; documents in ${folder}`);
    note(`ipbench: see them with: ipbench report ${folder}`);
  }
  if (index.sweep.interrupted) {
    throw new ExitError(EXIT.INTERRUPTED, `interrupted; go on with: ipbench sweep --resume --out ${folder}`);
  }
  if (pending > 0) {
    throw new ExitError(
      EXIT.FAILED,
      `given up after failed runs; go on with: ipbench sweep --resume --out ${folder}`,
    );
  }
  if (invalid > 0) {
    const again = `ipbench sweep --resume --out ${folder}`;
    throw new ExitError(EXIT.FAILED, `${invalid} INVALID; measure them again with: ${again}`);
  }
}
