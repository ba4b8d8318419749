/**
 * INVALID runs that are the target's doing rather than the testers': what a search takes for loss.
 *
 * @module
 */

import type { ResultDocument } from "../../results/document/document.ts";

/** Reasons by which the tests report that the target gave way. */
const TARGET_FAULTS: ReadonlySet<string> = new Set([
  "no-answers",
  "target-silent",
  "target-died",
  "target-unreachable",
  "target-reset",
  "target-closed",
  "nothing-arrived",
]);

/** Whether that reason is the target's doing. */
export function isFaultOfTarget(code: string): boolean {
  return TARGET_FAULTS.has(code);
}

/** True when a run is INVALID, and each reason for it is the target's doing. */
export function isTargetFault(document: ResultDocument): boolean {
  const invalid = (document.run.details ?? []).filter((reason) => reason.level === "INVALID");
  return invalid.length > 0 && invalid.every((reason) => isFaultOfTarget(reason.code));
}
