/**
 * Testers and targets that dial in: how many are expected, where they are listened to, and for how long.
 *
 * @module
 */

import { parseSeconds, parseShare } from "../../base/units.ts";
import { parseAddress, parsePort } from "../address.ts";
import { type CommandLine, OPTION_NAMES } from "../command_line.ts";
import type { ConfigFile } from "../config_file.ts";
import { attribute, type Checker, option, type Sourced } from "../inherit.ts";
import { DEFAULT_WAIT_SECONDS, MAX_CLIENTS, MAX_TARGETS, MAX_WAIT_SECONDS } from "../limits.ts";
import { DEFAULT_JOIN_PORT, type RunDescription } from "../run_description.ts";
import type { ConfigElement } from "../xml/xml_tree.ts";

/** Numbers of testers, or of targets, that dial in. */
export interface Share {
  first: number;
  count: number;
}

/** Who is expected. */
export interface Expected {
  /** For each `<clients>` and `<targets>` the numbers that it is for. */
  of: ReadonlyMap<ConfigElement, Share>;
  /** For the testers and the targets of the command line alone. */
  typed: { clients: Share | null; targets: Share | null };
  /** Testers and targets in all. */
  total: number;
}

/** Elements whose daemons dial in, what they are in messages, and the option that sets how many. */
const ROLES = {
  clients: { noun: "testers", option: "expect", most: MAX_CLIENTS },
  targets: { noun: "targets", option: "expectTargets", most: MAX_TARGETS },
} as const;

/** The names of those elements. */
type Role = keyof typeof ROLES;

/**
 * Reads who is expected.
 *
 * @param line The options as typed.
 * @param file The configuration.
 * @param checker Gets what is wrong.
 */
export function readExpected(line: CommandLine, file: ConfigFile | null, checker: Checker): Expected {
  const of = new Map<ConfigElement, Share>();
  const sections = { clients: file?.tests ?? [], targets: file?.targetTests ?? [] };
  const typed = { clients: null as Share | null, targets: null as Share | null };
  let total = 0;
  for (const role of ["clients", "targets"] as const) {
    const elements = sections[role].flatMap(({ children }) => children.filter(({ name }) => name === role));
    const given = option(line, ROLES[role].option);
    const all = given === undefined ? null : readCount(given, role, checker);
    const counts = share(elements, role, all, checker);
    let first = 0;
    elements.forEach((element, n) => {
      of.set(element, { first, count: counts[n]! });
      first += counts[n]!;
    });
    if (elements.length === 0 && given !== undefined) {
      // Of a number that is none, one complaint is enough.
      typed[role] = { first, count: all ?? 1 };
      first += all ?? 1;
    }
    total += first;
  }
  return { of, typed, total };
}

/** How many each element is for: what it names, a share of all, or what the others leave. */
function share(
  elements: readonly ConfigElement[],
  role: Role,
  all: number | null,
  checker: Checker,
): number[] {
  const name = OPTION_NAMES[ROLES[role].option];
  let percent = 0;
  let left = all ?? 0;
  const counts = elements.map((element): number | null => {
    const source = attribute(element, "expect");
    if (source === undefined) return null;
    let count: number;
    if (source.text.endsWith("%")) {
      const part = parseShare(source.text);
      if (part === null || !(part > 0 && part <= 1)) {
        checker.complain(source.where, `${JSON.stringify(source.text)} is no share; expected such as 20%`);
        return 1;
      }
      if (all === null) {
        checker.complain(source.where, `a share of how many? Say it with ${name} N`);
        return 1;
      }
      const before = Math.round(percent * all);
      percent += part;
      count = Math.round(percent * all) - before;
    } else count = readCount(source, role, checker) ?? 1;
    left -= count;
    return count;
  });
  const open = counts.flatMap((count, n) => count === null ? [elements[n]!] : []);
  for (const [n, element] of open.entries()) {
    if (all === null) {
      checker.complain(
        element.position,
        `<${role}> without expect; expected expect="N", or ${name} N on the command line`,
      );
    } else if (n > 0) {
      checker.complain(element.position, `a second <${role}> without expect; one of them can have the rest`);
    } else if (left < 1) {
      checker.complain(element.position, `nobody is left for this <${role}>: the others have all ${all}`);
    }
  }
  if (all !== null && open.length === 0 && elements.length > 0 && left !== 0) {
    checker.complain(name, `${all} ${ROLES[role].noun}, but the file expects ${all - left}`);
  }
  return counts.map((count) => count ?? Math.max(1, left));
}

function readCount(source: Sourced, role: Role, checker: Checker): number | null {
  const { most, noun } = ROLES[role];
  const count = /^\d{1,9}$/.test(source.text) ? Number(source.text) : 0;
  if (count >= 1 && count <= most) return count;
  checker.complain(
    source.where,
    `${JSON.stringify(source.text)} is not how many ${noun} to expect; expected 1 to ${most}`,
  );
  return null;
}

/**
 * Reads where testers and targets dial in.
 *
 * @param line The options as typed.
 * @param expected Who is expected.
 * @param checker Gets what is wrong.
 * @returns What belongs into the description; nothing when nobody dials in.
 */
export function readListen(
  line: CommandLine,
  expected: Pick<Expected, "total">,
  checker: Checker,
): Pick<RunDescription, "listen"> {
  const listen = option(line, "listen");
  const wait = option(line, "wait");
  if (expected.total === 0) {
    if (listen !== undefined) {
      checker.complain(
        listen.where,
        'nobody is expected to dial in; give --expect N, or <clients expect="N"/> in the file',
      );
    } else if (wait !== undefined) checker.complain(wait.where, "nobody is waited for without --listen");
    return {};
  }
  if (listen === undefined) {
    checker.complain(
      null,
      "testers or targets are expected to dial in, and nobody listens: give --listen PORT, such as --listen " +
        DEFAULT_JOIN_PORT,
    );
    return {};
  }
  const { tlsCert: cert, tlsKey: key } = line;
  return {
    listen: {
      ...readPlace(listen, checker),
      waitSeconds: readWait(wait, checker),
      ...cert !== undefined && key !== undefined && { tls: { cert, key } },
    },
  };
}

/** PORT, :PORT, ADDRESS:PORT. */
function readPlace({ text, where }: Sourced, checker: Checker): { host: string | null; port: number } {
  const alone = /^:?(\d+)$/.exec(text)?.[1];
  const read = alone !== undefined ? parsePort(alone, 0) : parseAddress(text, DEFAULT_JOIN_PORT);
  if (typeof read === "number") return { host: null, port: read };
  if (typeof read !== "string") return read;
  checker.complain(where, read);
  return { host: null, port: DEFAULT_JOIN_PORT };
}

function readWait(source: Sourced | undefined, checker: Checker): number {
  if (source === undefined) return DEFAULT_WAIT_SECONDS;
  const seconds = parseSeconds(source.text);
  if (seconds !== null && seconds > 0 && seconds <= MAX_WAIT_SECONDS) return seconds;
  checker.complain(
    source.where,
    `${JSON.stringify(source.text)} is no time to wait; expected such as 60s, at most ${MAX_WAIT_SECONDS} s`,
  );
  return DEFAULT_WAIT_SECONDS;
}
