/**
 * The command line as data, read from commander's own metadata: what completions and the manual page are made of.
 *
 * @module
 */

import type { Command } from "@commander-js/extra-typings";

/** One option. */
export interface OptionInfo {
  /** As in the help, "-c, --client <host>". */
  flags: string;
  short: string | null;
  long: string | null;
  description: string;
  /** Whether a value follows. */
  takesValue: boolean;
  /** What the value names; `other`: something that only the user knows, unless there are choices. */
  value: "file" | "directory" | "host" | "test" | "other" | null;
  /** The values that there are, where there is a list. */
  choices: readonly string[];
  group: string;
}

/** One argument. */
export interface ArgumentInfo {
  /** As in the help, "<host...>". */
  usage: string;
  description: string;
  choices: readonly string[];
}

/** One subcommand, perhaps with subcommands of its own. */
export interface CommandInfo {
  name: string;
  description: string;
  usage: string;
  options: OptionInfo[];
  arguments: ArgumentInfo[];
  commands: CommandInfo[];
  /** The text after the options: remarks, examples, exit status. */
  after: string;
}

/**
 * Reads a command and all below it.
 *
 * @param command The command.
 * @returns What it is.
 */
export function commandTree(command: Command): CommandInfo {
  const help = command.createHelp();
  return {
    name: command.name(),
    description: command.description(),
    usage: command.usage(),
    options: help.visibleOptions(command as never).map((option) => ({
      flags: option.flags,
      short: option.short ?? null,
      long: option.long ?? null,
      description: help.optionDescription(option),
      takesValue: option.required || option.optional,
      value: valueKind(option),
      choices: option.argChoices ?? [],
      group: option.helpGroupHeading ?? "Options:",
    })),
    arguments: command.registeredArguments.map((argument) => ({
      usage: argument.required ? `<${dotted(argument)}>` : `[${dotted(argument)}]`,
      description: argument.description,
      choices: argument.argChoices ?? [],
    })),
    commands: command.commands.map((each) => commandTree(each as unknown as Command)),
    after: textAfter(command),
  };
}

function dotted(argument: { name(): string; variadic: boolean }): string {
  return argument.name() + (argument.variadic ? "..." : "");
}

function valueKind({ flags, long }: { flags: string; long?: string | undefined }): OptionInfo["value"] {
  const value = /[<[](.+)[>\]]$/.exec(flags)?.[1];
  if (value === undefined) return null;
  if (/file|path/i.test(value)) return "file";
  if (/dir/i.test(value)) return "directory";
  if (/host/i.test(value)) return "host";
  return long === "--test" || long === "--target-test" ? "test" : "other";
}

/** The help's text after the lists is attached as a listener: let it write here. */
function textAfter(command: Command): string {
  const written: string[] = [];
  const context = { error: false, command, write: (text: string) => written.push(text) };
  (command as unknown as { emit(event: string, context: unknown): void }).emit("afterHelp", context);
  return written.join("").trim();
}
