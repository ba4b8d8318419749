/**
 * What the shapes of a result document are made of: numbers, texts and lists with limits.
 *
 * @module
 */
import * as v from "valibot";

/** Longest base64 text of a histogram that is decoded, in characters. */
export const HISTOGRAM_TEXT_LIMIT = 16 * 1024 * 1024;
/** Longest free text (names, arguments, reasons), in characters. */
export const TEXT_LIMIT = 64 * 1024;
/** Longest output of a plugin, in characters. */
const OUTPUT_LIMIT = 16 * 1024 * 1024;
/** Most entries of a list: clients, targets, metrics, reasons. */
export const LIST_LIMIT = 100_000;

/** A value beyond this is no time, rate or count of ours. */
const NUMBER_LIMIT = 2 ** 63;

export const number = v.pipe(v.number(), v.finite(), v.minValue(-NUMBER_LIMIT), v.maxValue(NUMBER_LIMIT));
/** Times and rates: not below 0. */
export const amount = v.pipe(v.number(), v.finite(), v.minValue(0), v.maxValue(NUMBER_LIMIT));
/** A rate in bit/s: a thousand times what a test may ask for is none that was measured. */
const RATE_LIMIT = 1e15;
export const rate = v.nullable(v.pipe(v.number(), v.finite(), v.minValue(0), v.maxValue(RATE_LIMIT)));
export const count = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(Number.MAX_SAFE_INTEGER));
export const text = v.pipe(v.string(), v.maxLength(TEXT_LIMIT));
export const output = v.pipe(v.string(), v.maxLength(OUTPUT_LIMIT));
export const encoded = v.nullable(v.pipe(v.string(), v.maxLength(HISTOGRAM_TEXT_LIMIT)));
export const freeform = v.record(v.string(), v.unknown());

/** A list with a limit. */
// deno-lint-ignore explicit-module-boundary-types -- inferred from the schema given
export function list<S extends v.BaseSchema<unknown, unknown, v.BaseIssue<unknown>>>(entry: S) {
  return v.pipe(v.array(entry), v.maxLength(LIST_LIMIT));
}

/**
 * An object that may hold keys that are not known here: they are kept, and no part of the type. Where the type is to
 * have them, too, the shape is an `objectWithRest`.
 */
// deno-lint-ignore explicit-module-boundary-types -- inferred from the entries given
export function open<E extends v.ObjectEntries>(entries: E) {
  const schema: v.GenericSchema<
    v.InferInput<v.ObjectSchema<E, undefined>>,
    v.InferOutput<v.ObjectSchema<E, undefined>>
  > = v.looseObject(entries);
  return { ...schema, entries };
}
