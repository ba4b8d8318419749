/**
 * When a tester's measured phase will begin and end, as far as its arguments determine it. The targets' meters are started and
 * stopped at these instants, so that their figures cover exactly what the testers measured.
 *
 * @module
 */

import { parseValue } from "../../base/units.ts";
import type { PluginInfo, PluginOption } from "../../ffi/mod.ts";
import { argValues, setTestArg } from "../../base/args.ts";
import { digits } from "../../base/figures.ts";

/** Offsets from the tester's start, in nanoseconds. */
export interface PlannedWindow {
  startNs: number;
  /** `null`: the arguments do not determine it; ask the running test instead. */
  endNs: number | null;
}

/**
 * Plans the measured phase of a client test.
 *
 * It knows options by their names, which are the same in all tests that have them: `learn`, `rampup`, `warmup`, `duration`,
 * `test_time`, `samples`, `size`, `bps`, `Mbps`. Where `samples` ends the phase, the plan assumes that none is lost.
 *
 * @param options the test's options; `null` for a plugin that does not describe them
 * @param args the arguments of one client
 * @returns the plan, or `null` when the test has no phases that are known here
 */
export function plannedWindow(options: readonly PluginOption[] | null, args: string): PlannedWindow | null {
  if (options === null || !options.some((option) => option.name === "warmup")) return null;
  const given = argValues(args);
  const read = (name: string): number => {
    const option = options.find((option) => option.name === name);
    if (option === undefined) return 0;
    const typed = given.get(name);
    const text = typed === "" && option.type !== "time" ? option.default : typed ?? option.default;
    return text === "" ? 0 : parseValue(option.type, option.unit, text) ?? NaN;
  };
  const rampup = read("learn") + read("rampup"), warmup = read("warmup");
  // A value that cannot be read is the plugin's to complain about, at SETUP.
  if (!Number.isFinite(rampup + warmup)) return null;
  const seconds = given.has("test_time") ? read("test_time") : read("duration");
  const interval = seconds === 0 ? intervalSeconds(given, read) : NaN;
  // Samples are measured from the first packet after the warm-up on, an interval for each.
  const start = rampup + (interval > 0 ? Math.ceil(warmup / interval - ROUNDING) * interval : warmup);
  const end = start + (seconds === 0 ? interval * read("samples") : seconds);
  return {
    startNs: Math.round(start * 1e9),
    endNs: Number.isFinite(end) ? Math.round(end * 1e9) : null,
  };
}

/**
 * Makes a test end with its class: a test that has a duration, and is given none, gets what ramp-up, warm-up and cool-down
 * leave of the class's time.
 *
 * @param options the test's options; `null` for a plugin that does not describe them
 * @param args the arguments of one client
 * @param seconds from the begin of its class to the end
 * @returns the arguments, and what is wrong with them, a clause
 */
export function timedArgs(
  options: readonly PluginOption[] | null,
  args: string,
  seconds: number,
): { args: string; problem: string | null } {
  if (options?.some((option) => option.name === "duration") !== true) return { args, problem: null };
  const given = argValues(args);
  if (given.has("samples")) {
    return {
      args,
      problem: "argument samples: its class has an end, which ends the test; leave samples out",
    };
  }
  const phases = ["rampup", "warmup", "cooldown"].filter((name) => options.some((one) => one.name === name));
  const around = phases.reduce((sum, name) => sum + secondsOf(options, given, name), 0);
  if (!Number.isFinite(around)) return { args, problem: null }; // the plugin's to complain about
  const own = ["duration", "test_time"].find((name) => given.has(name));
  const words = phases.length === 0 ? "" : `${phases.join(", ")} take ${digits(around, 4)} s`;
  if (own === undefined) {
    const left = seconds - around;
    return left > ROUNDING
      ? { args: setTestArg(args, "duration", String(Number(left.toFixed(6)))), problem: null }
      : {
        args,
        problem:
          `argument duration: ${words} of the ${digits(seconds, 4)} s of its class, and nothing is left to ` +
          `measure; give shorter ones, such as warmup=0,cooldown=0, or a later end`,
      };
  }
  const measured = secondsOf(options, given, own);
  const wanted = around + (measured > 0 ? measured : 0);
  return !(wanted > seconds + ROUNDING) ? { args, problem: null } : {
    args,
    problem:
      `argument ${own}: with it the test takes ${digits(wanted, 4)} s, and its class ${
        digits(seconds, 4)
      } s; ` +
      `leave ${own} out, and the test ends with its class`,
  };
}

