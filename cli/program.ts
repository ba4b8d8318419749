/**
 * The command line as commander sees it: one `Command` with the subcommands that a call needs.
 *
 * @module
 */

import { Command, Help, type Option } from "commander";
import { type CommandModule, COMMANDS } from "./commands.ts";
import { repeated } from "./repeated.ts";
import { err, helpColumns, note, out } from "./terminal/io.ts";
import { plainText } from "./terminal/text.ts";

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
    .configureHelp({
      minWidthToWrap: 30, // beside the longest terms, too
      commandDescription: (command) => sentence(command.description()),
      optionDescription: (option) => unquoted(Help.prototype.optionDescription.call(new Help(), option)),
      argumentDescription: (argument) =>
        unquoted(Help.prototype.argumentDescription.call(new Help(), argument)),
    })
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

/** In the list of commands a description is a line, above a command's own options a sentence. */
function sentence(text: string): string {
  if (text === "") return text;
  const capital = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.:…]$/.test(capital) ? capital : `${capital}.`;
}

/** Words that can be given, and defaults, as they are typed. */
function unquoted(text: string): string {
  return text.replace(/\((?:choices|default): .*\)$/, (extra) => extra.replaceAll('"', ""));
}

/** Of an option that is given twice the last one counts, as the original has it, but not without a word. */
function warnOfSecond(command: Command, option: Option): void {
  const { parseArg, variadic, long } = option;
  if (variadic || parseArg === repeated || !(option.required || option.optional)) return;
  option.argParser((value: string, before: unknown) => {
    if (command.getOptionValueSource(option.attributeName()) === "cli") {
      note(`ipbench: warning: ${long} is given more than once, and the last one counts: ${plainText(value)}`);
    }
    return parseArg === undefined ? value : parseArg(value, before as never);
  });
}

/** Wrong use of a command is followed by where its own options are. */
function nameHelp(command: Command, name: string): void {
  if (command.commands.length === 0) command.helpOption("-h, --help", "show this help");
  for (const option of command.options) warnOfSecond(command, option);
  command.showHelpAfterError(`(${name} --help lists what there is)`);
  for (const each of command.commands) nameHelp(each, `${name} ${each.name()}`);
}

function loadModules(only: string | undefined): Promise<CommandModule[]> {
  const load = only === undefined ? undefined : COMMANDS.get(only)?.load;
  if (load !== undefined) return Promise.all([load()]);
  return Promise.all(Array.from(COMMANDS.values(), ({ load }) => load()));
}
