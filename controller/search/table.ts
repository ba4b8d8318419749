/**
 * A search's outcome for people: one line a goal, or one line a trial.
 *
 * @module
 */

import { formatNanoseconds, formatQuantity } from "../../config/values.ts";
import type { GoalRecord, SearchDocument, TrialRecord } from "./document.ts";

const NONE = "-";

/**
 * The results as a table in plain text.
 *
 * @returns Lines, each ending in a newline: a header, one line a goal, then why each search stopped.
 */
export function searchTable(document: SearchDocument): string {
  const { unit, bits_per_packet: bits } = document.load;
  const header = [
    "goal",
    `lower (${unit})`,
    "upper",
    "cond. throughput",
    "packets/s",
    "p50",
    "p99",
    "result",
  ];
  const rows = document.goals.map((goal) => goalRow(goal, bits));
  const stops = document.goals.map((goal) => `${goal.name}: ${goal.stop.text}.\n`);
  return alignColumns([header, ...rows]) + stops.join("");
}

function goalRow(goal: GoalRecord, bits: number | null): string[] {
  const load = (value: number | null) => value === null ? NONE : formatQuantity(value, 5);
  const response = goal.latency_at_lower_bound?.response ?? null;
  return [
    goal.name,
    load(goal.lower_bound),
    load(goal.upper_bound),
    load(goal.conditional_throughput),
    goal.lower_bound === null || bits === null ? NONE : formatQuantity(goal.lower_bound / bits, 5),
    response === null ? NONE : formatNanoseconds(response.p50_ns),
    response === null ? NONE : formatNanoseconds(response.p99_ns),
    goal.regular ? "regular" : `irregular (${goal.stop.code})`,
  ];
}

/** One trial in a line, for watching. */
export function trialLine(record: TrialRecord, unit: string): string {
  const load = `${formatQuantity(record.load, 5)} ${unit}`;
  const head = `trial ${record.n}: ${load} for ${Number(record.seconds.toPrecision(4))} s`;
  if (record.outcome !== "valid") {
    const reason = record.reasons[0];
    return `${head}: ${record.outcome}${reason === undefined ? "" : ` (${reason})`}`;
  }
  const p99 = record.latency?.response?.p99_ns;
  const latency = p99 === undefined ? "" : `, p99 ${formatNanoseconds(p99)}`;
  const suspect = record.verdict === "VALID" ? "" : ` [${record.verdict}: ${record.reasons[0] ?? ""}]`;
  return `${head}: loss ${percent(record.loss_ratio ?? 0)}${latency}${suspect}`;
}

function percent(ratio: number): string {
  return ratio === 0 ? "0" : `${Number((ratio * 100).toPrecision(3))}%`;
}

/** Sets rows in columns as wide as their widest cell; the first to the left, the others to the right. */
export function alignColumns(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length);
  }
  return rows.map((row) =>
    row.map((cell, i) => i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)).join("  ")
      .trimEnd() +
    "\n"
  ).join("");
}
