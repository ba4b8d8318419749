/**
 * Makes the packages of the programs: for Debian, for other Linuxes, for container engines; with lists of their
 * components and checksums.
 *
 *     deno task package [--target NAME]… [--output DIR] [--maintainer WHO] [--sign KEY] [--no-build]
 *
 * @module
 */

import { parseArgs } from "node:util";
import { must, print, ROOT, StepError } from "./lib/steps.ts";
import { builtPlugins } from "./lib/embed.ts";
import { runtimeFor } from "./lib/runtime.ts";
import { HOST, type Target, targetNamed } from "./lib/target.ts";
import { addSums } from "./package/checksums.ts";
import { components, imageLibraries, neededGlibc } from "./package/components.ts";
import { makeDeb } from "./package/deb.ts";
import { notices } from "./package/notices.ts";
import { type ImagePart, makeImage } from "./package/oci.ts";
import { NO_MAINTAINER, type Release, release } from "./package/release.ts";
import { sbom } from "./package/sbom.ts";
import { makeTarball } from "./package/tarball.ts";

const HELP = `Usage: deno task package [options]

Builds the programs and packs them into dist/:
  ipbench_VERSION_ARCH.deb             for Debian and its like
  ipbench-VERSION-linux-ARCH.tar.gz    for other Linuxes, with install.sh
  ipbench-VERSION-ARCH.spdx.json       what is inside (SPDX 2.3)
  ipbench-VERSION-oci.tar              container image for all ARCHs
  SHA256SUMS, SHA256SUMS.asc           checksums, and with --sign a signature

The same sources, tools and libraries give the same bytes; all times in the
packages are SOURCE_DATE_EPOCH, or that of git's last commit.

Options:
  --target <name>     x86_64 or aarch64; repeatable (default: ${HOST})
  --output <dir>      where to put them (default: dist)
  --maintainer <who>  who answers for the .deb, as "NAME <ADDRESS>"
                      (default: nobody, <ipbench@packages.invalid>)
  --sign <key>        sign the checksums with this key of GnuPG
  --no-build          pack what is built
  -h, --help          show this help
`;
/** Debian's programs that do the work, and their packages. */
const TOOLS = [["dpkg-deb", "dpkg"], ["readelf", "binutils"], ["gzip", "gzip"], ["tar", "tar"]] as const;

interface Options {
  target: string[];
  output: string;
  maintainer: string;
  sign?: string;
  "no-build": boolean;
  help: boolean;
}

function readOptions(args: string[]): Options {
  try {
    const { values } = parseArgs({
      args,
      options: {
        target: { type: "string", multiple: true, default: [HOST] },
        output: { type: "string", default: ROOT + "dist" },
        maintainer: { type: "string", default: NO_MAINTAINER },
        sign: { type: "string" },
        "no-build": { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    return values as Options;
  } catch (error) {
    throw new StepError(`${(error as Error).message}; --help names the options`);
  }
}

async function main(options: Options): Promise<void> {
  const targets = [...new Set(options.target)].map(targetNamed);
  for (const [tool, name] of TOOLS) {
    await must("sh", ["-c", `command -v ${tool}`]).catch(() => {
      throw new StepError(`${tool} is not installed (Debian: apt-get install ${name})`);
    });
  }
  const made = await release(options.output, options.maintainer);
  const names: string[] = [];
  const parts: ImagePart[] = [];
  for (const target of targets) {
    if (!options["no-build"]) await build(target);
    const { part, files } = await packOne(made, target);
    parts.push(part);
    names.push(...files);
  }
  names.push(await makeImage(made, `${ROOT}build/package/image`, parts));
  print((await addSums(made.output, names, options.sign)).trimEnd());
  print(`packed into ${made.output}${options.sign === undefined ? "" : ", signed"}`);
}

async function build(target: Target): Promise<void> {
  print(`building for ${target.name}`);
  const script = ROOT + "scripts/build.ts";
  await must(Deno.execPath(), ["run", "--allow-all", "--quiet", script, "--target", target.name]);
}

/** Makes the packages of one machine. */
async function packOne(made: Release, target: Target): Promise<{ part: ImagePart; files: string[] }> {
  const runtime = await runtimeFor(target);
  const plugins = (await builtPlugins(target.build)).map((name) => `${target.build}plugins/${name}.so`);
  const { libraries, missing } = await imageLibraries(target, runtime);
  if (missing.length > 0) {
    print(`the image for ${target.debian} lacks what is not here: ${missing.join(" ")}`);
  }
  const inside = await components(target, runtime, libraries);
  const texts = await notices(inside, false);
  const glibc = await neededGlibc([runtime, ...plugins]);
  const list = `ipbench-${made.version}-${target.debian}.spdx.json`;
  await Deno.writeTextFile(made.output + list, await sbom(made, target, inside, `${target.dist}ipbench`));
  const files = [
    list,
    await makeDeb(made, { target, glibc, copyright: await notices(inside, true) }),
    await makeTarball(made, target, texts),
  ];
  return { part: { target, libraries, notices: texts }, files };
}

try {
  const options = readOptions(Deno.args);
  if (options.help) console.log(HELP.trimEnd());
  else await main(options);
} catch (error) {
  if (!(error instanceof StepError)) throw error;
  print(`package: ${error.message}`);
  Deno.exit(1);
}
