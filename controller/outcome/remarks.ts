/**
 * What a test's controller half writes on its standard error, as far as the user of a run gets to see it.
 *
 * @module
 */

import { MAX_REMARKS } from "../limits.ts";
import type { Log } from "../log.ts";

/** Reports whose line it is, and stops a flood. */
export class Remarks {
  #count = 0;

  /**
   * @param test its name, which begins each line
   * @param debug whether the user has asked for everything
   * @param log takes the lines: as warnings, with `debug` as the lines of information that they may be as well
   */
  constructor(
    readonly test: string,
    readonly debug: boolean,
    readonly log: Log,
  ) {}

  /**
   * @param text one line, printable
   * @param lines how many it stands for
   */
  take(text: string, lines = 1): void {
    if (text.trim() === "") return;
    const own = `${this.test}: `;
    const line = text.startsWith(own) ? text : `${own}${text}`;
    if (this.debug) this.log("info", line);
    else if (this.#count < MAX_REMARKS) this.log("warning", line);
    this.#count += lines;
  }

  /** Reports how much was left out. */
  end(): void {
    const more = this.debug ? 0 : this.#count - MAX_REMARKS;
    this.#count = 0;
    if (more > 0) {
      this.log(
        "warning",
        `${this.test}: and ${more} more ${more === 1 ? "line" : "lines"}; --debug shows them`,
      );
    }
  }
}
