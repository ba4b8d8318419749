/**
 * The classes of a configuration: several tests in one run, each with clients of its own and its own part of the run.
 *
 * @module
 */

import type { CommandLine } from "./command_line.ts";
import { OPTION_NAMES } from "./command_line.ts";
import { attribute, type Checker, type Sourced } from "./inherit.ts";
import { MAX_BEGIN_SECONDS, MAX_CLASS_NAME_LENGTH, MAX_CLASS_SECONDS, MAX_CLASSES } from "./limits.ts";
import { setTestArg } from "../base/args.ts";
import { suggestion } from "../base/nearest.ts";
import { parseSeconds } from "../base/units.ts";
import type { ConfigElement } from "./xml/xml_tree.ts";

/** Options that are about one test: with several it is not clear which. */
const OF_ONE_TEST = ["client", "test", "testArgs", "testControllerArgs"] as const;

/** An argument of a class that the command line sets. */
export interface ClassArgument {
  name: string;
  value: string;
}

/** What is wrong with the name of a class, a clause; `null` when nothing is. */
export function classNameProblem(name: string): string | null {
  if (name.length <= MAX_CLASS_NAME_LENGTH && /^[A-Za-z][A-Za-z0-9_-]*$/.test(name)) return null;
  return `${
    JSON.stringify(name.slice(0, 60))
  } is no name of a class; expected a letter, then letters, digits, "_" and ` +
    `"-", at most ${MAX_CLASS_NAME_LENGTH}`;
}

/**
 * Checks the classes that the `<test>`s declare, and that the command line goes with them.
 *
 * @param tests All `<test>`s of the file.
 * @param line The options as typed.
 * @param checker Gets what is wrong.
 * @returns The names of the classes, in the order of the file; `null` when the run has none.
 */
export function readClassNames(
  tests: readonly ConfigElement[],
  line: CommandLine,
  checker: Checker,
): string[] | null {
  if (!tests.some((test) => attribute(test, "class") !== undefined)) {
    for (const test of tests) {
      for (const name of ["begin", "end"]) {
        const source = attribute(test, name);
        if (source === undefined) continue;
        checker.complain(source.where, `${name} is of a class: name it, such as class="bulk"`);
      }
    }
    if (line.class !== undefined) {
      checker.complain(OPTION_NAMES.class, "the configuration has no classes; --test-args gives arguments");
    }
    return null;
  }
  const names: string[] = [];
  const seen = new Map<string, number>();
  for (const test of tests) {
    const source = attribute(test, "class");
    if (source === undefined) continue; // reported with the structure of the file
    const wrong = classNameProblem(source.text);
    const earlier = seen.get(source.text);
    if (wrong !== null) checker.complain(source.where, wrong);
    else if (earlier !== undefined) {
      checker.complain(source.where, `a second class "${source.text}"; the first is in line ${earlier}`);
    }
    seen.set(source.text, earlier ?? test.position.line);
    names.push(source.text);
  }
  if (names.length > MAX_CLASSES) {
    checker.complain(null, `${names.length} classes; at most ${MAX_CLASSES} can run together`);
  }
  for (const name of OF_ONE_TEST) {
    if (line[name] === undefined) continue;
    const other = name === "testArgs" ? `; --class ${names[0]}.NAME=VALUE sets an argument of one` : "";
    const message = `the file's tests have classes (${
      names.join(", ")
    }), and this is for one of them: give it there${other}`;
    checker.complain(OPTION_NAMES[name], message);
  }
  return names;
}

/**
 * Reads when a class begins and ends.
 *
 * @param test Its `<test>`.
 * @param checker Gets what is wrong.
 * @returns Seconds from the run's begin; no end: when its test ends by itself.
 */
export function readClassTimes(
  test: ConfigElement | null,
  checker: Checker,
): { beginSeconds: number; endSeconds: number | null } {
  const [begin, end] = [attribute(test, "begin"), attribute(test, "end")];
  const beginSeconds = begin === undefined ? 0 : seconds(begin, MAX_BEGIN_SECONDS, checker) ?? 0;
  const endSeconds = end === undefined ? null : seconds(end, MAX_CLASS_SECONDS, checker);
  if (end !== undefined && endSeconds !== null && endSeconds <= beginSeconds) {
    const message = `the class ends at ${end.text}, and begins at ${
      begin?.text ?? "0 s"
    }: the end has to be later`;
    checker.complain(end.where, message);
  }
  return { beginSeconds, endSeconds };
}

function seconds({ text, where }: Sourced, most: number, checker: Checker): number | null {
  const value = parseSeconds(text);
  if (value !== null && value >= 0 && value <= most) return value;
  checker.complain(
    where,
    value === null
      ? `${JSON.stringify(text)} is not a time; expected such as 5s, 1.5min, from the begin of the run`
      : `${text} is not between 0 and ${most} s from the begin of the run`,
  );
  return null;
}

/**
 * Reads the class that a `<target_test>` names.
 *
 * @param section The element.
 * @param names The classes that there are; `null`: none.
 * @param checker Gets what is wrong.
 * @returns The name; `undefined` when it serves the whole run.
 */
export function readTargetClass(
  section: ConfigElement | null,
  names: readonly string[] | null,
  checker: Checker,
): string | undefined {
  const source = attribute(section, "class");
  if (source === undefined) return undefined;
  if (names === null) {
    checker.complain(source.where, `there is no class "${source.text}": no <test> has one`);
  } else if (!names.includes(source.text)) {
    const hint = suggestion(source.text, names) || `; there are ${names.join(", ")}`;
    checker.complain(source.where, `there is no class "${source.text}"${hint}`);
  }
  return source.text;
}

/**
 * Reads `--class CLASS.ARGUMENT=VALUE`, each.
 *
 * @param line The options as typed.
 * @param names The classes that there are.
 * @param checker Gets what is wrong.
 * @returns The arguments by class.
 */
export function readClassArguments(
  line: CommandLine,
  names: readonly string[],
  checker: Checker,
): Map<string, ClassArgument[]> {
  const found = new Map<string, ClassArgument[]>();
  const complain = (message: string): void => checker.complain(OPTION_NAMES.class, message);
  for (const text of line.class ?? []) {
    const match = /^([^.=]+)\.([A-Za-z_][A-Za-z0-9_-]*)=(.*)$/.exec(text.trim());
    if (match === null) {
      complain(`"${text}" is no argument of a class; expected CLASS.NAME=VALUE, such as ${names[0]}.size=64`);
      continue;
    }
    const [, owner = "", name = "", value = ""] = match;
    if (!names.includes(owner)) {
      complain(
        `there is no class "${owner}"${suggestion(owner, names) || `; there are ${names.join(", ")}`}`,
      );
    } else if (/["\r\n]/.test(value)) complain(`"${text}": the value holds a quote or a line break`);
    else if (found.get(owner)?.some((other) => other.name === name)) {
      complain(`${owner}.${name} is given twice`);
    } else found.set(owner, [...found.get(owner) ?? [], { name, value }]);
  }
  return found;
}

/** Sets arguments of a class in the text of its clients. */
export function withClassArguments(args: string, given: readonly ClassArgument[] = []): string {
  return given.reduce((text, { name, value }) => setTestArg(text, name, value), args);
}

/** What to do about a daemon that is wanted by a class, and taken. */
export function secondDaemon(role: "client" | "target", name: string): string {
  const program = role === "client" ? "ipbenchd -p PORT" : "ipbenchd -t -p PORT";
  return `: for the class "${name}" start a second one there on another port (${program}), and name that`;
}
