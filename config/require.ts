/**
 * How many clients a run needs: `require` of a run description.
 *
 * @module
 */

import { parseShare } from "../base/units.ts";

/** "all", a count of clients, or a share of them in (0, 1]. */
export type Requirement = "all" | { count: number } | { share: number };

/**
 * Reads a requirement.
 *
 * @param text "all", a count such as "3", or a share such as "90%" or "90.5%".
 * @returns Its value, or `null` when it is none of these.
 */
export function parseRequire(text: string): Requirement | null {
  if (text === "all") return "all";
  if (/^\d{1,9}$/.test(text)) return Number(text) >= 1 ? { count: Number(text) } : null;
  const share = /^\d+(\.\d+)?%$/.test(text) ? parseShare(text) : null;
  return share !== null && share > 0 && share <= 1 ? { share } : null;
}
