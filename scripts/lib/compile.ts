/**
 * Builds the programs with `deno compile`, where its base executable can be had.
 *
 * @module
 */

import { type Outcome, ROOT, run, StepError } from "./steps.ts";
import type { Target } from "./target.ts";

/** How long the download of the base executable may take, in milliseconds. */
const DOWNLOAD_DEADLINE_MS = 60_000;
/** After a failed download none is tried for a day. */
const RETRY_AFTER_MS = 24 * 3600 * 1000;

/**
 * Compiles a build's `embedded/entry.ts`.
 *
 * @param target for which machine
 * @param output the program
 * @returns status and everything that was printed, the listing of embedded files included
 */
export function compile(target: Target, output: string): Promise<Outcome> {
  const config = ["--no-lock", "--config", ROOT + "deno.json"];
  const [major, minor] = Deno.version.deno.split(".").map(Number);
  const slim = major! > 2 || minor! >= 9 ? ["--exclude-unused-npm"] : []; // an option that came with 2.9
  const flags = ["--v8-flags=--max-semi-space-size=4,--heap-growing-percent=40", ...slim];
  const args = ["compile", "--allow-all", "--no-check", ...config, ...flags];
  const env = { NO_COLOR: "1" };
  return run(Deno.execPath(), [
    ...args,
    ...aimedAt(target),
    "--output",
    output,
    target.build + "embedded/entry.ts",
  ], { env });
}

function aimedAt(target: Target): string[] {
  return target.isHost ? [] : ["--target", `${target.name}-unknown-linux-gnu`];
}

/**
 * Finds out whether `deno compile` has a base executable: DENORT_BIN, an earlier download, or one that succeeds now.
 *
 * @param target for which machine; DENORT_BIN is for it
 * @returns `null` when it has, else why not, in a few words
 */
export async function whyNoBaseExecutable(target: Target): Promise<string | null> {
  if (Deno.env.get("DENORT_BIN")) return null;
  const marker = target.build + ".no-base-executable";
  const failed = await Deno.stat(marker).then((info) => info.mtime?.getTime() ?? 0, () => 0);
  if (Date.now() - failed < RETRY_AFTER_MS) return "its base executable could not be downloaded lately";
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(folder + "/probe.js", "0;\n");
    const fixed = ["compile", "--quiet", "--no-config", ...aimedAt(target)];
    const args = [...fixed, "--output", folder + "/probe", folder + "/probe.js"];
    const { code } = await run(Deno.execPath(), args, { deadlineMs: DOWNLOAD_DEADLINE_MS });
    if (code === 0) return null;
    await Deno.writeTextFile(marker, "");
    return "its base executable cannot be downloaded and DENORT_BIN is not set";
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/**
 * Builds both programs with `deno compile`.
 *
 * @param target for which machine
 * @param programs paths of the programs
 */
export async function buildCompiled(target: Target, programs: string[]): Promise<void> {
  for (const program of programs) {
    const { code, output } = await compile(target, program);
    if (code !== 0) throw new StepError(`deno compile failed with status ${code}:\n${output}`);
  }
}
