/**
 * Builds `dist/ipbench` and `dist/ipbenchd`: plugins with make, then the programs with `deno compile`, or with the
 * launcher where `deno compile` has no base executable.
 *
 *     deno task build [--launcher] [--keep-going]
 *
 * `--launcher` builds with the launcher in any case; `--keep-going` goes on with the plugins that could be built.
 *
 * @module
 */

import { buildCompiled, whyNoBaseExecutable } from "./lib/compile.ts";
import { builtPlugins, generate } from "./lib/embed.ts";
import { buildLauncher } from "./lib/launcher.ts";
import { ROOT, run, say, StepError } from "./lib/steps.ts";

const PROGRAMS = [ROOT + "dist/ipbench", ROOT + "dist/ipbenchd"];

/** Runs make, and passes on what it says about plugins that cannot be built here. */
async function buildPlugins(keepGoing: boolean): Promise<void> {
  const options = [
    "--no-print-directory",
    "-j2",
    ...(keepGoing ? ["--keep-going"] : []),
    "-C",
    ROOT + "tests_c",
  ];
  const { code, output } = await run("make", options);
  if (code !== 0 && !keepGoing) {
    const lines = output.split("\n").filter((line) =>
      !/^(cc|gcc|ar|make\[\d\]: '.*' is up to date)/.test(line)
    );
    throw new StepError(`make -C tests_c failed with status ${code}:\n${lines.join("\n")}`);
  }
  for (const line of output.split("\n")) {
    if (/: not built: |error:/.test(line)) say(line);
  }
}

async function build(args: string[]): Promise<void> {
  await buildPlugins(args.includes("--keep-going"));
  const plugins = await builtPlugins();
  await generate(plugins);
  await Deno.mkdir(ROOT + "dist", { recursive: true });
  const why = args.includes("--launcher") ? "it was asked for" : await whyNoBaseExecutable();
  if (why === null) {
    await buildCompiled(PROGRAMS);
  } else {
    say(`built with the launcher instead of deno compile: ${why}`);
    await buildLauncher(PROGRAMS);
  }
  say(`dist/ipbench and dist/ipbenchd are ready, with ${plugins.length} plugins: ${plugins.join(" ")}`);
}

try {
  await build(Deno.args);
} catch (error) {
  if (!(error instanceof StepError)) throw error;
  say(`build: ${error.message}`);
  Deno.exit(1);
}
