/**
 * The entry point of all programs in the bundle: `ipbench`, `ipbenchd`, and the child process that hosts one plugin.
 * Only what a call needs is loaded. This is the one module that asks `import.meta.main`.
 *
 * @module
 */

import { setProcessTitle } from "../ffi/self/process_title.ts";
import { PluginError } from "../ffi/mod.ts";
import { DAEMON_ARGUMENT, PLUGIN_HOST_ARGUMENT, programName } from "../ffi/self/self.ts";
import { expandAbbreviations, ORIGINAL_OPTIONS, ORIGINAL_SPELLING } from "../config/command_line.ts";
import { ConfigError } from "../config/config_error.ts";
import { EXIT, ExitError } from "./exit.ts";
import { err, note, out } from "./terminal/io.ts";
import { reportProblems } from "./problems.ts";
import { versionLine } from "./commands/version.ts";

/**
 * Runs the program that the name and the first argument select.
 *
 * @param args The command line without the program's name.
 * @param name The name under which the program was started.
 * @returns The exit status.
 */
export async function main(args: string[], name: "ipbench" | "ipbenchd"): Promise<number> {
  if (args[0] === PLUGIN_HOST_ARGUMENT) {
    return await (await import("../ffi/child/main.ts")).main(args.slice(1));
  }
  const daemon = name === "ipbenchd" || args[0] === DAEMON_ARGUMENT;
  let rest = args[0] === DAEMON_ARGUMENT ? args.slice(1) : args;
  if (daemon) rest = await daemonLine(rest);
  if (asksVersion(rest, daemon)) return printVersion(daemon ? "ipbenchd" : "ipbench");
  if (daemon) return await (await import("../daemon/main.ts")).main(rest);
  return await runCommand(rest);
}

/** `--version` alone is answered at once; the daemon takes it anywhere on its command line. */
function asksVersion(args: readonly string[], daemon: boolean): boolean {
  if (daemon) return args.includes("--version");
  const first = args[0] ?? "";
  return first === "-V" || (first.length > 2 && "--version".startsWith(first));
}

function printVersion(program: "ipbench" | "ipbenchd"): number {
  try {
    out(versionLine(program) + "\n");
    return EXIT.OK;
  } catch (error) {
    return statusOf(error, program);
  }
}

/** The daemon's command line with its abbreviations written out. */
async function daemonLine(args: string[]): Promise<string[]> {
  const { describeCommand } = await import("../daemon/options.ts");
  const known = describeCommand().options.flatMap((option) => option.long ?? []);
  return expandAbbreviations(args, [...known, "--help"], ORIGINAL_OPTIONS.ipbenchd);
}

async function runCommand(args: string[]): Promise<number> {
  setProcessTitle(["ipbench", ...args].join(" "));
  const { COMMANDS } = await import("./commands.ts");
  const { makeProgram } = await import("./program.ts");
  const line = withCommand(args);
  const known = COMMANDS.has(line[0] ?? "") ? line[0] : undefined;
  try {
    const program = await makeProgram(known);
    if (line.length === 0) {
      err(program.helpInformation());
      return EXIT.USAGE;
    }
    const command = program.commands.find((each) => each.name() === known);
    const long = command?.options.flatMap((option) => option.long ?? []) ?? [];
    await program.parseAsync(expandAbbreviations(line, [...long, "--help"], ORIGINAL_OPTIONS.ipbench), {
      from: "user",
    });
    return EXIT.OK;
  } catch (error) {
    return statusOf(error);
  }
}

/**
 * Command lines of the original have no subcommand: what begins with an option is a run in its spelling.
 *
 * @param args The command line as typed.
 * @returns The command line with its subcommand first.
 */
export function withCommand(args: string[]): string[] {
  const first = args[0];
  if (first !== undefined && isConfiguration(first)) return ["run", ...args];
  if (first === undefined || !first.startsWith("-") || first === "-h" || first === "--help") return args;
  return ["run", ORIGINAL_SPELLING, ...args];
}

/** A configuration in the place of a command is to be run. */
function isConfiguration(word: string): boolean {
  return word.endsWith(".xml") && !word.startsWith("-");
}

/** Prints what there is to print of an error and gives the exit status. */
function statusOf(error: unknown, program = "ipbench"): number {
  if (error instanceof ExitError) {
    for (const line of error.message.split("\n")) if (line !== "") note(`${program}: ${line}`);
    return error.code;
  }
  if (error instanceof ConfigError) {
    reportProblems(error.problems);
    return EXIT.USAGE;
  }
  if (error instanceof PluginError && error.code === "not-built") {
    note(`ipbench: ${error.message}`);
    return EXIT.FAILED;
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

if (import.meta.main) main(Deno.args, programName()).then(Deno.exit); // no await at the top level: see scripts/lib/bundle.ts
