/**
 * `ipbench rfc2544`: the classic benchmarks over the standard frame sizes.
 *
 * @module
 */

import type { Command } from "commander";
import { NO_TARGET, type RunDescription } from "../../config/run_description.ts";
import {
  aboveZero,
  requireCount,
  requireNumber,
  requireSeconds,
  requireShare,
  UnitError,
} from "../../base/values.ts";
import {
  type Carrier,
  carrierText,
  frameSize,
  STANDARD_FRAME_SIZES,
} from "../../controller/search/frames.ts";
import { RFC2544_TESTS, type Rfc2544Options, type Rfc2544Test } from "../../controller/search/frame_bench.ts";
import type { Rfc2544Document } from "../../results/search/rfc2544_document.ts";
import { rfc2544Table } from "../../results/search/rfc2544_table.ts";
import { isOneWay } from "../../controller/search/measure.ts";
import { getArg } from "../../base/args.ts";
import { EXIT, ExitError } from "../exit.ts";
import { Problems } from "../problems.ts";
import { addHistoryOptions, Recorder } from "../history/recorder.ts";
import { addRunOptions } from "../run_options.ts";
import { Output } from "../result_files.ts";
import { addTrialOptions } from "./search.ts";
import { describeOneTest, problemsOfTrials, shapeOf, type TrialOptions } from "../search_options.ts";
import { deliver } from "../trial_files.ts";
import { buildOf, openTrials } from "../trial_runner.ts";
import { Unwritten } from "../unwritten.ts";

interface Rfc2544CommandOptions extends TrialOptions {
  lineRate?: string;
  frames?: string;
  tests?: string;
  trial?: string;
  width?: string;
  latencyTrial?: string;
  latencyRepeat?: string;
  burst?: string;
  burstRepeat?: string;
  overload?: string;
  resetCommand?: string;
  resetTrial?: string;
  repeat?: string;
}

/** What is measured by default. */
const USUAL_TESTS: readonly Rfc2544Test[] = ["throughput", "latency", "loss", "burst"];

const GROUP = "What is measured:";

const HELP = `
For each frame size: throughput (largest rate without loss, 60 s trials),
latency at that rate, frame loss rate from the line's full rate down in steps of
a tenth, and back-to-back frames (RFC 9004). When asked for: recovery (how long
frames are lost after an overload has ended) and reset (RFC 6201: how long the
device is dark when --reset-command resets it). Sizes are Ethernet frames with
FCS; the UDP payload or raw frame that makes them is computed and shown. By the
RFCs this takes hours; the options above shorten it, and the document records
them.

Examples:
  ipbench rfc2544 lab.xml --line-rate 1G --json rfc2544.json
  ipbench rfc2544 lab.xml --line-rate 1G --frames 64,1518 --trial 2s \\
      --latency-trial 5s --latency-repeat 1 --burst-repeat 3
  ipbench rfc2544 lab.xml --line-rate 1G --frames 64 --tests recovery,reset \\
      --reset-command "ssh router reboot" --reset-trial 5min

Exit status: 0 all measured, 1 something is missing or irregular, 2 wrong use,
130 interrupted.
`;

/**
 * Adds the subcommand.
 *
 * @param program The program.
 */
export function register(program: Command): void {
  const command = program.command("rfc2544").description(
    "throughput, latency, loss and bursts over frame sizes",
  )
    .argument("[config]", "configuration file; - for stdin");
  const described = addHistoryOptions(addRunOptions(command))
    .addHelpText("after", HELP)
    .optionsGroup(GROUP)
    .option("--line-rate <rate>", "bit/s of the medium, such as 1G; has to be given")
    .option("--frames <sizes>", `frame sizes (default: ${STANDARD_FRAME_SIZES.join(",")})`)
    .option("--tests <names>", `which of ${RFC2544_TESTS.join(", ")} (default: ${USUAL_TESTS.join(",")})`)
    .option("--trial <time>", "length of throughput and loss trials (default: 60s)")
    .option("--width <share>", "how precisely the throughput is to be known (default: 0.5%)")
    .option("--latency-trial <time>", "length of a latency trial (default: 120s)")
    .option("--latency-repeat <n>", "so many of them (default: 20)")
    .option("--burst <time>", "longest burst, in time at the full rate (default: 2s)")
    .option("--burst-repeat <n>", "find the longest burst so often (default: 50)")
    .option("--overload <time>", "recovery: overload the device for so long (default: 60s)")
    .option("--reset-command <command>", "reset: run this on this machine, in the midst of a trial")
    .option("--reset-trial <time>", "reset: length of a trial, longer than the device needs (default: 60s)")
    .option("--repeat <n>", "recovery and reset: so often (default: 5)");
  addTrialOptions(described).action(async (config: string | undefined, options: Rfc2544CommandOptions) =>
    await rfc2544(config, options)
  );
}

async function rfc2544(configPath: string | undefined, given: Rfc2544CommandOptions): Promise<void> {
  const options = await optionsOf(given, configPath);
  await using json = await Output.open(given.json);
  const unwritten = new Unwritten("benchmark");
  const recorder = await Recorder.open(given);
  const document = await run(options, given, unwritten, recorder);
  const problem = await deliver(document, rfc2544Table, json, given.out, unwritten);
  await recorder.addSearch(document);
  unwritten.end(() => reportEnd(document), problem);
}

