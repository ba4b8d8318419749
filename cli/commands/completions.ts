/**
 * `ipbench completions` and `ipbench man`: texts for shells and for man, from the command line's own metadata.
 *
 * @module
 */

import { Argument, type Command } from "commander";
import { PluginError, PluginHost } from "../../ffi/mod.ts";
import { VERSION } from "../../ffi/self/version.ts";
import { type CommandInfo, commandTree } from "../pages/command_tree.ts";
import { out } from "../terminal/io.ts";
import { CONTROLLER_PAGE, DAEMON_PAGE, manualPage } from "../pages/manual_page.ts";
import { completionScript, type Shell, SHELLS } from "../pages/shell_completions.ts";

const HELP = `
Examples:
  source <(ipbench completions bash)
  ipbench completions zsh > "\${fpath[1]}/_ipbench"
  ipbench completions fish > ~/.config/fish/completions/ipbench.fish
`;

/** Programs that have a manual page. */
const PROGRAMS = ["ipbench", "ipbenchd"] as const;

const MAN_HELP = `
Examples:
  ipbench man | man -l -
  ipbench man > /usr/local/share/man/man1/ipbench.1
  ipbench man ipbenchd > /usr/local/share/man/man8/ipbenchd.8
`;

/**
 * Adds the subcommands.
 *
 * @param program The program.
 * @param whole Makes the program with all its subcommands, whichever one was called.
 */
export function register(program: Command, whole: () => Promise<Command>): void {
  program.command("completions").description("print a script that completes ipbench's commands and options")
    .addArgument(new Argument("<shell>", "for which shell").choices(SHELLS))
    .addHelpText("after", HELP)
    .action(async (shell: Shell) => {
      const controller = commandTree(await whole());
      out(
        completionScript(shell, {
          controller,
          daemon: await daemonTree(),
          ...await testNames(),
          words: await knownWords(),
        }),
      );
    });
  program.command("man").description("print the manual page of a program")
    .addArgument(new Argument("[program]", "which one (default: ipbench)").choices(PROGRAMS))
    .addHelpText("after", MAN_HELP)
    .action(async (name: string) => {
      const page = name === "ipbenchd"
        ? manualPage(await daemonTree(), DAEMON_PAGE, VERSION)
        : manualPage(commandTree(await whole()), CONTROLLER_PAGE, VERSION);
      out(page);
    });
}

async function daemonTree(): Promise<CommandInfo> {
  const { describeCommand } = await import("../../daemon/options.ts");
  return commandTree(describeCommand());
}

/** Names of the tests inside of the program and of their arguments; of those in folders the completion knows nothing. */
async function testNames(): Promise<{ tests: string[]; args: string[] }> {
  const host = PluginHost.spawn({ pluginDirs: [], debug: false, log: () => {} });
  const sorted = (names: string[]) => [...new Set(names)].sort();
  try {
    const plugins = await host.list();
    const args = plugins.flatMap(({ options }) => options ?? []).filter(({ controller }) => !controller);
    return { tests: sorted(plugins.map(({ name }) => name)), args: sorted(args.map(({ name }) => name)) };
  } catch (error) {
    if (error instanceof PluginError) return { tests: [], args: [] };
    throw error;
  } finally {
    await host.kill();
  }
}

/** Words for values that are more than a choice, or of which a choice is only the beginning. */
async function knownWords(): Promise<Record<string, readonly string[]>> {
  const [{ METRICS }, { ALLOWABLE }, { PRESET_NAMES }, { RFC2544_TESTS }] = await Promise.all([
    import("../../results/compare/metrics.ts"),
    import("../../results/compare/pair.ts"),
    import("../../controller/search/goal.ts"),
    import("../../controller/search/frame_bench.ts"),
  ]);
  return {
    "--metric": METRICS.map(({ name }) => name),
    "--allow": Object.keys(ALLOWABLE),
    "--goal": PRESET_NAMES,
    "--tests": RFC2544_TESTS,
    "--require": ["all"],
    "--log-format": ["text", "json"],
  };
}
