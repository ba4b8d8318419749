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
 * @param say Takes lines for stderr.
 * @returns A function that runs one benchmark.
 */
export async function runnerOf(debug: boolean, say: (line: string) => void = note): Promise<Runner> {
  const { runBenchmark } = await import("../controller/run.ts");
  const warned = new Set<string>();
  const isNew = (line: string) => {
    if (warned.has(line) || warned.size >= MAX_WARNINGS) return false;
    warned.add(line);
    return true;
  };
  return (description, options) =>
    runBenchmark(description, {
      ...options,
      onProgress(event) {
        if (event.kind !== "warning") return options?.onProgress?.(event);
        const line = warningLine(event.peer, event.text);
        if (isNew(line)) say(line);
      },
      log(level, message) {
        const line = level === "debug"
          ? message
          : level === "info"
          ? `ipbench: ${message}`
          : labelled(level, message);
        if (level === "warning" ? isNew(line) : level === "error" || debug) say(line);
      },
    });
}

/** Version and build, as documents carry them. */
export function buildOf(): { version: string; build: string } {
  const { version, kind } = buildInfo();
  return { version, build: kind };
}
