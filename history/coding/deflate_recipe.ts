/**
 * Takes a zlib stream (RFC 1950, RFC 1951) apart into its content and a recipe by which the same stream is made again, bit by
 * bit, whatever compressor is at hand then: the content alone can be compressed far better than the stream.
 *
 * That is for streams of zlib's strategy RLE, as the histograms of documents are: they repeat the byte before as often as it
 * goes, and nothing else. So what a block says follows from the content, and the recipe has how many symbols each block has,
 * and its codes as they stand in the stream.
 *
 * @module
 */
import { inflateSync } from "node:zlib";
import { BitReader, BitWriter } from "./bits.ts";
import { ByteReader, ByteWriter } from "./bytes.ts";

/** Largest content that is taken apart, in bytes. */
const CONTENT_LIMIT = 32 * 1024 * 1024;
/** Bytes that a repetition has at least and at most. */
const SHORTEST = 3, LONGEST = 258;
/** Symbol that ends a block. */
const END = 256;
/** Kinds of blocks. */
const FIXED = 1, DYNAMIC = 2;
/** In which order the lengths stand that code the code lengths (RFC 1951, 3.2.7). */
const ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
/** Longest code, in bits. */
const LONGEST_CODE = 15;
/** What makes Adler's checksum (RFC 1950). */
const ADLER = 65521;

/** The code of a symbol: its bits in the order of the stream, and how many they are; 0: there is none. */
interface Codes {
  bits: number[];
  lengths: number[];
}

/**
 * Takes a stream apart.
 *
 * @param stream Header, blocks and checksum.
 * @returns `null`: the stream is none of those, or damaged
 */
export function takeApart(
  stream: Uint8Array,
): { content: Uint8Array<ArrayBuffer>; recipe: Uint8Array<ArrayBuffer> } | null {
  try {
    const content = new Uint8Array(inflateSync(stream, { maxOutputLength: CONTENT_LIMIT }));
    const recipe = recipeOf(stream, content);
    const again = putTogether(content, recipe);
    const same = again.length === stream.length && again.every((byte, n) => byte === stream[n]);
    return same ? { content, recipe } : null;
  } catch {
    return null;
  }
}

function recipeOf(stream: Uint8Array, content: Uint8Array): Uint8Array<ArrayBuffer> {
  const from = new BitReader(stream);
  const recipe = new ByteWriter();
  recipe.number(from.bits(16));
  let at = 0, last: boolean;
  do {
    const begin = from.at;
    last = from.bits(1) === 1;
    const { literals, distance } = readCodes(from);
    const header = from.slice(begin);
    let symbols = 0;
    for (; at < content.length; symbols++) {
      const token = tokenAt(content, at);
      if (!from.takes(literals.bits[token.symbol]!, literals.lengths[token.symbol]!)) break;
      if (token.length > 1) from.bits(token.extraBits + distance);
      at += token.length;
    }
    if (!from.takes(literals.bits[END]!, literals.lengths[END]!)) throw new RangeError("another strategy");
    recipe.number(symbols);
    recipe.run(header);
  } while (!last);
  return new Uint8Array(recipe.written);
}

/**
 * Makes a stream again.
 *
 * @param content What it says.
 * @param recipe From {@linkcode takeApart}.
 * @throws {RangeError} when both do not belong together.
 */
export function putTogether(content: Uint8Array, recipe: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const from = new ByteReader(recipe);
  const to = new BitWriter();
  to.bits(from.number(), 16);
  let at = 0, last: boolean;
  do {
    let symbols = from.number();
    const header = new BitReader(from.run());
    last = header.bits(1) === 1;
    const { literals, distance } = readCodes(header);
    to.copy(header);
    for (; symbols > 0; symbols--) {
      if (at >= content.length) throw new RangeError("a recipe is of another content");
      const { symbol, length, extra, extraBits } = tokenAt(content, at);
      to.bits(literals.bits[symbol]!, literals.lengths[symbol]!);
      // The distance is always 1, whose code has no further bits.
      if (length > 1) to.bits(extra, extraBits), to.bits(0, distance);
      at += length;
    }
    to.bits(literals.bits[END]!, literals.lengths[END]!);
  } while (!last);
  to.align();
  const checksum = adler(content);
  for (const shift of [24, 16, 8, 0]) to.bits((checksum >>> shift) & 0xff, 8);
  return to.written;
}

/** What the strategy makes of the content at a place: a byte, or a repetition of the byte before. */
function tokenAt(content: Uint8Array, at: number) {
  const before = content[at - 1];
  let length = 0;
  while (length < LONGEST && at + length < content.length && content[at + length] === before) length++;
  if (length < SHORTEST) return { symbol: content[at]!, length: 1, extra: 0, extraBits: 0 };
  if (length === LONGEST) return { symbol: 285, length, extra: 0, extraBits: 0 };
  const beyond = length - SHORTEST;
  // Four symbols for each number of further bits, but eight that have none.
  const extraBits = Math.max(0, 29 - Math.clz32(beyond));
  const symbol = beyond < 8 ? 257 + beyond : 261 + 4 * extraBits + ((beyond - (4 << extraBits)) >> extraBits);
  return { symbol, length, extra: beyond & ((1 << extraBits) - 1), extraBits };
}

/** Reads the kind of a block and its codes: that of the literals and lengths, and how many bits distance 1 takes. */
function readCodes(from: BitReader): { literals: Codes; distance: number } {
  const kind = from.bits(2);
  if (kind === FIXED) {
    const lengths = Array.from({ length: 288 }, (_, n) => n < 144 ? 8 : n < 256 ? 9 : n < 280 ? 7 : 8);
    return { literals: codesOf(lengths), distance: 5 };
  }
  if (kind !== DYNAMIC) throw new RangeError("another kind of block");
  const literals = 257 + from.bits(5), distances = 1 + from.bits(5), count = 4 + from.bits(4);
  const own = new Array<number>(ORDER.length).fill(0);
  for (let n = 0; n < count; n++) own[ORDER[n]!] = from.bits(3);
  const codes = codesOf(own);
  const lengths: number[] = [];
  while (lengths.length < literals + distances) {
    const symbol = codes.lengths.findIndex((length, n) => length > 0 && from.takes(codes.bits[n]!, length));
    if (symbol < 0) throw new RangeError("no code");
    if (symbol < 16) lengths.push(symbol);
    else {
      const times = symbol === 16 ? 3 + from.bits(2) : symbol === 17 ? 3 + from.bits(3) : 11 + from.bits(7);
      const length = symbol === 16 ? lengths.at(-1)! : 0;
      for (let n = 0; n < times; n++) lengths.push(length);
    }
  }
  return { literals: codesOf(lengths.slice(0, literals)), distance: lengths[literals]! };
}

/** Codes by their lengths (RFC 1951, 3.2.2). */
function codesOf(lengths: number[]): Codes {
  const bits = new Array<number>(lengths.length).fill(0);
  let code = 0;
  for (let length = 1; length <= LONGEST_CODE; length++) {
    lengths.forEach((own, symbol) => {
      if (own === length) bits[symbol] = reversed(code++, length);
    });
    code <<= 1;
  }
  return { bits, lengths };
}

function reversed(code: number, length: number): number {
  let bits = 0;
  for (let n = 0; n < length; n++) bits |= ((code >> n) & 1) << (length - 1 - n);
  return bits;
}

function adler(content: Uint8Array): number {
  let [a, b] = [1, 0];
  for (const byte of content) {
    a = (a + byte) % ADLER;
    b = (b + a) % ADLER;
  }
  return b * 65536 + a;
}
