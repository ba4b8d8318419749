/**
 * How subcommands that run many benchmarks run one of them.
 *
 * @module
 */

import type { Runner } from "../controller/runner.ts";
import { buildInfo } from "../ffi/mod.ts";
import { MAX_WARNINGS } from "../controller/limits.ts";
import { note } from "./io.ts";
import { labelled, warningLine } from "./live_screen.ts";

/**
 * The runner of the product. What many runs warn of alike is shown once.
 *
 * @param debug Whether debug lines go to stderr.
 * @returns A function that runs one benchmark.
 */
export async function runnerOf(debug: boolean): Promise<Runner> {
  const { runBenchmark } = await import("../controller/run.ts");
  const warned = new Set<string>();
  const warnOnce = (line: string) => {
    if (warned.has(line) || warned.size >= MAX_WARNINGS) return;
    warned.add(line);
    note(line);
  };
  return (description, options) =>
    runBenchmark(description, {
      ...options,
      onProgress: (event) => {
        if (event.kind === "warning") warnOnce(warningLine(event.peer, event.text));
        options?.onProgress?.(event);
      },
      log: (level, message) => {
        if (level === "warning") warnOnce(labelled(level, message));
        else if (level === "error") note(labelled(level, message));
        else if (debug) note(level === "info" ? `ipbench: ${message}` : message);
      },
    });
}

/** Version and build, as documents carry them. */
export function buildOf(): { version: string; build: string } {
  const { version, kind } = buildInfo();
  return { version, build: kind };
}
