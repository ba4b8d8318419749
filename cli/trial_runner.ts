/**
 * How subcommands that run many benchmarks run one of them.
 *
 * @module
 */

import type { Runner } from "../controller/run/runner.ts";
import { buildInfo } from "../ffi/self/self.ts";
import { MAX_WARNINGS } from "../controller/limits.ts";
import { EXIT, ExitError } from "./exit.ts";
import { openLivePages, titleOf } from "./serving/live_pages.ts";
import { note } from "./terminal/io.ts";
import { labelled, warningLine } from "./terminal/live_screen.ts";
import { TrialReporter } from "./terminal/trial_reporter.ts";
import { catchInterruption } from "./signals.ts";
import { keeperOf } from "./trial_files.ts";
import type { Recorder } from "./history/recorder.ts";
import type { Unwritten } from "./unwritten.ts";

/**
 * The runner of the product. What many runs warn of alike is shown once.
 *
 * @param debug Whether debug lines go to stderr.
 * @returns A function that runs one benchmark.
 */
export async function runnerOf(debug: boolean): Promise<Runner> {
  const { runBenchmark } = await import("../controller/run/run.ts");
  const warned = new Set<string>();
  const isNew = (line: string) => {
    if (warned.has(line) || warned.size >= MAX_WARNINGS) return false;
    warned.add(line);
    return true;
  };
  return async (description, options) => {
    const live = await openLivePages(titleOf(description), undefined);
    const document = await runBenchmark(description, {
      ...options,
      onDocument: (partial) => {
        live?.partial(partial);
        return Promise.resolve();
      },
      onProgress(event) {
        live?.take(event);
        if (event.kind !== "warning") return options?.onProgress?.(event);
        const line = warningLine(event.peer, event.text);
        if (isNew(line)) note(line);
      },
      log(level, message) {
        const line = level === "debug"
          ? message
          : level === "info"
          ? `ipbench: ${message}`
          : labelled(level, message);
        if (level === "warning" ? isNew(line) : level === "error" || debug) note(line);
      },
    }).catch(async (error) => {
      await live?.close(null);
      // What a run refuses before it connects: such as a secret file that is gone.
      throw error instanceof TypeError ? new ExitError(EXIT.USAGE, error.message, { cause: error }) : error;
    });
    await live?.close(document);
    return document;
  };
}

/** Version and build, as documents carry them. */
export function buildOf(): { version: string; build: string } {
  const { version, kind } = buildInfo();
  return { version, build: kind };
}

/**
 * Opens what a search runs its trials with.
 *
 * @param given Where trials are kept, if anywhere, and whether to be quiet about them.
 * @param debug Whether debug lines go to stderr.
 * @param unwritten Receives those for which there is no room.
 * @param recorder Keeps what is found in the history.
 * @returns What the search needs of it, and the lines about it; dispose of it when the search is over.
 */
export async function openTrials(
  given: { out?: string | undefined; quiet?: boolean | undefined },
  debug: boolean,
  unwritten: Unwritten,
  recorder: Recorder,
) {
  const { SYSTEM_CLOCK } = await import("../controller/run/runner.ts");
  const reporter = new TrialReporter(given.quiet === true);
  const run = recorder.watching(reporter.shown(await runnerOf(debug), false));
  const open = new AsyncDisposableStack();
  const keeper = open.use(await keeperOf(given.out, unwritten));
  const { signal } = open.use(
    catchInterruption((name) => note(`ipbench: ${name}: ending this trial (once more: at once)`)),
  );
  return {
    reporter,
    deps: { run, clock: SYSTEM_CLOCK, signal, ...keeper !== null && { keep: keeper.keep } },
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}
