/**
 * What came out for a goal, in the form of the document.
 *
 * @module
 */

import type { GoalRecord, StopCode } from "../../results/search/document.ts";
import { formatLatencyLimit, type SearchGoal } from "./goal.ts";
import type { GoalResult } from "./mlr_search.ts";

/** Reports in a sentence why a search for a goal ended. */
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
