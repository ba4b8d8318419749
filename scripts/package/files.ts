/**
 * The files of an installation, below a prefix: programs, pages, completions, unit, options of the service.
 *
 * @module
 */

import { must, ROOT, StepError } from "../lib/steps.ts";
import { filesBelow } from "../lib/sources.ts";
import type { Target } from "../lib/target.ts";
import type { Tree } from "./tree.ts";

/** Where an installation has its files, from the tree's root. */
export interface Places {
  /** "usr", or "" for one that can be put anywhere. */
  prefix: string;
  /** Folders of completions, from the prefix: Debian's differ from others' folders. */
  zsh: string;
  fish: string;
  /** What the unit starts. */
  bin: string;
}

/**
 * Puts everything into a tree but what a kind of package has for itself.
 *
 * @throws {StepError} when the programs are not built
 */
export async function addFiles(tree: Tree, target: Target, places: Places): Promise<void> {
  const at = (path: string) => places.prefix === "" ? path : `${places.prefix}/${path}`;
  await addProgram(tree, target, at("bin"));
  for (
    const [page, args] of [["man1/ipbench.1", ["man"]], ["man8/ipbenchd.8", ["man", "ipbenchd"]]] as const
  ) {
    await tree.writeCompressed(at(`share/man/${page}`), await ownOutput(args));
  }
  const bash = "share/bash-completion/completions/ipbench";
  await tree.write(at(bash), await ownOutput(["completions", "bash"]));
  await tree.link(at(bash + "d"), "ipbench");
  await tree.write(at(`${places.zsh}/_ipbench`), await ownOutput(["completions", "zsh"]));
  await tree.write(at(`${places.fish}/ipbench.fish`), await ownOutput(["completions", "fish"]));
  await tree.link(at(`${places.fish}/ipbenchd.fish`), "ipbench.fish");
  const unit = await Deno.readTextFile(ROOT + "packaging/ipbenchd.service");
  await tree.write(
    at("lib/systemd/system/ipbenchd.service"),
    unit.replaceAll("/usr/local/bin/", `${places.bin}/`),
  );
  await tree.copy(ROOT + "packaging/ipbenchd.default", "etc/default/ipbenchd");
  const pages = ["README.md", "CHANGELOG.md", ...await filesBelow("docs"), ...await filesBelow("examples")];
  for (const page of pages) await tree.copy(ROOT + page, at(`share/doc/ipbench/${page}`));
}

/**
 * Puts the programs into a tree: one file under two names.
 *
 * @param folder from the tree's root
 * @throws {StepError} when they are not built
 */
export async function addProgram(tree: Tree, target: Target, folder: string): Promise<void> {
  try {
    await tree.copy(`${target.dist}ipbench`, `${folder}/ipbench`, 0o755);
  } catch (cause) {
    throw new StepError(
      `${target.dist}ipbench cannot be read: deno task build --target ${target.name} makes it`,
      {
        cause,
      },
    );
  }
  await tree.link(`${folder}/ipbenchd`, "ipbench");
}

/** What the program itself prints, which is the same on every machine: it is run from its sources. */
async function ownOutput(args: readonly string[]): Promise<string> {
  const run = ["run", "--allow-all", "--no-check", "--quiet", ROOT + "cli/main.ts"];
  return await must(Deno.execPath(), [...run, ...args]);
}
