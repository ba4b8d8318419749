/**
 * `ipbench completions` and `ipbench man`: texts for shells and for man, from the command line's own metadata.
 *
 * @module
 */

import { Argument, type Command } from "@commander-js/extra-typings";
import { PluginError, PluginHost } from "../ffi/mod.ts";
import { VERSION } from "../ffi/version.ts";
import { type CommandInfo, commandTree } from "./command_tree.ts";
import { out } from "./io.ts";
import { CONTROLLER_PAGE, DAEMON_PAGE, manualPage } from "./manual_page.ts";
import { completionScript, type Shell, SHELLS } from "./shell_completions.ts";

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
 */
export function register(program: Command): void {
  program.command("completions").description("print a script that completes ipbench's commands and options")
    .addArgument(new Argument("<shell>", "for which shell").choices(SHELLS))
    .addHelpText("after", HELP)
    .action(async (shell) => {
      const controller = commandTree(await whole());
      out(
        completionScript(shell as Shell, {
          controller,
          daemon: await daemonTree(),
          tests: await testNames(),
        }),
      );
    });
  program.command("man").description("print the manual page of a program")
    .addArgument(new Argument("[program]", "which one (default: ipbench)").choices(PROGRAMS))
    .addHelpText("after", MAN_HELP)
    .action(async (name) => {
      const page = name === "ipbenchd"
        ? manualPage(await daemonTree(), DAEMON_PAGE, VERSION)
        : manualPage(commandTree(await whole()), CONTROLLER_PAGE, VERSION);
      out(page);
    });
}

async function daemonTree(): Promise<CommandInfo> {
  const { describeCommand } = await import("../daemon/options.ts");
  return commandTree(describeCommand() as unknown as Command);
}

/** Names of the tests inside of the program; of those in folders the completion knows nothing. */
async function testNames(): Promise<string[]> {
  const host = PluginHost.spawn({ pluginDirs: [], debug: false, log: () => {} });
  try {
    return [...new Set((await host.list()).map(({ name }) => name))].sort();
  } catch (error) {
    if (error instanceof PluginError) return [];
    throw error;
  } finally {
    await host.kill();
  }
}

/** The program with all its subcommands, whichever one was called. */
async function whole(): Promise<Command> {
  return await (await import("./program.ts")).makeProgram();
}
