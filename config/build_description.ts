/**
 * Command line and configuration file → one run description. Inner overrides outer, the file overrides the command
 * line, and clients of the command line are added to those of the file.
 *
 * @module
 */

import { type Address, formatAddress, parseAddress } from "./address.ts";
import { type CommandLine, OPTION_NAMES, tlsOf } from "./command_line.ts";
import { ConfigError, type Problem } from "./config_error.ts";
import type { ConfigFile } from "./config_file.ts";
import { type KeyFiles, type OwnKeys, parseHostFiles, strayHosts, typedKeys } from "./host_files.ts";
import { attribute, Checker, option, ownKeys, type Sourced } from "./inherit.ts";
import { inOrder, type Places } from "./places.ts";
import { MAX_CLIENTS, MAX_TARGETS } from "./limits.ts";
import {
  type ClientDescription,
  DEFAULT_CLIENT_PORT,
  DEFAULT_TARGET_PORT,
  NO_TARGET,
  type RunDescription,
  type TargetDescription,
} from "./run_description.ts";
import { parseRequire } from "./require.ts";
import { parseSeconds, parseShare } from "../base/units.ts";
import type { ConfigElement } from "./xml/xml_tree.ts";

/** A run description, and what the user should know about how it came about. */
export interface Described {
  description: RunDescription;
  /** Where its texts were written. */
  places: Places;
  /** Sentences. */
  warnings: string[];
}

/** Where each client or target was written, for complaints about two of them. */
type Where = Problem["where"];

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
  const own = (daemon: Address): OwnKeys => typedKeys(keyFiles, daemon);
  const clients = readClients(line, test, checker, places, own);
  const targets = readTargets(line, file, checker, places, own);
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

/** Notes where texts of the description come from, those that were given. */
function note(places: Places, texts: Record<string, Sourced | undefined>): void {
  for (const [path, source] of Object.entries(texts)) if (source !== undefined) places.set(path, source);
}

function readTls(line: Parameters<typeof tlsOf>[0], checker: Checker): RunDescription["tls"] {
  const { tls, problem } = tlsOf(line);
  if (problem !== null) checker.complain(problem.where, problem.message);
  return tls;
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
  } else {checker.complain(
      null,
      "nothing to run: give a configuration file, or --test NAME and --client HOST",
    );}
}

function readClients(
  line: CommandLine,
  test: ConfigElement | null,
  checker: Checker,
  places: Places,
  own: (daemon: Address) => OwnKeys,
): ClientDescription[] {
  const linePort = checker.port(option(line, "port"), 1, DEFAULT_CLIENT_PORT);
  const outer = {
    target: attribute(test, "target") ?? option(line, "testTarget"),
    port: attribute(test, "port") ?? option(line, "testPort"),
    args: attribute(test, "args") ?? option(line, "testArgs"),
  };
  const clients: ClientDescription[] = [];
  const seen = new Map<string, Where>();
  const add = (address: { host: string; port: number }, element: ConfigElement | null, where: Where) => {
    const target = attribute(element, "test_target") ?? outer.target;
    const port = checker.port(attribute(element, "test_port") ?? outer.port, 0, null);
    const args = attribute(element, "test_args") ?? outer.args;
    noteTwice("client", address, where, seen, checker);
    const path = `clients[${clients.length}]`;
    const missing = { text: NO_TARGET, where: test?.position ?? "--test-target" };
    note(places, { [`${path}.target`]: target ?? missing, [`${path}.args`]: args });
    clients.push({
      ...address,
      target: target === undefined ? NO_TARGET : checker.host(target),
      targetPort: port === 0 ? null : port,
      args: checker.args(args),
      ...ownKeys(test),
      ...own(address),
      ...ownKeys(element),
    });
  };
  for (const element of test?.children.filter((child) => child.name === "client") ?? []) {
    const host = attribute(element, "hostname");
    if (host === undefined) {
      checker.complain(element.position, `<client> without hostname; expected hostname="HOST"`);
      continue;
    }
    const port = checker.port(attribute(element, "port"), 1, linePort);
    add({ host: checker.host(host), port }, element, element.position);
  }
  for (const text of line.client ?? []) {
    const address = parseAddress(text.trim(), linePort);
    if (typeof address === "string") checker.complain("--client", address);
    else add(address, null, "--client");
  }
  if (clients.length > MAX_CLIENTS) {
    checker.complain(null, `${clients.length} clients; at most ${MAX_CLIENTS} can run together`);
  }
  return clients;
}

