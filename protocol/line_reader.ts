/**
 * Cuts a stream of bytes into lines, or hands out counted bytes, whichever its user asks for next.
 *
 * @module
 */
import { MAX_LINE_BYTES } from "./limits.ts";

/** Why a line could not be read as text. */
export type BadLineReason = "too-long" | "nul" | "encoding";

/** One line of the stream, without its line end; or what was wrong with it. */
export type LineToken =
  | { readonly type: "line"; readonly text: string }
  | { readonly type: "bad-line"; readonly reason: BadLineReason };

/** Room for most lines. */
const SMALL_BYTES = 512;
const EMPTY: Uint8Array = new Uint8Array(0);
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const LF = 0x0a;
const CR = 0x0d;

/**
 * Reader fed with bytes in pieces of any size. Lines end in `\n` or `\r\n`. A line over the limit is reported once, as
 * soon as it is known to be too long, and the rest of it is skipped; so the memory held is bounded by the limit and the
 * piece just pushed.
 *
 * @example
 * ```ts
 * const reader = new LineReader();
 * reader.push(new TextEncoder().encode("HELLO\r\nLOAD la"));
 * reader.readLine(); // { type: "line", text: "HELLO" }
 * reader.readLine(); // null: the next one is not complete yet
 * ```
 */
export class LineReader {
  readonly #limit: number;
  /** Holds what has been pushed and not been read, from #start to #end. Kept for the next bytes while it is small. */
  #store = EMPTY;
  #start = 0;
  #end = 0;
  /** How many bytes of what is held are known to hold no line end. */
  #scanned = 0;
  #skipping = false;

  /** @param limit Longest line in bytes, its line end not counted. */
  constructor(limit: number = MAX_LINE_BYTES) {
    this.#limit = limit;
  }

  /** How many bytes have been pushed and not been read. */
  get buffered(): number {
    return this.#end - this.#start;
  }

  /**
   * Adds bytes. They are copied, so the caller may use its buffer again.
   *
   * @param chunk What came from the connection.
   */
  push(chunk: Uint8Array): void {
    const held = this.#end - this.#start;
    if (held === 0) this.#forget();
    if (this.#end + chunk.length > this.#store.length) {
      const larger = new Uint8Array(Math.max(held + chunk.length, SMALL_BYTES));
      larger.set(this.#store.subarray(this.#start, this.#end));
      this.#store = larger;
      this.#start = 0;
      this.#end = held;
    }
    this.#store.set(chunk, this.#end);
    this.#end += chunk.length;
  }

  /**
   * Adds bytes without copying them, where that can be.
   *
   * @param chunk What came; nobody else may use it any more.
   */
  give(chunk: Uint8Array): void {
    if (this.#end > this.#start) return this.push(chunk);
    this.#store = chunk;
    this.#start = 0;
    this.#end = chunk.length;
    this.#scanned = 0;
  }

  /**
   * Takes the next line.
   *
   * @returns The line, or `null` when no whole line is there yet.
   */
  readLine(): LineToken | null {
    for (;;) {
      const held = this.#store.subarray(this.#start, this.#end);
      const end = held.indexOf(LF, this.#scanned);
      if (end === -1) return this.#incomplete(held.length);
      this.#start += end + 1;
      this.#scanned = 0;
      if (!this.#skipping) return this.#decode(held.subarray(0, end));
      this.#skipping = false;
    }
  }

  /**
   * Takes bytes as they are: the body of a result.
   *
   * @param max How many at most.
   * @returns Between 1 and `max` bytes, valid until the next call, or `null` when none are there.
   */
  readBytes(max: number): Uint8Array | null {
    if (max <= 0 || this.#end === this.#start) return null;
    const bytes = this.#store.subarray(this.#start, Math.min(this.#end, this.#start + max));
    this.#start += bytes.length;
    this.#scanned = 0;
    // Whoever has the bytes has their store: of a thousand connections that have sent a result, none is kept here.
    if (this.#start === this.#end) this.#forget();
    return bytes;
  }

  #incomplete(held: number): LineToken | null {
    if (this.#skipping) {
      this.#forget();
      return null;
    }
    this.#scanned = held;
    // One byte more than the limit may still turn out to be the CR of a CRLF.
    if (held <= this.#limit + 1) return null;
    this.#skipping = true;
    this.#forget();
    return { type: "bad-line", reason: "too-long" };
  }

  /** Lets go of all bytes, and of a store that is larger than lines need it. */
  #forget(): void {
    this.#start = 0;
    this.#end = 0;
    this.#scanned = 0;
    if (this.#store.length > SMALL_BYTES) this.#store = EMPTY;
  }

  #decode(raw: Uint8Array): LineToken {
    const line = raw.length > 0 && raw[raw.length - 1] === CR ? raw.subarray(0, raw.length - 1) : raw;
    if (line.length > this.#limit) return { type: "bad-line", reason: "too-long" };
    if (line.includes(0)) return { type: "bad-line", reason: "nul" };
    try {
      return { type: "line", text: decoder.decode(line) };
    } catch {
      return { type: "bad-line", reason: "encoding" };
    }
  }
}
