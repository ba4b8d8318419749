/**
 * The options that describe a run, for every subcommand that runs something, and the way from them to a description.
 *
 * @module
 */

import { repeated } from "./repeated.ts";
import { type Command, Option } from "commander";
import { type CommandLine, OPTION_NAMES, ORIGINAL_SPELLING } from "../config/command_line.ts";
import { buildDescription, type Described } from "../config/build_description.ts";
import { ConfigError } from "../config/config_error.ts";
import { placed, type Places } from "../config/places.ts";
import type { Address } from "../config/address.ts";
import type { OwnKeys } from "../config/hosts/host_files.ts";
import { type ConfigFile, parseConfigFile, type SweepSection } from "../config/config_file.ts";
import { decodeConfig } from "../config/xml/xml_tree.ts";
import { EXIT, ExitError } from "./exit.ts";
import { expandHosts } from "./input/host_words.ts";
import { readBytes, reasonOf } from "./input/read_bytes.ts";
import { note } from "./terminal/io.ts";
import { completeKeys, type KeyOptions, warnOfReaders } from "./secret.ts";

/** The options as commander gives them. */
export interface RunOptionValues extends CommandLine {
  /** `--config FILE`, the original's way to name the configuration. */
  config?: string | undefined;
}

/** A described run, and the `<sweep>` of its file. */
export interface DescribedRun extends Described {
  sweep: SweepSection | null;
}

/** Name in messages of a configuration that comes through a pipe. */
const STDIN_NAME = "<stdin>";

const WHAT = "What runs:";
const TARGET = "Tests on the target:";
const JOIN = "Daemons that dial in:";
const HOW = "How it runs:";

/**
 * Adds the options of a run, those of the original with its names and the new ones.
 *
 * @param command The subcommand.
 * @returns The same subcommand.
 */
export function addRunOptions(command: Command): Command {
  const add = (group: string, flags: string, text: string, edit?: (option: Option) => Option) => {
    const made = new Option(flags, text).helpGroup(group);
    if (edit !== undefined) edit(made);
    command.addOption(made);
  };
  const many = (option: Option) => option.argParser(repeated);
  add(WHAT, "--config <file>", "the configuration (the same as naming it as argument)");
  add(
    WHAT,
    "-c, --client <host[:port]>",
    "a tester, lab[01-64], or @FILE of them; repeatable",
    many,
  );
  add(WHAT, "-p, --port <port>", "control port of the testers (default: 8036)");
  add(WHAT, "-t, --test <name>", `the test, such as latency ("ipbench plugins" lists them)`);
  add(WHAT, "-a, --test-args <args>", "its arguments: name=value,name=value");
  add(WHAT, "-T, --test-target <host>", "the machine under test (for raw Ethernet: its MAC address)");
  add(WHAT, "-P, --test-port <port>", "the port there (default: the test's own)");
  add(WHAT, "--test-controller-args <args>", "arguments of the test's half on this machine");
  add(
    WHAT,
    "--class <class.arg=value>",
    "set one argument of a class of the configuration, such as bulk.bps=100M",
    many,
  );
  add(TARGET, "--target-test <name>", "a test for a target daemon, such as cpu_target");
  add(TARGET, "--target-test-hostname <host>", "where that daemon is (default: the machine under test)");
  add(TARGET, "--target-test-port <port>", "its control port (default: 8037)");
  add(TARGET, "--target-test-args <args>", "arguments of the target test");
  add(TARGET, "--target-test-controller-args <args>", "arguments of its half on this machine");
  add(JOIN, "--listen <[addr:]port>", "listen to daemons that dial in (ipbenchd --join)");
  add(JOIN, "--expect <n>", "how many testers dial in");
  add(JOIN, "--expect-targets <n>", "how many targets dial in");
  add(JOIN, "--wait <time>", "how long they are waited for (default: 60s)");
  add(HOW, "-r, --reset", "first end whatever runs on the daemons");
  add(HOW, "-d, --debug", "print on stderr what is sent and received");
  add(HOW, "--timeout <time>", "longest time from START to the last result (default: what the test says)");
  add(HOW, "--require <all|n|p%>", "how many testers must succeed for the run to go on (default: all)");
  add(
    HOW,
    "--gate <condition>",
    "exit 1 unless a figure is as expected: p99<200us, loss<=0.1%; repeatable",
    many,
  );
  add(HOW, "--until-ci <share>", "stop early when the 95 % interval of the mean is this narrow, such as 2%");
  add(
    HOW,
    "--event <time=command>",
    "run a command on this machine at this time of the measured phase, such as 5s=./reset; repeatable",
    many,
  );
  add(HOW, ORIGINAL_SPELLING, "warn of arguments that a test does not know, instead of refusing them");
  add(HOW, "--plugin-dir <dir>", "look for plugins here first; repeatable", many);
  const { secretFile, tls } = keyOptions(HOW);
  command.addOption(secretFile);
  add(HOW, "--require-secret", "refuse daemons that ask for no secret, instead of a warning");
  for (const option of tls) command.addOption(option);
  return command;
}

