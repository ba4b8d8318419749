/**
 * Lines on a terminal that are drawn over in place, whatever else has been typed or written between them.
 *
 * @module
 */

import { stripVTControlCharacters } from "node:util";
import { clearBeforeOutput, terminalSize } from "./io.ts";

/** Most lines that stay in place, however many there are. */
const MAX_LINES = 20;

/** A few lines at the end of what is on the terminal. */
export class LiveBlock {
  readonly #write: (text: string) => void;
  #drawn: string[] = [];
  /** Before the first drawing there is nothing to take away. */
  #used = false;

  /** @param write Writes to the terminal, as it is. */
  constructor(write: (text: string) => void) {
    this.#write = write;
    clearBeforeOutput(() => this.erase());
  }

  /** Room for lines: one column and one row stay free, so that nothing wraps or scrolls. */
  static room(): { columns: number; rows: number } {
    const { columns, rows } = terminalSize();
    return { columns: columns - 1, rows: Math.max(1, Math.min(MAX_LINES, rows - 1)) };
  }

  /** Draws lines over those before. */
  draw(lines: readonly string[]): void {
    this.#used = true;
    this.#write(this.#toTop() + lines.map((line) => `\x1b[K${line}\n`).join("") + "\x1b[J");
    this.#drawn = lines.map(stripVTControlCharacters);
  }

  /** Takes the lines away, and what was typed, also where no line is drawn at the moment. */
  erase(): void {
    if (!this.#used) return;
    this.#write(`${this.#toTop()}\x1b[J`);
    this.#drawn = [];
  }

  /** Leaves the lines where they are, for good. */
  keep(): void {
    this.#drawn = [];
    clearBeforeOutput(null);
  }

  /** Takes the lines away, for good. */
  close(): void {
    this.erase();
    this.keep();
  }

  /**
   * Moves the cursor to the first line: also to its first column, which what was typed (the ^C of Ctrl-C) has moved it off.
   */
  #toTop(): string {
    const { columns } = terminalSize();
    // On a terminal that was made narrower meanwhile, a line takes several rows.
    const rows = this.#drawn.reduce(
      (sum, line) => sum + Math.max(1, Math.ceil(Array.from(line).length / columns)),
      0,
    );
    return rows === 0 ? "\r" : `\r\x1b[${rows}A`;
  }
}
