/**
 * What a search looks for: a search goal in the words of Multiple Loss Ratio Search (RFC 9971), its presets, and how it
 * is typed.
 *
 * @module
 */

import {
  formatNanoseconds,
  requireQuantity,
  requireSeconds,
  requireShare,
  UnitError,
} from "../../base/values.ts";

/** Percentiles that a latency limit may name, as keys of a summary without `_ns`. */
export const PERCENTILES = ["mean", "p50", "p90", "p99", "p999", "p9999", "p99999", "max"] as const;
/** One of {@linkcode PERCENTILES}. */
export type Percentile = typeof PERCENTILES[number];

/** Round trips at a load have to be faster than this. */
export interface LatencyLimit {
  /** Response time (from when a packet was due) or service time (from when it left). */
  time: "response" | "service";
  percentile: Percentile;
  limitNs: number;
}

/** One search goal. Times are seconds, ratios fractions of one. */
export interface SearchGoal {
  name: string;
  /** A trial that loses more than this is a high-loss trial. */
  lossRatio: number;
  /** Share of the duration sum that high-loss trials may take at a lower bound. */
  exceedRatio: number;
  /** Shortest trial while focusing on this goal. */
  initialTrialSeconds: number;
  /** Trials this long, or longer, are full-length. */
  finalTrialSeconds: number;
  /** Full-length trials add up to this at a load before it is decided at the latest. */
  durationSumSeconds: number;
  /** Relative distance of the bounds, `(upper - lower) / upper`, at which the search is precise enough. */
  width: number;
  latency: LatencyLimit[];
}

/** A goal that cannot be read or makes no sense. */
export class GoalError extends Error {
  override readonly name = "GoalError";
}

const FDIO = {
  exceedRatio: 0.5,
  initialTrialSeconds: 1,
  finalTrialSeconds: 1,
  durationSumSeconds: 20,
  width: 0.005,
  latency: [],
};
/** The ratio that FD.io's partial drop rate tolerates. */
const FDIO_PDR_LOSS = 0.005;

/** Presets by name; each gives one goal or, where the practice has two, both. */
const PRESETS: Readonly<Record<string, (ratio: number | null) => SearchGoal[]>> = {
  ndr: () => [{ ...FDIO, name: "ndr", lossRatio: 0, durationSumSeconds: 10, latency: [] }],
  pdr: (ratio) => {
    const lossRatio = ratio ?? FDIO_PDR_LOSS;
    const width = Math.max(FDIO.width, lossRatio);
    return [{
      ...FDIO,
      name: `pdr:${percent(lossRatio)}`,
      lossRatio,
      width,
      durationSumSeconds: 10,
      latency: [],
    }];
  },
  rfc2544: () => [{
    name: "rfc2544",
    lossRatio: 0,
    exceedRatio: 0,
    initialTrialSeconds: 1,
    finalTrialSeconds: 60,
    durationSumSeconds: 60,
    width: 0.005,
    latency: [],
  }],
  tst009: () => [{
    name: "tst009",
    lossRatio: 0,
    exceedRatio: 0.5,
    initialTrialSeconds: 1,
    finalTrialSeconds: 60,
    durationSumSeconds: 120,
    width: 0.005,
    latency: [],
  }],
  fdio: (ratio) => [
    { ...FDIO, name: "fdio-ndr", lossRatio: 0, latency: [] },
    { ...FDIO, name: "fdio-pdr", lossRatio: ratio ?? FDIO_PDR_LOSS, latency: [] },
  ],
};

/** Names of the presets, for help texts. */
export const PRESET_NAMES: readonly string[] = Object.keys(PRESETS);

/**
 * Reads one goal, such as `ndr`, `pdr:0.5%`, `rfc2544`, `tst009`, `fdio`, each with changes behind it:
 * `ndr,final=2s,sum=20s,width=1%,exceed=0`.
 *
 * @param text What was typed behind `--goal`.
 * @param latency Limits that hold for each goal.
 * @returns One goal, or two for `fdio`.
 * @throws {GoalError} when the preset or a key is unknown or a value is out of its range.
 */
export function parseGoal(text: string, latency: readonly LatencyLimit[] = []): SearchGoal[] {
  const [head = "", ...changes] = text.split(",").map((part) => part.trim());
  const colon = head.indexOf(":");
  const name = (colon < 0 ? head : head.slice(0, colon)).toLowerCase();
  const preset = Object.hasOwn(PRESETS, name) ? PRESETS[name] : undefined;
  if (preset === undefined) {
    throw new GoalError(
      `unknown goal "${head}"; known: ${PRESET_NAMES.join(", ")} (pdr and fdio take a ratio: pdr:0.5%)`,
    );
  }
  if (colon >= 0 && name !== "pdr" && name !== "fdio") {
    throw new GoalError(`the goal ${name} takes no ratio ("${head}")`);
  }
  const ratio = colon < 0 ? null : worded(() => requireShare(head.slice(colon + 1)), text);
  const goals = preset(ratio);
  for (const goal of goals) {
    for (const change of changes) applyChange(goal, change, text);
    goal.latency = [...latency];
    checkGoal(goal);
  }
  return goals;
}

