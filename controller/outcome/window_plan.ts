/**
 * When a tester's measured phase will begin and end, as far as its arguments tell. The targets' meters are started and
 * stopped at these instants, so that their figures cover exactly what the testers measured.
 *
 * @module
 */

import { parseValue } from "../../base/units.ts";
import type { PluginInfo, PluginOption } from "../../ffi/mod.ts";
import { argValues } from "../../base/args.ts";

/** Offsets from the tester's start, in nanoseconds. */
export interface PlannedWindow {
  startNs: number;
  /** `null`: the arguments do not tell; ask the running test instead. */
  endNs: number | null;
}

/**
 * Plans the measured phase of a client test.
 *
 * It knows options by their names, which are the same in all tests that have them: `rampup`, `warmup`, `duration`,
 * `test_time`, `samples`, `size`, `bps`, `Mbps`. Where `samples` ends the phase, the plan assumes that none is lost.
 *
 * @param options the test's options; `null` for a plugin that does not tell
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
  const rampup = read("rampup"), warmup = read("warmup");
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

/** So many intervals more than a whole number are a whole number: seconds are no binary fractions. */
const ROUNDING = 1e-9;

/** Seconds from packet to packet; NaN when the arguments do not tell, or packets are not evenly spaced. */
function intervalSeconds(given: Map<string, string>, read: (name: string) => number): number {
  const shaped = ["sizes", "arrival"].some((name) => !["", "constant"].includes(given.get(name) ?? ""));
  const bps = given.has("Mbps") ? read("Mbps") * 1e6 : read("bps");
  const bits = read("size") * 8;
  return shaped || !(bits > 0) || !(bps > 0) ? NaN : bits / bps;
}

/**
 * How long a test takes for its samples while nothing is lost. An original tester waits until all of them are in.
 *
 * @param options the test's options; `null` for a plugin that does not tell
 * @param args the arguments of one client
 * @returns nanoseconds; 0 for a test that ends otherwise, or when the arguments do not tell
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
