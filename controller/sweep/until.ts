/**
 * When a branch of a sweep has gone far enough: `loss>1%`, `p99>1ms`, `received<90%`.
 *
 * @module
 */

import { messageOf } from "../../base/errors.ts";
import { requireQuantity } from "../../base/values.ts";
import type { Figures } from "./figures.ts";
import { SweepError } from "./plan.ts";

const TIMES = ["mean", "p50", "p90", "p99", "p999", "max"] as const;

/** A condition on the figures of a point. */
export interface Until {
  /** As it was typed. */
  text: string;
  /** True when the figures meet it; a figure that is not known meets nothing. */
  holds(figures: Figures): boolean;
}

const CONDITION = /^([a-z0-9.]+)\s*(<=|>=|<|>)\s*(\S+)$/;
const KNOWN = `loss, received (of what was requested), ${TIMES.join(", ").replace("p999", "p99.9")}`;

/**
 * Reads a condition.
 *
 * @throws {SweepError} when it is none, or its unit does not fit its figure.
 */
export function parseUntil(text: string): Until {
  const match = CONDITION.exec(text.trim().toLowerCase());
  if (match === null) throw new SweepError(`"${text}" is no condition; expected such as loss>1% or p99>1ms`);
  const [, name = "", operator = "", bound = ""] = match;
  const figure = name.replace(".", "");
  const isTime = TIMES.some((known) => known === figure);
  if (!isTime && figure !== "loss" && figure !== "received") {
    throw new SweepError(`unknown figure "${name}" in "${text}"; known: ${KNOWN}`);
  }
  const { value, unit } = quantityOf(bound, text);
  if (isTime !== (unit === "s")) {
    throw new SweepError(
      `"${text}": ${name} is compared with a ${isTime ? "time, such as 200us" : "share, such as 1%"}`,
    );
  }
  const limit = isTime ? value * 1e9 : value;
  return {
    text,
    holds: (figures) => {
      const actual = pick(figures, figure);
      return actual !== null && compare(actual, operator, limit);
    },
  };
}

function quantityOf(bound: string, text: string) {
  try {
    return requireQuantity(bound);
  } catch (cause) {
    throw new SweepError(`"${text}": ${messageOf(cause)}`, { cause });
  }
}

function pick(figures: Figures, name: string): number | null {
  if (name === "loss") return figures.loss_ratio;
  if (name === "received") {
    const { requested_bps: requested, received_bps: received } = figures;
    return requested === null || received === null || requested <= 0 ? null : received / requested;
  }
  const found = TIMES.find((known) => known === name);
  return found === undefined ? null : figures[`${found}_ns`];
}

function compare(actual: number, operator: string, limit: number): boolean {
  if (operator === ">") return actual > limit;
  if (operator === ">=") return actual >= limit;
  return operator === "<" ? actual < limit : actual <= limit;
}
