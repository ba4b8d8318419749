/**
 * The completion script for bash.
 *
 * @module
 */

import type { CommandInfo, OptionInfo } from "./command_tree.ts";
import { argumentOffer, type Completed, flags, type Offer, offerOf, quoted } from "./completion_offers.ts";

/** Writes the script. */
export function bashScript(completed: Completed): string {
  const { controller, daemon, tests, args } = completed;
  const all = controller.commands.flatMap((each) => nested(each, []));
  const run = controller.commands.find(({ name }) => name === "run");
  const top = new Set([
    ...controller.commands.map(({ name }) => name),
    ...flags(controller.options),
    ...flags(run?.options ?? []),
  ]);
  const values = (program: string, options: readonly OptionInfo[]) =>
    options.filter(({ takesValue }) => takesValue).map((option) => {
      const patterns = flags([option]).map((flag) => quoted(`${program} ${flag}`)).join("|");
      const many = option.variadic ? "" : "((far)) || ";
      return `    ${patterns}) ${many}{ ${generator(offerOf(option, completed))}; return; } ;;`;
    });
  const inner = all.filter(({ path }) => path.includes(" ")).map(({ path }) => quoted(path)).join("|");
  return `# bash completion for ipbench and ipbenchd: source <(ipbench completions bash)

# The words up to the cursor: bash itself takes "=" and ":" for ends of words.
_ipbench_words() {
  read -ra words <<< "\${COMP_LINE:0:COMP_POINT}"
  [[ \${COMP_LINE:0:COMP_POINT} == *[[:space:]] ]] && words+=("")
  word=\${words[-1]} before= far=0
  if [[ $word == --*=* ]]; then
    before=\${word%%=*} word=\${word#*=}
    return
  fi
  # The option whose value this may be; "far" when other words are between.
  local i
  for ((i = \${#words[@]} - 2; i > 0; i--)); do
    [[ \${words[i]} == -* ]] && { before=\${words[i]}; break; }
    far=1
  done
}
# Offers words that begin as the one at the cursor, without the part that stays.
_ipbench_offer() {
  local stays=\${word%"\${word##*[=:]}"}
  mapfile -t COMPREPLY < <(compgen "$@" -- "$word")
  COMPREPLY=("\${COMPREPLY[@]#"$stays"}")
}
# Names of files and folders are left to bash, which knows how to quote them.
_ipbench_files() {
  compopt -o "$1"
}
# Names of arguments, after commas, too.
_ipbench_args() {
  local begun=\${word%"\${word##*,}"} stays=\${word%"\${word##*[=:]}"}
  compopt -o nospace
  mapfile -t COMPREPLY < <(compgen -P "$begun" -W ${
    quoted(args.map((name) => `${name}=`).join(" "))
  } -- "\${word##*,}")
  COMPREPLY=("\${COMPREPLY[@]#"$stays"}")
}
_ipbench() {
  local -a words
  local word before far command list
  COMPREPLY=()
  _ipbench_words
  command=\${words[1]}
  if ((\${#words[@]} == 2)); then
    _ipbench_offer -W ${quoted([...top].join(" "))}
    return
  fi
  [[ $command == -* ]] && command=run
  ((\${#words[@]} > 3)) && case "$command \${words[2]}" in ${
    inner === "" ? "x" : inner
  }) command="$command \${words[2]}" ;; esac
  [[ $word == -* ]] || case "$command $before" in
${all.flatMap(({ path, command }) => values(path, command.options)).join("\n")}
  esac
  if [[ $word == -* ]]; then
    case $command in
${
    all.map(({ path, command }) => `    ${quoted(path)}) list=${quoted(flags(command.options).join(" "))} ;;`)
      .join("\n")
  }
    esac
    _ipbench_offer -W "$list"
    return
  fi
  case $command in
${
    all.map(({ path, command }) => `    ${quoted(path)}) ${generator(argumentOffer(command, tests))} ;;`)
      .join("\n")
  }
  esac
}
_ipbenchd() {
  local -a words
  local word before far
  COMPREPLY=()
  _ipbench_words
  [[ $word == -* ]] || case "ipbenchd $before" in
${values("ipbenchd", daemon.options).join("\n")}
  esac
  _ipbench_offer -W ${quoted(flags(daemon.options).join(" "))}
}
complete -F _ipbench ipbench
complete -F _ipbenchd ipbenchd
`;
}

/** A command and those below it, by the words that call them. */
function nested(command: CommandInfo, above: readonly string[]): { path: string; command: CommandInfo }[] {
  const path = [...above, command.name];
  return [{ path: path.join(" "), command }, ...command.commands.flatMap((each) => nested(each, path))];
}

/** A command that fills COMPREPLY. */
function generator(offer: Offer): string {
  switch (offer.kind) {
    case "file":
      return "_ipbench_files default";
    case "directory":
      return "_ipbench_files dirnames";
    case "host":
      return "_ipbench_offer -A hostname";
    case "interface":
      return '_ipbench_offer -W "$(ls /sys/class/net)"';
    case "args":
      return "_ipbench_args";
    case "words":
      return offer.words.length === 0 ? ":" : `_ipbench_offer -W ${quoted(offer.words.join(" "))}`;
  }
}
