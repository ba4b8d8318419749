/**
 * Is a load a lower bound, an upper bound, or undecided? The load classification of RFC 9971, appendix A, and the
 * conditional throughput of its appendix B, written from their text.
 *
 * @module
 */

import type { TrialLatency } from "../../results/search/document.ts";
import type { LatencyLimit } from "./goal.ts";

/** One valid trial, as the search sees it. */
export interface Trial {
  /** Offered load, in the search's unit (bit/s of all testers together). */
  load: number;
  /** Length of the measured phase; also its effective duration. */
  seconds: number;
  /** Share of what was sent that did not come back well. */
  lossRatio: number;
  /** Load at which answers came back while the trial ran, where known: shows the capacity of a target that queues. */
  receivedLoad: number | null;
  latency: { response: TrialLatency | null; service: TrialLatency | null };
}

/** What loads are classified by: a goal, or one of the coarser steps towards it. */
export interface Criterion {
  lossRatio: number;
  exceedRatio: number;
  trialSeconds: number;
  durationSumSeconds: number;
  latency: readonly LatencyLimit[];
}

/** The class of a load. */
export type LoadClass = "lower" | "upper" | "undecided";

/** Sums of seconds are compared with this much slack: 20 times 0.05 s are 1 s. */
const EPSILON_SECONDS = 1e-6;

/** True when a trial is a high-loss one, or slower than a limit allows. A trial without any answer is slow. */
export function exceeds(trial: Trial, criterion: Pick<Criterion, "lossRatio" | "latency">): boolean {
  if (trial.lossRatio > criterion.lossRatio) return true;
  return criterion.latency.some((limit) => {
    const summary = trial.latency[limit.time];
    return summary === null || summary[`${limit.percentile}_ns`] > limit.limitNs;
  });
}

/** Sums of effective durations at one load. */
interface Sums {
  fullLow: number;
  fullHigh: number;
  shortLow: number;
  shortHigh: number;
}

function sumsOf(trials: readonly Trial[], criterion: Criterion): Sums {
  const sums = { fullLow: 0, fullHigh: 0, shortLow: 0, shortHigh: 0 };
  for (const trial of trials) {
    const full = trial.seconds >= criterion.trialSeconds - EPSILON_SECONDS;
    const high = exceeds(trial, criterion);
    sums[full ? (high ? "fullHigh" : "fullLow") : (high ? "shortHigh" : "shortLow")] += trial.seconds;
  }
  return sums;
}

/**
 * Classifies one load by all the trials measured at it.
 *
 * A load is a lower bound when it is certain to keep the goal whatever the rest of the duration sum brought, an upper
 * bound when it is certain to miss it, and undecided in between. Short trials count against a load, as far as short
 * good ones do not balance them, and never for it.
 *
 * @param trials All trials at this load, of any length; may be empty.
 * @param criterion The goal.
 */
export function classify(trials: readonly Trial[], criterion: Criterion): LoadClass {
  const sums = sumsOf(trials, criterion);
  const balancing = sums.shortLow * criterion.exceedRatio / (1 - criterion.exceedRatio);
  const high = sums.fullHigh + Math.max(0, sums.shortHigh - balancing);
  const whole = Math.max(sums.fullLow + high, criterion.durationSumSeconds);
  const allowed = whole * criterion.exceedRatio + EPSILON_SECONDS;
  const optimistic = high <= allowed;
  const pessimistic = whole - sums.fullLow <= allowed;
  if (optimistic && pessimistic) return "lower";
  return optimistic || pessimistic ? "undecided" : "upper";
}

/**
 * The forwarding rate that is typical at a lower bound: its load times what the quantile trial (by the exceed ratio)
 * brought back. Seconds not measured count as complete loss, so that the figure never flatters.
 *
 * @param trials All trials at the load; at least one full-length one for a figure.
 * @returns In the unit of the load; `null` without a full-length trial.
 */
export function conditionalThroughput(
  load: number,
  trials: readonly Trial[],
  criterion: Criterion,
): number | null {
  const full = trials.filter((trial) => trial.seconds >= criterion.trialSeconds - EPSILON_SECONDS);
  if (full.length === 0) return null;
  full.sort((a, b) => a.lossRatio - b.lossRatio);
  const measured = full.reduce((sum, trial) => sum + trial.seconds, 0);
  let remaining = Math.max(measured, criterion.durationSumSeconds) * (1 - criterion.exceedRatio);
  let quantile = full[0]?.lossRatio ?? 1;
  for (const trial of full) {
    if (remaining <= EPSILON_SECONDS) break;
    quantile = trial.lossRatio;
    remaining -= trial.seconds;
  }
  if (remaining > EPSILON_SECONDS) quantile = 1;
  return load * (1 - quantile);
}
