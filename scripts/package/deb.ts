/**
 * The package for Debian and its like.
 *
 * @module
 */

import { must, ROOT } from "../lib/steps.ts";
import type { Target } from "../lib/target.ts";
import { addFiles } from "./files.ts";
import { type Release, SUMMARY } from "./release.ts";
import { Tree } from "./tree.ts";

const SCRIPTS = ["postinst", "prerm", "postrm"];
const DOC = "usr/share/doc/ipbench";

/** How the package describes itself. */
export interface DebWishes {
  target: Target;
  /** The oldest C library that will do. */
  glibc: string;
  /** The text of its copyright file. */
  copyright: string;
}

/**
 * Makes `ipbench_VERSION_ARCH.deb`.
 *
 * @returns its name
 */
export async function makeDeb(release: Release, { target, glibc, copyright }: DebWishes): Promise<string> {
  const tree = await Tree.make(`${target.build}package/deb`);
  await addFiles(tree, target, {
    prefix: "usr",
    zsh: "share/zsh/vendor-completions",
    fish: "share/fish/vendor_completions.d",
    bin: "/usr/bin",
  });
  await tree.write(`${DOC}/copyright`, copyright);
  await tree.writeCompressed(`${DOC}/changelog`, changelog(release));
  await tree.copy(ROOT + "packaging/debian/lintian-overrides", "usr/share/lintian/overrides/ipbench");
  const paths = await tree.paths();
  const kibibytes = paths.reduce((sum, path) => sum + sizeOf(`${tree.root}/${path}`), 0);
  const files = paths.filter((path) => Deno.lstatSync(`${tree.root}/${path}`).isFile);
  const sums = await must("md5sum", files.filter((path) => !path.startsWith("etc/")), { cwd: tree.root });
  await tree.write("DEBIAN/control", control(release, target, glibc, kibibytes));
  await tree.write("DEBIAN/conffiles", "/etc/default/ipbenchd\n");
  await tree.write("DEBIAN/md5sums", sums);
  for (const name of SCRIPTS) await tree.copy(`${ROOT}packaging/debian/${name}`, `DEBIAN/${name}`, 0o755);
  const name = `ipbench_${release.version}_${target.debian}.deb`;
  await must("dpkg-deb", ["--root-owner-group", "-Zxz", "-z3", "--build", tree.root, release.output + name], {
    env: { SOURCE_DATE_EPOCH: String(release.epoch) },
  });
  return name;
}

/** In KiB, as Debian's policy counts (5.6.20): what a folder or link takes is one. */
function sizeOf(path: string): number {
  const info = Deno.lstatSync(path);
  return info.isFile ? Math.ceil(info.size / 1024) : 1;
}

function control({ version, maintainer }: Release, target: Target, glibc: string, kibibytes: number): string {
  return `Package: ipbench
Version: ${version}
Architecture: ${target.debian}
Maintainer: ${maintainer}
Installed-Size: ${kibibytes}
Depends: libc6 (>= ${glibc}), libgcc-s1
Suggests: libjansson4, libnfs13, libssl3, openssh-client
Section: net
Priority: optional
Description: ${SUMMARY}
 Testers send packets at a fixed rate to a machine under test; round-trip
 times, throughput, loss and the target's CPU use come out as one row, one
 JSON document, one report, with a verdict on the measurement itself.
 .
 This package has the controller, ipbench, and the daemon of testers and
 targets, ipbenchd, with all tests inside. The service is not started by the
 installation: see ipbenchd(8) and /usr/share/doc/ipbench/docs/install.md.
`;
}

/** In the form of Debian's changelogs; the changes themselves are in CHANGELOG.md. */
function changelog({ version, epoch, maintainer }: Release): string {
  const date = new Date(epoch * 1000).toUTCString().replace("GMT", "+0000");
  return `ipbench (${version}) unstable; urgency=medium

  * Version ${version}. The changes are in /usr/share/doc/ipbench/CHANGELOG.md.

 -- ${maintainer}  ${date}
`;
}
