/**
 * The command line as data, read from commander's own metadata: what completions and the manual page are made of.
 *
 * @module
 */

import type { Command } from "commander";

/** What a value names; `other`: something that only the user knows, unless there are words for it. */
export type ValueKind = "file" | "directory" | "host" | "interface" | "test" | "other";

/** One option. */
export interface OptionInfo {
  /** As in the help, "-c, --client <host>". */
  flags: string;
  short: string | null;
  long: string | null;
  description: string;
  /** Whether a value follows. */
  takesValue: boolean;
  /** Whether more than one value may follow. */
  variadic: boolean;
  /** What the value names. */
  value: ValueKind | null;
  /** The values that there are, where there is a list. */
  choices: readonly string[];
  group: string;
}

/** One argument. */
export interface ArgumentInfo {
  /** As in the help, "<host...>". */
  usage: string;
  description: string;
  value: ValueKind;
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
      variadic: option.variadic,
      value: valueKind(option),
      choices: option.argChoices ?? [],
      group: option.helpGroupHeading ?? "Options:",
    })),
    arguments: command.registeredArguments.map((argument) => ({
      usage: argument.required ? `<${dotted(argument)}>` : `[${dotted(argument)}]`,
      description: argument.description,
      value: kindOf(argument.name(), argument.description),
      choices: argument.argChoices ?? [],
    })),
    commands: command.commands.map((each) => commandTree(each)),
    after: textAfter(command),
  };
}

function dotted(argument: { name(): string; variadic: boolean }): string {
  return argument.name() + (argument.variadic ? "..." : "");
}

function valueKind(option: { flags: string; long?: string | undefined }): OptionInfo["value"] {
  const value = /[<[](.+)[>\]]$/.exec(option.flags)?.[1];
  if (value === undefined) return null;
  if (option.long === "--test" || option.long === "--target-test") return "test";
  return kindOf(value.replace(/\.\.\.$/, ""), "");
}

/** What a value names, by the word that stands for it in the help. */
function kindOf(word: string, description: string): ValueKind {
  if (/file|path|^config$|^[ab]$/i.test(word)) return "file";
  if (/dir/i.test(word)) return "directory";
  if (/host/i.test(word)) return "host";
  if (word === "iface") return "interface";
  return /\bplugin with its\b/.test(description) ? "test" : "other";
}

/** The help's text after the lists is attached as a listener: let it write here. */
function textAfter(command: Command): string {
  const written: string[] = [];
  const context = { error: false, command, write: (text: string) => written.push(text) };
  (command as Command & { emit(event: string, context: unknown): void }).emit("afterHelp", context);
  return written.join("").trim();
}
