/**
 * What `ipbench search` is to do, and how trials are run, from options and configuration.
 *
 * @module
 */

import type { Problem } from "../config/config_error.ts";
import { sendersOf } from "../base/senders.ts";
import { aboveZero, requireCount, requireNumber, requireSeconds } from "../base/values.ts";
import { parseGoal, parseLatencyLimit } from "../controller/search/goal.ts";
import { describeTrial, oneTestOnly, type TrialShape } from "../controller/search/measure.ts";
import type { SearchOptions } from "../controller/search/run_search.ts";
import type { RecorderOptions } from "./history/recorder.ts";
import { Problems, problemsOfRuns } from "./problems.ts";
import { type DescribedRun, describeRun, type RunOptionValues } from "./run_options.ts";
import { note } from "./terminal/io.ts";
import { labelled } from "./terminal/live_screen.ts";
import { buildOf } from "./trial_runner.ts";

/** Options that say how trials are run; `ipbench rfc2544` has them too. */
export interface TrialOptions extends RunOptionValues, RecorderOptions {
  loadArg?: string;
  durationArg?: string;
  rampup?: string;
  warmup?: string;
  cooldown?: string;
  settle?: string;
  invalid?: string;
  strict?: boolean;
  json?: string;
  out?: string;
  quiet?: boolean;
}

/** Options of `ipbench search`, as typed. */
export interface SearchCommandOptions extends TrialOptions {
  goal?: string[];
  latency?: string[];
  min?: string;
  max?: string;
  unit?: string;
  maxTrials?: string;
  maxTime?: string;
}

/** Options with a value to be read. */
type OptionName = "goal" | "latency" | "min" | "max" | "maxTrials" | "maxTime" | "invalid" | "settle";

/** The smallest load is this share of the largest when none is given. */
export const DEFAULT_RANGE = 1000;
/** Bounds of a search that would go on for ever. */
export const DEFAULT_MAX_TRIALS = "2000";
export const DEFAULT_MAX_TIME = "24h";
/** This many failed runs in a row end a search. */
const FAILURE_LIMIT = 3;

/**
 * Reads what runs: one test, as the load of classes is not searched for.
 *
 * @param problems Gets what is wrong with it.
 * @throws {ConfigError} at once when it has classes.
 */
export async function describeOneTest(
  given: RunOptionValues,
  configPath: string | undefined,
  problems: Problems,
): Promise<DescribedRun | undefined> {
  const described = await problems.await(describeRun(given, configPath));
  const { classes } = described?.description ?? {};
  if (classes !== undefined) {
    problems.add({ where: null, message: oneTestOnly(classes) });
    problems.end();
  }
  if (given.gate !== undefined) {
    problems.add({ where: "--gate", message: "a search has goals instead: --goal, --latency" });
  } else if (described?.description.gates !== undefined) {
    delete described.description.gates;
    note(labelled("warning", "what the file expects of figures (<expect>) is passed over in trials"));
  }
  return described;
}

/**
 * Reads what to search; everything wrong with it is reported at once.
 *
 * @param given The options as typed.
 * @param configPath The configuration's path, if one was named.
 * @throws {ConfigError} with everything that is wrong.
 */
export async function searchOptions(
  given: SearchCommandOptions,
  configPath: string | undefined,
): Promise<SearchOptions> {
  const problems = new Problems();
  const described = await describeOneTest(given, configPath, problems);
  const clients = described === undefined ? 1 : sendersOf(described.description.clients).length;
  if (given.max === undefined) {
    problems.add({ where: null, message: "give the largest load to try: --max 1G" });
  }
  const read = <T>(name: OptionName, text: string, how: (text: string) => T) =>
    problems.attempt(`--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`, () => how(text));
  const max = given.max === undefined ? undefined : read("max", given.max, aboveZero(requireNumber));
  const latency = (given.latency ?? []).flatMap((text) => read("latency", text, parseLatencyLimit) ?? []);
  const config = {
    goals: (given.goal ?? ["ndr"]).flatMap((text) =>
      read("goal", text, (goal) => parseGoal(goal, latency)) ?? []
    ),
    minLoad: given.min === undefined
      ? Math.max(clients, (max ?? 0) / DEFAULT_RANGE)
      : read("min", given.min, aboveZero(requireNumber)) ?? NaN,
    maxLoad: max ?? NaN,
    invalidLimit: read("invalid", given.invalid ?? "3", requireCount) ?? NaN,
    maxTrials: read("maxTrials", given.maxTrials ?? DEFAULT_MAX_TRIALS, requireCount) ?? NaN,
    maxTrialSeconds: read("maxTime", given.maxTime ?? DEFAULT_MAX_TIME, aboveZero(requireSeconds)) ?? NaN,
  };
  const settleSeconds = read("settle", given.settle ?? "0", requireSeconds) ?? NaN;
  const shape = shapeOf(given, problems);
  if (described !== undefined) {
    const loads = [config.minLoad, config.maxLoad].filter(Number.isFinite);
    problems.add(...await problemsOfTrials(described, shape, loads, problems));
  }
  problems.end();
  return {
    base: described!.description,
    config,
    shape,
    unit: given.unit ?? "bit/s",
    settleSeconds,
    failureLimit: FAILURE_LIMIT,
    strict: given.strict === true,
    ipbench: buildOf(),
  };
}

/** What the test objects to in trials of these loads. */
export async function problemsOfTrials(
  { description, places }: DescribedRun,
  shape: TrialShape,
  loads: readonly number[],
  problems: Problems,
): Promise<Problem[]> {
  const trials = loads.flatMap((load) =>
    problems.attempt(null, () => describeTrial(description, shape, load, 1)) ?? []
  );
  const varied = new Map([[shape.loadArg, "--load-arg"], [shape.durationArg, "--duration-arg"]]);
  for (const name of ["rampup", "warmup", "cooldown"]) varied.set(name, `--${name}`);
  return await problemsOfRuns(description, places, trials, varied);
}

/** Which arguments of the test carry load and length, from the options. */
export function shapeOf(given: TrialOptions, problems: Problems): TrialShape {
  const time = (name: "rampup" | "warmup" | "cooldown", usual: string) => {
    const text = given[name] ?? usual;
    return text === "none" ? null : problems.attempt(`--${name}`, () => requireSeconds(text)) ?? null;
  };
  return {
    loadArg: given.loadArg ?? "bps",
    durationArg: given.durationArg ?? "duration",
    rampupSeconds: time("rampup", "200ms"),
    warmupSeconds: time("warmup", "100ms"),
    cooldownSeconds: time("cooldown", "50ms"),
  };
}
