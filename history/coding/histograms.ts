/**
 * The histograms of a document as counts: equal ones once, and what is the sum of others not at all.
 *
 * Counts of noise have hardly anything that repeats, so a byte for each is what compresses best: long runs of zeros and
 * large counts are cut short there, and what was cut off is written before.
 *
 * @module
 */
import { decodeHistogram, encodeHistogram } from "../../results/document/histogram_codec.ts";
import { Histogram } from "../../results/document/histogram.ts";
import { type ByteReader, ByteWriter } from "./bytes.ts";
import { putTogether, takeApart } from "./deflate_recipe.ts";

/** Zeros in a row, and a count, from which on the rest is written elsewhere. */
const ZEROS = 6, LARGE = 255;
/** Most histograms among which sums are looked for: each takes 270 KB meanwhile. */
const SUMMANDS = 64;
/** Cookie of the compressed form with words of 64 bits, big-endian, and what it is in base64. */
const COOKIE = 0x1c849314, BEGIN = "HISTF";
/** Bytes before the zlib stream: cookie and length. */
const HEADER_BYTES = 8;
/** Counters that a histogram has at most. */
const COUNTERS_LIMIT = 1 << 22;

/** What tells one from another beside its counts. */
export type HistogramHead = [lowest: number, highest: number, digits: number];

interface Taken {
  head: HistogramHead;
  recipe: Uint8Array<ArrayBuffer>;
  /** Counters up to the last one that is not zero. */
  counts: Float64Array;
  total: number;
  /** Its key in the document: a sum is of histograms with the same one. */
  key: string;
}

/** Collects histograms. */
export class HistogramWriter {
  readonly #numbers = new Map<string, number>();
  readonly #taken: Taken[] = [];

  /**
   * Takes a histogram.
   *
   * @param text What may be one.
   * @param key Its key in the document.
   * @returns its head, and its number from 0; `null`: it is none, or cannot be made again exactly
   */
  take(text: string, key: string): [...HistogramHead, number: number] | null {
    if (!text.startsWith(BEGIN)) return null;
    let number = this.#numbers.get(text);
    if (number === undefined) {
      const read = readText(text);
      if (read === null) return null;
      number = this.#taken.push({ ...read, key }) - 1;
      this.#numbers.set(text, number);
    }
    return [...this.#taken[number]!.head, number];
  }

  /** Writes all that were taken. */
  write(to: ByteWriter): void {
    const cut = new ByteWriter(), rows = new ByteWriter();
    to.number(this.#taken.length);
    this.#taken.forEach((histogram, n) => {
      to.run(histogram.recipe);
      const summands = this.#taken.length > SUMMANDS ? [] : summandsOf(histogram, this.#taken.slice(0, n));
      to.number(summands.length);
      for (const summand of summands) to.number(this.#taken.indexOf(summand));
      if (summands.length === 0) writeCounts(histogram.counts, cut, rows);
    });
    to.run(cut.written);
    to.run(rows.written);
  }
}

/**
 * Reads what {@linkcode HistogramWriter.write} wrote.
 *
 * @returns makes the text of one again
 */
export function readHistograms(from: ByteReader): (head: HistogramHead, number: number) => string {
  const made = Array.from({ length: from.number() }, () => ({
    recipe: from.run(),
    summands: Array.from({ length: from.number() }, () => from.number()),
  }));
  const cut = from.reader(), rows = from.reader();
  const counts: Float64Array[] = [];
  for (const { summands } of made) {
    counts.push(summands.length === 0 ? readCounts(cut, rows) : sumOf(summands.map((n) => counts[n]!)));
  }
  return (head, number) => {
    const content = plainOf(head, counts[number]!);
    return textOf(putTogether(content, made[number]!.recipe));
  };
}

function readText(text: string): Omit<Taken, "key"> | null {
  let stream: Uint8Array, histogram: Histogram;
  try {
    stream = Uint8Array.fromBase64(text).subarray(HEADER_BYTES);
    histogram = decodeHistogram(text);
  } catch {
    return null;
  }
  const parts = takeApart(stream);
  if (parts === null || textOf(stream) !== text) return null;
  const { lowest, highest, digits } = histogram.layout;
  const head: HistogramHead = [lowest, highest, digits];
  const counts = histogram.counts.slice(0, histogram.counts.findLastIndex((count) => count > 0) + 1);
  const content = plainOf(head, counts);
  const same = content.length === parts.content.length &&
    content.every((byte, n) => byte === parts.content[n]);
  return same ? { head, recipe: parts.recipe, counts, total: histogram.total } : null;
}

/** The plain form. */
function plainOf([lowest, highest, digits]: HistogramHead, counts: Float64Array): Uint8Array<ArrayBuffer> {
  const histogram = new Histogram({ lowest, highest, digits });
  histogram.counts.set(counts);
  return Uint8Array.fromBase64(encodeHistogram(histogram, { compressed: false }));
}

function textOf(stream: Uint8Array): string {
  const bytes = new Uint8Array(HEADER_BYTES + stream.length);
  const view = new DataView(bytes.buffer);
  view.setInt32(0, COOKIE);
  view.setInt32(4, stream.length);
  bytes.set(stream, HEADER_BYTES);
  return bytes.toBase64();
}

/** Those before it, one after another, that it is the sum of: a class's testers, for example. */
function summandsOf(sum: Taken, before: readonly Taken[]): Taken[] {
  const alike = before.filter(({ key }) => key === sum.key);
  for (let first = 0; first < alike.length; first++) {
    let total = alike[first]!.total;
    for (let last = first + 1; last < alike.length && total < sum.total; last++) {
      total += alike[last]!.total;
      const summands = alike.slice(first, last + 1);
      if (total === sum.total && isSum(sum.counts, summands.map(({ counts }) => counts))) return summands;
    }
  }
  return [];
}

function isSum(sum: Float64Array, counts: readonly Float64Array[]): boolean {
  const added = sumOf(counts);
  return added.length === sum.length && added.every((count, n) => count === sum[n]);
}

function sumOf(counts: readonly Float64Array[]): Float64Array {
  const sum = new Float64Array(Math.max(...counts.map(({ length }) => length)));
  for (const each of counts) each.forEach((count, n) => sum[n]! += count);
  return sum;
}

function writeCounts(counts: Float64Array, cut: ByteWriter, rows: ByteWriter): void {
  cut.number(counts.length);
  for (let n = 0; n < counts.length;) {
    const count = counts[n]!;
    let zeros = 0;
    while (counts[n + zeros] === 0) zeros++;
    for (let k = 0; k < Math.min(zeros, ZEROS); k++) rows.byte(0);
    if (zeros >= ZEROS) cut.number(zeros - ZEROS);
    if (zeros === 0) rows.byte(Math.min(count, LARGE));
    if (count >= LARGE) cut.number(count - LARGE);
    n += Math.max(1, zeros);
  }
}

function readCounts(cut: ByteReader, rows: ByteReader): Float64Array {
  const length = cut.number();
  if (length > COUNTERS_LIMIT) throw new RangeError(`a histogram of ${length} counters is too large`);
  const counts = new Float64Array(length);
  let zeros = 0;
  for (let n = 0; n < length; n++) {
    const count = rows.byte();
    counts[n] = count < LARGE ? count : LARGE + cut.number();
    zeros = count === 0 ? zeros + 1 : 0;
    if (zeros === ZEROS) {
      n += cut.number();
      zeros = 0;
    }
  }
  return counts;
}
