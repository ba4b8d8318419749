/**
 * Command line and configuration file → one run description. Inner overrides outer, the file overrides the command
 * line, and clients of the command line are added to those of the file.
 *
 * @module
 */

import type { Address } from "./address.ts";
import { readClassNames, readClassTimes } from "./classes.ts";
import { type CommandLine, OPTION_NAMES } from "./command_line.ts";
import { ConfigError } from "./config_error.ts";
import type { ConfigFile } from "./config_file.ts";
import { type KeyFiles, parseHostFiles, strayHosts, typedKeys } from "./hosts/host_files.ts";
import { readGates } from "./gates.ts";
import { attribute, Checker, option } from "./inherit.ts";
import { inOrder, note, type Places, repeatedArgs } from "./places.ts";
import { readExpected, readListen } from "./join/expected.ts";
import { readClients, readTargets, type Sources } from "./read_daemons.ts";
import type { ClassDescription, ClientDescription, RunDescription } from "./run_description.ts";
import { readEvents, readRequire, readTimeout, readTls, readUntilCi } from "./settings.ts";
import type { ConfigElement } from "./xml/xml_tree.ts";

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
  const classNames = readClassNames(file?.tests ?? [], line, checker);
  const name = attribute(test, "name") ?? option(line, "test");
  if (name === undefined) complainNoTest(checker, file);
  const controllerArgs = attribute(test, "controller_args") ?? option(line, "testControllerArgs");
  note(places, { test: name, controllerArgs });
  const keyFiles = {
    secretFile: parseHostFiles(line.secretFile ?? []),
    tlsCa: parseHostFiles(line.tlsCa ?? []),
  };
  const own = (daemon: Address) => typedKeys(keyFiles, daemon);
  const expected = readExpected(line, file, checker);
  const sources = { line, file, checker, places, own, expected, classes: classNames };
  const clients = readClients(sources);
  const targets = readTargets(sources);
  const { all: secretFile } = keyFiles.secretFile;
  const classes = classNames === null ? null : readClasses(sources, clients);
  const isTyped = (line.client?.length ?? 0) > 0 || line.listen !== undefined ||
    expected.typed.clients !== null;
  if (classes === null && !hasClients(test) && !isTyped) {
    const where = test?.position ?? null;
    checker.complain(where, `no client to run the test; add <client hostname="…"/> or --client HOST`);
  } else if (classes !== null && expected.typed.clients !== null) {
    checker.complain(
      OPTION_NAMES.expect,
      'the file\'s tests have classes: give each its part, such as <clients expect="20%"/>',
    );
  }
  const description: RunDescription = {
    test: name === undefined ? "" : checker.testName(name),
    controllerArgs: checker.args(controllerArgs),
    clients,
    targets,
    reset: line.reset ?? false,
    debug: line.debug ?? false,
    timeoutSeconds: classes === null
      ? readTimeout(attribute(test, "timeout") ?? option(line, "timeout"), checker)
      : longest(classes.map((each) => each.timeoutSeconds)),
    require: classes === null
      ? readRequire(attribute(test, "require") ?? option(line, "require"), clients.length, checker)
      : "all",
    pluginDirs: line.pluginDir ?? [],
    secretFile: secretFile ?? null,
    ...line.requireSecret === true && { requireSecret: true },
    ...line.originalSpelling === true && { originalSpelling: true },
    tls: readTls({ ...line, tlsCa: keyFiles.tlsCa.all }, checker),
    untilCi: readUntilCi(attribute(test, "until_ci") ?? option(line, "untilCi"), checker),
    ...readListen(line, expected, checker),
    ...readGates(line, file, checker, places),
    ...classes !== null && { classes },
    ...(line.event?.length ?? 0) > 0 && { events: readEvents(line.event!, checker) },
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
  return { description, places, warnings: warningsOf(line, file, description, places) };
}

function hasClients(test: ConfigElement | null): boolean {
  return test?.children.some((child) => child.name === "client" || child.name === "clients") ?? false;
}

/** The longest of time limits, which bounds the steps that all share; none when one has none. */
function longest(limits: readonly (number | null)[]): number | null {
  return limits.reduce((most, each) => most === null || each === null ? null : Math.max(most, each), 0);
}

/** What each `<test>` with a class declares. */
function readClasses(
  { file, line, checker, places }: Sources,
  clients: readonly ClientDescription[],
): ClassDescription[] {
  const tests = (file?.tests ?? []).filter((test) => attribute(test, "class") !== undefined);
  return tests.map((test, n): ClassDescription => {
    const name = attribute(test, "class")!.text;
    const testName = attribute(test, "name");
    const controllerArgs = attribute(test, "controller_args");
    note(places, {
      [`classes[${n}].test`]: testName,
      [`classes[${n}].controllerArgs`]: controllerArgs,
      // A test's problems with times are about these attributes.
      [`classes[${n}].end`]: attribute(test, "end"),
    });
    if (testName === undefined && n > 0) complainNoName(checker, test); // the first one's is reported already
    if (!hasClients(test)) {
      const message = `no client to run the test of class "${name}"; add <client hostname="…"/>`;
      checker.complain(test.position, message);
    }
    const own = clients.filter((client) => client.class === name).length;
    return {
      name,
      test: testName === undefined ? "" : checker.testName(testName),
      controllerArgs: checker.args(controllerArgs),
      require: readRequire(attribute(test, "require") ?? option(line, "require"), own, checker),
      ...readClassTimes(test, checker),
      timeoutSeconds: readTimeout(attribute(test, "timeout") ?? option(line, "timeout"), checker),
      untilCi: readUntilCi(attribute(test, "until_ci") ?? option(line, "untilCi"), checker),
    };
  });
}

function complainNoName(checker: Checker, test: ConfigElement): void {
  checker.complain(test.position, `<test> without a name; expected <test name="latency" …>`);
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
    complainNoName(checker, file.test);
  } else if (file) {
    const where = { file: file.file, line: 1, column: 1 };
    checker.complain(where, "no <test> section, and no --test on the command line: nothing to run");
  } else {
    checker.complain(null, "nothing to run: give a configuration file, or --test NAME and --client HOST");
  }
}

function warningsOf(
  line: CommandLine,
  file: ConfigFile | null,
  description: RunDescription,
  places: Places,
): string[] {
  const warnings = [...file?.warnings ?? []];
  const inFile = attribute(file?.test ?? null, "name");
  if (
    line.test !== undefined && description.classes === undefined && inFile !== undefined &&
    line.test !== inFile.text
  ) {
    warnings.push(`--test ${line.test} has no effect: ${file?.file} names the test "${inFile.text}"`);
  }
  warnings.push(...repeatedArgs(description, places));
  const some = [description, ...description.classes ?? []];
  const follows = some.some(({ controllerArgs }) => /(^|,)with_cpu_target\b/.test(controllerArgs));
  if (follows && description.targets.length === 0) {
    warnings.push("with_cpu_target is given but no target test follows: the row will end in a comma");
  }
  return warnings;
}
