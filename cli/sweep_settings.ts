/**
 * What `ipbench sweep` is to do: from the command line, the `<sweep>` of the file, and, with `--resume`, what the
 * folder's index says.
 *
 * @module
 */

import { tlsOf } from "../config/command_line.ts";
import type { Problem } from "../config/config_error.ts";
import type { SweepSection } from "../config/config_file.ts";
import { parseHostFiles, strayHosts, typedKeys } from "../config/hosts/host_files.ts";
import type { Places } from "../config/places.ts";
import type { RunDescription } from "../config/run_description.ts";
import { checkRunDescription } from "../config/validate.ts";
import { requireCount, requireSeconds } from "../base/values.ts";
import { MAX_CHECKED_RUNS } from "../controller/limits.ts";
import {
  axisName,
  describePoint,
  parseAxis,
  planPoints,
  SweepError,
  type SweepPlan,
} from "../controller/sweep/plan.ts";
import type { SweepOptions } from "../controller/sweep/run_sweep.ts";
import { FolderStore } from "../controller/sweep/store.ts";
import type { StoredIndex } from "../controller/sweep/sweep_index.ts";
import { parseUntil } from "../controller/sweep/until.ts";
import { EXIT, ExitError } from "./exit.ts";
import { plainText } from "./terminal/text.ts";
import type { RecorderOptions } from "./history/recorder.ts";
import { Problems, problemsOfRuns, wholeNumber } from "./problems.ts";
import { describeRun, type RunOptionValues } from "./run_options.ts";
import { buildOf } from "./trial_runner.ts";

/** Options of `ipbench sweep`, as typed. */
export interface SweepCommandOptions extends RunOptionValues, RecorderOptions {
  preset?: string;
  over?: string[];
  repeat?: string;
  shuffle?: boolean;
  seed?: string;
  out?: string;
  split?: boolean;
  until?: string[];
  retry?: string;
  resume?: boolean;
  cooldown?: string;
  quiet?: boolean;
}

/** An INVALID point is measured again so often. */
export const DEFAULT_RETRY = "2";

/** Options that say what runs; without any of them a sweep that is resumed runs what its index says. */
const WHAT_RUNS = [
  ...[
    "config",
    "client",
    "port",
    "test",
    "testArgs",
    "testTarget",
    "testPort",
    "testControllerArgs",
  ] as const,
  "class" as const,
  ...["targetTest", "targetTestHostname", "targetTestPort", "targetTestArgs"] as const,
  "targetTestControllerArgs" as const,
];
/** Options that make a plan. */
const PLAN = ["over", "repeat", "shuffle", "seed", "split"] as const;

/** The run that the points vary. */
interface Base {
  description: RunDescription;
  places: Places;
  section: SweepSection | null;
}

/**
 * Reads what to do. Everything wrong with it is reported at once, wrong arguments of the test at any point included.
 *
 * @param given The options as typed.
 * @param configPath The configuration's path, if one was named.
 * @throws {ConfigError} with everything that is wrong.
 * @throws {ExitError} when there is nothing to resume, or the configuration cannot be read.
 */
export async function settingsOf(
  given: SweepCommandOptions,
  configPath: string | undefined,
): Promise<SweepOptions> {
  const problems = new Problems();
  const old = given.resume === true ? await loadIndex(given.out ?? "") : null;
  const ownRun = configPath !== undefined || WHAT_RUNS.some((name) => given[name] !== undefined);
  const base = old === null || ownRun
    ? await problems.await(describeBase(given, configPath))
    : await problems.await(resumeBase(given, old));
  const section = base?.section ?? null;
  const ownPlan = section !== null || PLAN.some((name) => given[name] !== undefined);
  if (old === null && given.resume === true && !ownPlan) {
    throw new ExitError(EXIT.USAGE, `there is no sweep to resume in ${given.out}: it has no index.json`);
  }
  const plan = old === null || ownPlan ? readPlan(given, section, problems) : old.plan;
  const text = (name: "retry" | "cooldown") => given[name] ?? section?.[name];
  const conditions = given.until ?? section?.until?.split(";") ?? old?.settings?.until ?? [];
  const retry = text("retry"), cooldown = text("cooldown");
  const settings = {
    until: conditions.flatMap((each) =>
      problems.attempt(given.until && "--until", () => parseUntil(each)) ?? []
    ),
    retry: retry === undefined
      ? old?.settings?.retry ?? Number(DEFAULT_RETRY)
      : problems.attempt(placeOf("retry", given, section), () => wholeNumber(retry)) ?? 0,
    cooldownSeconds: cooldown === undefined
      ? old?.settings?.cooldownSeconds ?? 0
      : problems.attempt(placeOf("cooldown", given, section), () => requireSeconds(cooldown)) ?? 0,
  };
  if (base !== undefined) problems.add(...await problemsOfBase(base, plan, given, problems));
  problems.end();
  const { description } = base!;
  return { base: description, plan: plan!, ...settings, resume: given.resume === true, ipbench: buildOf() };
}

