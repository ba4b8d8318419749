/**
 * `ipbench completions` and `ipbench man`: texts for shells and for man, from the command line's own metadata.
 *
 * @module
 */

import { Argument, type Command } from "@commander-js/extra-typings";
import { VERSION } from "../ffi/version.ts";
import { commandTree } from "./command_tree.ts";
import { out } from "./io.ts";
import { manualPage } from "./manual_page.ts";
import { completionScript, type Shell, SHELLS } from "./shell_completions.ts";

const HELP = `
Examples:
  source <(ipbench completions bash)
  ipbench completions zsh > "\${fpath[1]}/_ipbench"
  ipbench completions fish > ~/.config/fish/completions/ipbench.fish
`;

const MAN_HELP = `
Examples:
  ipbench man | man -l -
  ipbench man > /usr/local/share/man/man1/ipbench.1
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
    .action(async (shell) => out(completionScript(shell as Shell, commandTree(await whole()))));
  program.command("man").description("print the manual page")
    .addHelpText("after", MAN_HELP)
    .action(async () => out(manualPage(commandTree(await whole()), VERSION)));
}

/** The program with all its subcommands, whichever one was called. */
async function whole(): Promise<Command> {
  return await (await import("./program.ts")).makeProgram();
}
