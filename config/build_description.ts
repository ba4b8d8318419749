/**
 * Command line and configuration file → one run description. Inner overrides outer, the file overrides the command
 * line, and clients of the command line are added to those of the file.
 *
 * @module
 */

import type { Address } from "./address.ts";
import { type CommandLine, OPTION_NAMES } from "./command_line.ts";
import { ConfigError } from "./config_error.ts";
import type { ConfigFile } from "./config_file.ts";
import { type KeyFiles, parseHostFiles, strayHosts, typedKeys } from "./host_files.ts";
import { attribute, Checker, option } from "./inherit.ts";
import { inOrder, note, type Places } from "./places.ts";
import { readClients, readTargets } from "./read_daemons.ts";
import type { RunDescription } from "./run_description.ts";
import { readRequire, readTimeout, readTls, readUntilCi } from "./settings.ts";

/** A run description, and what the user should know about how it came about. */
export interface Described {
  description: RunDescription;
  /** Where its texts were written. */
  places: Places;
  /** Sentences. */
  warnings: string[];
}

/**
 * Builds the description of a run.
 *
 * @param line The options as typed.
 * @param file The configuration file, or `null` when there is none.
 * @returns The description with every default applied, and warnings.
 * @throws {ConfigError} with everything that is wrong, in the order of the file, then of the options.
 */
export function buildDescription(line: CommandLine, file: ConfigFile | null): Described {
  const checker = new Checker();
  const places: Places = new Map();
  const test = file?.test ?? null;
  const name = attribute(test, "name") ?? option(line, "test");
  if (name === undefined) complainNoTest(checker, file);
  const controllerArgs = attribute(test, "controller_args") ?? option(line, "testControllerArgs");
  note(places, { test: name, controllerArgs });
  const keyFiles = {
    secretFile: parseHostFiles(line.secretFile ?? []),
    tlsCa: parseHostFiles(line.tlsCa ?? []),
  };
  const sources = { line, file, checker, places, own: (daemon: Address) => typedKeys(keyFiles, daemon) };
  const clients = readClients(sources);
  const targets = readTargets(sources);
  const { all: secretFile } = keyFiles.secretFile;
  const named = (test?.children.some((child) => child.name === "client") ?? false) ||
    (line.client?.length ?? 0) > 0;
  if (!named) {
    const where = test?.position ?? null;
    checker.complain(where, `no client to run the test; add <client hostname="…"/> or --client HOST`);
  }
  const description: RunDescription = {
    test: name === undefined ? "" : checker.testName(name),
    controllerArgs: checker.args(controllerArgs),
    clients,
    targets,
    reset: line.reset ?? false,
    debug: line.debug ?? false,
    timeoutSeconds: readTimeout(attribute(test, "timeout") ?? option(line, "timeout"), checker),
    require: readRequire(attribute(test, "require") ?? option(line, "require"), clients.length, checker),
    pluginDirs: line.pluginDir ?? [],
    secretFile: secretFile ?? null,
    ...line.requireSecret === true && { requireSecret: true },
    ...line.originalSpelling === true && { originalSpelling: true },
    tls: readTls({ ...line, tlsCa: keyFiles.tlsCa.all }, checker),
    untilCi: readUntilCi(attribute(test, "until_ci") ?? option(line, "untilCi"), checker),
  };
  const daemons = [...clients, ...targets];
  complainStray(keyFiles, daemons, checker);
  if (line.requireSecret === true && daemons.some((daemon) => !(daemon.secretFile ?? secretFile))) {
    checker.complain(
      "--require-secret",
      "there is no secret; give the file that holds it with --secret-file",
    );
  }
  const problems = [...(file?.problems ?? []), ...checker.problems];
  if (problems.length > 0) throw new ConfigError(inOrder(problems));
  return { description, places, warnings: warningsOf(line, file, description) };
}

function complainStray(
  files: KeyFiles,
  daemons: readonly Address[],
  checker: Checker,
): void {
  for (const key of ["secretFile", "tlsCa"] as const) {
    for (const host of strayHosts(files[key], daemons)) {
      const message = `${JSON.stringify(host)} is no daemon of this run (a path with "=" is written ./a=b)`;
      checker.complain(OPTION_NAMES[key], message);
    }
  }
}

function complainNoTest(checker: Checker, file: ConfigFile | null): void {
  if (file?.test) {
    checker.complain(file.test.position, `<test> without a name; expected <test name="latency" …>`);
  } else if (file) {
    const where = { file: file.file, line: 1, column: 1 };
    checker.complain(where, "no <test> section, and no --test on the command line: nothing to run");
  } else {
    checker.complain(null, "nothing to run: give a configuration file, or --test NAME and --client HOST");
  }
}

function warningsOf(line: CommandLine, file: ConfigFile | null, description: RunDescription): string[] {
  const warnings = [...file?.warnings ?? []];
  const inFile = attribute(file?.test ?? null, "name");
  if (line.test !== undefined && inFile !== undefined && line.test !== inFile.text) {
    warnings.push(`--test ${line.test} has no effect: ${file?.file} names the test "${inFile.text}"`);
  }
  if (/(^|,)with_cpu_target\b/.test(description.controllerArgs) && description.targets.length === 0) {
    warnings.push("with_cpu_target is given but no target test follows: the row will end in a comma");
  }
  return warnings;
}
