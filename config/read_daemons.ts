/**
 * The clients and targets of a run, from the command line and the configuration file.
 *
 * @module
 */

import { type Address, formatAddress, parseAddress } from "./address.ts";
import type { CommandLine } from "./command_line.ts";
import type { Problem } from "./config_error.ts";
import type { ConfigFile } from "./config_file.ts";
import type { OwnKeys } from "./host_files.ts";
import { attribute, type Checker, option, ownKeys, type Sourced } from "./inherit.ts";
import { MAX_CLIENTS, MAX_TARGETS } from "./limits.ts";
import { note, type Places } from "./places.ts";
import {
  type ClientDescription,
  DEFAULT_CLIENT_PORT,
  DEFAULT_TARGET_PORT,
  NO_TARGET,
  type TargetDescription,
} from "./run_description.ts";
import type { ConfigElement } from "./xml/xml_tree.ts";

/** What daemons are read from, and what is noted on the way. */
export interface Sources {
  line: CommandLine;
  file: ConfigFile | null;
  /** Collects what is wrong. */
  checker: Checker;
  /** Collects where the texts were written. */
  places: Places;
  /** The files of keys that the command line gives one daemon alone. */
  own: (daemon: Address) => OwnKeys;
}

/** Where each client or target was written, for complaints about two of them. */
type Where = Problem["where"];

/**
 * Reads the clients: those of the file, then those of the command line.
 *
 * @param sources What to read; problems and places are added to it.
 */
export function readClients(
  { line, file, checker, places, own }: Sources,
): ClientDescription[] {
  const test = file?.test ?? null;
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

/**
 * Reads the targets: those of the file's sections, then the one of the command line.
 *
 * @param sources What to read; problems and places are added to it.
 */
export function readTargets(
  { line, file, checker, places, own }: Sources,
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

/** Complains of a daemon that has this role already. */
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