/** Whether a test that is given a duration ends by it. */
export function endsByItself(options: readonly PluginOption[] | null, args: string): boolean {
  const given = argValues(args);
  return ["duration", "test_time"].some((name) =>
    given.has(name) && options?.some((option) => option.name === name) === true
  );
}

/** Seconds of one phase by the arguments; NaN when they cannot be read. */
function secondsOf(options: readonly PluginOption[], given: Map<string, string>, name: string): number {
  const option = options.find((one) => one.name === name);
  if (option === undefined) return 0;
  const text = given.get(name) || option.default;
  return text === "" ? 0 : parseValue(option.type, option.unit, text) ?? NaN;
}

/** So many intervals more than a whole number are a whole number: seconds are no binary fractions. */
const ROUNDING = 1e-9;

/** Seconds from packet to packet; NaN when the arguments do not determine it, or packets are not evenly spaced. */
function intervalSeconds(given: Map<string, string>, read: (name: string) => number): number {
  const shaped = ["sizes", "arrival"].some((name) => !["", "constant"].includes(given.get(name) ?? ""));
  const bps = given.has("Mbps") ? read("Mbps") * 1e6 : read("bps");
  const bits = read("size") * 8;
  return shaped || !(bits > 0) || !(bps > 0) ? NaN : bits / bps;
}

/**
 * How long a test takes for its samples while nothing is lost. An original tester waits until all of them are in.
 *
 * @param options the test's options; `null` for a plugin that does not describe them
 * @param args the arguments of one client
 * @returns nanoseconds; 0 for a test that ends otherwise, or when the arguments do not determine it
 */
export function sampledNs(options: readonly PluginOption[] | null, args: string): number {
  const plan = plannedWindow(options, args);
  const samples = options?.some((option) => option.name === "samples") === true;
  const timed = argValues(args).has("duration");
  return plan === null || plan.endNs === null || timed || !samples ? 0 : plan.endNs - plan.startNs;
}

/**
 * Whether a target test is a meter whose figure is to cover the testers' measured phase alone: one that has phases of
 * its own (options `warmup` and `cooldown`) of which the user has given none. An echo has to run all the time.
 *
 * @param info the target test
 * @param args its arguments
 */
export function isMeter(info: Pick<PluginInfo, "name" | "options">, args: string): boolean {
  const names = new Set((info.options ?? []).map((option) => option.name));
  const phased = names.has("warmup") && names.has("cooldown");
  if (!phased && info.name !== "cpu_target_lukem") return false;
  const given = argValues(args);
  return !given.has("warmup") && !given.has("cooldown");
}

/**
 * The part of the planned phases that all testers share.
 *
 * @param plans one for each tester; `null` for a tester that has none
 * @returns latest start and earliest end, or `null` when a tester has no plan or they share nothing
 */
export function commonPlan(plans: readonly (PlannedWindow | null)[]): PlannedWindow | null {
  let common: PlannedWindow | null = null;
  for (const plan of plans) {
    if (plan === null) return null;
    if (common === null) {
      common = { ...plan };
      continue;
    }
    common.startNs = Math.max(common.startNs, plan.startNs);
    common.endNs = common.endNs === null || plan.endNs === null ? null : Math.min(common.endNs, plan.endNs);
  }
  return common !== null && common.endNs !== null && common.endNs <= common.startNs ? null : common;
}
