/**
 * The completion script for fish.
 *
 * @module
 */

import type { CommandInfo, OptionInfo } from "./command_tree.ts";
import { argumentOffer, type Completed, flags, type Offer, offerOf, quoted } from "./completion_offers.ts";

/** Writes the script. */
export function fishScript(completed: Completed): string {
  const { controller, daemon, args } = completed;
  const lines = (program: string, when: string, options: readonly OptionInfo[]) =>
    options.map((option) => {
      const short = option.short === null ? "" : ` -s ${option.short.slice(1)}`;
      const long = option.long === null ? "" : ` -l ${option.long.slice(2)}`;
      const value = option.takesValue ? values(offerOf(option, completed)) : " -f";
      return `complete -c ${program}${when}${short}${long}${value} -d ${quoted(option.description)}`;
    });
  const command = (each: CommandInfo, when: string): string[] => {
    const seen = each.commands.map(({ name }) => name).join(" ");
    const here = ` -n ${quoted(seen === "" ? when : `${when}; and not __fish_seen_subcommand_from ${seen}`)}`;
    return [
      ...lines("ipbench", here, each.options),
      ...each.options.filter(({ variadic }) => variadic).map((option) => {
        const after = quoted(`${when}; and __ipbench_after ${flags([option]).join(" ")}`);
        return `complete -c ipbench -n ${after}${argumentWords(offerOf(option, completed))}`;
      }),
      `complete -c ipbench${here}${argumentWords(argumentOffer(each, completed.tests))}`,
      ...each.commands.flatMap((inner) => command(inner, `${when}; and __ipbench_word_is 3 ${inner.name}`)),
    ];
  };
  const run = controller.commands.find(({ name }) => name === "run");
  return [
    "# fish completion for ipbench and ipbenchd: ipbench completions fish > ~/.config/fish/completions/ipbench.fish",
    "",
    "# Whether a word of the command line, of which the program is the first, is this one.",
    "function __ipbench_word_is",
    "    set -l words (commandline -opc)",
    '    test "$words[$argv[1]]" = $argv[2]',
    "end",
    "# Whether the last option is one of these: more of its values may follow.",
    "function __ipbench_after",
    "    set -l given (string match -- '-*' (commandline -opc))",
    '    contains -- "$given[-1]" $argv',
    "end",
    "# Names of arguments, after commas, too.",
    "function __ipbench_args",
    "    set -l begun (string match -r '^.*,' -- (string replace -r '^--[a-z-]+=' '' -- (commandline -ct)))",
    `    for name in ${args.map(quoted).join(" ")}`,
    '        echo "$begun$name="',
    "    end",
    "end",
    "# A command line that begins with an option is a run.",
    "function __ipbench_is_run",
    "    set -l words (commandline -opc) (commandline -ct)",
    "    string match -q -- '-*' $words[2]",
    "end",
    "complete -c ipbench -e",
    "complete -c ipbenchd -e",
    "complete -c ipbench -f",
    ...controller.commands.map((each) =>
      `complete -c ipbench -n 'test (count (commandline -opc)) -eq 1' -a ${quoted(each.name)} -d ${
        quoted(each.description)
      }`
    ),
    ...lines("ipbench", " -n __ipbench_is_run", run?.options ?? []),
    ...controller.commands.flatMap((each) => command(each, `__ipbench_word_is 2 ${each.name}`)),
    "complete -c ipbenchd -f",
    ...lines("ipbenchd", "", daemon.options),
  ].join("\n") + "\n";
}

function values(offer: Offer): string {
  switch (offer.kind) {
    case "file":
      return " -r -F";
    case "directory":
      return " -x -a '(__fish_complete_directories)'";
    case "host":
      return " -x -a '(__fish_print_hostnames)'";
    case "interface":
      return " -x -a '(__fish_print_interfaces)'";
    case "args":
      return " -x -a '(__ipbench_args)'";
    case "words":
      return offer.words.length === 0 ? " -x" : ` -x -a ${quoted(offer.words.join(" "))}`;
  }
}

function argumentWords(offer: Offer): string {
  switch (offer.kind) {
    case "file":
    case "directory":
      return " -F";
    default:
      return values(offer).replace(" -x", " -f");
  }
}
