/**
 * A real daemon that dials in, for tests: started from `dist/`, and gone without a trace at the end.
 *
 * @module
 */
import { keepLines } from "./collected.ts";
import { assertNoneLeft } from "./processes.ts";
import { kill, programCommand, runtimeWarnings } from "./program.ts";
import { deadline } from "./wait.ts";

/** A running daemon. Use it with `await using`. */
export class JoinedDaemon {
  /** Its lines on stderr so far. */
  readonly log: string[] = [];
  readonly pid: number;
  readonly #child: Deno.ChildProcess;
  readonly #reading: Promise<void>;
  readonly #mark: string;
  #stopped = false;

  /**
   * Starts one.
   *
   * @param place The controller, as HOST:PORT.
   * @param args More arguments.
   * @param env More variables.
   */
  constructor(place: string, args: readonly string[] = [], env: Record<string, string> = {}) {
    const { path, args: before } = programCommand("ipbenchd");
    const mark = crypto.randomUUID();
    this.#mark = `IPBENCH_TEST_MARK=${mark}`;
    this.#child = new Deno.Command(path, {
      args: [...before, "--join", place, ...args],
      env: { NO_COLOR: "1", IPBENCH_TEST_MARK: mark, ...env },
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    this.pid = this.#child.pid;
    this.#reading = keepLines(this.#child.stderr, this.log);
  }

  /** Waits for its end. */
  async end(ms: number): Promise<number> {
    const { code } = await deadline(`ipbenchd ends: ${this.log.join(" | ")}`, ms, this.#child.status);
    this.#stopped = true;
    await this.#reading;
    return code;
  }

  /** Ends it. */
  async stop(signal: Deno.Signal = "SIGTERM"): Promise<number> {
    this.#stopped = true;
    kill(this.pid, signal);
    return await this.end(20_000);
  }

  /** Stops it, and fails when a process of it is left, or it logged an internal error. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#stopped) await this.stop();
    await assertNoneLeft(this.#mark);
    const errors = [
      ...this.log.filter((line) => /internal error|Uncaught|panicked|unhandled/i.test(line)),
      ...runtimeWarnings(this.log),
    ];
    if (errors.length > 0) throw new Error(`the daemon logged: ${errors.join(" | ")}`);
  }
}
