/**
 * A configuration file, parsed and checked for its structure.
 *
 * @module
 */

import { ConfigError, formatProblem, type Position, type Problem } from "./config_error.ts";
import { checkTree, ROOT } from "./xml/schema.ts";
import { parseValues, UnitError } from "../base/values.ts";
import { type ConfigElement, parseXmlTree } from "./xml/xml_tree.ts";

/** The `<sweep>` of a file; all texts as written, `over.values` checked. */
export interface SweepSection {
  over: { arg: string; values: string; where: Position }[];
  repeat?: string;
  shuffle?: string;
  seed?: string;
  split?: string;
  until?: string;
  retry?: string;
  cooldown?: string;
  /** Where its attributes stand, by name. */
  places: Record<string, Position>;
}

/** The parts of a configuration file. */
export interface ConfigFile {
  /** The file's name as the user gave it. */
  file: string;
  /** The `<test>`, with its `<client>` children; of several the first. */
  test: ConfigElement | null;
  /** All `<test>`s: several when each has a class. */
  tests: ConfigElement[];
  /** The `<target_test>`s, with their `<target>` children. */
  targetTests: ConfigElement[];
  sweep: SweepSection | null;
  /** What is wrong so far; {@linkcode buildDescription} adds wrong values and throws all of them. */
  problems: Problem[];
  /** What was passed over, as sentences with their places. */
  warnings: string[];
}

/**
 * Parses a configuration file.
 *
 * @param text The file's text.
 * @param file The file's name, for messages.
 * @param originalSpelling Whether what is unknown is passed over with a warning, as the original does without one.
 * @returns Its parts, and what is wrong with its structure.
 * @throws {ConfigError} when it is malformed, too large, too deep or has a DOCTYPE: then there are no parts.
 */
export function parseConfigFile(text: string, file: string, originalSpelling = false): ConfigFile {
  const root = parseXmlTree(text, file);
  const found = checkTree(root);
  const forgiven = found.filter(({ harmless }) => harmless && originalSpelling);
  const problems: Problem[] = found.filter((problem) => !forgiven.includes(problem))
    .map(({ where, message }) => ({ where, message }));
  // Of a section without the element around it, what else there is to say would be about where it stands.
  if (!originalSpelling && Object.hasOwn(ROOT.children, root.name)) {
    throw new ConfigError(problems.slice(0, 1));
  }
  const named = (name: string) => root.children.filter((child) => child.name === name);
  return {
    file,
    test: named("test")[0] ?? null,
    tests: named("test"),
    targetTests: named("target_test"),
    sweep: readSweep(named("sweep")[0], problems),
    problems,
    warnings: forgiven.map(formatProblem),
  };
}

function readSweep(element: ConfigElement | undefined, problems: Problem[]): SweepSection | null {
  if (element === undefined) return null;
  const section: SweepSection = { over: [], places: {} };
  for (const name of ["repeat", "shuffle", "seed", "split", "until", "retry", "cooldown"] as const) {
    const attribute = element.attributes.get(name);
    if (attribute === undefined) continue;
    section[name] = attribute.value;
    section.places[name] = attribute.valuePosition;
  }
  for (const over of element.children.filter((child) => child.name === "over")) {
    const arg = over.attributes.get("arg");
    const values = over.attributes.get("values");
    if (arg === undefined || arg.value === "") {
      problems.push({
        where: over.position,
        message: `<over> without arg; expected arg="bps" or another argument`,
      });
    }
    if (values === undefined) {
      const message = `<over> without values; expected a list or range such as values="10M:1G:100M"`;
      problems.push({ where: over.position, message });
      continue;
    }
    try {
      parseValues(values.value);
    } catch (error) {
      if (!(error instanceof UnitError)) throw error;
      problems.push({ where: values.valuePosition, message: error.message });
    }
    section.over.push({ arg: arg?.value ?? "", values: values.value, where: over.position });
  }
  if (section.over.length === 0) {
    const message = `<sweep> without <over>; expected <over arg="bps" values="10M,100M"/>`;
    problems.push({ where: element.position, message });
  }
  return section;
}
