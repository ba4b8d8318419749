/**
 * By which limits testers were judged: a verdict by other limits than the usual ones names them.
 *
 * @module
 */

import type { ClientResult } from "./document.ts";
import { formatShare, formatTime } from "../../base/figures.ts";

/** The set that is used unless another is named. */
const USUAL = "lab";
/** Names that are listed; there are few, but a document may come from anywhere. */
const NAMED = 3;
/** Limits that are listed. */
const LIMITS = 40;

/**
 * Names the sets of limits by which testers were judged.
 *
 * @param clients The testers' results; a test without such sets names none.
 * @returns Names other than the usual one, each once, such as ["shared"].
 */
export function presetsOf(clients: readonly Pick<ClientResult, "pacing">[]): string[] {
  const names = clients.flatMap((client) => {
    const { preset } = limitsOf(client);
    return typeof preset === "string" && /^[a-z]{1,20}$/.test(preset) && preset !== USUAL ? [preset] : [];
  });
  return [...new Set(names)].slice(0, NAMED);
}

/**
 * A verdict's sentence on its limits.
 *
 * @param presets As {@linkcode presetsOf} gives them.
 * @returns Such as " by limits=shared", "" for the usual ones.
 */
export function byLimits(presets: readonly string[]): string {
  return presets.length === 0 ? "" : ` by limits=${presets.join(", limits=")}`;
}

/**
 * The limits of the first tester that reports them.
 *
 * @param clients The testers' results.
 * @returns Such as "limit_lateness 20 ms", in the order of the document.
 */
export function limitTexts(clients: readonly Pick<ClientResult, "pacing">[]): string[] {
  const reported = clients.map(limitsOf).find((limits) => Object.keys(limits).length > 0) ?? {};
  return Object.entries(reported).slice(0, LIMITS).flatMap(([key, value]) => {
    if (typeof value !== "number" || !/^[a-z_]{1,40}$/.test(key)) return [];
    const text = key.endsWith("_ns") ? formatTime(value) : formatShare(value);
    return [`limit_${key.replace(/_ns$/, "")} ${text}`];
  });
}

function limitsOf({ pacing }: Pick<ClientResult, "pacing">): Record<string, unknown> {
  const limits: unknown = pacing?.["limits"];
  return typeof limits === "object" && limits !== null ? limits as Record<string, unknown> : {};
}