async function loadIndex(folder: string): Promise<StoredIndex | null> {
  try {
    return await new FolderStore(folder, () => Promise.resolve(false)).loadIndex();
  } catch (error) {
    if (error instanceof SweepError) throw new ExitError(EXIT.USAGE, error.message, { cause: error });
    throw error;
  }
}

async function describeBase(given: SweepCommandOptions, configPath: string | undefined): Promise<Base> {
  const { description, places, sweep: section } = await describeRun(given, configPath);
  return { description, places, section };
}

/** The run as the index has it; how to reach it and report on it comes from the command line, where given. */
// deno-lint-ignore require-await -- what is wrong rejects, as with describeBase
async function resumeBase(given: SweepCommandOptions, old: StoredIndex): Promise<Base> {
  const base = checkRunDescription(old.base);
  const keys = {
    secretFile: parseHostFiles(given.secretFile ?? []),
    tlsCa: parseHostFiles(given.tlsCa ?? []),
  };
  const daemons = [...base.clients, ...base.targets];
  const stray = [...strayHosts(keys.secretFile, daemons), ...strayHosts(keys.tlsCa, daemons)];
  if (stray.length > 0) {
    throw new ExitError(
      EXIT.USAGE,
      `keys for ${plainText(stray.join(", "))}, which is no daemon of this sweep`,
    );
  }
  const { tls, problem } = tlsOf({ ...given, tlsCa: keys.tlsCa.all });
  if (problem !== null) throw new ExitError(EXIT.USAGE, `${problem.where}: ${problem.message}`);
  const description: RunDescription = {
    ...base,
    clients: base.clients.map((client) => ({ ...client, ...typedKeys(keys, client) })),
    targets: base.targets.map((target) => ({ ...target, ...typedKeys(keys, target) })),
    ...given.debug === true && { debug: true },
    ...given.reset === true && { reset: true },
    ...given.pluginDir !== undefined && { pluginDirs: given.pluginDir },
    ...keys.secretFile.all !== undefined && { secretFile: keys.secretFile.all },
    ...given.requireSecret === true && { requireSecret: true },
    ...tls !== null && { tls },
  };
  return { description, places: new Map(), section: null };
}

/** The command line's plan; what it does not say is taken from the file. */
function readPlan(
  given: SweepCommandOptions,
  section: SweepSection | null,
  problems: Problems,
): SweepPlan | undefined {
  const isOn = (text: string | undefined) =>
    text !== undefined && ["true", "yes", "on", "1"].includes(text.toLowerCase());
  const over = given.over ?? section?.over.map(({ arg, values }) => `${arg}=${values}`) ?? [];
  const axes = over.flatMap((text) => problems.attempt(given.over && "--over", () => parseAxis(text)) ?? []);
  const whole = (name: "repeat" | "seed", fallback: number) => {
    const text = given[name] ?? section?.[name];
    if (text === undefined) return fallback;
    const read = name === "repeat" ? requireCount : wholeNumber;
    return problems.attempt(placeOf(name, given, section), () => read(text));
  };
  const repeat = whole("repeat", 1);
  const seed = whole("seed", crypto.getRandomValues(new Uint32Array(1))[0] ?? 1);
  const shuffle = (given.shuffle ?? isOn(section?.shuffle)) || (given.seed ?? section?.seed) !== undefined;
  const plan: SweepPlan = {
    axes,
    repeat: repeat ?? 1, // a wrong one is reported
    shuffleSeed: shuffle ? seed ?? null : null,
    split: given.split ?? isOn(section?.split),
  };
  if (axes.length === 0 && over.length > 0) return undefined;
  return problems.attempt(null, () => planPoints(plan)) === undefined ? undefined : plan;
}

function placeOf(
  name: "repeat" | "seed" | "retry" | "cooldown",
  given: SweepCommandOptions,
  section: SweepSection | null,
): Problem["where"] {
  return given[name] !== undefined ? `--${name}` : section?.places[name] ?? null;
}

/** What the tests object to in the run and in each of its points. */
async function problemsOfBase(
  { description, places, section }: Base,
  plan: SweepPlan | undefined,
  given: SweepCommandOptions,
  problems: Problems,
): Promise<Problem[]> {
  const axes = plan?.axes ?? [];
  const where = (arg: string) =>
    given.over !== undefined ? "--over" : section?.over.find((axis) => axis.arg === arg)?.where ?? null;
  const varied = new Map(axes.map(({ arg }) => [axisName(arg).arg, where(arg)]));
  const points = plan === undefined ? [] : problems.attempt(
    null,
    () =>
      planPoints({ ...plan, repeat: 1 }).slice(0, MAX_CHECKED_RUNS)
        .map(({ values }) => describePoint(description, values, plan.split)),
  ) ?? [];
  return await problemsOfRuns(description, places, points, varied);
}
