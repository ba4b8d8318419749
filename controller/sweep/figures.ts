/**
 * The few figures of a run that a sweep decides by and lists; everything else is in the run's own document.
 *
 * @module
 */

import { cpuUse } from "../../results/document/cpu_use.ts";
import type { ResultDocument } from "../../results/document/document.ts";

/** Over all clients; `null` where it is not known. Times are response times. */
export interface Figures {
  requested_bps: number | null;
  sent_bps: number | null;
  received_bps: number | null;
  loss_ratio: number | null;
  mean_ns: number | null;
  p50_ns: number | null;
  p90_ns: number | null;
  p99_ns: number | null;
  p999_ns: number | null;
  max_ns: number | null;
  /** Use of all CPUs of the first target that has a CPU meter. */
  cpu_percent: number | null;
}

/** Reads the figures from a document. */
export function figuresOf(document: ResultDocument): Figures {
  const { counts, rates, latency } = document.total;
  const response = latency.response;
  return {
    requested_bps: rates?.requested_bps ?? null,
    sent_bps: rates?.sent_bps ?? null,
    received_bps: rates?.received_bps ?? null,
    loss_ratio: counts === null || counts.sent === 0 ? null : (counts.sent - counts.ok) / counts.sent,
    mean_ns: response?.mean_ns ?? null,
    p50_ns: response?.p50_ns ?? null,
    p90_ns: response?.p90_ns ?? null,
    p99_ns: response?.p99_ns ?? null,
    p999_ns: response?.p999_ns ?? null,
    max_ns: response?.max_ns ?? null,
    cpu_percent: cpuUse(document.targets)[0]?.total ?? null,
  };
}
