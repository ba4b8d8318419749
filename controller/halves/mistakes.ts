/**
 * What is wrong with a run that only its tests can find: arguments, a test that is not there, a target that is missing.
 * All of it is found before anybody is contacted.
 *
 * @module
 */

import { messageOf } from "../../base/errors.ts";
import type { Problem } from "../../config/config_error.ts";
import { nearest } from "../../base/nearest.ts";
import {
  type ClassDescription,
  NO_TARGET,
  type RunDescription,
  testsOf,
} from "../../config/run_description.ts";
import { PluginError, type PluginErrorCode } from "../../ffi/mod.ts";
import { findGateMistakes } from "./gate_mistakes.ts";
import { closeHalves, type Halves, makeHalves, targetKey } from "./halves.ts";
import { LIMITS, MAX_CHECKED_RUNS } from "../limits.ts";
import type { PluginHalf } from "./plugin_half.ts";
import { RunError } from "../run/run_error.ts";
import { splitArgs } from "../../base/args.ts";
import { timedArgs } from "../outcome/window_plan.ts";

/** What is found out about a run before it begins. */
export interface Mistakes {
  problems: Problem[];
  /** What may be a mistake, and only the run can tell; sentences. */
  remarks: string[];
}

/** A call of a half that failed; only some codes are mistakes. */
interface Failure {
  code: PluginErrorCode | null;
  message: string;
  /** What the controller can add to it. */
  remedy: string;
}

/**
 * Asks the controller's halves of a run's tests what is wrong with it. A half that dies or hangs is no mistake of the
 * user's: the run will report it.
 *
 * @param description the run
 * @param halves its tests' halves; they are opened, and stay open
 * @returns problems whose `where` is a path in the description, such as "clients[0].args", and what is no mistake for certain
 */
export async function findMistakes(description: RunDescription, halves: Halves): Promise<Mistakes> {
  const { targets } = description;
  const groups = [
    ...testsOf(description).map(async (test, n) => {
      const half = halves.clients[n]!;
      const path = test.name === "" ? "" : `classes[${n}].`;
      return [
        ...await opening(half, `${path}test`, `${path}controllerArgs`),
        ...await isLoaded(half) ? missingTarget(description, test, half) : [],
        ...await isLoaded(half) ? wrongPairs(description, test, half, `${path}test`) : [],
        ...await arguments_(half, argumentsIn(description, test), spanOf(test)),
      ];
    }),
    ...targets.map(async (target, i) => {
      const half = halves.targets.get(targetKey(target))!;
      const problems = await opening(half, `targets[${i}].test`, `targets[${i}].controllerArgs`);
      // In the original's spelling it is the daemon that judges: it may pass over what is wrong here.
      if (description.originalSpelling === true) return problems;
      return [...problems, ...await arguments_(half, [[`targets[${i}].args`, target.args]])];
    }),
  ];
  const found = (await Promise.all(groups)).flat();
  const { problems, remarks } = findGateMistakes(description, halves);
  return { problems: [...found, ...problems], remarks };
}

/**
 * Finds what is wrong with many runs of the same tests, as a sweep or a search will make them.
 *
 * @param base the run that they vary; what is wrong in arguments of its own that no variant has is found, too
 * @param variants the runs; of more than {@linkcode MAX_CHECKED_RUNS} the first ones are examined
 * @returns as {@linkcode findMistakes}: those of the run itself, those of the variants alone, and remarks
 */
export async function findMistakesOfAll(
  base: RunDescription,
  variants: Iterable<RunDescription>,
): Promise<{ own: Problem[]; varied: Problem[]; remarks: string[] }> {
  const halves = makeHalves(base, LIMITS, () => {}); // the runs report what there is to remark
  try {
    const { problems: mistakes, remarks } = await findMistakes(base, halves);
    const own = mistakes.filter(({ where, argument }) =>
      !/^clients\[\d+\]\.args$/.test(String(where)) ||
      argument !== undefined &&
        base.clients.some(({ args }) => splitArgs(args).some(({ name }) => name.trim() === argument))
    );
    const varied: Problem[] = [];
    const tests = testsOf(base);
    const told = new Set(own.map(({ message }) => message));
    const known = new Set<string>();
    let checked = 0;
    for (const variant of variants) {
      if (++checked > MAX_CHECKED_RUNS) break;
      for (const [n, test] of tests.entries()) {
        const fresh = argumentsIn(variant, test).filter((each) =>
          !known.has(each.join()) && known.add(each.join())
        );
        for (const problem of await arguments_(halves.clients[n]!, fresh, spanOf(test))) {
          if (!told.has(problem.message)) varied.push(problem);
        }
      }
    }
    return { own, varied, remarks };
  } finally {
    await closeHalves(halves);
  }
}

