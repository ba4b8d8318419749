/**
 * Joins launcher, Deno and bundle into the programs.
 *
 * @module
 */

import { bundle } from "./bundle.ts";
import { runtimeFor } from "./runtime.ts";
import { must, ROOT } from "./steps.ts";
import { compilerFor, type Target } from "./target.ts";

/**
 * Builds both programs with the launcher.
 *
 * @param target for which machine
 * @param sysroot folder with its libraries, where that is not the compiler's
 * @param programs paths of the programs; they become one file with several names
 */
export async function buildLauncher(
  target: Target,
  sysroot: string | null,
  programs: string[],
): Promise<void> {
  await must("make", [
    "--no-print-directory",
    "-C",
    ROOT + "scripts/launcher",
    `BUILD=${target.build}launcher`,
    `TARGET_CC=${compilerFor(target)}${sysroot === null ? "" : ` --sysroot='${sysroot}'`}`,
  ]);
  const bundled = await bundle(target.build);
  const loader = ROOT + "scripts/launcher/loader.mjs";
  const tools = target.build + "launcher/";
  const made = tools + "ipbench";
  await must(tools + "pack", [
    made,
    tools + "launcher",
    await runtimeFor(target),
    loader,
    bundled,
  ]);
  await install(made, programs);
}

/** Puts one file in the place of each program at once, also while the old one runs. */
async function install(made: string, programs: string[]): Promise<void> {
  for (const program of programs) {
    const next = program + ".new";
    await Deno.remove(next).catch(() => {});
    await Deno.link(made, next);
    await Deno.rename(next, program);
    await Deno.remove(next).catch(() => {}); // a rename between two names of one file does nothing
  }
  await Deno.remove(made);
}
