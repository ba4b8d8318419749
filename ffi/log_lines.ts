/**
 * What a plugin's process prints, a line at a time, bounded in length and rate.
 *
 * @module
 */

import { MAX_LOG_CHARACTERS_PER_SECOND, MAX_LOG_LINE_BYTES, MAX_LOG_LINES_PER_SECOND } from "./limits.ts";

/** Cuts bytes into lines and drops what comes too fast. */
export class LogLines {
  #emit: (line: string, lines: number) => void;
  #now: () => number;
  #rest = "";
  #decoder = new TextDecoder();
  #second = 0;
  #emitted = 0;
  #characters = 0;
  #dropped = 0;

  /**
   * @param emit takes one line, without its newline and without control characters, and how many it stands for: more
   * than one where it reports that so many were dropped
   * @param now milliseconds
   */
  constructor(emit: (line: string, lines: number) => void, now: () => number) {
    this.#emit = emit;
    this.#now = now;
  }

  /** @param chunk the next bytes */
  push(chunk: Uint8Array): void {
    const text = this.#rest + this.#decoder.decode(chunk, { stream: true });
    const lines = text.split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#line(line);
    while (this.#rest.length > MAX_LOG_LINE_BYTES) {
      this.#line(this.#rest.slice(0, MAX_LOG_LINE_BYTES));
      this.#rest = this.#rest.slice(MAX_LOG_LINE_BYTES);
    }
  }

  /** @param message one line that did not come as bytes */
  add(message: string): void {
    this.#line(message.slice(0, MAX_LOG_LINE_BYTES));
  }

  /** Ends the last line, and reports how many were dropped. */
  end(): void {
    if (this.#rest !== "") this.#line(this.#rest);
    this.#rest = "";
    this.#reportDropped();
  }

  #line(line: string): void {
    const second = Math.floor(this.#now() / 1000);
    if (second !== this.#second) {
      this.#reportDropped();
      this.#second = second;
      this.#emitted = 0;
      this.#characters = 0;
    }
    this.#characters += line.length;
    if (++this.#emitted > MAX_LOG_LINES_PER_SECOND || this.#characters > MAX_LOG_CHARACTERS_PER_SECOND) {
      this.#dropped++;
      return;
    }
    this.#emit(printable(line), 1);
  }

  #reportDropped(): void {
    if (this.#dropped > 0) this.#emit(`${this.#dropped} more lines were dropped`, this.#dropped);
    this.#dropped = 0;
  }
}

/**
 * @param text anything
 * @returns the same without control characters, which could write on an operator's terminal
 */
export function printable(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, " ")
    .trimEnd();
}
