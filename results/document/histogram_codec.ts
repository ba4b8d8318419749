/**
 * HdrHistogram's V2 encoding in base64, plain and compressed: what the plugins send and other tools read.
 *
 * Plain: cookie, payload length, normalizing offset, digits (32 bits each), lowest, highest (64 bits each), a double,
 * then the counters as zigzag LEB128 of at most 9 bytes, where a negative number stands for that many zeros.
 * Compressed: cookie, length, then the plain form in a zlib stream. All numbers are big-endian.
 *
 * @module
 */
import { constants, deflateSync, inflateSync } from "node:zlib";
import { messageOf } from "../../base/errors.ts";
import { CounterList } from "./counter_list.ts";
import { DEFAULT_LAYOUT, Histogram, type HistogramLayout } from "./histogram.ts";
import { HISTOGRAM_TEXT_LIMIT } from "./shapes/parts.ts";

/** Longest plain form that a compressed one may unfold to, in bytes. */
const HISTOGRAM_BYTES_LIMIT = 32 * 1024 * 1024;

const COOKIE_PLAIN = 0x1c849303;
const COOKIE_COMPRESSED = 0x1c849304;
const WORD_SIZE_BITS = 0xf0;
const WORD_SIZE = 0x10;
const HEADER_BYTES = 40;
/** Counters hardly ever repeat in longer patterns: looking for them takes three times as long, for a twentieth less. */
const DEFLATE = { strategy: constants.Z_RLE };
/** Filled and emptied by each text that is decoded. */
const read = new CounterList();

/** A histogram's text that cannot be decoded. The message has what was found and what was expected. */
export class HistogramError extends Error {
  override name = "HistogramError";
}

/**
 * Decodes a histogram, compressed or not.
 *
 * @param text Base64.
 * @param into Adds to this histogram instead of making a new one: a thousand clients then need one set of counters.
 * @returns the histogram that holds the counts.
 * @throws {HistogramError} when the text is not a V2 histogram, is truncated or too large.
 */
export function decodeHistogram(text: string, into?: Histogram): Histogram {
  let bytes = fromBase64(text);
  if (bytes.length < 8) throw new HistogramError(`histogram of ${bytes.length} bytes has no header`);
  let view = viewOf(bytes);
  let cookie = view.getInt32(0) & ~WORD_SIZE_BITS;
  if (cookie === COOKIE_COMPRESSED) {
    const length = view.getInt32(4);
    if (length < 0 || length > bytes.length - 8) {
      throw new HistogramError(`histogram says ${length} compressed bytes, and has ${bytes.length - 8}`);
    }
    bytes = inflate(bytes.subarray(8, 8 + length));
    if (bytes.length < 8) throw new HistogramError(`histogram of ${bytes.length} bytes has no header`);
    view = viewOf(bytes);
    cookie = view.getInt32(0) & ~WORD_SIZE_BITS;
  }
  if (cookie !== COOKIE_PLAIN) {
    throw new HistogramError(`histogram begins with 0x${(cookie >>> 0).toString(16)}, not with a V2 cookie`);
  }
  return decodePlain(bytes, view, into);
}

function decodePlain(bytes: Uint8Array, view: DataView, into?: Histogram): Histogram {
  if (bytes.length < HEADER_BYTES) {
    throw new HistogramError(`histogram of ${bytes.length} bytes has no header`);
  }
  let length = view.getInt32(4);
  // Some versions of HdrHistogram_c count the header in.
  if (length === bytes.length) length -= HEADER_BYTES;
  if (length < 0 || length > bytes.length - HEADER_BYTES) {
    const found = bytes.length - HEADER_BYTES;
    throw new HistogramError(`histogram is truncated: it says ${length} bytes of counts, and has ${found}`);
  }
  // hdr-histogram-js writes 1 here and means nothing by it.
  const shift = view.getInt32(8);
  if (shift !== 0 && shift !== 1) {
    throw new HistogramError(`histogram is shifted by ${shift}, which is not read`);
  }
  const layout: HistogramLayout = {
    lowest: Number(view.getBigInt64(16)),
    highest: Number(view.getBigInt64(24)),
    digits: view.getInt32(12),
  };
  const payload = bytes.subarray(HEADER_BYTES, HEADER_BYTES + length);
  try {
    const same = into !== undefined && layout.lowest === into.layout.lowest &&
      layout.highest === into.layout.highest && layout.digits === into.layout.digits;
    const made = same ? into : new Histogram(layout);
    // The whole text is read before anything is added: a damaged one adds nothing.
    readCounts(payload, made.counts.length);
    made.addCounters(read);
    if (into !== undefined && made !== into) into.add(made);
    return into ?? made;
  } catch (cause) {
    if (cause instanceof HistogramError) throw cause;
    throw new HistogramError(messageOf(cause), { cause });
  } finally {
    read.clear();
  }
}

