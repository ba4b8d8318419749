/**
 * The archive for every other Linux: the same files, and a script that installs them.
 *
 * @module
 */

import { ROOT } from "../lib/steps.ts";
import type { Target } from "../lib/target.ts";
import { addFiles } from "./files.ts";
import type { Release } from "./release.ts";
import { Tree } from "./tree.ts";

/**
 * Makes `ipbench-VERSION-linux-ARCH.tar.gz`.
 *
 * @param notices the licences, as a text
 * @returns its name
 */
export async function makeTarball(release: Release, target: Target, notices: string): Promise<string> {
  const tree = await Tree.make(`${target.build}package/tar`);
  await addFiles(tree, target, {
    prefix: "",
    zsh: "share/zsh/site-functions",
    fish: "share/fish/vendor_completions.d",
    bin: "/usr/local/bin",
  });
  await tree.write("share/doc/ipbench/LICENSES", notices);
  await tree.copy(ROOT + "packaging/install.sh", "install.sh", 0o755);
  const top = `ipbench-${release.version}-linux-${target.debian}`;
  await tree.pack(`${release.output}${top}.tar.gz`, release.epoch, { compress: true, top });
  return `${top}.tar.gz`;
}
