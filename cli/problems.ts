/**
 * What is wrong with a command line and its configuration: all of it is reported before anything is run.
 *
 * @module
 */

import { ConfigError, formatProblem, type Problem } from "../config/config_error.ts";
import { MAX_PROBLEMS } from "../config/limits.ts";
import { placed, type Places } from "../config/places.ts";
import type { RunDescription } from "../config/run_description.ts";
import { requireNumber, UnitError } from "../base/values.ts";
import { err } from "./terminal/io.ts";

/** Errors of these names are about what the user typed. */
const WRONG_USE = ["UnitError", "SweepError", "GoalError", "SearchConfigError", "RangeError"];

/** Collects what is wrong. */
export class Problems {
  readonly #found: Problem[] = [];

  /**
   * Reads something that the user typed.
   *
   * @param where The option, such as "--repeat", or the place in the file; none when the message itself shows what it is about.
   * @param read Reads it.
   * @returns What it reads, `undefined` when it is wrong.
   */
  attempt<T>(where: Problem["where"] | undefined, read: () => T): T | undefined {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof Error) || !WRONG_USE.includes(error.name)) throw error;
      this.add({ where: where ?? null, message: error.message });
      return undefined;
    }
  }

  /** Waits for something that may find what is wrong with a configuration. */
  async await<T>(work: Promise<T>): Promise<T | undefined> {
    try {
      return await work;
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      this.add(...error.problems);
      return undefined;
    }
  }

  /** Adds problems. */
  add(...problems: readonly Problem[]): void {
    this.#found.push(...problems);
  }

  /** @throws {ConfigError} with all problems, when there is one. */
  end(): void {
    if (this.#found.length > 0) throw new ConfigError(this.#found);
  }
}

/**
 * Asks the tests what is wrong with the runs that are going to be made.
 *
 * @param base The run as described.
 * @param places Where its texts were written.
 * @param variants The runs, with their own arguments.
 * @param varied Where the arguments that differ were given, by their names.
 * @param remark Receives what may be a mistake, and only the run can tell.
 * @returns Problems with their places.
 */
export async function problemsOfRuns(
  base: RunDescription,
  places: Places,
  variants: Iterable<RunDescription> = [],
  varied: ReadonlyMap<string, Problem["where"]> = new Map(),
  remark: (text: string) => void = () => {}, // the runs report it
): Promise<Problem[]> {
  const { findMistakesOfAll } = await import("../controller/halves/mistakes.ts");
  const found = await findMistakesOfAll(base, variants);
  found.remarks.forEach(remark);
  const theirs = found.varied.map((problem): Problem => {
    const where = varied.get(problem.argument ?? "");
    return where === undefined ? problem : { where, message: problem.message };
  });
  return placed([...found.own, ...theirs], places);
}

/**
 * Prints problems on stderr. Those with a place begin the line with it, so that editors can jump there.
 *
 * @param problems What is wrong.
 */
export function reportProblems(problems: readonly Problem[]): void {
  for (const problem of problems.slice(0, MAX_PROBLEMS)) {
    const placed = typeof problem.where === "object" && problem.where !== null;
    err(`${placed ? "" : "ipbench: "}${formatProblem(problem)}\n`);
  }
  if (problems.length > MAX_PROBLEMS) err(`ipbench: … and ${problems.length - MAX_PROBLEMS} more problems\n`);
}

/** Reads a whole number from 0 up. */
export function wholeNumber(text: string): number {
  const value = requireNumber(text);
  if (!Number.isInteger(value) || value < 0) throw new UnitError(`"${text}" is no whole number from 0 up`);
  return value;
}