/** A test that is not there, or whose controller half refuses its arguments. */
async function opening(half: PluginHalf, testPath: string, argsPath: string): Promise<Problem[]> {
  const error = await failureOf(half.open());
  if (error?.code === "setup") return sentences(error, argsPath);
  if (error?.code !== "not-found") return [];
  return [{ where: testPath, message: `${error.message}${await remedyOf(half, error.message)}` }];
}

/** What to do about a test that is not there; nothing where the message says more than that. */
async function remedyOf(half: PluginHalf, message: string): Promise<string> {
  const { test } = half.options;
  if (message !== `Can not find plugin: ${test}`) return "";
  const meant = nearest(test, await half.names().catch(() => []));
  return meant === null
    ? `; "ipbench plugins" lists what there is, --plugin-dir adds a folder`
    : `; did you mean "${meant}"?`;
}

/** The arguments of one test's clients, with their paths in the description. */
function argumentsIn(
  { clients }: RunDescription,
  { name }: ClassDescription,
): [path: string, args: string][] {
  return clients.flatMap((client, i): [string, string][] =>
    name === "" || client.class === name ? [[`clients[${i}].args`, client.args]] : []
  );
}

/** Seconds from a class's begin to its end; `null`: its test ends by itself. */
function spanOf({ beginSeconds, endSeconds }: ClassDescription): number | null {
  return endSeconds === null ? null : endSeconds - beginSeconds;
}

function missingTarget(
  { clients }: RunDescription,
  { name, test }: ClassDescription,
  half: PluginHalf,
): Problem[] {
  return clients.flatMap(({ target, class: of }, i) =>
    target === NO_TARGET && half.info.needsTarget === true && (name === "" || of === name)
      ? [{
        where: `clients[${i}].target`,
        message:
          `the test ${test} needs a machine to test: give --test-target HOST, or target="HOST" in <test>`,
      }]
      : []
  );
}

/** Options of a test that sends from one client to another. */
const PAIR_OPTIONS = ["to", "from", "listen"];

/** Clients that name a receiver for a test that has none, or that name none for one that needs it. */
function wrongPairs(
  { clients }: RunDescription,
  { name, test }: ClassDescription,
  half: PluginHalf,
  testPath: string,
): Problem[] {
  const paired = PAIR_OPTIONS.every((option) =>
    half.info.options?.some((one) => one.name === option) === true
  );
  const own = clients.flatMap((client, i) => name === "" || client.class === name ? [{ ...client, i }] : []);
  if (!paired) {
    return own.flatMap(({ to, i }) =>
      to === undefined
        ? []
        : [{ where: `clients[${i}].to`, message: `the test ${test} sends to no other client; forward does` }]
    );
  }
  if (own.length === 0 || own.some(({ to }) => to !== undefined)) return [];
  return [{
    where: testPath,
    message:
      `the test ${test} sends from one client to another: say to="…" in a <client>, the name of the one ` +
      "that receives",
  }];
}

async function arguments_(
  half: PluginHalf,
  texts: readonly [path: string, args: string][],
  seconds: number | null = null,
): Promise<Problem[]> {
  if (!await isLoaded(half)) return []; // reported already, or for the run to report
  const found: Problem[] = [];
  for (const [where, args] of texts) {
    const timed = seconds === null ? { args, problem: null } : timedArgs(half.info.options, args, seconds);
    const error = await failureOf(half.expectedNs(timed.args));
    if (error?.code === "setup") found.push(...sentences(error, where));
    else if (timed.problem !== null) {
      found.push(...sentences({ code: null, message: timed.problem, remedy: "" }, where));
    }
  }
  return found;
}

/** Whether the plugin can be asked, even when its controller half refuses its own arguments. */
async function isLoaded(half: PluginHalf): Promise<boolean> {
  const failure = await failureOf(half.open());
  return failure === null || failure.code === "setup";
}

/** Why a call failed, in the plugin's own words where it has some; `null` when it went well. */
async function failureOf(call: Promise<unknown>): Promise<Failure | null> {
  try {
    await call;
    return null;
  } catch (error) {
    if (!(error instanceof RunError && error.cause instanceof PluginError)) {
      return { code: null, message: messageOf(error), remedy: "" };
    }
    const { code, message } = error.cause;
    return { code, message, remedy: error.remedy };
  }
}

/** A plugin gives each mistake a line, which names the argument first. */
function sentences(error: Failure, where: string): Problem[] {
  const text = error.remedy === "" ? error.message : `${error.message}; ${error.remedy}`;
  return text.split("\n").map((message) => {
    const argument = /^(?:argument )?"?([A-Za-z_][\w-]*)"?(?=[ :])/.exec(message)?.[1];
    return argument === undefined ? { where, message } : { where, message, argument };
  });
}
