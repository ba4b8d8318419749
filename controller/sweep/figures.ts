/**
 * The few figures of a run that a sweep decides by and lists; everything else is in the run's own document.
 *
 * @module
 */

import * as v from "valibot";
import { cpuUse } from "../../results/document/cpu_use.ts";
import type { ClassEffect, ResultDocument } from "../../results/document/document.ts";
import { open } from "../../results/document/shapes/parts.ts";

/** `null` where it is not known; an index of another version may lack it. */
const figure = v.optional(v.nullable(v.number()), null);

const change = v.optional(
  v.nullable(v.object({ estimate: v.number(), low: v.number(), high: v.number() })),
  null,
);

/** Over all clients. Times are response times. */
export const figures = open({
  requested_bps: figure,
  sent_bps: figure,
  received_bps: figure,
  loss_ratio: figure,
  mean_ns: figure,
  p50_ns: figure,
  p90_ns: figure,
  p99_ns: figure,
  p999_ns: figure,
  max_ns: figure,
  /** Use of all CPUs of the first target that has a CPU meter. */
  cpu_percent: figure,
  /** What each further class did to the first one; absent in runs without classes. */
  effects: v.exactOptional(v.array(open({ of: v.string(), added_ns: change, received_bps: change }))),
});

export type Figures = v.InferOutput<typeof figures>;

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
    ...document.effect === undefined ? {} : {
      effects: document.effect.map(({ of, added_ns, received_bps }) => ({
        of,
        added_ns: bounds(added_ns),
        received_bps: bounds(received_bps),
      })),
    },
  };
}

function bounds(change: ClassEffect["added_ns"]) {
  return change === null ? null : { estimate: change.estimate, low: change.low, high: change.high };
}
