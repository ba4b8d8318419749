/**
 * The clients and targets of a run, from the command line and the configuration file.
 *
 * @module
 */

import { type Address, formatAddress, parseAddress } from "./address.ts";
import {
  type ClassArgument,
  readClassArguments,
  readTargetClass,
  secondDaemon,
  withClassArguments,
} from "./classes.ts";
import type { CommandLine } from "./command_line.ts";
import type { Problem } from "./config_error.ts";
import type { ConfigFile } from "./config_file.ts";
import type { OwnKeys } from "./hosts/host_files.ts";
import type { Expected, Share } from "./join/expected.ts";
import { IndexMap } from "./join/map.ts";
import { attribute, type Checker, keyPlaces, option, ownKeys, type Sourced } from "./inherit.ts";
import { MAX_CLIENTS, MAX_TARGETS } from "./limits.ts";
import { type NamedClient, pairUp } from "./pairs.ts";
import { note, type Places } from "./places.ts";
import {
  type ClientDescription,
  DEFAULT_CLIENT_PORT,
  DEFAULT_JOIN_PORT,
  DEFAULT_TARGET_PORT,
  joinedName,
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
  /** Who dials in. */
  expected: Expected;
  /** The names of the classes, in the order of the file; `null` when the run has none. */
  classes: readonly string[] | null;
}

/** Where each client or target was written, for complaints about two of them. */
type Where = Problem["where"];

/** A daemon that has its role already. */
interface Seen {
  where: Where;
  /** Of a target: its number in the list, and what it runs. */
  target?: { index: number; does: string };
}

/**
 * Reads the clients: those of the file, class by class, then those of the command line.
 *
 * @param sources What to read; problems and places are added to it.
 */
export function readClients(
  sources: Sources,
): ClientDescription[] {
  const { line, file, checker, classes } = sources;
  const clients: ClientDescription[] = [];
  const seen = new Map<string, Seen>();
  if (classes === null) readTesters(sources, file?.test ?? null, clients, seen);
  else {
    const given = readClassArguments(line, classes, checker);
    for (const test of file?.tests ?? []) {
      const name = attribute(test, "class")?.text;
      if (name !== undefined) {
        readTesters(sources, test, clients, seen, { name, given: given.get(name) ?? [] });
      }
    }
  }
  if (clients.length > MAX_CLIENTS) {
    checker.complain(null, `${clients.length} clients; at most ${MAX_CLIENTS} can run together`);
  }
  return clients;
}

