/**
 * Builds `dist/ipbench` and `dist/ipbenchd`: plugins with make, then the programs with `deno compile`, or with the
 * launcher where `deno compile` has no base executable.
 *
 *     deno task build [--launcher]
 *
 * `--launcher` builds with the launcher in any case.
 *
 * @module
 */

import { buildCompiled, whyNoBaseExecutable } from "./lib/compile.ts";
import { builtPlugins, generate } from "./lib/embed.ts";
import { buildLauncher } from "./lib/launcher.ts";
import { must, ROOT, say, StepError } from "./lib/steps.ts";

const PROGRAMS = [ROOT + "dist/ipbench", ROOT + "dist/ipbenchd"];

async function build(args: string[]): Promise<void> {
  const skipped = (await must("make", ["--no-print-directory", "-j2", "-C", ROOT + "tests_c"]))
    .split("\n").filter((line) => /\bskip/i.test(line));
  for (const line of skipped) say(line);
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
