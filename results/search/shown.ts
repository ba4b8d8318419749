/**
 * What the tables of searches show, as valibot schemas: of a document in memory, and of one that is read from a file.
 *
 * @module
 */

import * as v from "valibot";
import { SEARCH_FORMAT } from "./document.ts";
import { RFC2544_FORMAT } from "./rfc2544_document.ts";

/** Longest text, most entries of a list. */
const TEXT_LIMIT = 1000;
const LIST_LIMIT = 10_000;

const text = v.pipe(v.string(), v.maxLength(TEXT_LIMIT));
/** What others wrote, as much of it as is shown. */
const shortened = v.pipe(v.string(), v.transform((all) => all.slice(0, TEXT_LIMIT)));
const number = v.pipe(v.number(), v.finite());
const maybe = v.nullable(number);
const stop = v.object({ code: text, text });
const count = v.object({ sent: number, ok: number });
const latency = v.object({ mean_ns: number, p50_ns: number, p99_ns: number, max_ns: number });
const times = v.object({
  response: v.nullable(latency),
});

const made = v.object({ version: text });

const trial = v.object({
  n: number,
  load: number,
  seconds: number,
  goal: text,
  step: number,
  outcome: v.picklist(["valid", "invalid", "failed", "interrupted"]),
  verdict: v.picklist(["VALID", "SUSPECT", "INVALID"]),
  reasons: v.array(shortened),
  details: v.exactOptional(
    v.pipe(
      v.array(v.object({ code: v.optional(shortened), text: shortened, host: v.optional(text) })),
      v.maxLength(LIST_LIMIT),
    ),
  ),
  loss_ratio: maybe,
  high_loss: v.exactOptional(v.array(text)),
  counts: v.nullable(count),
  latency: v.nullable(times),
  started: text,
  file: v.exactOptional(text),
});
const trials = v.pipe(v.array(trial), v.maxLength(LIST_LIMIT));

/** How a search, or a series of them, ended. */
const ended = {
  id: text,
  started: text,
  ended: text,
  interrupted: v.exactOptional(v.boolean()),
  failed: v.exactOptional(v.boolean()),
  reasons: v.array(shortened),
};

/** Of a search's document. */
export const shownSearch = v.object({
  format: v.literal(SEARCH_FORMAT),
  ipbench: made,
  search: v.object({ ...ended, regular: v.boolean() }),
  config: v.unknown(),
  test: v.object({ name: text, one_way: v.exactOptional(v.boolean()) }),
  load: v.object({
    arg: text,
    unit: text,
    min: number,
    max: number,
    testers: number,
    bits_per_packet: maybe,
  }),
  goals: v.pipe(
    v.array(v.object({
      name: text,
      goal: v.object({
        loss_ratio: number,
        exceed_ratio: number,
        final_trial_seconds: number,
        duration_sum_seconds: number,
        width: number,
        latency: v.array(text),
      }),
      regular: v.boolean(),
      lower_bound: maybe,
      upper_bound: maybe,
      conditional_throughput: maybe,
      stop,
      latency_at_lower_bound: v.nullable(times),
    })),
    v.maxLength(LIST_LIMIT),
  ),
  trials,
});

/** Of a document of RFC 2544's benchmarks. */
export const shownRfc2544 = v.object({
  format: v.literal(RFC2544_FORMAT),
  ipbench: made,
  run: v.object(ended),
  config: v.unknown(),
  carrier: text,
  line_rate_bps: number,
  parameters: v.record(v.string(), number),
  one_way: v.exactOptional(v.boolean()),
  frames: v.pipe(
    v.array(v.object({
      frame: number,
      size: number,
      full_frames_per_second: number,
      throughput: v.nullable(
        v.object({
          load: maybe,
          frames_per_second: maybe,
          percent_of_line: maybe,
          regular: v.boolean(),
          stop,
          trial_list: v.exactOptional(trials),
        }),
      ),
      latency: v.nullable(times),
      loss: v.nullable(v.array(
        v.object({ percent: number, load: number, loss_ratio: maybe, reason: v.exactOptional(shortened) }),
      )),
      back_to_back: v.nullable(
        v.object({
          bursts: v.array(number),
          limited: v.boolean(),
          average: number,
          min: number,
          max: number,
          corrected_buffer_seconds: maybe,
        }),
      ),
      recovery: v.exactOptional(v.nullable(v.object({
        overload: number,
        load: number,
        trials: v.array(v.object({ recovery_ns: number, lost: number, recovered: v.boolean() })),
        mean_ns: maybe,
      }))),
      reset: v.exactOptional(v.nullable(v.object({
        command: text,
        load: number,
        trials: v.array(
          v.object({
            outage_ns: number,
            error_ns: number,
            after_ns: maybe,
            lost: number,
            loss_ns: number,
            came_back: v.boolean(),
          }),
        ),
        mean_ns: maybe,
      }))),
      notes: v.array(text),
    })),
    v.maxLength(LIST_LIMIT),
  ),
});

export type ShownSearch = v.InferOutput<typeof shownSearch>;
export type ShownRfc2544 = v.InferOutput<typeof shownRfc2544>;
export type ShownGoal = ShownSearch["goals"][number];
export type ShownTrial = ShownSearch["trials"][number];
export type ShownFrame = ShownRfc2544["frames"][number];
