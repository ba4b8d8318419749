/**
 * The way to a goal: first short trials and a wide interval, then longer ones and a narrower interval, the goal itself
 * last. What the cheap steps find decides where the expensive ones measure.
 *
 * @module
 */

import type { Criterion } from "./classify.ts";
import type { SearchGoal } from "./goal.ts";

/** One step towards a goal. */
export interface Phase extends Criterion {
  /** Relative width at which the step is done. */
  width: number;
}

/** A step may need this many times the measuring of the step before. */
const GROWTH = 5;
/** At most this many steps, the goal included. */
const MAX_PHASES = 5;

/**
 * Plans the steps towards a goal.
 *
 * @returns At least one; the last is the goal itself.
 */
export function planPhases(goal: SearchGoal): Phase[] {
  const effort = goal.durationSumSeconds / goal.initialTrialSeconds;
  const count = Math.min(MAX_PHASES, 1 + Math.ceil(Math.log(effort) / Math.log(GROWTH) - 1e-9));
  const phases: Phase[] = [];
  for (let i = 0; i < count; i++) {
    const share = count === 1 ? 1 : i / (count - 1);
    const trialSeconds = between(goal.initialTrialSeconds, goal.finalTrialSeconds, share);
    const sum = between(goal.initialTrialSeconds, goal.durationSumSeconds, share);
    phases.push({
      lossRatio: goal.lossRatio,
      exceedRatio: goal.exceedRatio,
      latency: goal.latency,
      trialSeconds,
      durationSumSeconds: trialSeconds * Math.max(1, Math.ceil(sum / trialSeconds - 1e-9)),
      width: Math.min(0.5, goal.width * 2 ** (count - 1 - i)),
    });
  }
  const last = phases[phases.length - 1];
  if (last !== undefined) {
    last.trialSeconds = goal.finalTrialSeconds;
    last.durationSumSeconds = goal.durationSumSeconds;
    last.width = goal.width;
  }
  return phases;
}

/** Geometric interpolation. */
function between(from: number, to: number, share: number): number {
  return Number((from * (to / from) ** share).toPrecision(4));
}
