/**
 * A search's outcome for people: one line a goal, or one line a trial.
 *
 * @module
 */

import { formatNanoseconds, formatQuantity } from "../../base/values.ts";
import { codesOf } from "../document/reason_groups.ts";
import type { TrialRecord } from "./document.ts";
import type { ShownGoal, ShownSearch } from "./shown.ts";

const NONE = "-";
const GAP = "  ";

/**
 * The results as a table in plain text.
 *
 * @param document The search.
 * @param width Of the terminal, where there is one.
 * @returns Lines, each ending in a newline: a header, one line a goal, then why each search stopped.
 */
export function searchTable(document: ShownSearch, width = Infinity): string {
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
  const times = document.test?.one_way === true ? ONE_WAY_NOTE : "";
  return alignColumns([header, ...rows], width) + stops.join("") + times;
}

/** Below a table whose times are no round trips. */
export const ONE_WAY_NOTE = "times: one way, from the sending tester's kernel to the receiving one's\n";

function goalRow(goal: ShownGoal, bits: number | null): string[] {
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

/** What a trial offers, and for how long. */
export function requestText({ load, seconds }: { load: number; seconds: number }, unit: string): string {
  return `${formatQuantity(load, 5)} ${unit} for ${Number(seconds.toPrecision(4))} s`;
}

/** One trial in a line, for watching. */
export function trialLine(record: TrialRecord, unit: string): string {
  const head = `trial ${record.n}: ${requestText(record, unit)}`;
  if (record.outcome !== "valid") {
    const reason = codesOf(record.details ?? []) ?? record.reasons[0];
    return `${head}: ${record.outcome}${reason === undefined ? "" : ` (${reason})`}`;
  }
  const p99 = record.latency?.response?.p99_ns;
  const latency = p99 === undefined ? "" : `, p99 ${formatNanoseconds(p99)}`;
  const suspect = record.verdict === "VALID"
    ? ""
    : ` [${record.verdict}: ${codesOf(record.details ?? []) ?? record.reasons[0] ?? ""}]`;
  return `${head}: loss ${percent(record.loss_ratio ?? 0)}${latency}${suspect}`;
}

function percent(ratio: number): string {
  return ratio === 0 ? "0" : `${Number((ratio * 100).toPrecision(3))}%`;
}

/**
 * Sets rows in columns as wide as their widest cell; the first to the left, the others to the right.
 *
 * @param rows The header, then lines of cells; the first cell of each is what the line is about.
 * @param width What is wider becomes several tables, one below the other, each with the first column.
 */
export function alignColumns(rows: readonly (readonly string[])[], width = Infinity): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length);
  }
  const tables: number[][] = [];
  let taken = 0;
  for (const [i, cells] of widths.entries()) {
    if (i === 0) continue;
    if (tables.length === 0 || taken + GAP.length + cells > width) {
      tables.push([0]);
      taken = widths[0] ?? 0;
    }
    taken += GAP.length + cells;
    tables.at(-1)?.push(i);
  }
  return tables.map((columns) => rows.map((row) => lineOf(row, columns, widths)).join("")).join("\n");
}

function lineOf(row: readonly string[], columns: readonly number[], widths: readonly number[]): string {
  const cells = columns.map((i) => {
    const cell = row[i] ?? "";
    return i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0);
  });
  return cells.join(GAP).trimEnd() + "\n";
}
