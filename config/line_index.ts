/**
 * From offsets in a text to lines and columns.
 *
 * @module
 */

import type { Position } from "./config_error.ts";

/** Finds line and column of an offset in one text. */
export class LineIndex {
  readonly #text: string;
  readonly #file: string;
  /** Offset of each line's first character. */
  readonly #starts: number[] = [0];

  /**
   * @param text A text whose lines end in "\n".
   * @param file The name that its positions carry.
   */
  constructor(text: string, file: string) {
    this.#text = text;
    this.#file = file;
    for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) this.#starts.push(at + 1);
  }

  /**
   * @param offset Offset in UTF-16 units, as string functions count; clamped to the text.
   * @returns Line and column, both from 1; the column counts code points.
   */
  position(offset: number): Position {
    const at = Math.max(0, Math.min(offset, this.#text.length));
    let low = 0;
    let high = this.#starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#starts[middle] ?? 0) <= at) low = middle;
      else high = middle - 1;
    }
    let column = 1;
    for (const _ of this.#text.slice(this.#starts[low] ?? 0, at)) column++;
    return { file: this.#file, line: low + 1, column };
  }
}
