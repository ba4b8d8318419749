/**
 * The manual pages, in man's own language, made of the command lines' own metadata.
 *
 * @module
 */

import type { CommandInfo, OptionInfo } from "./command_tree.ts";

/** What a page has beside the command line's own texts. */
export interface PageTexts {
  /** Section of the manual. */
  section: 1 | 8;
  /** A few sentences. */
  description: string;
  exitStatus: readonly (readonly [status: string, meaning: string])[];
  environment: readonly (readonly [name: string, meaning: string])[];
  files: readonly (readonly [path: string, meaning: string])[];
  examples: readonly (readonly [command: string, meaning: string])[];
  seeAlso: string;
}

const ENVIRONMENT: PageTexts["environment"] = [
  [
    "IPBENCH_SECRET_FILE",
    "file with the shared secret, where --secret-file does not name one; else ~/.config/ipbench/secret",
  ],
  ["XDG_CONFIG_HOME", "the folder that is used instead of ~/.config"],
  [
    "IPBENCH_PLUGIN_PATH",
    "folders with plugins, with colons between them; they are read after those of --plugin-dir",
  ],
  ["NO_COLOR", "when it is set, nothing is coloured"],
  ["TERM", "with dumb nothing is coloured, and nothing is drawn over"],
];

/** The text of ipbench's page. */
export const CONTROLLER_PAGE: PageTexts = {
  section: 1,
  description:
    "The controller connects to a daemon, ipbenchd(8), on each tester and on the machine under test, starts a test on all of " +
    "them at one instant, and makes one row, one result document and one verdict of what comes back. Results go to the " +
    "standard output, everything else to standard error. Without the word run the original's command lines are taken.",
  exitStatus: [
    ["0", "the run is VALID or SUSPECT; in the original's spelling: the row was printed"],
    ["1", "the run failed or is INVALID, or a gate of compare was met"],
    ["2", "wrong use or a wrong configuration"],
    ["3", "the run is SUSPECT, with --strict"],
    ["130", "interrupted"],
  ],
  environment: [
    ...ENVIRONMENT,
    [
      "IPBENCH_TLS_CA",
      "certificate authority of the daemons, where --tls-ca does not name one; it makes ipbench speak TLS",
    ],
    ["IPBENCH_HISTORY", "file that keeps results, or off, where --history does not name one"],
    ["XDG_DATA_HOME", "the folder that is used instead of ~/.local/share"],
    [
      "XDG_CACHE_HOME, HOME, TMPDIR",
      "where the program unpacks itself if the system forbids to execute memory",
    ],
  ],
  files: [
    [
      "FILE.journal",
      "what a run with --json FILE has measured so far; it is gone at the end. See ipbench recover",
    ],
    ["FILE.lock", "held while a run writes FILE"],
    ["~/.local/share/ipbench/history.sqlite", "results of earlier runs. See ipbench history"],
  ],
  examples: [
    ["ipbench check lab.xml", "everything of a run but the run: reads, connects, says what would run"],
    [
      "ipbench run lab.xml --json result.json --csv rows.csv",
      "one benchmark, kept as a document and as a row",
    ],
    ["ipbench sweep lab.xml --over bps=10M:1G:x2 --repeat 10 --out sweep", "many loads, ten times each"],
    ["ipbench report sweep -o sweep.html", "its curves as one page"],
    ['ipbench compare before after --fail-if "p99 +5%"', "a gate for continuous integration"],
  ],
  seeAlso: "ipbenchd(8)",
};

/** The text of ipbenchd's page. */
export const DAEMON_PAGE: PageTexts = {
  section: 8,
  description:
    "The daemon waits for a controller, ipbench(1), and runs its tests: on a tester, or with --target on the machine under " +
    "test. One test runs at a time, in a process of its own. It logs to standard error.",
  exitStatus: [
    ["0", "ended by SIGTERM or SIGINT, by --max-runs or --idle-exit"],
    ["1", "it could not listen, or a file could not be read"],
    ["2", "wrong use"],
  ],
  environment: [
    ...ENVIRONMENT,
    [
      "IPBENCH_TLS_CERT, IPBENCH_TLS_KEY, IPBENCH_TLS_CLIENT_CA",
      "certificate, key and clients' authority, where --tls-cert, --tls-key and --tls-client-ca do not name them",
    ],
  ],
  files: [
    ["/etc/default/ipbenchd", "options of the service"],
    ["ipbenchd.service", "the unit that ipbench deploy installs"],
  ],
  examples: [
    ["ipbenchd", "a tester on port 8036"],
    ["ipbenchd --target", "on the machine under test, port 8037"],
    [
      "ipbenchd --secret-file /etc/ipbench/secret --allow 10.0.0.0/24",
      "for whoever knows the secret, from one network",
    ],
  ],
  seeAlso: "ipbench(1)",
};

/**
 * Writes a manual page.
 *
 * @param root The program.
 * @param texts What its command line does not show.
 * @param version Its version.
 * @returns Text for `man -l`.
 */
export function manualPage(root: CommandInfo, texts: PageTexts, version: string): string {
  const { section } = texts;
  return [
    `.TH ${root.name.toUpperCase()} ${section} "" ${word(`ipbench ${version}`)} ${
      word(section === 1 ? "User Commands" : "System Administration")
    }`,
    ".SH NAME",
    `${root.name} \\- ${escaped(root.description)}`,
    ".SH SYNOPSIS",
    ...(root.commands.length === 0 ? [`.B ${root.name}`, escaped("[options]")] : root.commands.flatMap((
      each,
    ) => [".br", `.B ${root.name} ${escaped(each.name)}`, escaped(usageOf(each))])),
    ".SH DESCRIPTION",
    escaped(texts.description),
    ".SH OPTIONS",
    ...root.options.flatMap(optionLines),
    ...(root.commands.length === 0 ? [] : [
      ".SH COMMANDS",
      ...root.commands.flatMap((each) => commandLines(each, [root.name])),
    ]),
    ".SH EXIT STATUS",
    ...definitions(texts.exitStatus),
    ".SH ENVIRONMENT",
    ...definitions(texts.environment),
    ".SH FILES",
    ...definitions(texts.files),
    ".SH EXAMPLES",
    ...definitions(texts.examples),
    ".SH SEE ALSO",
    escaped(texts.seeAlso),
  ].join("\n") + "\n";
}

function usageOf(command: CommandInfo): string {
  if (command.commands.length > 0) return command.usage;
  return ["[options]", ...command.arguments.map(({ usage }) => usage)].join(" ");
}

function commandLines(command: CommandInfo, above: readonly string[]): string[] {
  const name = [...above, command.name];
  return [
    `.SS ${word(`${name.join(" ")} ${usageOf(command)}`)}`,
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

function definitions(pairs: readonly (readonly [string, string])[]): string[] {
  return pairs.flatMap(([name, meaning]) => [".TP", `.B ${escaped(name)}`, escaped(sentence(meaning))]);
}

function verbatim(text: string): string[] {
  return text === ""
    ? []
    : [".PP", ".nf", ...text.split("\n").map((line) => line === "" ? ".sp" : escaped(line)), ".fi"];
}

function sentence(text: string): string {
  const start = /^[a-z]+ /.test(text) ? text.charAt(0).toUpperCase() + text.slice(1) : text;
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
