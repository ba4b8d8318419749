/**
 * Where the texts of a run description were written, for mistakes that only a test can find in them.
 *
 * @module
 */

import { splitArgs } from "../base/args.ts";
import { formatProblem, type Position, type Problem } from "./config_error.ts";
import type { Sourced } from "./inherit.ts";
import type { RunDescription } from "./run_description.ts";

/** Where texts of a description were written, by their paths in it, such as "clients[0].args". */
export type Places = Map<string, Sourced>;

/**
 * Notes where texts of a description were written.
 *
 * @param places What is known so far; the texts are added to it.
 * @param texts By their paths in the description; those that were not given are left out.
 */
export function note(places: Places, texts: Record<string, Sourced | undefined>): void {
  for (const [path, source] of Object.entries(texts)) if (source !== undefined) places.set(path, source);
}

/**
 * Gives problems of a description the places at which the user wrote what is wrong; each is reported once, however many
 * clients inherit it.
 *
 * @param problems Problems whose `where` is a path in the description.
 * @param places Where its texts come from.
 * @returns The same problems, in order, with places in the file or names of options; a path that is not known stays.
 */
export function placed(problems: readonly Problem[], places: Places): Problem[] {
  const found = new Map<string, Problem>();
  for (const { where, message, argument } of problems) {
    const source = typeof where === "string" ? places.get(where) : undefined;
    const exact = argument === undefined ? null : source?.placeOf?.(argument) ?? null;
    const problem: Problem = { where: exact ?? source?.where ?? where, message };
    found.set(JSON.stringify(problem), problem);
  }
  return inOrder([...found.values()]);
}

/**
 * Puts problems in order: places in the file first, in its order; then options; then the whole.
 *
 * @param problems In any order.
 */
export function inOrder(problems: readonly Problem[]): Problem[] {
  const rank = (where: Problem["where"]) => where === null ? 2 : typeof where === "string" ? 1 : 0;
  const place = (where: Problem["where"]): Position | null => typeof where === "object" ? where : null;
  return problems.toSorted((a, b) => {
    const [p, q] = [place(a.where), place(b.where)];
    if (p !== null && q !== null) return p.line - q.line || p.column - q.column;
    return rank(a.where) - rank(b.where);
  });
}

/**
 * Finds arguments that are given more than once, of which the tests, as the original's, take the last without a word.
 *
 * @param description A run.
 * @param places Where its texts come from.
 * @returns Sentences with their places.
 */
export function repeatedArgs(
  { clients, targets, originalSpelling }: Pick<RunDescription, "clients" | "targets" | "originalSpelling">,
  places: Places,
): string[] {
  const texts = [
    ...clients.map(({ args }, n) => [`clients[${n}].args`, args] as const),
    ...targets.map(({ args }, n) => [`targets[${n}].args`, args] as const),
  ];
  const problems = texts.flatMap(([where, args]) => {
    const values = Map.groupBy(splitArgs(args, originalSpelling === true), ({ name }) => name);
    return [...values].filter(([, all]) => all.length > 1).map(([name, all]): Problem => ({
      where,
      message: `argument ${name} is given ${all.length} times, and the last one counts: ${
        all.at(-1)!.text.trim()
      }`,
      argument: name,
    }));
  });
  return placed(problems, places).map(formatProblem);
}
