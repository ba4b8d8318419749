/**
 * The Deno that goes into the programs.
 *
 * @module
 */

import { must, print, ROOT, StepError } from "./steps.ts";
import type { Target } from "./target.ts";

/**
 * Finds the runtime for a machine; that of another kind is fetched once, below `.tools/`, with the integrity that
 * `scripts/tools/package-lock.json` names.
 *
 * @returns its path
 * @throws {StepError} when it cannot be fetched, or is not of this one's version
 */
export async function runtimeFor(target: Target): Promise<string> {
  if (target.isHost) return await Deno.realPath(Deno.execPath());
  const folder = `${ROOT}.tools/${target.name}`;
  const tool = `${folder}/node_modules/@deno/linux-${target.npm}-glibc`;
  if (await versionOf(tool) !== Deno.version.deno) await fetchRuntime(target, folder);
  const version = await versionOf(tool);
  if (version !== Deno.version.deno) {
    throw new StepError(
      `Deno for ${target.name} is ${version ?? "missing"}, and this one is ${Deno.version.deno}: take Deno ` +
        `off PATH, so that both come from scripts/tools/package-lock.json`,
    );
  }
  return `${tool}/deno`;
}

async function versionOf(folder: string): Promise<string | null> {
  try {
    return JSON.parse(await Deno.readTextFile(folder + "/package.json")).version;
  } catch {
    return null; // not fetched yet
  }
}

async function fetchRuntime(target: Target, folder: string): Promise<void> {
  print(`fetching Deno for ${target.name}, once, below .tools/`);
  await Deno.mkdir(folder, { recursive: true });
  for (const name of ["package.json", "package-lock.json"]) {
    await Deno.copyFile(`${ROOT}scripts/tools/${name}`, `${folder}/${name}`);
  }
  const machine = ["--os=linux", `--cpu=${target.npm}`, "--libc=glibc"];
  const quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
  await must("npm", ["ci", "--prefix", folder, ...machine, ...quiet]);
}
