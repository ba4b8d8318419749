/**
 * The search that RFC 2544 is usually done with, to compare against: halve the interval, each load measured with
 * full-length trials until the same classification has decided it. Same goal, same early decision, so the same
 * confidence in what is found.
 *
 * @module
 */

import { classify, type Criterion, type Trial } from "../classify.ts";
import type { SearchGoal } from "../goal.ts";
import { isNarrow } from "../navigator.ts";

/** What came out. */
export interface BisectionResult {
  lower: number | null;
  upper: number | null;
  seconds: number;
}

/**
 * Bisects between two loads.
 *
 * @param measure Runs one trial; `null` when it was invalid (it is then repeated).
 */
export function bisect(
  goal: SearchGoal,
  range: { min: number; max: number },
  measure: (load: number, seconds: number) => Trial | null,
): BisectionResult {
  const criterion: Criterion = { ...goal, trialSeconds: goal.finalTrialSeconds };
  let seconds = 0;
  const isLower = (load: number): boolean => {
    const trials: Trial[] = [];
    for (;;) {
      const kind = classify(trials, criterion);
      if (kind !== "undecided") return kind === "lower";
      const trial = measure(load, goal.finalTrialSeconds);
      seconds += goal.finalTrialSeconds;
      if (trial !== null) trials.push(trial);
    }
  };
  if (isLower(range.max)) return { lower: range.max, upper: null, seconds };
  let [lower, upper] = [range.min, range.max];
  if (!isLower(lower)) return { lower: null, upper: lower, seconds };
  while (!isNarrow(lower, upper, goal.width)) {
    const load = Math.round(Math.sqrt(lower * upper));
    if (isLower(load)) lower = load;
    else upper = load;
  }
  return { lower, upper, seconds };
}
