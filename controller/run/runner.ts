/**
 * How sweeps and searches run a benchmark: {@linkcode runBenchmark} in the product, a simulation in tests.
 *
 * @module
 */

import type { RunDescription } from "../../config/run_description.ts";
import type { ResultDocument } from "../../results/document/document.ts";
import type { ProgressEvent } from "./progress.ts";

/** What a runner is given beside the description. */
export interface RunnerOptions {
  signal?: AbortSignal;
  onProgress?: (event: ProgressEvent) => void;
}

/** Runs one benchmark; a failing run gives a document with the failure in it, never a rejection. */
export type Runner = (description: RunDescription, options: RunnerOptions) => Promise<ResultDocument>;

/** Clocks, passed in so that tests need not wait. */
export interface Clock {
  /** Now, as a date. */
  now(): Date;
  /** Seconds on a clock that is never set back. */
  seconds(): number;
  /** Waits; returns early when the signal aborts. */
  sleep(seconds: number, signal?: AbortSignal): Promise<void>;
}

/** What those work with who run many benchmarks one after the other. */
export interface RunnerContext {
  run: Runner;
  clock: Clock;
  signal?: AbortSignal;
}

/** The clocks of this machine. */
export const SYSTEM_CLOCK: Clock = {
  now: () => new Date(),
  seconds: () => performance.now() / 1000,
  sleep: (seconds, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted === true || seconds <= 0) return resolve();
      const end = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", end);
        resolve();
      };
      const timer = setTimeout(end, seconds * 1000);
      signal?.addEventListener("abort", end, { once: true });
    }),
};