/** Adds the clients of one test. */
function readTesters(
  { line, checker, places, own, expected }: Sources,
  test: ConfigElement | null,
  clients: ClientDescription[],
  seen: Map<string, Seen>,
  group?: { name: string; given: readonly ClassArgument[] },
): void {
  const linePort = checker.port(option(line, "port"), 1, DEFAULT_CLIENT_PORT);
  checker.port(option(line, "testPort"), 0, null); // also where the file says otherwise
  const outer = {
    target: attribute(test, "target") ?? option(line, "testTarget"),
    port: attribute(test, "port") ?? option(line, "testPort"),
    args: attribute(test, "args") ?? option(line, "testArgs"),
  };
  const named: NamedClient[] = [];
  const add = (address: { host: string; port: number }, element: ConfigElement | null, where: Where) => {
    const target = attribute(element, "test_target") ?? outer.target;
    const port = checker.port(attribute(element, "test_port") ?? outer.port, 0, null);
    const args = attribute(element, "test_args") ?? outer.args;
    noteTwice("client", address, where, seen, checker, group?.name);
    const path = `clients[${clients.length}]`;
    const missing = { text: NO_TARGET, where: test?.position ?? "--test-target" };
    note(places, {
      [`${path}.target`]: target ?? missing,
      [`${path}.args`]: args,
      ...keyPlaces(path, test, own(address), element),
    });
    const client: ClientDescription = {
      ...address,
      target: target === undefined ? NO_TARGET : checker.host(target),
      targetPort: port === 0 ? null : port,
      args: withClassArguments(checker.args(args), group?.given),
      ...group !== undefined && { class: group.name },
      ...ownKeys(test),
      ...own(address),
      ...ownKeys(element),
    };
    const [name, to] = [attribute(element, "name"), attribute(element, "to")];
    note(places, { [`${path}.to`]: to });
    named.push({ client, index: clients.length, name, to, where: where ?? "" });
    clients.push(client);
  };
  for (const element of test?.children.filter((child) => child.name === "client") ?? []) {
    const host = attribute(element, "hostname");
    if (host === undefined) {
      checker.complain(element.position, `<client> without hostname; expected hostname="HOST"`);
      continue;
    }
    const port = checker.port(attribute(element, "port"), 1, linePort);
    add({ host: checker.hostname(host), port }, element, element.position);
  }
  const expect = ({ first, count }: Share, element: ConfigElement | null) => {
    const [target, args] = ["target", "args"].map((name) => attribute(element, name));
    const from = { target: target ?? outer.target, args: args ?? outer.args };
    const base = {
      target: from.target === undefined ? null : checker.host(from.target),
      port: checker.port(attribute(element, "port") ?? outer.port, 0, null),
      args: withClassArguments(checker.args(from.args), group?.given),
    };
    const map = attribute(element, "map");
    const read = IndexMap.parse(map?.text ?? "", count);
    if (typeof read === "string") checker.complain(map?.where ?? null, read);
    for (let n = 0; n < count; n++) {
      const path = `clients[${clients.length}]`;
      const missing = { text: NO_TARGET, where: test?.position ?? "--test-target" };
      note(places, { [`${path}.target`]: from.target ?? map ?? missing, [`${path}.args`]: from.args ?? map });
      const does = typeof read === "string" ? base : read.at(n, base);
      clients.push({
        ...{ host: joinedName(first + n), port: DEFAULT_JOIN_PORT, joins: first + n },
        ...{ target: does.target ?? NO_TARGET, targetPort: does.port === 0 ? null : does.port },
        args: does.args,
        ...group !== undefined && { class: group.name },
      });
    }
  };
  for (const element of test?.children.filter((child) => child.name === "clients") ?? []) {
    expect(expected.of.get(element)!, element);
  }
  if (group === undefined && expected.typed.clients !== null) expect(expected.typed.clients, null);
  for (const text of group === undefined ? line.client ?? [] : []) {
    const address = parseAddress(text.trim(), linePort);
    if (typeof address === "string") checker.complain("--client", address);
    else add(address, null, "--client");
  }
  pairUp(named, checker);
}

/**
 * Reads the targets: those of the file's sections, then the one of the command line.
 *
 * @param sources What to read; problems and places are added to it.
 */
