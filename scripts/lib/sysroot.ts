/**
 * The libraries of another kind of machine, which plugins for it are compiled and linked with.
 *
 * @module
 */

import { dirname } from "node:path";
import { must, print, ROOT, run, StepError } from "./steps.ts";
import type { Target } from "./target.ts";

/** Debian's packages with what plugins and their tests include; what these depend on comes with them. */
const PACKAGES = [
  "libc6-dev",
  "libcmocka-dev",
  "libhttp-parser-dev",
  "libjansson-dev",
  "libnfs-dev",
  "libssl-dev",
];
const TOOLS = ["apt-get", "dpkg-deb"];
/** What was found for each kind of machine: fetched, and complained about, once. */
const found = new Map<string, Promise<string | null>>();

/**
 * Finds the folder with a machine's libraries: the one that SYSROOT names, else one below `.tools/`, into which Debian's
 * packages are unpacked once. The system's own packages and apt's lists of them are left as they are.
 *
 * @returns its path; `null` for this machine's kind, and where Debian's packages cannot be had: then what needs none of the
 *   libraries is built
 */
export function sysrootFor(target: Target): Promise<string | null> {
  const known = found.get(target.name) ?? findSysroot(target);
  found.set(target.name, known);
  return known;
}

async function findSysroot(target: Target): Promise<string | null> {
  if (target.isHost) return null;
  const given = Deno.env.get("SYSROOT");
  if (given) return await Deno.realPath(given);
  const folder = `${ROOT}.tools/${target.name}/sysroot`;
  if (await exists(folder)) return folder;
  try {
    await fetchPackages(target, folder);
  } catch (error) {
    if (!(error instanceof StepError)) throw error;
    print(`no libraries for ${target.name}: ${error.message}`);
    return null;
  }
  return folder;
}

function exists(path: string): Promise<boolean> {
  return Deno.stat(path).then(() => true, () => false);
}

async function fetchPackages(target: Target, folder: string): Promise<void> {
  for (const tool of TOOLS) {
    if ((await run("sh", ["-c", `command -v ${tool}`])).code === 0) continue;
    throw new StepError(
      `there is no ${tool} to fetch Debian's with; SYSROOT may name a folder that has them`,
    );
  }
  print(`fetching Debian's libraries for ${target.name}, once, below .tools/`);
  const parent = dirname(folder);
  await Deno.mkdir(parent, { recursive: true });
  const work = await Deno.makeTempDir({ dir: parent, prefix: "fetching-" });
  try {
    await must("sh", [`${ROOT}scripts/lib/fetch_sysroot.sh`, work, target.debian, ...PACKAGES]);
    await Deno.rename(`${work}/root`, folder).catch(async (error) => {
      if (!await exists(folder)) throw error; // else another build was faster
    });
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}
