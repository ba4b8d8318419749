/**
 * The document that a search leaves behind, "ipbench-search/1". Loads are in `load.unit` and of all testers together.
 *
 * @module
 */

import type { Counts, Summary, Verdict } from "../../results/document/document.ts";
import type { GroupedReason } from "../../results/document/reason_groups.ts";
import type { TrialLatency } from "./classify.ts";
import { formatLatencyLimit, type SearchGoal } from "./goal.ts";
import type { GoalResult, StopCode } from "./mlr_search.ts";

/** The value of {@linkcode SearchDocument.format}. */
export const SEARCH_FORMAT = "ipbench-search/1";

/** One trial of a search. */
export interface TrialRecord {
  /** From 1, in the order in which they ran. */
  n: number;
  load: number;
  seconds: number;
  /** The goal in focus; each trial counts for all goals. */
  goal: string;
  /** Step towards it, from 1. */
  step: number;
  outcome: "valid" | "invalid" | "failed" | "interrupted";
  verdict: Verdict;
  reasons: string[];
  /** What the reasons of its run are cases of, each apart; absent where the search itself has another reason. */
  details?: GroupedReason[];
  loss_ratio: number | null;
  counts: Counts | null;
  latency: { response: TrialLatency | null; service: TrialLatency | null } | null;
  /** ISO 8601, UTC. */
  started: string;
  run: string;
  /** Name of the file with its result document, when trials are kept. */
  file?: string;
}

/** What came out for one goal. */
export interface GoalRecord {
  name: string;
  goal: {
    loss_ratio: number;
    exceed_ratio: number;
    initial_trial_seconds: number;
    final_trial_seconds: number;
    duration_sum_seconds: number;
    /** Relative distance of the bounds, (upper - lower) / upper. */
    width: number;
    latency: string[];
  };
  /** True when both bounds exist and are within the width; otherwise the result is irregular. */
  regular: boolean;
  /** Largest load, below the upper bound, that meets the goal. */
  lower_bound: number | null;
  /** Smallest load that misses it. */
  upper_bound: number | null;
  conditional_throughput: number | null;
  /** From this load on the tester itself could not measure. */
  tester_limit: number | null;
  stop: { code: StopCode; text: string };
  /** From the merged histograms of the full-length trials at the lower bound. */
  latency_at_lower_bound: { response: Summary | null; service: Summary | null } | null;
}

/** The whole document. */
export interface SearchDocument {
  format: typeof SEARCH_FORMAT;
  ipbench: { version: string; build: string };
  search: {
    id: string;
    /** ISO 8601, UTC. */
    started: string;
    ended: string;
    /** True when each goal has a regular result. */
    regular: boolean;
    interrupted?: boolean;
    failed?: boolean;
    /** What went wrong, when it failed. */
    reasons: string[];
  };
  /** The run description whose load and length were varied. */
  config: unknown;
  test: { name: string };
  load: {
    arg: string;
    unit: string;
    min: number;
    max: number;
    testers: number;
    bits_per_packet: number | null;
  };
  goals: GoalRecord[];
  trials: TrialRecord[];
  totals: { trials: number; invalid_trials: number; trial_seconds: number; elapsed_seconds: number };
}

/** Says in a sentence why a search for a goal ended. */
function stopText(result: GoalResult, unit: string): string {
  const width = `${Number((result.goal.width * 100).toPrecision(4))}%`;
  const texts: Record<StopCode, string> = {
    "width": `the bounds are within ${width} of each other`,
    "max-load": "the largest load that was allowed meets the goal; allow more to find the bound",
    "min-load": "the smallest load that was allowed misses the goal; allow less to find the bound",
    "tester-limited":
      `from ${result.testerLimit ?? "?"} ${unit} on the testers themselves could not measure; ` +
      "the target may be faster",
    "resolution": "no whole load is left between the bounds",
    "time": "the time allowed for trials was used up",
    "trials": "the number of trials allowed was used up",
    "interrupted": "it was interrupted",
    "failed": "trials failed",
  };
  return texts[result.stop];
}

/** Puts a goal's result into the document's form. */
export function goalRecord(
  result: GoalResult,
  unit: string,
  latency: GoalRecord["latency_at_lower_bound"],
): GoalRecord {
  return {
    name: result.goal.name,
    goal: goalAttributes(result.goal),
    regular: result.regular,
    lower_bound: result.lower,
    upper_bound: result.upper,
    conditional_throughput: result.conditionalThroughput,
    tester_limit: result.testerLimit,
    stop: { code: result.stop, text: stopText(result, unit) },
    latency_at_lower_bound: latency,
  };
}

function goalAttributes(goal: SearchGoal): GoalRecord["goal"] {
  return {
    loss_ratio: goal.lossRatio,
    exceed_ratio: goal.exceedRatio,
    initial_trial_seconds: goal.initialTrialSeconds,
    final_trial_seconds: goal.finalTrialSeconds,
    duration_sum_seconds: goal.durationSumSeconds,
    width: goal.width,
    latency: goal.latency.map(formatLatencyLimit),
  };
}
