/**
 * A run from beginning to end.
 *
 * @module
 */

import type { RunDescription } from "../config/run_description.ts";
import type { ResultDocument } from "../results/document.ts";
import type { Limits } from "./limits.ts";
import type { ProgressEvent } from "./progress.ts";

/** Level of a log line. */
export type LogLevel = "debug" | "info" | "warning" | "error";

/** How a run is watched, steered and ended early. */
export interface RunOptions {
  /** Aborting ends the test on every daemon and gives the document with what came in, `run.interrupted` set. */
  signal?: AbortSignal;
  /** Called for each event; must not throw, must return quickly. */
  onProgress?: (event: ProgressEvent) => void;
  /** Called with the document as it is each time a result has come in, and awaited before the run goes on. */
  onDocument?: (partial: ResultDocument) => Promise<void>;
  /** Gets diagnostic lines; `debug` ones are worded as the original's ("[send_command] : START"). */
  log?: (level: LogLevel, message: string) => void;
  /** Deadlines and sizes that differ from the defaults. */
  limits?: Partial<Limits>;
}

/**
 * Runs one benchmark on the daemons that the description names.
 *
 * @param description what to run, validated, with all defaults applied
 * @param options how to watch and end it
 * @returns the result document; it also says so when the run failed, was interrupted or is not valid
 * @throws {TypeError} when the description cannot be run at all (no client, an unreadable secret file)
 */
export function runBenchmark(description: RunDescription, options: RunOptions = {}): Promise<ResultDocument> {
  void options;
  return Promise.reject(new TypeError(`cannot run ${description.test}: not built yet`));
}