export function readTargets(
  { line, file, checker, places, own, classes, expected }: Sources,
): TargetDescription[] {
  const linePort = checker.port(option(line, "targetTestPort"), 1, DEFAULT_TARGET_PORT);
  const targets: TargetDescription[] = [];
  const seen = new Map<string, Seen>();
  /** What the next target does. */
  const testOf = (name: Sourced, args: Sourced | undefined, controllerArgs: Sourced | undefined) => {
    const path = `targets[${targets.length}]`;
    note(places, {
      [`${path}.test`]: name,
      [`${path}.args`]: args,
      [`${path}.controllerArgs`]: controllerArgs,
    });
    return {
      test: checker.testName(name),
      args: checker.args(args),
      controllerArgs: checker.args(controllerArgs),
    };
  };
  const add = (
    section: ConfigElement | null,
    element: ConfigElement | null,
    name: Sourced,
    host: Sourced,
  ) => {
    const port = checker.port(attribute(element, "port"), 1, linePort);
    const address = { host: checker.host(host), port };
    const group = readTargetClass(section, classes, checker);
    const args = attribute(element, "test_args") ?? attribute(section, "args") ??
      option(line, "targetTestArgs");
    const controllerArgs = attribute(section, "controller_args") ?? option(line, "targetTestControllerArgs");
    const does = JSON.stringify([name.text, args?.text ?? "", controllerArgs?.text ?? ""]);
    const known = seen.get(formatAddress(address))?.target;
    if (known !== undefined && known.does === does && group !== targets[known.index]!.class) {
      // Two classes use one target: it is set up once, and serves the run as a whole.
      delete targets[known.index]!.class;
      return;
    }
    const target = { index: targets.length, does };
    noteTwice("target", address, element?.position ?? host.where, seen, checker, group, target);
    note(places, keyPlaces(`targets[${targets.length}]`, section, own(address), element));
    targets.push({
      ...address,
      ...testOf(name, args, controllerArgs),
      ...group !== undefined && { class: group },
      ...ownKeys(section),
      ...own(address),
      ...ownKeys(element),
    });
  };
  const expect = (
    { first, count }: Share,
    name: Sourced,
    section: ConfigElement | null = null,
    element: ConfigElement | null = null,
  ) => {
    const group = readTargetClass(section, classes, checker);
    const args = attribute(element, "args") ?? attribute(section, "args") ?? option(line, "targetTestArgs");
    const controllerArgs = attribute(section, "controller_args") ?? option(line, "targetTestControllerArgs");
    for (let n = 0; n < count; n++) {
      targets.push({
        ...{ host: joinedName(first + n), port: DEFAULT_JOIN_PORT, joins: first + n },
        ...testOf(name, args, controllerArgs),
        ...group !== undefined && { class: group },
      });
    }
  };
  for (const section of file?.targetTests ?? []) {
    const name = attribute(section, "name") ?? option(line, "targetTest");
    if (name === undefined) {
      checker.complain(section.position, `<target_test> without a name; expected name="cpu_target"`);
    }
    const elements = section.children.filter((child) => child.name === "target");
    const joining = section.children.filter((child) => child.name === "targets");
    for (const element of name === undefined ? [] : joining) {
      expect(expected.of.get(element)!, name!, section, element);
    }
    if (elements.length + joining.length === 0) {
      checker.complain(
        section.position,
        `<target_test> without <target>; expected <target hostname="HOST"/>`,
      );
    }
    for (const element of elements) {
      const host = attribute(element, "hostname") ?? option(line, "targetTestHostname");
      if (host === undefined) {
        checker.complain(element.position, `<target> without hostname; expected hostname="HOST"`);
      } else if (name !== undefined) {
        if (element.attributes.has("hostname")) checker.hostname(host);
        add(section, element, name, host);
      }
    }
  }
  // As clients, a target test of the command line comes on top of those of the file, unless one there has its name.
  if (!file?.targetTests.some((section) => attribute(section, "name") === undefined)) {
    const name = option(line, "targetTest");
    const { targets: joining } = expected.typed;
    if (joining !== null) {
      if (name !== undefined) expect(joining, name);
      else checker.complain("--expect-targets", "no test for them; give --target-test NAME");
    }
    const host = option(line, "targetTestHostname") ?? attribute(file?.test ?? null, "target") ??
      option(line, "testTarget");
    const isPlaced = joining === null || line.targetTestHostname !== undefined;
    if (name !== undefined && host !== undefined && isPlaced) add(null, null, name, host);
    else if (name !== undefined && joining === null) {
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
  seen: Map<string, Seen>,
  checker: Checker,
  group?: string,
  target?: Seen["target"],
): void {
  const key = formatAddress(address);
  const earlier = seen.get(key);
  if (earlier !== undefined) {
    const at = earlier.where;
    const place = typeof at === "object" && at !== null ? `line ${at.line}` : String(at);
    checker.complain(
      where,
      `${role} ${key} a second time (first: ${place}); a daemon runs one test at a time` +
        (group === undefined ? "" : secondDaemon(role, group)),
    );
  }
  seen.set(key, earlier ?? { where, ...target !== undefined && { target } });
}
