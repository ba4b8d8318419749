/**
 * Completion scripts for bash, zsh and fish, made of the command lines' own metadata. They contain words only: nothing
 * that a user types is ever evaluated.
 *
 * @module
 */

import type { CommandInfo, OptionInfo, ValueKind } from "./command_tree.ts";
import { bashScript } from "./completion_bash.ts";
import { fishScript } from "./completion_fish.ts";
import { zshScript } from "./completion_zsh.ts";

/** The shells there are scripts for. */
export const SHELLS = ["bash", "zsh", "fish"] as const;
/** One of them. */
export type Shell = typeof SHELLS[number];

/** What the scripts complete. */
export interface Completed {
  /** The controller, with its subcommands. */
  controller: CommandInfo;
  /** The daemon, which has options only. */
  daemon: CommandInfo;
  /** Names of the tests that come with ipbench. */
  tests: readonly string[];
  /** Names of the arguments that they take. */
  args: readonly string[];
  /** Words for values of which the command line itself has no list, by option. */
  words: Readonly<Record<string, readonly string[]>>;
}

/**
 * Writes a completion script for both programs.
 *
 * @param shell For which shell.
 * @param completed The programs.
 * @returns The script.
 */
export function completionScript(shell: Shell, completed: Completed): string {
  if (shell === "bash") return bashScript(completed);
  return shell === "zsh" ? zshScript(completed) : fishScript(completed);
}

/** Options whose values are the tests' arguments, and those of them that take one name alone. */
const ARGS = ["--over", "--test-args", "--target-test-args"];
const ARG_NAMES = ["--load-arg", "--duration-arg"];

/** What is offered for a value. */
export type Offer =
  | { kind: Exclude<ValueKind, "test" | "other"> }
  /** `name=value`, more of them after commas. */
  | { kind: "args" }
  /** These words; none for what only the user knows. */
  | { kind: "words"; words: readonly string[] };

/** What is offered for the value of an option. */
export function offerOf(option: OptionInfo, { tests, args, words }: Completed): Offer {
  const long = option.long ?? "";
  if (ARGS.includes(long)) return { kind: "args" };
  if (ARG_NAMES.includes(long)) return { kind: "words", words: args };
  return offer(
    option.value ?? "other",
    option.choices.length > 0 ? option.choices : words[long] ?? [],
    tests,
  );
}

/** What is offered for the arguments of a command: those of the first one, for the others are of its kind. */
export function argumentOffer(command: CommandInfo, tests: readonly string[]): Offer {
  if (command.commands.length > 0) return { kind: "words", words: command.commands.map(({ name }) => name) };
  const [first] = command.arguments;
  return offer(first?.value ?? "other", first?.choices ?? [], tests);
}

function offer(value: ValueKind, choices: readonly string[], tests: readonly string[]): Offer {
  if (value === "test") return { kind: "words", words: tests };
  return value === "other" || choices.length > 0 ? { kind: "words", words: choices } : { kind: value };
}

/** A text as one word of sh, zsh and fish alike. */
export function quoted(text: string): string {
  return `'${text.replaceAll("\\", "").replaceAll("'", "’")}'`;
}

/** All spellings of options. */
export function flags(options: readonly OptionInfo[]): string[] {
  return options.flatMap(({ short, long }) => [short, long]).filter((flag) => flag !== null);
}
