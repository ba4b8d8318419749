/**
 * The outcome of `ipbench rfc2544` for people: one line a frame size.
 *
 * @module
 */

import { formatNanoseconds, formatQuantity } from "../../base/values.ts";
import type { ShownFrame, ShownRfc2544 } from "./shown.ts";
import { alignColumns, ONE_WAY_NOTE } from "./table.ts";

const NONE = "-";
const HEADER = [
  "frame",
  "size",
  "frames/s",
  "of line",
  "mean",
  "p99",
  "max",
  "loss at 100%",
  "burst",
  "buffer",
];

/**
 * The table in plain text.
 *
 * @param document The benchmarks.
 * @param width Of the terminal, where there is one.
 * @returns A header, one line a frame size, the loss curves, the notes, and what a frame size stands for.
 */
export function rfc2544Table(document: ShownRfc2544, width = Infinity): string {
  const dark = document.frames.flatMap(darkLines);
  const curves = document.frames.flatMap((record) => record.loss === null ? [] : [curveLine(record)]);
  const notes = document.frames.flatMap((record) => record.notes.map((text) => `${record.frame}: ${text}\n`));
  return alignColumns([HEADER, ...document.frames.map(row)], width) + curves.join("") +
    dark.join("") + notes.join("") +
    `frame: Ethernet frame in bytes, with FCS; ${document.carrier}\n` +
    (document.one_way === true ? ONE_WAY_NOTE : "");
}

function row(record: ShownFrame): string[] {
  const { throughput, latency, loss, back_to_back: burst } = record;
  const response = latency?.response ?? null;
  const buffer = burst?.corrected_buffer_seconds;
  const time = (ns: number | undefined) => ns === undefined ? NONE : formatNanoseconds(ns);
  const rate = throughput?.frames_per_second ?? null;
  const share = throughput?.percent_of_line ?? null;
  return [
    String(record.frame),
    String(record.size),
    rate === null ? NONE : formatQuantity(rate, 5),
    share === null
      ? NONE
      : `${Number(share.toPrecision(4))}%${throughput?.regular === true ? "" : " (irregular)"}`,
    time(response?.mean_ns),
    time(response?.p99_ns),
    time(response?.max_ns),
    percent(loss?.[0]?.loss_ratio ?? null),
    burst === null ? NONE : `${burst.limited ? ">=" : ""}${formatQuantity(burst.average, 5)}`,
    buffer == null ? NONE : `${burst?.limited === true ? ">=" : ""}${formatNanoseconds(buffer * 1e9)}`,
  ];
}

function curveLine(record: ShownFrame): string {
  const points = (record.loss ?? []).map((point) => `${point.percent}%: ${percent(point.loss_ratio)}`);
  return `loss at ${record.frame}: ${points.join(", ")}\n`;
}

/** Recovery and reset of one frame size. */
function darkLines({ frame, recovery, reset }: ShownFrame): string[] {
  const lines: string[] = [];
  if (recovery != null) {
    const each = recovery.trials.map((trial) =>
      trial.recovered ? formatNanoseconds(trial.recovery_ns) : "not in the trial"
    );
    lines.push(`recovery at ${frame}: ${meanText(recovery.mean_ns)} (${each.join(", ")})\n`);
  }
  if (reset != null) {
    const each = reset.trials.map((trial) =>
      `${trial.came_back ? "" : ">="}${formatNanoseconds(trial.outage_ns)}`
    );
    lines.push(`reset at ${frame}: ${meanText(reset.mean_ns)} (${each.join(", ")})\n`);
  }
  return lines;
}

function meanText(ns: number | null): string {
  return ns === null ? NONE : formatNanoseconds(ns);
}

function percent(ratio: number | null): string {
  return ratio === null ? NONE : `${Number((100 * ratio).toPrecision(3))}%`;
}
