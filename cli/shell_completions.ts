/**
 * Completion scripts for bash, zsh and fish, made of the command lines' own metadata. They contain words only: nothing
 * that a user types is ever evaluated.
 *
 * @module
 */

import type { CommandInfo, OptionInfo } from "./command_tree.ts";

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
}

/**
 * Writes a completion script for both programs.
 *
 * @param shell For which shell.
 * @param completed The programs.
 * @returns The script.
 */
export function completionScript(shell: Shell, completed: Completed): string {
  if (shell === "bash") return bash(completed);
  return shell === "zsh" ? zsh(completed) : fish(completed);
}

/** A text as one word of sh, zsh and fish alike. */
function quoted(text: string): string {
  return `'${text.replaceAll("\\", "").replaceAll("'", "’")}'`;
}

function flags(options: readonly OptionInfo[]): string[] {
  return options.flatMap(({ short, long }) => [short, long]).filter((flag) => flag !== null);
}

/** Words that may follow an option; none for a value that only the user knows. */
function choicesOf({ value, choices }: OptionInfo, tests: readonly string[]): readonly string[] {
  return value === "test" ? tests : choices;
}

/** Words that may stand as arguments of a command. */
function argumentWords(command: CommandInfo): string[] {
  return [
    ...command.commands.map(({ name }) => name),
    ...command.arguments.flatMap(({ choices }) => choices),
  ];
}

function bash({ controller, daemon, tests }: Completed): string {
  const generator = (option: OptionInfo): string => {
    switch (option.value) {
      case "file":
        return 'compgen -f -- "$word"';
      case "directory":
        return 'compgen -d -- "$word"';
      case "host":
        return 'compgen -A hostname -- "$word"';
      default: {
        const words = choicesOf(option, tests);
        return words.length === 0 ? ":" : `compgen -W ${quoted(words.join(" "))} -- "$word"`;
      }
    }
  };
  /** One branch for each option that takes a value, for `case "COMMAND OPTION"`. */
  const values = (program: string, options: readonly OptionInfo[]) =>
    options.filter((option) => option.takesValue).map((option) => {
      const patterns = flags([option]).map((flag) => quoted(`${program} ${flag}`)).join("|");
      return `    ${patterns}) mapfile -t COMPREPLY < <(${generator(option)}); return ;;`;
    });
  const cases = controller.commands.map((each) =>
    `    ${each.name}) list=${quoted([...flags(each.options), ...argumentWords(each)].join(" "))} ;;`
  );
  const run = controller.commands.find(({ name }) => name === "run");
  const top = [
    ...controller.commands.map(({ name }) => name),
    ...flags(controller.options),
    ...flags(run?.options ?? []),
  ];
  return `# bash completion for ipbench and ipbenchd: source <(ipbench completions bash)
_ipbench() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]} command=\${COMP_WORDS[1]} list
  [[ $command == -* ]] && command=run
  case "$command $before" in
${controller.commands.flatMap((each) => values(each.name, each.options)).join("\n")}
  esac
  if ((COMP_CWORD == 1)); then
    list=${quoted([...new Set(top)].join(" "))}
  else
    case $command in
${cases.join("\n")}
    esac
  fi
  mapfile -t COMPREPLY < <(compgen -W "$list" -- "$word"; [[ $word == -* || COMP_CWORD -eq 1 ]] || compgen -f -- "$word")
}
_ipbenchd() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]}
  case "ipbenchd $before" in
${values("ipbenchd", daemon.options).join("\n")}
  esac
  mapfile -t COMPREPLY < <(compgen -W ${quoted(flags(daemon.options).join(" "))} -- "$word")
}
complete -o filenames -F _ipbench ipbench
complete -o filenames -F _ipbenchd ipbenchd
`;
}

function zsh({ controller, daemon, tests }: Completed): string {
  const described = (name: string, text: string) => quoted(`${name.replaceAll(":", "\\:")}:${text}`);
  const action = (option: OptionInfo): string => {
    switch (option.value) {
      case "file":
        return "_files";
      case "directory":
        return "_files -/";
      case "host":
        return "_hosts";
      default: {
        const words = choicesOf(option, tests);
        return words.length === 0 ? " " : `(${words.join(" ")})`;
      }
    }
  };
  const spec = (option: OptionInfo) => {
    const text = option.description.replace(/[[\]:]/g, " ");
    return flags([option]).map((flag) => {
      const value = option.takesValue ? `:value:${action(option)}` : "";
      return `      ${quoted(`*${flag}[${text}]${value}`)}`;
    }).join(" \\\n");
  };
  const cases = controller.commands.map((each) => {
    const inner = argumentWords(each);
    const rest = inner.length > 0 ? `*:word:(${inner.join(" ")})` : "*:argument:_files";
    return `    ${each.name}) _arguments -s \\\n${
      [...each.options.map(spec), `      ${quoted(rest)}`].join(" \\\n")
    } ;;`;
  });
  return `#compdef ipbench ipbenchd
# zsh completion for ipbench and ipbenchd: ipbench completions zsh > "\${fpath[1]}/_ipbench"
_ipbench() {
  if [[ $service == ipbenchd ]]; then
    _arguments -s \\
${daemon.options.map(spec).join(" \\\n")}
    return
  fi
  local -a commands
  commands=(
${controller.commands.map((each) => `    ${described(each.name, each.description)}`).join("\n")}
  )
  if ((CURRENT == 2)); then
    _describe command commands
    return
  fi
  local command=$words[2]
  words=("\${(@)words[2,-1]}")
  ((CURRENT--))
  case $command in
${cases.join("\n")}
  esac
}
if [[ $funcstack[1] == _ipbench ]]; then _ipbench "$@"; else compdef _ipbench ipbench ipbenchd; fi
`;
}

function fish({ controller, daemon, tests }: Completed): string {
  const lines = (program: string, when: string, options: readonly OptionInfo[]) =>
    options.map((option) => {
      const short = option.short === null ? "" : ` -s ${option.short.slice(1)}`;
      const long = option.long === null ? "" : ` -l ${option.long.slice(2)}`;
      return `complete -c ${program}${when}${short}${long}${value(option)} -d ${quoted(option.description)}`;
    });
  const value = (option: OptionInfo): string => {
    if (!option.takesValue) return " -f";
    switch (option.value) {
      case "file":
        return " -r -F";
      case "directory":
        return " -x -a '(__fish_complete_directories)'";
      case "host":
        return " -x -a '(__fish_print_hostnames)'";
      default: {
        const words = choicesOf(option, tests);
        return words.length === 0 ? " -x" : ` -x -a ${quoted(words.join(" "))}`;
      }
    }
  };
  return [
    "# fish completion for ipbench and ipbenchd: ipbench completions fish > ~/.config/fish/completions/ipbench.fish",
    "complete -c ipbench -e",
    "complete -c ipbenchd -e",
    ...controller.commands.map((each) =>
      `complete -c ipbench -n __fish_use_subcommand -f -a ${quoted(each.name)} -d ${quoted(each.description)}`
    ),
    ...controller.commands.flatMap((each) => {
      const when = ` -n ${quoted(`__fish_seen_subcommand_from ${each.name}`)}`;
      const inner = argumentWords(each);
      return [
        ...lines("ipbench", when, each.options),
        ...inner.length > 0 ? [`complete -c ipbench${when} -f -a ${quoted(inner.join(" "))}`] : [],
      ];
    }),
    "complete -c ipbenchd -f",
    ...lines("ipbenchd", "", daemon.options),
  ].join("\n") + "\n";
}
