/**
 * The manual page, in man's own language, made of the command line's own metadata.
 *
 * @module
 */

import type { CommandInfo, OptionInfo } from "./command_tree.ts";

/**
 * Writes the manual page.
 *
 * @param root The program.
 * @param version Its version.
 * @returns Text for `man -l`.
 */
export function manualPage(root: CommandInfo, version: string): string {
  return [
    `.TH IPBENCH 1 "" ${word(`ipbench ${version}`)} ${word("User Commands")}`,
    ".SH NAME",
    `ipbench \\- ${escaped(root.description)}`,
    ".SH SYNOPSIS",
    ...root.commands.flatMap((each) => [".br", `.B ipbench ${escaped(each.name)}`, escaped(usageOf(each))]),
    ".SH OPTIONS",
    ...root.options.flatMap(optionLines),
    ".SH COMMANDS",
    ...root.commands.flatMap((each) => commandLines(each, [])),
    ...verbatim(root.after),
  ].join("\n") + "\n";
}

function usageOf(command: CommandInfo): string {
  if (command.commands.length > 0) return command.usage;
  return ["[options]", ...command.arguments.map(({ usage }) => usage)].join(" ");
}

function commandLines(command: CommandInfo, above: readonly string[]): string[] {
  const name = [...above, command.name];
  return [
    `.SS ${word(`ipbench ${name.join(" ")} ${usageOf(command)}`)}`,
    escaped(sentence(command.description)),
    ...command.arguments.flatMap((argument) => [
      ".TP",
      `.I ${escaped(argument.usage)}`,
      escaped(sentence(argument.description)),
    ]),
    ...command.options.flatMap(optionLines),
    ...verbatim(command.after),
    ...command.commands.flatMap((each) => commandLines(each, name)),
  ];
}

function optionLines(option: OptionInfo): string[] {
  return [".TP", `.B ${escaped(option.flags)}`, escaped(sentence(option.description))];
}

function verbatim(text: string): string[] {
  return text === ""
    ? []
    : [".PP", ".nf", ...text.split("\n").map((line) => line === "" ? ".sp" : escaped(line)), ".fi"];
}

function sentence(text: string): string {
  const start = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?)]$/.test(start) ? start : `${start}.`;
}

/** A line of text: no character of it is an instruction to man. */
function escaped(text: string): string {
  const safe = text.replaceAll("\\", "\\e").replaceAll("-", "\\-");
  return /^[.']/.test(safe) ? `\\&${safe}` : safe;
}

/** One argument of an instruction. */
function word(text: string): string {
  return `"${escaped(text).replaceAll('"', "\\(dq")}"`;
}
