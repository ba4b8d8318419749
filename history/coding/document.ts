/**
 * How a history stores documents: as text, or as what tells them from another one of their series, the base.
 *
 * What is compressed is the columns that the base has not, and the counts of histograms, which are compressed badly in the
 * document.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { brotliCompressSync, brotliDecompressSync, constants } from "node:zlib";
import { DOCUMENT_TEXT_LIMIT } from "../../results/document/parse.ts";
import { ByteReader, ByteWriter } from "./bytes.ts";
import { type Columns, fromColumns, toColumns } from "./columns.ts";
import { type HistogramHead, HistogramWriter, readHistograms } from "./histograms.ts";

/** Brotli's qualities, of 0 to 11. The best that pays takes a second for a megabyte: longer documents get less. */
const QUALITY = 10, QUALITY_OF_LONG = 5;
const LONG_BYTES = 1 << 20;
/** A window that holds a whole document. */
const WINDOW_BITS = 24;
/** Bytes of the text's SHA-256 by which it is known that it came back. */
const DIGEST_BYTES = 4;
/** Share of a document's columns that a base has to have in common with it. */
const COMMON = 0.5;

/** A document as it is stored. */
export interface StoredDocument {
  body: Uint8Array;
  /** What the body leaves out; `null`: nothing, it is the text. */
  base: Uint8Array | null;
}

/**
 * Codes a document. What cannot be had back byte for byte stays text.
 *
 * @param text JSON.
 * @param base That of another document of the series.
 * @returns the body, with the base that was given or, where they have too little in common, a new one
 */
export function codeDocument(text: string, base: Uint8Array | null): StoredDocument {
  try {
    const histograms = new HistogramWriter();
    const columns = toColumns(JSON.parse(text), (value, key) => histograms.take(value, key));
    const given = base === null ? null : readBase(base);
    const used = given !== null && inCommon(columns, given) >= COMMON * columns.size
      ? base!
      : baseOf(columns);
    const to = new ByteWriter();
    to.run(new TextEncoder().encode(difference(columns, readBase(used))));
    histograms.write(to);
    to.run(digest(text));
    const stored = { body: compress(to.written), base: used };
    if (documentText(stored) === text) return stored;
  } catch (error) {
    // Other JSON than ours, or nested too deep.
    if (!(error instanceof RangeError || error instanceof SyntaxError)) throw error;
  }
  return { body: compress(new TextEncoder().encode(text)), base: null };
}

/**
 * The text of a document again.
 *
 * @throws {RangeError | SyntaxError} when body or base are damaged.
 */
export function documentText({ body, base }: StoredDocument): string {
  const bytes = decompress(body);
  if (base === null) return new TextDecoder().decode(bytes);
  const from = new ByteReader(bytes);
  const columns = together(new TextDecoder().decode(from.run()), readBase(base));
  const histogram = readHistograms(from);
  const wanted = from.run();
  const text = JSON.stringify(fromColumns(columns, (own) => {
    const [lowest, highest, digits, number] = own as [...HistogramHead, number];
    return histogram([lowest, highest, digits], number);
  }));
  if (digest(text).some((byte, n) => byte !== wanted[n])) throw new RangeError("its checksum is wrong");
  return text;
}

function digest(text: string): Uint8Array {
  return createHash("sha256").update(text).digest().subarray(0, DIGEST_BYTES);
}

/** Columns as texts, by their places. */
type Base = Record<string, string>;

function baseOf(columns: Columns): Uint8Array {
  return compress(new TextEncoder().encode(JSON.stringify(Object.fromEntries(columns))));
}

function readBase(body: Uint8Array): Base {
  const columns: Record<string, unknown> = JSON.parse(new TextDecoder().decode(decompress(body)));
  return Object.fromEntries(Object.entries(columns).map(([place, cells]) => [place, JSON.stringify(cells)]));
}

function inCommon(columns: Columns, base: Base): number {
  let count = 0;
  for (const [place, cells] of columns) if (base[place] === JSON.stringify(cells)) count++;
  return count;
}

/** For each column of the base its cells where they differ (none, where there is no such column), else 0; then the others. */
function difference(columns: Columns, base: Base): string {
  const places = Object.keys(base);
  const own = places.map((place) => {
    const text = JSON.stringify(columns.get(place) ?? []);
    return text === base[place] ? "0" : text;
  });
  const others = [...columns].filter(([place]) => !(place in base));
  return `[[${own.join()}],${JSON.stringify(others)}]`;
}

function together(text: string, base: Base): Columns {
  const [own, others] = JSON.parse(text);
  const columns: Columns = new Map(others);
  Object.entries(base).forEach(([place, cells], n) =>
    columns.set(place, own[n] === 0 ? JSON.parse(cells) : own[n])
  );
  return columns;
}

function compress(bytes: Uint8Array): Uint8Array {
  return brotliCompressSync(bytes, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: bytes.length > LONG_BYTES ? QUALITY_OF_LONG : QUALITY,
      [constants.BROTLI_PARAM_LGWIN]: WINDOW_BITS,
      [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
    },
  });
}

function decompress(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(brotliDecompressSync(bytes, { maxOutputLength: 4 * DOCUMENT_TEXT_LIMIT }));
}
