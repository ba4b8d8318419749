/**
 * Joins launcher, Deno and bundle into `dist/ipbench` and `dist/ipbenchd`.
 *
 * @module
 */

import { BUNDLE, bundle } from "./bundle.ts";
import { must, ROOT } from "./steps.ts";

/**
 * Builds both programs with the launcher.
 *
 * @param programs paths of the programs; they become one file with several names
 */
export async function buildLauncher(programs: string[]): Promise<void> {
  await must("make", [
    "--no-print-directory",
    "-C",
    ROOT + "scripts/launcher",
    `BUILD=${ROOT}build/launcher`,
  ]);
  await bundle();
  const loader = ROOT + "scripts/launcher/loader.mjs";
  const made = ROOT + "build/launcher/ipbench";
  const tools = ROOT + "build/launcher/";
  await must(tools + "pack", [
    made,
    tools + "launcher",
    await Deno.realPath(Deno.execPath()),
    loader,
    BUNDLE,
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
