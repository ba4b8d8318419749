/**
 * Single trials for tests that are not a search: one load for a while, repeated while the tester spoils it.
 *
 * @module
 */

import type { RunDescription } from "../../config/run_description.ts";
import type { ResultDocument } from "../../results/document/document.ts";
import { groupReasons } from "../../results/document/reason_groups.ts";
import type { RunnerContext } from "../run/runner.ts";
import type { Outcome } from "./measure.ts";

/** What trials are run with. */
export interface TrialContext extends RunnerContext {
  settleSeconds: number;
  /** Runs of one trial at most, when they are invalid or fail. */
  attempts: number;
  keep?: (document: ResultDocument) => Promise<void>;
}

/** A trial that came to a valid end. */
export interface GoodTrial {
  outcome: Extract<Outcome, { kind: "valid" }>;
  document: ResultDocument;
}

/** No valid trial could be had. */
export class TrialError extends Error {
  override readonly name = "TrialError";

  /**
   * @param kind Whether it was the tester, a failing run, or somebody pressing Ctrl-C.
   * @param message Why, with all figures.
   * @param brief What the reasons are cases of, such as "send-lateness"; else the message.
   */
  constructor(
    readonly kind: "invalid" | "failed" | "interrupted",
    message: string,
    readonly brief: string = message,
  ) {
    super(message);
  }
}

/**
 * Runs one trial until it is valid.
 *
 * @param description The run.
 * @param read Reads the outcome of its document.
 * @throws {TrialError} when it was interrupted, or invalid or failed as often as allowed.
 */
export async function validTrial(
  description: RunDescription,
  read: (document: ResultDocument) => Outcome,
  context: TrialContext,
): Promise<GoodTrial> {
  let last: Outcome = { kind: "interrupted" };
  let why: [message: string, brief?: string] = [""];
  for (let attempt = 0; attempt < context.attempts; attempt++) {
    if (context.signal?.aborted === true) break;
    const document = await context.run(
      description,
      context.signal === undefined ? {} : { signal: context.signal },
    );
    const outcome = read(document);
    await context.clock.sleep(context.settleSeconds, context.signal);
    if (outcome.kind === "interrupted") break;
    await context.keep?.(document);
    if (outcome.kind === "valid") return { outcome, document };
    last = outcome;
    // Several testers have the same reasons.
    const details = outcome.reasons === document.run.reasons ? document.run.details : undefined;
    why = details === undefined
      ? [outcome.reasons.join("; ")]
      : [groupReasons(details).join("; "), [...new Set(details.map(({ code }) => code))].join(", ")];
  }
  if (last.kind === "invalid" || last.kind === "failed") throw new TrialError(last.kind, ...why);
  throw new TrialError("interrupted", "interrupted");
}
