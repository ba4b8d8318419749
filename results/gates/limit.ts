/**
 * A gate's limit, in the unit of the figure that it is about.
 *
 * @module
 */

import { parseQuantity } from "../../base/units.ts";
import type { ComparedMetric } from "../compare/metrics.ts";

/** What a figure has to be. */
export interface Gate {
  /** By the names of `ipbench compare --metric`, those of the test's own figures included. */
  metric: string;
  operator: "<" | "<=" | ">" | ">=";
  /** A number with its unit: "200us", "0.1%", "10M". */
  limit: string;
  /** Of this class alone. */
  class?: string;
}

/** What of a figure tells which limits it can have. */
export type Limited = Pick<ComparedMetric, "label" | "kind" | "unit">;

/** Units of tests' own figures that are times, in nanoseconds. */
const TIME_UNITS: Readonly<Record<string, number>> = { ns: 1, us: 1e3, "µs": 1e3, ms: 1e6, s: 1e9 };

/** The limit in the unit of the figure; `null`: it has another one. */
export function limitOf({ limit }: Pick<Gate, "limit">, metric: Limited): number | null {
  const quantity = parseQuantity(limit);
  if (quantity === null) return null;
  const { value, unit } = quantity;
  if (value === 0 && unit === "") return 0; // nothing is nothing in every unit
  const scale = metric.kind === "time" ? 1 : TIME_UNITS[metric.unit ?? ""];
  if (scale !== undefined) return unit === "s" ? value * 1e9 / scale : null;
  if (metric.kind === "percent") return unit === "%" ? value * 100 : null;
  return unit === "" ? value : null;
}

/** What is wrong with a limit in another unit. */
export function unitText({ limit }: Pick<Gate, "limit">, metric: Limited): string {
  const time = metric.kind === "time" || TIME_UNITS[metric.unit ?? ""] !== undefined;
  const wanted = time
    ? "a time, such as 200us"
    : metric.kind === "percent"
    ? "a share, such as 0.1%"
    : "a number";
  return `${metric.label} is compared with ${wanted}, not with ${limit}`;
}