/** Reads what to measure; everything wrong with it is reported at once. */
async function optionsOf(
  given: Rfc2544CommandOptions,
  configPath: string | undefined,
): Promise<Rfc2544Options> {
  const problems = new Problems();
  const described = await describeOneTest(given, configPath, problems);
  if (given.lineRate === undefined) {
    problems.add({ where: null, message: "give the rate of the medium: --line-rate 1G" });
  }
  const read = <T>(option: string, text: string | undefined, how: (text: string) => T) =>
    text === undefined ? undefined : problems.attempt(option, () => how(text));
  const count = (option: string, text: string) => read(option, text, requireCount) ?? NaN;
  const seconds = (option: string, text: string) => read(option, text, aboveZero(requireSeconds)) ?? NaN;
  const shape = shapeOf(given, problems);
  const carrier = described && problems.attempt(null, () => carrierOf(described.description));
  const options = {
    carrier: carrier ?? "udp4" as const,
    frames: read("--frames", given.frames, (text) => text.split(",").map(requireCount)) ??
      STANDARD_FRAME_SIZES,
    lineRate: read("--line-rate", given.lineRate, aboveZero(requireNumber)) ?? NaN,
    tests: read("--tests", given.tests ?? usualTests(given), testsOf) ?? new Set<Rfc2544Test>(),
    trialSeconds: seconds("--trial", given.trial ?? "60s"),
    width: read("--width", given.width ?? "0.5%", widthOf) ?? NaN,
    latencySeconds: seconds("--latency-trial", given.latencyTrial ?? "120s"),
    latencyRepeat: count("--latency-repeat", given.latencyRepeat ?? "20"),
    burstSeconds: seconds("--burst", given.burst ?? "2s"),
    burstRepeat: count("--burst-repeat", given.burstRepeat ?? "50"),
    overloadSeconds: seconds("--overload", given.overload ?? "60s"),
    resetSeconds: seconds("--reset-trial", given.resetTrial ?? "60s"),
    resetCommand: given.resetCommand ?? null,
    darkRepeat: count("--repeat", given.repeat ?? "5"),
    shape,
    settleSeconds: read("--settle", given.settle ?? "0", requireSeconds) ?? NaN,
    invalidLimit: count("--invalid", given.invalid ?? "3"),
    strict: given.strict === true,
    ipbench: buildOf(),
  };
  if (options.tests.has("reset") !== (options.resetCommand !== null)) {
    const message = options.tests.has("reset")
      ? "say what resets the device: --reset-command COMMAND"
      : "--tests leaves out what --reset-command is for; add reset";
    problems.add({ where: null, message });
  }
  if (carrier !== undefined && options.frames.every((frame) => frameSize(frame, carrier) === null)) {
    const message = `none of these sizes can be made by ${carrierText(carrier)}`;
    problems.add({ where: "--frames", message });
  }
  if (described !== undefined) {
    const loads = Number.isFinite(options.lineRate) ? [options.lineRate] : [];
    problems.add(...await problemsOfTrials(described, shape, loads, problems));
  }
  problems.end();
  return { ...options, base: described!.description };
}

function widthOf(text: string): number {
  const width = aboveZero(requireShare)(text);
  if (width < 1) return width;
  throw new UnitError(`"${text}" is too much; expected less than 100%`);
}

function usualTests({ resetCommand }: Rfc2544CommandOptions): string {
  return [...USUAL_TESTS, ...resetCommand === undefined ? [] : ["reset"]].join(",");
}

/** The benchmarks that are named; recovery and reset are measured at the throughput. */
function testsOf(text: string): Set<Rfc2544Test> {
  const tests = text.split(",").map((name) => name.trim());
  const wrong = tests.find((name) => !RFC2544_TESTS.includes(name as Rfc2544Test));
  if (wrong !== undefined) {
    throw new UnitError(`unknown "${wrong}"; known: ${RFC2544_TESTS.join(", ")}`);
  }
  const dark = tests.includes("recovery") || tests.includes("reset");
  return new Set([...dark ? ["throughput" as const] : [], ...tests as Rfc2544Test[]]);
}

/** What makes the frames: the socket type of the arguments, and the target's address. */
function carrierOf(base: RunDescription): Carrier {
  const usual = isOneWay(base) ? "udp" : "tcp";
  const types = new Set(base.clients.map((client) => getArg(client.args, "socktype") ?? usual));
  const [type] = types;
  if (types.size !== 1) throw new UnitError("the testers differ in socktype; RFC 2544 needs one");
  if (type === "raw") return "raw";
  if (type !== "udp") {
    throw new UnitError(`socktype=${type} makes frames of any size; use socktype=udp or socktype=raw`);
  }
  const addresses = base.clients.map(({ target, to }) =>
    target === NO_TARGET && to !== undefined ? base.clients[to]!.host : target
  );
  return addresses.some((address) => address.includes(":")) ? "udp6" : "udp4";
}

async function run(
  options: Rfc2544Options,
  given: Rfc2544CommandOptions,
  unwritten: Unwritten,
  recorder: Recorder,
): Promise<Rfc2544Document> {
  const { runRfc2544 } = await import("../../controller/search/rfc2544.ts");
  await using trials = await openTrials(given, options.base.debug, unwritten, recorder);
  const { deps, reporter } = trials;
  return await runRfc2544(options, {
    ...deps,
    onTrial: (parts) => reporter.heading = parts,
    onLine: (text) => reporter.line(`ipbench: ${text}`),
  });
}

function reportEnd(document: Rfc2544Document): void {
  const { run, frames } = document;
  if (run.interrupted === true) throw new ExitError(EXIT.INTERRUPTED, "interrupted");
  if (run.failed === true) throw new ExitError(EXIT.FAILED, `trials failed: ${run.reasons.join("; ")}`);
  const odd = frames.filter((record) => record.notes.length > 0 || record.throughput?.regular === false);
  if (odd.length > 0) {
    throw new ExitError(
      EXIT.FAILED,
      `irregular or incomplete at ${odd.map((record) => record.frame).join(", ")}`,
    );
  }
}
