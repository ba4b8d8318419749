/**
 * The command line as commander sees it: one `Command` with the subcommands that a call needs.
 *
 * @module
 */

import { Command } from "commander";
import { type CommandModule, COMMANDS } from "./commands.ts";
import { err, helpColumns, out } from "./terminal/io.ts";

const EXAMPLES = `
Examples:
  ipbench quick 10.0.0.9
  ipbench run lab.xml --json result.json
  ipbench --client 10.0.0.2 --test latency --test-args socktype=udp,bps=10M \\
      --test-target 10.0.0.9
  ipbench status 10.0.0.2 10.0.0.3:9036
  ipbench report result.json -o report.html

Exit status: 0 valid, 1 failed or INVALID, 2 wrong use, 3 SUSPECT with --strict,
130 interrupted. Without the word "run", a run that printed its row exits 0
whatever its verdict, as the original did, unless --strict is given.
`;

/**
 * Makes the program with some or all of its subcommands.
 *
 * @param only Name of the one subcommand to load; all of them when it is left out.
 * @returns The program, ready to parse. It throws commander's error instead of exiting.
 */
export async function makeProgram(only?: string): Promise<Command> {
  const program = new Command("ipbench")
    .description("Measures networks and network stacks: one controller, any number of testers and targets.")
    .usage("[run] [options] [CONFIG.xml] | COMMAND …")
    .helpCommand("help [command]", "show the help of a command")
    .helpOption("-h, --help", "show this help, or that of a command")
    .option("-V, --version", "show version, build and platform")
    .showSuggestionAfterError(true)
    .configureOutput({
      writeOut: out,
      writeErr: err,
      outputError: (text, write) => write(text.replace(/^error: /, "ipbench: ")),
      getOutHelpWidth: helpColumns,
      getErrHelpWidth: helpColumns,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .configureHelp({ minWidthToWrap: 30 }) // beside the longest terms, too
    .addHelpText("after", EXAMPLES)
    .exitOverride();
  // One file may hold two subcommands.
  for (const module of new Set(await loadModules(only))) module.register(program, makeProgram);
  for (const command of program.commands) {
    command.helpGroup(COMMANDS.get(command.name())?.group ?? "Commands:");
  }
  nameHelp(program, "ipbench");
  return program;
}

/** Wrong use of a command is followed by where its own options are. */
function nameHelp(command: Command, name: string): void {
  command.showHelpAfterError(`(${name} --help lists what there is)`);
  for (const each of command.commands) nameHelp(each, `${name} ${each.name()}`);
}

function loadModules(only: string | undefined): Promise<CommandModule[]> {
  const load = only === undefined ? undefined : COMMANDS.get(only)?.load;
  if (load !== undefined) return Promise.all([load()]);
  return Promise.all(Array.from(COMMANDS.values(), ({ load }) => load()));
}