function readTargets(
  line: CommandLine,
  file: ConfigFile | null,
  checker: Checker,
  places: Places,
  own: (daemon: Address) => OwnKeys,
): TargetDescription[] {
  const linePort = checker.port(option(line, "targetTestPort"), 1, DEFAULT_TARGET_PORT);
  const targets: TargetDescription[] = [];
  const seen = new Map<string, Where>();
  const add = (
    section: ConfigElement | null,
    element: ConfigElement | null,
    name: Sourced,
    host: Sourced,
  ) => {
    const port = checker.port(attribute(element, "port"), 1, linePort);
    const address = { host: checker.host(host), port };
    noteTwice("target", address, element?.position ?? host.where, seen, checker);
    const args = attribute(element, "test_args") ?? attribute(section, "args") ??
      option(line, "targetTestArgs");
    const controllerArgs = attribute(section, "controller_args") ?? option(line, "targetTestControllerArgs");
    const path = `targets[${targets.length}]`;
    note(places, {
      [`${path}.test`]: name,
      [`${path}.args`]: args,
      [`${path}.controllerArgs`]: controllerArgs,
    });
    targets.push({
      ...address,
      test: checker.testName(name),
      args: checker.args(args),
      controllerArgs: checker.args(controllerArgs),
      ...ownKeys(section),
      ...own(address),
      ...ownKeys(element),
    });
  };
  for (const section of file?.targetTests ?? []) {
    const name = attribute(section, "name") ?? option(line, "targetTest");
    if (name === undefined) {
      checker.complain(section.position, `<target_test> without a name; expected name="cpu_target"`);
    }
    const elements = section.children.filter((child) => child.name === "target");
    if (elements.length === 0) {
      checker.complain(
        section.position,
        `<target_test> without <target>; expected <target hostname="HOST"/>`,
      );
    }
    for (const element of elements) {
      const host = attribute(element, "hostname") ?? option(line, "targetTestHostname");
      if (host === undefined) {
        checker.complain(element.position, `<target> without hostname; expected hostname="HOST"`);
      } else if (name !== undefined) add(section, element, name, host);
    }
  }
  // As clients, a target test of the command line comes on top of those of the file, unless one there has its name.
  if (!file?.targetTests.some((section) => attribute(section, "name") === undefined)) {
    const name = option(line, "targetTest");
    const host = option(line, "targetTestHostname") ?? attribute(file?.test ?? null, "target") ??
      option(line, "testTarget");
    if (name !== undefined && host !== undefined) add(null, null, name, host);
    else if (name !== undefined) {
      checker.complain("--target-test", "no machine to run it on; give --target-test-hostname HOST");
    }
  }
  if (targets.length > MAX_TARGETS) {
    checker.complain(null, `${targets.length} targets; at most ${MAX_TARGETS} can run together`);
  }
  return targets;
}

function noteTwice(
  role: "client" | "target",
  address: { host: string; port: number },
  where: Where,
  seen: Map<string, Where>,
  checker: Checker,
): void {
  const key = formatAddress(address);
  const earlier = seen.get(key);
  if (earlier !== undefined) {
    const place = typeof earlier === "object" && earlier !== null ? `line ${earlier.line}` : String(earlier);
    checker.complain(
      where,
      `${role} ${key} a second time (first: ${place}); a daemon runs one test at a time`,
    );
  }
  seen.set(key, earlier ?? where);
}

function readTimeout(source: Sourced | undefined, checker: Checker): number | null {
  if (source === undefined) return null;
  const seconds = parseSeconds(source.text);
  if (seconds !== null && seconds > 0) return seconds;
  checker.complain(
    source.where,
    `${JSON.stringify(source.text)} is not a time; expected such as 90, 90s, 2min`,
  );
  return null;
}

function readRequire(source: Sourced | undefined, clients: number, checker: Checker): string {
  if (source === undefined) return "all";
  const { text, where } = source;
  const wanted = parseRequire(text);
  if (wanted === null) {
    checker.complain(
      where,
      `${JSON.stringify(text)} is not "all", a number of clients, or a share such as 90%`,
    );
  } else if (wanted !== "all" && "count" in wanted && wanted.count > clients && clients > 0) {
    checker.complain(where, `${wanted.count} clients are required, but there are only ${clients}`);
  }
  return text;
}

function readUntilCi(source: Sourced | undefined, checker: Checker): number | null {
  if (source === undefined) return null;
  const share = parseShare(source.text);
  if (share !== null && share > 0 && share < 1) return share;
  const message = `${JSON.stringify(source.text)} is not a relative half width; expected such as 0.02 or 2%`;
  checker.complain(source.where, message);
  return null;
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
