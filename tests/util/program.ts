/**
 * The programs under test, and running one of them to its end.
 *
 * @module
 */

const ROOT = decodeURIComponent(new URL("../..", import.meta.url).pathname).replace(/\/$/, "");

// Tests leave nothing in the history of whoever runs them.
Deno.env.set("IPBENCH_HISTORY", "off");

/** The project's folder. */
export function projectRoot(): string {
  return ROOT;
}

/** How to start a program. */
export interface ProgramCommand {
  path: string;
  args: string[];
}

/**
 * How to start `dist/ipbench` or `dist/ipbenchd`. With `IPBENCH_TEST_SOURCE=1` the sources are run instead, for those
 * who work on them.
 *
 * @param name Which program.
 * @throws {Error} when it is not built.
 */
export function programCommand(name: "ipbench" | "ipbenchd"): ProgramCommand {
  if (Deno.env.get("IPBENCH_TEST_SOURCE") === "1") {
    // As the launcher has it: nothing is trusted but what --tls-ca names.
    const start = ["-u", "DENO_CERT", "-u", "NODE_EXTRA_CA_CERTS", "DENO_TLS_CA_STORE=", Deno.execPath()];
    const run = ["run", "--allow-all", "--no-prompt", "--quiet", "--no-check", `${ROOT}/cli/main.ts`];
    return { path: "env", args: [...start, ...run, ...name === "ipbenchd" ? ["__daemon"] : []] };
  }
  const path = `${ROOT}/dist/${name}`;
  try {
    Deno.statSync(path);
  } catch (cause) {
    throw new Error(`${path} is not there: deno task build makes it`, { cause });
  }
  return { path, args: [] };
}

/** What a finished program left. */
export interface Finished {
  /** Exit status; 128 + signal when one ended it. */
  code: number;
  stdout: string;
  stderr: string;
  /** Wall time in milliseconds. */
  ms: number;
}

/** How to run a program. */
export interface RunOptions {
  env?: Record<string, string>;
  cwd?: string;
  /** Written to its standard input, which is empty otherwise. */
  input?: string;
  /** After so many milliseconds it is killed and the call fails; 60,000 by default. */
  deadlineMs?: number;
}

/**
 * Runs `dist/ipbench` (or `ipbenchd`) to its end.
 *
 * @param name Which program.
 * @param args Its arguments.
 * @param options How to run it.
 * @throws {Error} when it does not end in time; with what it said on stderr.
 */
export async function runProgram(
  name: "ipbench" | "ipbenchd",
  args: string[],
  options: RunOptions = {},
): Promise<Finished> {
  const command = programCommand(name);
  const deadlineMs = options.deadlineMs ?? 60_000;
  const started = performance.now();
  const child = new Deno.Command(command.path, {
    args: [...command.args, ...args],
    env: { NO_COLOR: "1", ...options.env },
    ...options.cwd !== undefined && { cwd: options.cwd },
    stdin: options.input === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  if (options.input !== undefined) {
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(options.input)).catch(() => {});
    await writer.close().catch(() => {});
  }
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    kill(child.pid, "SIGKILL");
  }, deadlineMs);
  const output = await child.output();
  clearTimeout(timer);
  const [stdout, stderr] = [output.stdout, output.stderr].map((bytes) => new TextDecoder().decode(bytes)) as [
    string,
    string,
  ];
  if (late) {
    throw new Error(`${name} ${args.join(" ")} did not end within ${deadlineMs} ms; stderr: ${stderr}`);
  }
  const warnings = runtimeWarnings(stderr.split("\n"));
  if (warnings.length > 0) throw new Error(`${name} ${args.join(" ")}: ${warnings.join(" | ")}`);
  return { code: output.code, stdout, stderr, ms: performance.now() - started };
}

/**
 * Finds what the JavaScript runtime itself, and not the program, wrote: a warning of it is a mistake in the program, and
 * nothing that a user should see.
 *
 * @param lines What came on stderr.
 */
export function runtimeWarnings(lines: readonly string[]): string[] {
  return lines.filter((line) => /\(node:\d+\)|^\w+Warning: |Failed to open cache file/.test(line));
}

/**
 * Sends a signal to a process that may be gone already.
 *
 * @param pid The process.
 * @param signal The signal.
 */
export function kill(pid: number, signal: Deno.Signal): void {
  try {
    Deno.kill(pid, signal);
  } catch (error) {
    const gone = error instanceof Deno.errors.NotFound || error instanceof TypeError ||
      (error instanceof Error && error.message.includes("ESRCH"));
    if (!gone) throw error;
  }
}
