/**
 * What a sweep found, as CSV: one row a point, from its index alone.
 *
 * @module
 */

import { figure } from "../../results/export/csv_file.ts";
import type { Figures } from "./figures.ts";
import type { IndexPoint, SweepIndex } from "./sweep_index.ts";

/** Columns behind those of the axes: name, and how to read it. Times are response times in µs, as in the tests' rows. */
const COLUMNS: readonly [string, (figures: Figures) => number | null][] = [
  ["requested_bps", (figures) => figures.requested_bps],
  ["sent_bps", (figures) => figures.sent_bps],
  ["received_bps", (figures) => figures.received_bps],
  ["loss_ratio", (figures) => figures.loss_ratio],
  ["mean_us", (figures) => micro(figures.mean_ns)],
  ["p50_us", (figures) => micro(figures.p50_ns)],
  ["p90_us", (figures) => micro(figures.p90_ns)],
  ["p99_us", (figures) => micro(figures.p99_ns)],
  ["p999_us", (figures) => micro(figures.p999_ns)],
  ["max_us", (figures) => micro(figures.max_ns)],
  ["cpu_percent", (figures) => figures.cpu_percent],
];

/**
 * The summary table.
 *
 * @returns A header line and one line a point, in the planned order; what is not known is empty.
 */
export function sweepCsv(index: SweepIndex): string {
  const axes = index.plan.axes.map((axis) => axis.arg);
  const columns = [...COLUMNS, ...effectColumns(index)];
  const header = [...axes, "repetition", "verdict", ...columns.map(([name]) => name)];
  const rows = index.points.map((point) => [
    ...axes.map((name) => cell(point.values[name] ?? "")),
    String(point.repetition),
    point.verdict ?? point.status,
    ...columns.map(([, read]) => numberCell(point, read)),
  ]);
  return [header, ...rows].map((row) => row.join(",") + "\n").join("");
}

type Effect = NonNullable<Figures["effects"]>[number];

/** What each further class did to the first one, with the interval, in the order in which points have them. */
function effectColumns({ points }: SweepIndex): typeof COLUMNS {
  const names = [...new Set(points.flatMap(({ figures }) => (figures?.effects ?? []).map(({ of }) => of)))];
  return names.flatMap((of) => {
    const found = (figures: Figures) => figures.effects?.find((effect) => effect.of === of);
    const columns = (
      name: string,
      unit: string,
      read: (found: Effect | undefined) => Effect["added_ns"] | undefined,
    ) =>
      (["estimate", "low", "high"] as const).map((bound): (typeof COLUMNS)[number] => {
        const suffix = bound === "estimate" ? "" : `_${bound}`;
        const scale = (value: number | null) => unit === "us" ? micro(value) : value;
        return [`${of}_${name}${suffix}_${unit}`, (figures) => scale(read(found(figures))?.[bound] ?? null)];
      });
    return [
      ...columns("added", "us", (effect) => effect?.added_ns),
      ...columns("received_change", "bps", (effect) => effect?.received_bps),
    ];
  });
}

function numberCell(point: IndexPoint, read: (figures: Figures) => number | null): string {
  const value = point.figures === null ? null : read(point.figures);
  return value === null || value === undefined || !Number.isFinite(value) ? "" : String(figure(value));
}

function micro(ns: number | null): number | null {
  return ns === null ? null : Math.round(ns) / 1000;
}

/** Quotes what a spreadsheet would take apart, and what it would take for a formula. */
function cell(text: string): string {
  const safe = /^[=+@-]/.test(text) && !/^[+-]?[\d.]+$/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
