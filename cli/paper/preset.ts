/**
 * `ipbench sweep --preset`: what is measured for the figures of papers, without naming it anew each time.
 *
 * @module
 */

import { EXIT, ExitError } from "../exit.ts";
import type { SweepCommandOptions } from "../sweep_settings.ts";

/** A preset's options, as they would be typed. */
interface Preset {
  plan: Pick<SweepCommandOptions, "over" | "split">;
  /** What runs, where no configuration says that. */
  runs: Pick<
    SweepCommandOptions,
    "test" | "testArgs" | "testPort" | "targetTest" | "targetTestPort" | "reset"
  >;
}

/** As the sDDF project measures its network stack: `examples/sddf/`. */
const SDDF: Preset = {
  plan: { over: ["bps=10M,20M,50M,100M,200M,300M,400M,500M,600M,700M,800M,900M,1G"], split: true },
  runs: {
    test: "latency-check",
    testArgs: "socktype=udp,size=1472,warmup=10,cooldown=10,samples=200000",
    testPort: "1235",
    targetTest: "cpu_target_lukem",
    targetTestPort: "1237",
    reset: true,
  },
};

const PRESETS: ReadonlyMap<string, Preset> = new Map([["sddf", SDDF]]);

/** Their names. */
export const PRESET_NAMES: readonly string[] = [...PRESETS.keys()];

/**
 * Fills in what a preset says and nobody has given.
 *
 * @param given The options as typed; of `--test-args` single arguments count before the preset's.
 * @param configured Whether a configuration says what runs.
 * @throws {ExitError} when there is no such preset.
 */
export function withPreset(given: SweepCommandOptions, configured: boolean): SweepCommandOptions {
  if (given.preset === undefined) return given;
  const preset = PRESETS.get(given.preset);
  if (preset === undefined) {
    throw new ExitError(
      EXIT.USAGE,
      `--preset ${given.preset}: there is no such preset; there is ${PRESET_NAMES.join(", ")}`,
    );
  }
  // A sweep that goes on has its plan.
  if (given.resume === true) return given;
  const runs = configured ? {} : preset.runs;
  return { ...preset.plan, ...runs, ...given, testArgs: argsOf(runs, given) };
}

/** Arguments of another test are its own; of the preset's own test a given one counts before the preset's. */
function argsOf(runs: Partial<Preset["runs"]>, given: SweepCommandOptions): string | undefined {
  if (runs.testArgs === undefined || given.test !== undefined && given.test !== runs.test) {
    return given.testArgs;
  }
  const own = given.testArgs?.split(",") ?? [];
  const named = new Set(own.map((each) => each.split("=")[0]!));
  return [...runs.testArgs.split(",").filter((each) => !named.has(each.split("=")[0]!)), ...own].join(",");
}
