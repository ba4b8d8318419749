/**
 * What subcommands that run one benchmark after the other print on stderr meanwhile.
 *
 * @module
 */

import type { Runner } from "../../controller/run/runner.ts";
import { colourVerdict } from "./colours.ts";
import { plainText } from "./text.ts";
import { canRewrite, note } from "./io.ts";
import { openProgress } from "./live_screen.ts";

/** Lines that stay, and live lines below them as long as a benchmark runs. */
export class TrialReporter {
  readonly #quiet: boolean;
  /** What runs next, in parts of which the last ones are left out where there is little room. */
  heading: readonly string[] = [];

  /** @param quiet Errors and warnings alone. */
  constructor(quiet: boolean) {
    this.#quiet = quiet;
  }

  /** Prints a line, unless --quiet is given. */
  line(text: string): void {
    if (!this.#quiet) note(colourVerdict(Deno.stderr, plainText(text)));
  }

  /**
   * Shows each run of a runner on the terminal.
   *
   * @param run The runner.
   * @param errors Whether errors are lines of their own; else what is printed of each result at its end names them.
   * @returns The same runner, shown.
   */
  shown(run: Runner, errors: boolean): Runner {
    return async (description, options) => {
      const live = !this.#quiet && canRewrite(Deno.stderr);
      const progress = openProgress(live ? "live" : "quiet", this.heading);
      try {
        return await run(description, {
          ...options,
          onProgress(event) {
            if (errors || event.kind !== "error") progress.take(event);
            options.onProgress?.(event);
          },
        });
      } finally {
        progress.close();
      }
    };
  }
}
