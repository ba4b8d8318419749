/**
 * Builds `dist/ipbench` and `dist/ipbenchd`: plugins with make, then the programs with `deno compile`, or with the
 * launcher where `deno compile` has no base executable.
 *
 *     deno task build [--target NAME] [--launcher] [--keep-going]
 *
 * `--target aarch64` builds on x86-64 for arm64, into `dist/aarch64/`, with Debian's cross compiler; `--launcher` builds with the launcher in any case; `--keep-going` goes on with the plugins that could be built.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { buildCompiled, whyNoBaseExecutable } from "./lib/compile.ts";
import { builtPlugins, generate } from "./lib/embed.ts";
import { buildLauncher } from "./lib/launcher.ts";
import { print, ROOT, run, StepError } from "./lib/steps.ts";
import { sysrootFor } from "./lib/sysroot.ts";
import { compilerFor, HOST, type Target, targetNamed } from "./lib/target.ts";

/** Runs make, and passes on its messages about plugins that cannot be built here. */
async function buildPlugins(target: Target, sysroot: string | null, keepGoing: boolean): Promise<void> {
  const options = [
    "--no-print-directory",
    "-j2",
    ...(keepGoing ? ["--keep-going"] : []),
    "-C",
    ROOT + "tests_c",
    ...target.isHost ? [] : [`TARGET=${target.triple}`],
    ...sysroot === null ? [] : [`SYSROOT=${sysroot}`],
  ];
  const { code, output } = await run("make", options);
  if (code !== 0 && !keepGoing) {
    const lines = output.split("\n").filter((line) =>
      !/^(cc|(\S+-)?(gcc|ar) |make\[\d\]: '.*' is up to date)/.test(line)
    );
    throw new StepError(`make -C tests_c failed with status ${code}:\n${lines.join("\n")}`);
  }
  for (const line of output.split("\n")) {
    if (/: not built: |error:/.test(line)) print(line);
  }
}

function readOptions(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        target: { type: "string", default: HOST },
        launcher: { type: "boolean", default: false },
        "keep-going": { type: "boolean", default: false },
      },
    });
  } catch (error) {
    throw new StepError((error as Error).message);
  }
}

/** A cross compiler is looked for first: make would report less well what is missing. */
async function findCompiler(target: Target): Promise<void> {
  const compiler = compilerFor(target);
  if ((await run("sh", ["-c", `command -v ${compiler}`])).code === 0) return;
  const name = `gcc-${target.name.replace("_", "-")}-linux-gnu libc6-dev-${target.debian}-cross`;
  throw new StepError(`${compiler} is missing (Debian: apt-get install ${name})`);
}

async function build(args: string[]): Promise<void> {
  const { values } = readOptions(args);
  const target = targetNamed(values.target);
  await findCompiler(target);
  const sysroot = await sysrootFor(target);
  await buildPlugins(target, sysroot, values["keep-going"]);
  const plugins = await builtPlugins(target.build);
  await generate(target.build, plugins);
  await Deno.mkdir(target.dist, { recursive: true });
  const programs = [target.dist + "ipbench", target.dist + "ipbenchd"];
  const why = values.launcher ? "it was asked for" : await whyNoBaseExecutable(target);
  if (why === null) {
    await buildCompiled(target, programs);
  } else {
    print(`built with the launcher instead of deno compile: ${why}`);
    await buildLauncher(target, sysroot, programs);
  }
  const folder = target.dist.slice(ROOT.length);
  print(
    `${folder}ipbench and ${folder}ipbenchd are ready, with ${plugins.length} plugins: ${plugins.join(" ")}`,
  );
}

try {
  await build(Deno.args);
} catch (error) {
  if (!(error instanceof StepError)) throw error;
  print(`build: ${error.message}`);
  Deno.exit(1);
}
