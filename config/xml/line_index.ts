/**
 * From offsets in a text to lines and columns.
 *
 * @module
 */

import type { Position } from "../config_error.ts";

/** Finds line and column of an offset in one text, in logarithmic time however long its lines are. */
export class LineIndex {
  readonly #length: number;
  readonly #file: string;
  /** Offset of each line's first character. */
  readonly #starts: number[] = [0];
  /** Offset of the second half of each character that takes two UTF-16 units. */
  readonly #halves: number[] = [];

  /**
   * @param text A text whose lines end in "\n".
   * @param file The name that its positions carry.
   */
  constructor(text: string, file: string) {
    this.#length = text.length;
    this.#file = file;
    for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) this.#starts.push(at + 1);
    for (const match of text.matchAll(/[\uD800-\uDBFF][\uDC00-\uDFFF]/g)) this.#halves.push(match.index + 1);
  }

  /**
   * @param offset Offset in UTF-16 units, as string functions count; clamped to the text.
   * @returns Line and column, both from 1; the column counts code points.
   */
  position(offset: number): Position {
    const at = Math.max(0, Math.min(offset, this.#length));
    const line = countUpTo(this.#starts, at);
    const start = this.#starts[line - 1] ?? 0;
    const halves = countUpTo(this.#halves, at - 1) - countUpTo(this.#halves, start - 1);
    return { file: this.#file, line, column: at - start - halves + 1 };
  }
}

/** How many of the ascending numbers are at most `limit`. */
function countUpTo(numbers: readonly number[], limit: number): number {
  let low = 0;
  let high = numbers.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((numbers[middle] ?? 0) <= limit) low = middle + 1;
    else high = middle;
  }
  return low;
}