/**
 * The options for files with keys.
 *
 * @param group Heading in the help.
 * @returns `--secret-file`; `--tls-ca`, `--tls-cert` and `--tls-key`.
 */
export function keyOptions(
  group?: string,
): { secretFile: Option; tls: [ca: Option, cert: Option, key: Option] } {
  const make = (flags: string, text: string): Option => {
    const option = new Option(flags, text);
    return group === undefined ? option : option.helpGroup(group);
  };
  const many = (option: Option): Option => option.argParser(repeated);
  return {
    secretFile: many(make(
      "--secret-file <file>",
      "the secret that daemons ask for (default: $IPBENCH_SECRET_FILE, ~/.config/ipbench/secret); HOST=FILE: that " +
        "daemon's own",
    )),
    tls: [
      many(make(
        "--tls-ca <file>",
        "speak TLS to the daemons and trust this certificate authority, and no other (default: $IPBENCH_TLS_CA); " +
          "HOST=FILE: to that daemon",
      )),
      make(
        "--tls-cert <file>",
        "show this certificate (PEM) to daemons that ask for one (--tls-client-ca; default: $IPBENCH_TLS_CERT)",
      ),
      make("--tls-key <file>", "its key (PEM; default: $IPBENCH_TLS_KEY)"),
    ],
  };
}

/**
 * Turns options and a configuration file into a run description. Warnings go to stderr.
 *
 * @param options The options as commander gives them.
 * @param configPath The configuration's path, "-" for stdin; `undefined` when none was named.
 * @returns The description and the file's `<sweep>`.
 * @throws {ConfigError} with everything that is wrong in file and options.
 * @throws {ExitError} when the file cannot be read.
 */
export async function describeRun(
  options: RunOptionValues,
  configPath: string | undefined,
): Promise<DescribedRun> {
  if (configPath !== undefined && options.config !== undefined && configPath !== options.config) {
    throw new ExitError(
      EXIT.USAGE,
      `two configurations: ${configPath} and --config ${options.config}; name one`,
    );
  }
  const path = configPath ?? options.config;
  const file = path === undefined ? null : await readConfig(path, options.originalSpelling);
  const client = options.client && await expandHosts(options.client, OPTION_NAMES.client);
  const described = buildDescription({ ...options, client, ...completeKeys(options) }, file);
  await checkKeys(described.description, described.places, options);
  for (const warning of described.warnings) note(`ipbench: warning: ${warning}`);
  return { ...described, sweep: file?.sweep ?? null };
}

/**
 * Tries the files with keys that single daemons have, and warns of secrets that others can read.
 *
 * @param daemons The daemons.
 * @param places Where their files are named.
 * @param typed What the command line says of keys: those have been examined.
 * @throws {ConfigError} naming those that cannot be used, and where that is.
 */
export async function checkKeys(
  daemons: { clients: readonly (Address & OwnKeys)[]; targets?: readonly (Address & OwnKeys)[] },
  places: Places,
  typed: KeyOptions,
): Promise<void> {
  const all = [...daemons.clients, ...daemons.targets ?? []];
  for (const path of new Set(all.flatMap(({ secretFile }) => secretFile ?? []))) {
    if (!typed.secretFile?.some((text) => text.endsWith(`=${path}`))) warnOfReaders(path);
  }
  if (!all.some(({ secretFile, tlsCa }) => Boolean(secretFile ?? tlsCa))) return;
  const { findKeyMistakes } = await import("../controller/link/read_access.ts");
  const mistakes = await findKeyMistakes(daemons);
  if (mistakes.length > 0) throw new ConfigError(placed(mistakes, places));
}

/**
 * Reads and parses a configuration file.
 *
 * @param path Its path, or "-" for stdin.
 * @param originalSpelling Whether what is unknown in it is passed over, with a warning.
 * @returns The parsed file.
 * @throws {ExitError} when it cannot be read.
 * @throws {ConfigError} when it is not XML that can be read on.
 */
export async function readConfig(path: string, originalSpelling = false): Promise<ConfigFile> {
  const name = path === "-" ? STDIN_NAME : path;
  let bytes: Uint8Array;
  try {
    bytes = await readBytes(path);
  } catch (cause) {
    throw new ExitError(EXIT.USAGE, `cannot read the configuration ${name}: ${reasonOf(cause)}`, { cause });
  }
  return parseConfigFile(decodeConfig(bytes, name), name, originalSpelling);
}