/** Reads the counters that are not zero, of `limit` at most, into `read`. */
function readCounts(bytes: Uint8Array, limit: number): void {
  const end = bytes.length;
  read.reserve(Math.min(end, limit));
  const { indices, counts } = read;
  let found = 0;
  let at = 0;
  let index = 0;
  while (at < end) {
    let byte = bytes[at++]!;
    let number: number;
    if (byte < 0x80) number = (byte & 1) === 0 ? byte >> 1 : -((byte + 1) >> 1); // nearly all of them
    else {
      let value = byte & 0x7f;
      let scale = 128;
      for (let n = 1; (byte & 0x80) !== 0; n++) {
        if (at >= end) throw new HistogramError("histogram is truncated inside a count");
        byte = bytes[at++]!;
        // The ninth byte has no continuation bit: all of its bits count.
        value += (n === 8 ? byte : byte & 0x7f) * scale;
        scale *= 128;
        if (n === 8) break;
      }
      if (value > Number.MAX_SAFE_INTEGER) throw new HistogramError("histogram has a count above 2^52");
      number = value % 2 === 0 ? value / 2 : -(value + 1) / 2;
    }
    if (number < 0) index -= number;
    else {
      if (index >= limit) throw new HistogramError(`histogram has more than its ${limit} counters`);
      if (number > 0) {
        indices[found] = index;
        counts[found++] = number;
      }
      index++;
    }
    if (index > limit) throw new HistogramError(`histogram has more than its ${limit} counters`);
  }
  read.length = found;
}

/**
 * Encodes a histogram.
 *
 * @param histogram What to encode.
 * @param options `compressed` is true by default: the form of the result document.
 * @returns base64 text.
 */
export function encodeHistogram(histogram: Histogram, options: { compressed?: boolean } = {}): string {
  const plain = encodePlain(histogram);
  if (options.compressed === false) return plain.toBase64();
  return compressed(plain, WORD_SIZE);
}

/**
 * Compresses an encoded histogram: the form of the result document.
 *
 * @param text Base64; what is no plain form is given back as it is.
 * @returns base64 text.
 */
export function packHistogram(text: string): string {
  const plain = fromBase64(text);
  if (plain.length < HEADER_BYTES) return text;
  const cookie = viewOf(plain).getInt32(0);
  return (cookie & ~WORD_SIZE_BITS) === COOKIE_PLAIN ? compressed(plain, cookie & WORD_SIZE_BITS) : text;
}

function compressed(plain: Uint8Array, wordSize: number): string {
  const packed = deflateSync(plain, DEFLATE);
  const bytes = new Uint8Array(8 + packed.length);
  const view = viewOf(bytes);
  view.setInt32(0, COOKIE_COMPRESSED | wordSize);
  view.setInt32(4, packed.length);
  bytes.set(packed, 8);
  return bytes.toBase64();
}

function encodePlain(histogram: Histogram): Uint8Array<ArrayBuffer> {
  const { counts, layout } = histogram;
  let last = counts.length - 1;
  while (last > 0 && counts[last] === 0) last--;
  const bytes = new Uint8Array(HEADER_BYTES + 9 * (last + 1));
  let at = HEADER_BYTES;
  for (let i = 0; i <= last;) {
    let number = counts[i]!;
    let zeros = 0;
    while (i <= last && counts[i] === 0) {
      zeros++;
      i++;
    }
    if (zeros > 1) number = -zeros;
    else if (zeros === 0) i++;
    at = writeZigZag(bytes, at, number);
  }
  const view = viewOf(bytes);
  view.setInt32(0, COOKIE_PLAIN | WORD_SIZE);
  view.setInt32(4, at - HEADER_BYTES);
  view.setInt32(8, 0);
  view.setInt32(12, layout.digits);
  view.setBigInt64(16, BigInt(layout.lowest));
  view.setBigInt64(24, layout.highest >= 2 ** 63 ? 2n ** 63n - 1n : BigInt(Math.floor(layout.highest)));
  view.setFloat64(32, 1);
  return bytes.slice(0, at);
}

function writeZigZag(bytes: Uint8Array, start: number, number: number): number {
  let at = start;
  let value = number < 0 ? -number * 2 - 1 : number * 2;
  while (value >= 128 && at - start < 8) {
    bytes[at++] = (value % 128) | 0x80;
    value = Math.floor(value / 128);
  }
  bytes[at++] = value;
  return at;
}

/**
 * Merges encoded histograms, one after another into one set of counters.
 *
 * @param texts Base64, any of the two forms; `null` is passed over.
 * @returns the merged histogram, or `null` when there was none.
 * @throws {HistogramError} when one of them cannot be decoded.
 */
export function mergeHistograms(texts: Iterable<string | null | undefined>): Histogram | null {
  let merged: Histogram | null = null;
  for (const text of texts) {
    if (text === null || text === undefined) continue;
    merged = decodeHistogram(text, merged ?? new Histogram(DEFAULT_LAYOUT));
  }
  return merged;
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  if (text.length > HISTOGRAM_TEXT_LIMIT) {
    throw new HistogramError(`histogram of ${text.length} characters; the limit is ${HISTOGRAM_TEXT_LIMIT}`);
  }
  try {
    return Uint8Array.fromBase64(text);
  } catch (cause) {
    throw new HistogramError("histogram is not base64", { cause });
  }
}

function inflate(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  try {
    const plain = inflateSync(bytes, { maxOutputLength: HISTOGRAM_BYTES_LIMIT });
    return new Uint8Array(plain.buffer as ArrayBuffer, plain.byteOffset, plain.byteLength);
  } catch (cause) {
    throw new HistogramError(
      `histogram cannot be decompressed: ${messageOf(cause)}`,
      { cause },
    );
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
