/**
 * Reads documents of searches from files: as much of them as their tables show, checked.
 *
 * @module
 */

import * as v from "valibot";
import { RFC2544_FORMAT, type Rfc2544Document } from "./rfc2544_document.ts";
import { rfc2544Table } from "./rfc2544_table.ts";
import { SEARCH_FORMAT, type SearchDocument } from "./document.ts";
import { searchTable } from "./table.ts";

/** Longest text, most entries of a list. */
const TEXT_LIMIT = 1000;
const LIST_LIMIT = 10_000;

const text = v.pipe(v.string(), v.maxLength(TEXT_LIMIT));
const number = v.pipe(v.number(), v.finite());
const maybe = v.nullable(number);
const stop = v.looseObject({ code: text, text });
const times = v.looseObject({
  response: v.nullable(v.looseObject({ mean_ns: number, p50_ns: number, p99_ns: number, max_ns: number })),
});

const search = v.looseObject({
  format: v.literal(SEARCH_FORMAT),
  load: v.looseObject({ unit: text, bits_per_packet: maybe }),
  goals: v.pipe(
    v.array(v.looseObject({
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

const rfc2544 = v.looseObject({
  format: v.literal(RFC2544_FORMAT),
  carrier: text,
  frames: v.pipe(
    v.array(v.looseObject({
      frame: number,
      size: number,
      throughput: v.nullable(
        v.looseObject({ frames_per_second: maybe, percent_of_line: maybe, regular: v.boolean() }),
      ),
      latency: v.nullable(times),
      loss: v.nullable(v.array(v.looseObject({ percent: number, loss_ratio: maybe }))),
      back_to_back: v.nullable(
        v.looseObject({ limited: v.boolean(), average: number, corrected_buffer_seconds: number }),
      ),
      notes: v.array(text),
    })),
    v.maxLength(LIST_LIMIT),
  ),
});

/**
 * The table of a search's document, as it was printed when the search ended.
 *
 * @param json The document.
 * @returns The table; `null` when this is the document of no search.
 * @throws {TypeError} when it is damaged, naming the first key that is wrong.
 */
export function tableOfSearch(json: string): string | null {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return null; // whoever reads it as something else says what is wrong
  }
  const format = typeof value === "object" && value !== null && "format" in value ? value.format : null;
  if (format === SEARCH_FORMAT) return searchTable(checked(search, value) as unknown as SearchDocument);
  if (format === RFC2544_FORMAT) return rfc2544Table(checked(rfc2544, value) as unknown as Rfc2544Document);
  return null;
}

function checked<T>(schema: v.GenericSchema<unknown, T>, value: unknown): T {
  const result = v.safeParse(schema, value, { abortEarly: true });
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw new TypeError(`${v.getDotPath(issue) ?? "it"}: ${issue.message}`);
}
