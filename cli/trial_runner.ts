/**
 * How subcommands that run many benchmarks run one of them.
 *
 * @module
 */

import type { Runner } from "../controller/runner.ts";
import { buildInfo } from "../ffi/mod.ts";
import { note } from "./io.ts";

/**
 * The runner of the product.
 *
 * @param debug Whether debug lines go to stderr.
 * @returns A function that runs one benchmark.
 */
export async function runnerOf(debug: boolean): Promise<Runner> {
  const { runBenchmark } = await import("../controller/run.ts");
  return (description, options) =>
    runBenchmark(description, {
      ...options,
      log: (level, message) => {
        if (level === "debug" ? debug : level === "error") {
          note(level === "debug" ? message : `ipbench: ${message}`);
        }
      },
    });
}

/** Version and build, as documents carry them. */
export function buildOf(): { version: string; build: string } {
  const { version, kind } = buildInfo();
  return { version, build: kind };
}
