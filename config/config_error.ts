/**
 * The one error of this folder: everything that is wrong with a configuration, each with its place.
 *
 * @module
 */

import { MAX_PROBLEMS } from "./limits.ts";

/** A place in a configuration file. Lines and columns begin at 1; columns count characters (code points). */
export interface Position {
  file: string;
  line: number;
  column: number;
}

/** One thing that is wrong. */
export interface Problem {
  /** Where: a place in a file, the name of an option such as "--port", or `null` for the whole. */
  where: Position | string | null;
  /** What was found and what was expected, in a sentence without a full stop. */
  message: string;
  /** The argument of a test that it is about, so that its place among the others can be found. */
  argument?: string;
}

/**
 * Writes a problem as compilers do, so that editors can jump to it.
 *
 * @param problem The problem.
 * @returns "FILE:LINE:COLUMN: message", "--option: message" or the message alone.
 */
export function formatProblem(problem: Problem): string {
  const { where, message } = problem;
  if (where === null) return message;
  if (typeof where === "string") return `${where}: ${message}`;
  return `${where.file}:${where.line}:${where.column}: ${message}`;
}

/** Thrown for a configuration that cannot be run. Its message has one line for each problem. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  /** Everything that is wrong, in the order of the file. */
  readonly problems: readonly Problem[];

  /**
   * @param problems At least one problem.
   * @param options The error behind them, as `cause`.
   */
  constructor(problems: readonly Problem[], options?: ErrorOptions) {
    const lines = problems.slice(0, MAX_PROBLEMS).map(formatProblem);
    if (problems.length > MAX_PROBLEMS) lines.push(`… and ${problems.length - MAX_PROBLEMS} more`);
    super(lines.join("\n"), options);
    this.problems = problems;
  }
}
