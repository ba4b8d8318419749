/**
 * How a command ends: its exit status, and the error that carries one to {@linkcode main}.
 *
 * @module
 */

/** The exit statuses of `ipbench`. Scripts rely on them. */
export const EXIT = {
  /** Done; of a run: the result is VALID (or SUSPECT without `--strict`). */
  OK: 0,
  /** The run failed or its result is INVALID; of other commands: what was asked for did not happen. */
  FAILED: 1,
  /** Wrong use, or a configuration that cannot be run. */
  USAGE: 2,
  /** With `--strict`: the result is SUSPECT. */
  SUSPECT: 3,
  /** Ended by Ctrl-C (SIGINT) or SIGTERM. */
  INTERRUPTED: 130,
  /** Whoever read the standard output has gone. */
  BROKEN_PIPE: 141,
} as const;

/**
 * Thrown by a subcommand to end the program with a status. The message, where there is one, goes to stderr with the
 * program's name before it; without one nothing is printed.
 *
 * @example
 * ```ts
 * throw new ExitError(EXIT.USAGE, "no such file: run.xml; give the path of a configuration");
 * ```
 */
export class ExitError extends Error {
  override readonly name = "ExitError";

  /**
   * @param code Exit status, see {@linkcode EXIT}.
   * @param message What to print for the user; empty for nothing more than the status.
   * @param options The error behind it, as `cause`.
   */
  constructor(readonly code: number, message = "", options?: ErrorOptions) {
    super(message, options);
  }
}
