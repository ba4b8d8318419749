/**
 * Commands that the benchmarks run.
 *
 * @module
 */

/** No command takes longer. */
const DEADLINE_MS = 120_000;

/**
 * Runs a command.
 *
 * @returns what it printed on standard output
 * @throws {Error} when it failed, with what it printed.
 */
export async function run(command: string, ...args: string[]): Promise<string> {
  const { success, out, error } = await outcome(command, args);
  if (!success) throw new Error(`${command} ${args.join(" ")}: ${out}${error}`);
  return out;
}

/** Runs a command, and gives all that it printed, whether it failed or not. */
export async function printed(command: string, ...args: string[]): Promise<string> {
  const { out, error } = await outcome(command, args);
  return out + error;
}

/**
 * Builds what the benchmarks compare with, and the plugins.
 *
 * @throws {Error} when that fails, with what the compiler said.
 */
export async function buildPrograms(): Promise<void> {
  await run("make", "-s", "-C", import.meta.dirname!);
}

async function outcome(
  command: string,
  args: string[],
): Promise<{ success: boolean; out: string; error: string }> {
  const { success, stdout, stderr } = await new Deno.Command(command, {
    args,
    stdin: "null",
    signal: AbortSignal.timeout(DEADLINE_MS),
  }).output();
  return { success, out: new TextDecoder().decode(stdout), error: new TextDecoder().decode(stderr) };
}
