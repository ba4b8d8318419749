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
const number = v.pipe(v.number(), v.finite());
const maybe = v.nullable(number);
const stop = v.object({ code: text, text });
const times = v.object({
  response: v.nullable(v.object({ mean_ns: number, p50_ns: number, p99_ns: number, max_ns: number })),
});

/** Of a search's document. */
export const shownSearch = v.object({
  format: v.literal(SEARCH_FORMAT),
  load: v.object({ unit: text, bits_per_packet: maybe }),
  goals: v.pipe(
    v.array(v.object({
      name: text,
      regular: v.boolean(),
      lower_bound: maybe,
      upper_bound: maybe,
      conditional_throughput: maybe,
      stop,
      latency_at_lower_bound: v.nullable(times),
    })),
    v.maxLength(LIST_LIMIT),
  ),
});

/** Of a document of RFC 2544's benchmarks. */
export const shownRfc2544 = v.object({
  format: v.literal(RFC2544_FORMAT),
  carrier: text,
  frames: v.pipe(
    v.array(v.object({
      frame: number,
      size: number,
      throughput: v.nullable(
        v.object({ frames_per_second: maybe, percent_of_line: maybe, regular: v.boolean() }),
      ),
      latency: v.nullable(times),
      loss: v.nullable(v.array(v.object({ percent: number, loss_ratio: maybe }))),
      back_to_back: v.nullable(
        v.object({ limited: v.boolean(), average: number, corrected_buffer_seconds: number }),
      ),
      notes: v.array(text),
    })),
    v.maxLength(LIST_LIMIT),
  ),
});

export type ShownSearch = v.InferOutput<typeof shownSearch>;
export type ShownRfc2544 = v.InferOutput<typeof shownRfc2544>;
