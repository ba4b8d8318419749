/**
 * The command line `ipbench`: finds the subcommand, loads it, runs it, and turns errors into exit statuses. Only what a
 * call needs is loaded.
 *
 * @module
 */

import { COMMANDS } from "./commands.ts";
import { EXIT, ExitError } from "./exit.ts";
import { err } from "./io.ts";
import { makeProgram } from "./program.ts";

/**
 * Runs `ipbench`.
 *
 * @param args The command line without the program's name.
 * @returns The exit status.
 */
export async function main(args: string[]): Promise<number> {
  const line = withCommand(args);
  const known = COMMANDS.has(line[0] ?? "") ? line[0] : undefined;
  try {
    const program = await makeProgram(known);
    if (line.length === 0) {
      err(program.helpInformation());
      return EXIT.USAGE;
    }
    await program.parseAsync(line, { from: "user" });
    return EXIT.OK;
  } catch (error) {
    return statusOf(error);
  }
}

/**
 * Command lines of the original have no subcommand: what begins with an option is a run.
 *
 * @param args The command line as typed.
 * @returns The command line with its subcommand first.
 */
export function withCommand(args: string[]): string[] {
  const first = args[0];
  if (first === undefined || !first.startsWith("-") || first === "-h" || first === "--help") return args;
  return ["run", ...args];
}

/** Prints what there is to print of an error and gives the exit status. */
function statusOf(error: unknown): number {
  if (error instanceof ExitError) {
    if (error.message !== "") err(`ipbench: ${error.message}\n`);
    return error.code;
  }
  if (isCommanderError(error)) return error.exitCode === 0 ? EXIT.OK : EXIT.USAGE;
  const text = error instanceof Error ? error.stack ?? error.message : String(error);
  err(`ipbench: a mistake in ipbench itself, please report it: ${text}\n`);
  return EXIT.FAILED;
}

/** Commander has printed its message by then. */
function isCommanderError(error: unknown): error is { exitCode: number } {
  return error instanceof Error && "exitCode" in error && "code" in error &&
    typeof error.code === "string" && error.code.startsWith("commander.");
}
