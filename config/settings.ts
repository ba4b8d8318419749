/**
 * What holds for a run as a whole: its time limit, the clients it requires, the precision to reach, TLS.
 *
 * @module
 */

import { tlsOf } from "./command_line.ts";
import type { Checker, Sourced } from "./inherit.ts";
import { parseRequire } from "./require.ts";
import type { RunDescription, RunEventDescription } from "./run_description.ts";
import { LONGEST_SECONDS } from "../base/values.ts";
import { parseSeconds, parseShare } from "../base/units.ts";

/** The longest time that the run may take, in seconds. */
export function readTimeout(source: Sourced | undefined, checker: Checker): number | null {
  if (source === undefined) return null;
  const seconds = parseSeconds(source.text);
  if (seconds !== null && seconds > 0 && seconds <= LONGEST_SECONDS) return seconds;
  checker.complain(
    source.where,
    seconds !== null && seconds > 0
      ? `${JSON.stringify(source.text)} is too long; a week (168h) is the most`
      : `${JSON.stringify(source.text)} is not a time; expected such as 90, 90s, 2min`,
  );
  return null;
}

/** How many clients must be good, as it was written. */
export function readRequire(source: Sourced | undefined, clients: number, checker: Checker): string {
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

/** How narrow the whole confidence interval of the mean is to become, as a share of the mean, such as 0.02. */
export function readUntilCi(source: Sourced | undefined, checker: Checker): number | null {
  if (source === undefined) return null;
  const share = parseShare(source.text);
  if (share !== null && share > 0 && share < 1) return share;
  const message = `${JSON.stringify(source.text)} is not a share of the mean; expected such as 0.02 or 2%`;
  checker.complain(source.where, message);
  return null;
}

/** Most commands of one run. */
const MAX_EVENTS = 100;

/** Commands for the controller's machine, each with its time. */
export function readEvents(texts: readonly string[], checker: Checker): RunEventDescription[] {
  if (texts.length > MAX_EVENTS) {
    checker.complain("--event", `there are ${texts.length}; ${MAX_EVENTS} at most`);
  }
  return texts.flatMap((text) => {
    const [, time = "", command = ""] = /^([^=]*)=(.*)$/s.exec(text) ?? [];
    const seconds = parseSeconds(time.trim());
    if (seconds !== null && seconds >= 0 && seconds <= LONGEST_SECONDS && command.trim() !== "") {
      return [{ seconds, command: command.trim() }];
    }
    const wrong = seconds !== null && seconds > LONGEST_SECONDS
      ? "is too late; a week (168h) is the most"
      : 'is no time and command; expected such as "5s=ip link set eth1 down"';
    const message = `${JSON.stringify(text)} ${wrong}`;
    checker.complain("--event", message);
    return [];
  });
}

/** The files and names for TLS. */
export function readTls(line: Parameters<typeof tlsOf>[0], checker: Checker): RunDescription["tls"] {
  const { tls, problem } = tlsOf(line);
  if (problem !== null) checker.complain(problem.where, problem.message);
  return tls;
}
