/**
 * Completion scripts for bash, zsh and fish, made of the command line's own metadata. They contain words only: nothing
 * that a user types is ever evaluated.
 *
 * @module
 */

import type { CommandInfo, OptionInfo } from "./command_tree.ts";

/** The shells there are scripts for. */
export const SHELLS = ["bash", "zsh", "fish"] as const;
/** One of them. */
export type Shell = typeof SHELLS[number];

/**
 * Writes a completion script.
 *
 * @param shell For which shell.
 * @param root The program.
 * @returns The script.
 */
export function completionScript(shell: Shell, root: CommandInfo): string {
  if (shell === "bash") return bash(root);
  return shell === "zsh" ? zsh(root) : fish(root);
}

/** A text as one word of sh, zsh and fish alike. */
function quoted(text: string): string {
  return `'${text.replaceAll("\\", "").replaceAll("'", "’")}'`;
}

function words(options: readonly OptionInfo[]): string[] {
  return options.flatMap(({ short, long }) => [short, long]).filter((flag) => flag !== null);
}

function bash(root: CommandInfo): string {
  const valued = (kind: OptionInfo["value"]) =>
    Array.from(new Set(root.commands.flatMap((each) => words(each.options.filter((o) => o.value === kind)))))
      .sort();
  const cases = root.commands.map((each) => {
    const inner = [
      ...each.commands.map(({ name }) => name),
      ...each.arguments.flatMap(({ choices }) => choices),
    ];
    return `    ${each.name}) list=${quoted([...words(each.options), ...inner].join(" "))} ;;`;
  });
  const top = [...root.commands.map(({ name }) => name), ...words(root.options)].join(" ");
  return `# bash completion for ipbench: source <(ipbench completions bash)
_ipbench() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]} list
  case $before in
    ${valued("file").join("|")}) mapfile -t COMPREPLY < <(compgen -f -- "$word"); return ;;
    ${valued("directory").join("|")}) mapfile -t COMPREPLY < <(compgen -d -- "$word"); return ;;
    ${valued("other").join("|")}) mapfile -t COMPREPLY < <(compgen -A hostname -- "$word"); return ;;
  esac
  if ((COMP_CWORD == 1)); then
    list=${quoted(top)}
  else
    case \${COMP_WORDS[1]} in
${cases.join("\n")}
    -*) list=${quoted(words(root.commands.find(({ name }) => name === "run")?.options ?? []).join(" "))} ;;
    esac
  fi
  mapfile -t COMPREPLY < <(compgen -W "$list" -- "$word"; [[ $word == -* || COMP_CWORD -eq 1 ]] || compgen -f -- "$word")
}
complete -o filenames -F _ipbench ipbench
`;
}

function zsh(root: CommandInfo): string {
  const described = (name: string, text: string) => quoted(`${name.replaceAll(":", "\\:")}:${text}`);
  const spec = (option: OptionInfo) => {
    const action = option.value === "file" ? "_files" : option.value === "directory" ? "_files -/" : "_hosts";
    const text = option.description.replace(/[[\]:]/g, " ");
    return words([option]).map((flag) => {
      const value = option.takesValue ? `:value:${action}` : "";
      return `      ${quoted(`*${flag}[${text}]${value}`)}`;
    }).join(" \\\n");
  };
  const cases = root.commands.map((each) => {
    const inner = [
      ...each.commands.map(({ name }) => name),
      ...each.arguments.flatMap(({ choices }) => choices),
    ];
    const rest = inner.length > 0 ? `*:word:(${inner.join(" ")})` : "*:argument:_files";
    return `    ${each.name}) _arguments -s \\\n${
      [...each.options.map(spec), `      ${quoted(rest)}`].join(" \\\n")
    } ;;`;
  });
  return `#compdef ipbench
# zsh completion for ipbench: ipbench completions zsh > "\${fpath[1]}/_ipbench"
_ipbench() {
  local -a commands
  commands=(
${root.commands.map((each) => `    ${described(each.name, each.description)}`).join("\n")}
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
if [[ $funcstack[1] == _ipbench ]]; then _ipbench "$@"; else compdef _ipbench ipbench; fi
`;
}

function fish(root: CommandInfo): string {
  const lines = [
    "# fish completion for ipbench: ipbench completions fish > ~/.config/fish/completions/ipbench.fish",
    "complete -c ipbench -e",
    ...root.commands.map((each) =>
      `complete -c ipbench -n __fish_use_subcommand -f -a ${quoted(each.name)} -d ${quoted(each.description)}`
    ),
  ];
  for (const each of root.commands) {
    const when = `-n ${quoted(`__fish_seen_subcommand_from ${each.name}`)}`;
    for (const option of each.options) {
      const short = option.short === null ? "" : ` -s ${option.short.slice(1)}`;
      const long = option.long === null ? "" : ` -l ${option.long.slice(2)}`;
      const value = !option.takesValue
        ? " -f"
        : option.value === "other"
        ? " -x"
        : option.value === "directory"
        ? " -x -a '(__fish_complete_directories)'"
        : " -r -F";
      lines.push(`complete -c ipbench ${when}${short}${long}${value} -d ${quoted(option.description)}`);
    }
    const inner = [
      ...each.commands.map(({ name }) => name),
      ...each.arguments.flatMap(({ choices }) => choices),
    ];
    if (inner.length > 0) lines.push(`complete -c ipbench ${when} -f -a ${quoted(inner.join(" "))}`);
  }
  return lines.join("\n") + "\n";
}
