/**
 * How subcommands that run many benchmarks run one of them.
 *
 * @module
 */

import type { Runner } from "../controller/runner.ts";
import { buildInfo } from "../ffi/mod.ts";
import { MAX_WARNINGS } from "../controller/limits.ts";
import { note } from "./io.ts";
import { labelled } from "./live_screen.ts";

/**
 * The runner of the product. What many runs warn of alike is shown once.
 *
 * @param debug Whether debug lines go to stderr.
 * @returns A function that runs one benchmark.
 */
export async function runnerOf(debug: boolean): Promise<Runner> {
  const { runBenchmark } = await import("../controller/run.ts");
  const warnings = new Set<string>();
  const isNew = (warning: string) => {
    if (warnings.has(warning) || warnings.size >= MAX_WARNINGS) return false;
    warnings.add(warning);
    return true;
  };
  return (description, options) =>
    runBenchmark(description, {
      ...options,
      log: (level, message) => {
        if (level === "warning" ? isNew(message) : level === "error" || debug) {
          note(
            level === "debug" ? message : level === "info" ? `ipbench: ${message}` : labelled(level, message),
          );
        }
      },
    });
}

/** Version and build, as documents carry them. */
export function buildOf(): { version: string; build: string } {
  const { version, kind } = buildInfo();
  return { version, build: kind };
}
