/**
 * The frame loss rate benchmark of RFC 2544, section 26.3: from the full rate down in steps of a tenth, until two
 * successive trials lose nothing. Pure: trials are run by a function that is passed in.
 *
 * @module
 */

import type { LossPoint } from "../../results/search/rfc2544_document.ts";

/** What a trial shows: what was lost, or why that is unknown. */
export type LossProbe = (load: number) => Promise<{ lossRatio: number } | { unknown: string }>;

const STEP_PERCENT = 10;
/** So many successive trials without loss end the curve. */
const LOSSLESS_TRIALS = 2;

/**
 * Measures the curve.
 *
 * @param fullRate Load at 100 %.
 * @param probe Runs one trial.
 * @param onPoint Called with each point.
 */
export async function lossCurve(
  fullRate: number,
  probe: LossProbe,
  onPoint?: (point: LossPoint) => void,
): Promise<LossPoint[]> {
  const points: LossPoint[] = [];
  let lossless = 0;
  for (let percent = 100; percent > 0 && lossless < LOSSLESS_TRIALS; percent -= STEP_PERCENT) {
    const load = Math.floor(fullRate * percent / 100);
    const found = await probe(load);
    const point: LossPoint = "unknown" in found
      ? { percent, load, loss_ratio: null, reason: found.unknown }
      : { percent, load, loss_ratio: found.lossRatio };
    lossless = point.loss_ratio === 0 ? lossless + 1 : 0;
    points.push(point);
    onPoint?.(point);
  }
  return points;
}
