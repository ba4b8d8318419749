/**
 * The completion script for zsh.
 *
 * @module
 */

import type { CommandInfo, OptionInfo } from "./command_tree.ts";
import { argumentOffer, type Completed, type Offer, offerOf, quoted } from "./completion_offers.ts";

/** Writes the script. */
export function zshScript(completed: Completed): string {
  const { controller, daemon, args } = completed;
  return `#compdef ipbench ipbenchd
# zsh completion for ipbench and ipbenchd: ipbench completions zsh > "\${fpath[1]}/_ipbench"

# Names of arguments, after commas, too.
_ipbench_args() {
  compset -P '*,'
  compadd -S '' -- ${args.map((name) => quoted(`${name}=`)).join(" ")}
}
_ipbench() {
  local -a commands
  if [[ $service == ipbenchd ]]; then
    _arguments -s \\
${daemon.options.map((option) => spec(option, completed)).join(" \\\n")}
    return
  fi
  # Without a command it is a run.
  if [[ $words[2] == -* ]]; then
    words=(ipbench run "\${(@)words[2,-1]}")
    ((CURRENT++))
  fi
${level(controller, completed, "  ")}
}
if [[ $funcstack[1] == _ipbench ]]; then _ipbench "$@"; else compdef _ipbench ipbench ipbenchd; fi
`;
}

/** Offers the commands below one, or goes on with the one that is there. */
function level(parent: CommandInfo, completed: Completed, indent: string): string {
  const lines = [
    "commands=(",
    ...parent.commands.map(({ name, description }) => `  ${quoted(`${name}:${description}`)}`),
    ")",
    "if ((CURRENT == 2)); then",
    "  _describe command commands",
    "  return",
    "fi",
    "shift words",
    "((CURRENT--))",
    "case $words[1] in",
    ...parent.commands.flatMap((each) => [
      `  ${each.name})`,
      each.commands.length > 0 ? level(each, completed, "    ") : `    _arguments -s \\\n${
        [
          ...each.options.map((option) => spec(option, completed)),
          `      ${quoted(`*:argument:${action(argumentOffer(each, completed.tests))}`)}`,
        ].join(" \\\n")
      }`,
      "    ;;",
    ]),
    "esac",
  ];
  return lines.map((line) => `${indent}${line}`).join("\n");
}

/** How an option is described to _arguments: "--test=" takes the value in the same word or in the next one. */
function spec(option: OptionInfo, completed: Completed): string {
  const text = option.description.replace(/[[\]:]/g, " ");
  const value = option.takesValue
    ? `:${option.variadic ? "*-*:" : ""}value:${action(offerOf(option, completed))}`
    : "";
  const { short, long } = option;
  return [
    ...short === null ? [] : [`${short}${option.takesValue ? "+" : ""}`],
    ...long === null ? [] : [`${long}${option.takesValue ? "=" : ""}`],
  ].map((flag) => `      ${quoted(`*${flag}[${text}]${value}`)}`).join(" \\\n");
}

function action(offer: Offer): string {
  switch (offer.kind) {
    case "file":
      return "_files";
    case "directory":
      return "_path_files -/";
    case "host":
      return "_hosts";
    case "interface":
      return "_net_interfaces";
    case "args":
      return "_ipbench_args";
    case "words":
      return offer.words.length === 0
        ? " "
        : `(${offer.words.map((word) => word.replace(":", "\\:")).join(" ")})`;
  }
}
