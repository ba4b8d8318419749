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
  readonly #decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  #buffer = new Uint8Array(0);
  /** How many bytes of #buffer are known to hold no line end. */
  #scanned = 0;
  #skipping = false;

  /** @param limit Longest line in bytes, its line end not counted. */
  constructor(limit: number = MAX_LINE_BYTES) {
    this.#limit = limit;
  }

  /** How many bytes have been pushed and not been read. */
  get buffered(): number {
    return this.#buffer.length;
  }

  /**
   * Adds bytes. They are copied, so the caller may use its buffer again.
   *
   * @param chunk What came from the connection.
   */
  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    const joined = new Uint8Array(this.#buffer.length + chunk.length);
    joined.set(this.#buffer);
    joined.set(chunk, this.#buffer.length);
    this.#buffer = joined;
  }

  /**
   * Takes the next line.
   *
   * @returns The line, or `null` when no whole line is there yet.
   */
  readLine(): LineToken | null {
    for (;;) {
      const end = this.#buffer.indexOf(LF, this.#scanned);
      if (end === -1) return this.#incomplete();
      const line = this.#buffer.subarray(0, end);
      this.#buffer = this.#buffer.subarray(end + 1);
      this.#scanned = 0;
      if (!this.#skipping) return this.#decode(line);
      this.#skipping = false;
    }
  }

  /**
   * Takes bytes as they are: the body of a result.
   *
   * @param max How many at most.
   * @returns Between 1 and `max` bytes, or `null` when none are there.
   */
  readBytes(max: number): Uint8Array | null {
    if (max <= 0 || this.#buffer.length === 0) return null;
    const bytes = this.#buffer.subarray(0, max);
    this.#buffer = this.#buffer.subarray(bytes.length);
    this.#scanned = 0;
    return bytes;
  }

  #incomplete(): LineToken | null {
    if (this.#skipping) {
      this.#buffer = new Uint8Array(0);
      this.#scanned = 0;
      return null;
    }
    this.#scanned = this.#buffer.length;
    // One byte more than the limit may still turn out to be the CR of a CRLF.
    if (this.#buffer.length <= this.#limit + 1) return null;
    this.#skipping = true;
    this.#buffer = new Uint8Array(0);
    this.#scanned = 0;
    return { type: "bad-line", reason: "too-long" };
  }

  #decode(raw: Uint8Array): LineToken {
    const line = raw.length > 0 && raw[raw.length - 1] === CR ? raw.subarray(0, raw.length - 1) : raw;
    if (line.length > this.#limit) return { type: "bad-line", reason: "too-long" };
    if (line.includes(0)) return { type: "bad-line", reason: "nul" };
    try {
      return { type: "line", text: this.#decoder.decode(line) };
    } catch {
      return { type: "bad-line", reason: "encoding" };
    }
  }
}
