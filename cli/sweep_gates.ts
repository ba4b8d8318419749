/**
 * The gates of a sweep: each point's figures, as they come.
 *
 * @module
 */

import type { Runner } from "../controller/run/runner.ts";
import { pointLabel } from "../results/compare/pair.ts";
import { reportPoints } from "../results/report/point.ts";
import { EXIT, ExitError } from "./exit.ts";
import { gateLines } from "./run_outcome.ts";
import { note } from "./terminal/io.ts";
import { plainText } from "./terminal/text.ts";

/** Counts the points that are not as expected. */
export class SweepGates {
  #points = 0;

  /** A runner whose results are examined, but for those that are INVALID and measured again. */
  watching(run: Runner): Runner {
    return async (description, options) => {
      const document = await run(description, options);
      const unmet = document.gates?.filter(({ met }) => !met).length ?? 0;
      if (unmet > 0 && document.run.verdict !== "INVALID") {
        this.#points++;
        const label = plainText(pointLabel(reportPoints(document, "")[0]!));
        for (const line of gateLines(document).slice(0, unmet)) note(`ipbench: ${label}: ${line}`);
      }
      return document;
    };
  }

  /** @throws {ExitError} when a point was not as expected. */
  end(): void {
    if (this.#points > 0) throw new ExitError(EXIT.FAILED, `${this.#points} points are not as expected`);
  }
}