function applyChange(goal: SearchGoal, change: string, text: string): void {
  const equals = change.indexOf("=");
  const key = equals < 0 ? change : change.slice(0, equals);
  const value = equals < 0 ? "" : change.slice(equals + 1);
  worded(() => {
    switch (key) {
      case "name":
        goal.name = value;
        return;
      case "loss":
        goal.lossRatio = requireShare(value);
        return;
      case "exceed":
        goal.exceedRatio = requireShare(value);
        return;
      case "width":
        goal.width = requireShare(value);
        return;
      case "initial":
        goal.initialTrialSeconds = requireSeconds(value);
        return;
      case "final":
        goal.finalTrialSeconds = requireSeconds(value);
        goal.initialTrialSeconds = Math.min(goal.initialTrialSeconds, goal.finalTrialSeconds);
        goal.durationSumSeconds = Math.max(goal.durationSumSeconds, goal.finalTrialSeconds);
        return;
      case "sum":
        goal.durationSumSeconds = requireSeconds(value);
        return;
      default:
        throw new UnitError(`unknown "${key}"; known: name, loss, exceed, initial, final, sum, width`);
    }
  }, text);
}

/**
 * Checks one goal as RFC 9971 wants it.
 *
 * @throws {GoalError} naming the attribute, its value and its range.
 */
function checkGoal(goal: SearchGoal): void {
  const wrong = (what: string, value: number, range: string) =>
    new GoalError(`the goal ${goal.name}: ${what} is ${value}, but has to be ${range}`);
  if (!(goal.lossRatio >= 0 && goal.lossRatio < 1)) {
    throw wrong("the loss ratio", goal.lossRatio, "in [0, 1)");
  }
  if (!(goal.exceedRatio >= 0 && goal.exceedRatio < 1)) {
    throw wrong("the exceed ratio", goal.exceedRatio, "in [0, 1)");
  }
  if (!(goal.width > 0 && goal.width < 1)) throw wrong("the width", goal.width, "in (0, 1)");
  if (!(goal.initialTrialSeconds > 0)) {
    throw wrong("the initial trial duration", goal.initialTrialSeconds, "above 0 s");
  }
  if (!(goal.finalTrialSeconds >= goal.initialTrialSeconds)) {
    throw wrong(
      "the final trial duration",
      goal.finalTrialSeconds,
      `at least the initial ${goal.initialTrialSeconds} s`,
    );
  }
  if (!(goal.durationSumSeconds >= goal.finalTrialSeconds)) {
    throw wrong(
      "the duration sum",
      goal.durationSumSeconds,
      `at least the final ${goal.finalTrialSeconds} s`,
    );
  }
}

/** "p99.9": keys of documents have no dot. */
function percentileName(percentile: Percentile): string {
  return percentile.replace(/^p99(9+)$/, "p99.$1");
}

const LATENCY = /^(?:(response|service)[.:-])?([a-z0-9.]+)\s*(<=?)\s*(\S+)$/;

/**
 * Reads a latency limit: `p99<200us`, `service.p99.9<1ms`, `max<5ms`. Response time unless service is named.
 *
 * @throws {GoalError} when it is something else.
 */
export function parseLatencyLimit(text: string): LatencyLimit {
  const match = LATENCY.exec(text.trim().toLowerCase());
  const known = PERCENTILES.map(percentileName).join(", ");
  if (match === null) {
    throw new GoalError(`"${text}" is no latency limit; expected such as p99<200us (known: ${known})`);
  }
  const percentile = (match[2] ?? "").replace(".", "") as Percentile;
  if (!PERCENTILES.includes(percentile)) {
    throw new GoalError(`unknown percentile in "${text}"; known: ${known}`);
  }
  const { value, unit } = worded(() => requireQuantity(match[4] ?? ""), text);
  if (unit !== "s" || value <= 0) {
    throw new GoalError(`"${text}" needs a time above 0 with its unit, such as 200us`);
  }
  return {
    time: match[1] === "service" ? "service" : "response",
    percentile,
    limitNs: Math.round(value * 1e9),
  };
}

/** Writes a latency limit the way it is typed. */
export function formatLatencyLimit(limit: LatencyLimit): string {
  return `${limit.time === "service" ? "service." : ""}${percentileName(limit.percentile)}<${
    formatNanoseconds(limit.limitNs)
  }`;
}

function percent(ratio: number): string {
  return `${Number((ratio * 100).toPrecision(6))}%`;
}

/** Runs a reader, and names the goal in which its error was. */
function worded<T>(read: () => T, text: string): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof UnitError) throw new GoalError(`in "${text}": ${error.message}`, { cause: error });
    throw error;
  }
}
