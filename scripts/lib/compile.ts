/**
 * Builds the programs with `deno compile`, where its base executable can be had.
 *
 * @module
 */

import { type Outcome, ROOT, run, StepError } from "./steps.ts";

/** How long the download of the base executable may take, in milliseconds. */
const DOWNLOAD_DEADLINE_MS = 60_000;
/** After a failed download none is tried for a day. */
const RETRY_AFTER_MS = 24 * 3600 * 1000;
const MARKER = ROOT + "build/.no-base-executable";

/**
 * Compiles `build/embedded/entry.ts`.
 *
 * @param output the program
 * @returns status and everything that was printed, the listing of embedded files included
 */
export function compile(output: string): Promise<Outcome> {
  const config = ["--no-lock", "--config", ROOT + "deno.json"];
  const [major, minor] = Deno.version.deno.split(".").map(Number);
  const slim = major! > 2 || minor! >= 9 ? ["--exclude-unused-npm"] : []; // an option that came with 2.9
  const flags = ["--v8-flags=--max-semi-space-size=4,--heap-growing-percent=120", ...slim];
  const args = ["compile", "--allow-all", "--no-check", ...config, ...flags];
  const env = { NO_COLOR: "1" };
  return run(Deno.execPath(), [...args, "--output", output, ROOT + "build/embedded/entry.ts"], { env });
}

/**
 * Finds out whether `deno compile` has a base executable: DENORT_BIN, an earlier download, or one that succeeds now.
 *
 * @returns `null` when it has, else why not, in a few words
 */
export async function whyNoBaseExecutable(): Promise<string | null> {
  if (Deno.env.get("DENORT_BIN")) return null;
  const failed = await Deno.stat(MARKER).then((info) => info.mtime?.getTime() ?? 0, () => 0);
  if (Date.now() - failed < RETRY_AFTER_MS) return "its base executable could not be downloaded lately";
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(folder + "/probe.js", "0;\n");
    const args = ["compile", "--quiet", "--no-config", "--output", folder + "/probe", folder + "/probe.js"];
    const { code } = await run(Deno.execPath(), args, { deadlineMs: DOWNLOAD_DEADLINE_MS });
    if (code === 0) return null;
    await Deno.writeTextFile(MARKER, "");
    return "its base executable cannot be downloaded and DENORT_BIN is not set";
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/**
 * Builds both programs with `deno compile`.
 *
 * @param programs paths of the programs
 */
export async function buildCompiled(programs: string[]): Promise<void> {
  for (const program of programs) {
    const { code, output } = await compile(program);
    if (code !== 0) throw new StepError(`deno compile failed with status ${code}:\n${output}`);
  }
}
