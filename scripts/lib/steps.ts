/**
 * What the scripts share: the project's folder, running a command, printing what happens.
 *
 * @module
 */

/** The project's folder, with a slash at the end. */
export const ROOT = decodeURIComponent(new URL("../../", import.meta.url).pathname);

/** A step of a script failed; the message has what to do. */
export class StepError extends Error {}

/** Prints a line on stderr. */
export function print(text: string): void {
  console.error(text);
}

/** How a command is run. */
export interface RunOptions {
  cwd?: string;
  env?: Record<string, string>;
  /** The command is ended after this many milliseconds. */
  deadlineMs?: number;
}

/** What became of a command. */
export interface Outcome {
  /** Exit status; 124 when the deadline ended it. */
  code: number;
  /** stdout and stderr, in this order. */
  output: string;
}

const DEFAULT_DEADLINE_MS = 600_000;

/**
 * Runs a command to its end.
 *
 * @returns its exit status and everything it printed
 * @throws {StepError} when the program does not exist
 */
export async function run(command: string, args: string[], options: RunOptions = {}): Promise<Outcome> {
  const abort = new AbortController();
  const deadline = setTimeout(() => abort.abort(), options.deadlineMs ?? DEFAULT_DEADLINE_MS);
  try {
    const { code, stdout, stderr } = await new Deno.Command(command, {
      args,
      cwd: options.cwd ?? ROOT,
      env: options.env ?? {},
      stdin: "null",
      signal: abort.signal,
    }).output();
    const decoder = new TextDecoder();
    const output = decoder.decode(stdout) + decoder.decode(stderr);
    return { code: abort.signal.aborted ? 124 : code, output };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw new StepError(`${command} is not installed`);
    throw error;
  } finally {
    clearTimeout(deadline);
  }
}

/**
 * Runs a command that has to succeed.
 *
 * @returns what it printed
 * @throws {StepError} with its output when it fails
 */
export async function must(command: string, args: string[], options: RunOptions = {}): Promise<string> {
  const { code, output } = await run(command, args, options);
  if (code !== 0) throw new StepError(`${command} ${args.join(" ")} failed with status ${code}:\n${output}`);
  return output;
}

/** Writes a file only when its text changes, so that what depends on it is not made again. */
export async function writeText(path: string, text: string): Promise<void> {
  try {
    if (await Deno.readTextFile(path) === text) return;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  await Deno.writeTextFile(path, text);
}
