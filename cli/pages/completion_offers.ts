/**
 * What completion offers in each place of a command line, whatever the shell.
 *
 * @module
 */

import type { CommandInfo, OptionInfo, ValueKind } from "./command_tree.ts";

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
