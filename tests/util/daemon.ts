/**
 * A real daemon for tests: started from `dist/` on a free port, and gone without a trace at the end.
 *
 * @module
 */
import { assertNoneLeft, childrenOf, isAlive } from "./processes.ts";
import { kill, programCommand, projectRoot, runtimeWarnings } from "./program.ts";
import { type ConnectOptions, RawClient } from "./tcp.ts";
import { deadline, until } from "./wait.ts";

/** How to start a daemon. */
export interface DaemonStart {
  /** "tester" unless said otherwise. */
  role?: "tester" | "target";
  /** Address to listen on; 127.0.0.1 by default, `null` for all. */
  ip?: string | null;
  /** 0, any free one, by default. */
  port?: number;
  /** Another `ipbenchd` than the one that was built. */
  path?: string;
  /** More arguments. */
  args?: string[];
  env?: Record<string, string>;
  /** A command that starts it in its own process, such as `ip netns exec NAME`. */
  wrap?: string[];
  /** How long it may take to be ready; 60,000 ms by default. */
  readyMs?: number;
}

/** A running daemon. Use it with `await using`: at the end it is stopped, and nothing of it may be left. */
export class TestDaemon {
  readonly pid: number;
  /** The port that it really has. */
  readonly port: number;
  /** Address for clients. */
  readonly host: string;
  /** What all its processes carry in their environment. */
  readonly mark: string;
  /** Its lines on stderr so far. */
  readonly log: string[];
  readonly #child: Deno.ChildProcess;
  #stopped = false;

  private constructor(
    child: Deno.ChildProcess,
    place: { port: number; host: string; mark: string },
    log: string[],
  ) {
    this.#child = child;
    this.pid = child.pid;
    this.port = place.port;
    this.host = place.host;
    this.mark = place.mark;
    this.log = log;
  }

  /**
   * Starts a daemon and waits for its ready line.
   *
   * @param options How to start it.
   * @throws {Error} when it does not become ready; with what it said.
   */
  static async start(options: DaemonStart = {}): Promise<TestDaemon> {
    const command = options.path === undefined
      ? programCommand("ipbenchd")
      : { path: options.path, args: [] };
    const mark = crypto.randomUUID();
    const ip = options.ip === undefined ? "127.0.0.1" : options.ip;
    const [path = "", ...before] = [...options.wrap ?? [], command.path];
    const child = new Deno.Command(path, {
      args: [
        ...before,
        ...command.args,
        ...options.role === "target" ? ["--target"] : [],
        ...ip === null ? [] : ["--ip", ip],
        "--port",
        String(options.port ?? 0),
        ...options.args ?? [],
      ],
      env: { NO_COLOR: "1", IPBENCH_TEST_MARK: mark, ...options.env },
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const log: string[] = [];
    collectLines(child.stderr, log);
    const ended = child.status.then((status) => {
      throw new Error(`ipbenchd ended with ${status.code} before it was ready: ${log.join(" | ")}`);
    });
    ended.catch(() => {});
    const ready = until(
      "ready line",
      options.readyMs ?? 60_000,
      () => log.map(readyPort).find((port) => port !== null),
    );
    let port: number;
    try {
      port = await Promise.race([ready, ended]);
    } catch (error) {
      ready.catch(() => {});
      kill(child.pid, "SIGKILL");
      throw new Error(`ipbenchd did not become ready: ${log.join(" | ")}`, { cause: error });
    }
    const host = ip === null || ip === "0.0.0.0" ? "127.0.0.1" : ip === "::" ? "::1" : ip;
    return new TestDaemon(child, { port, host, mark: `IPBENCH_TEST_MARK=${mark}` }, log);
  }

  /** Connects to it, without reading the greeting. */
  async connect(options: ConnectOptions = {}): Promise<RawClient> {
    return await RawClient.connect({ hostname: this.host, port: this.port, ...options });
  }

  /** Connects to it and reads the greeting. */
  async greeted(options: ConnectOptions = {}): Promise<RawClient> {
    const client = await this.connect(options);
    await client.readLine();
    return client;
  }

  /** The process of the running test, as STATUS tells it; `null` when none runs. `hostname`: where it is asked. */
  async testPid(hostname = this.host): Promise<number | null> {
    const client = await this.greeted({ hostname });
    try {
      const lines = (await client.ask("STATUS", 3)).join("\n");
      const match = /Running a test \(([0-9]+)\)/.exec(lines);
      return match === null ? null : Number(match[1]);
    } finally {
      client.close();
    }
  }

  /** Waits until the slot is free: at most that long. `hostname`: where it is asked. */
  async assertFree(ms = 1_500, hostname = this.host): Promise<void> {
    await until("the slot is free", ms, async () => await this.testPid(hostname) === null);
  }

  /** Its child processes. */
  children(): number[] {
    return childrenOf(this.pid).map((entry) => entry.pid);
  }

  /** Whether it still runs. */
  get alive(): boolean {
    return isAlive(this.pid);
  }

  /** Resident memory in bytes. */
  get residentBytes(): number {
    const status = Deno.readTextFileSync(`/proc/${this.pid}/status`);
    return Number(/VmRSS:\s+([0-9]+) kB/.exec(status)?.[1] ?? 0) * 1024;
  }

  /** Lines of its log that say that something unexpected happened inside of it. */
  internalErrors(): string[] {
    return [
      ...this.log.filter((line) => /internal error|Uncaught|panicked|unhandled/i.test(line)),
      ...runtimeWarnings(this.log),
    ];
  }

  /** Sends it a signal. */
  signal(signal: Deno.Signal): void {
    kill(this.pid, signal);
  }

  /**
   * Ends it.
   *
   * @param signal How.
   * @returns Its exit status.
   */
  async stop(signal: Deno.Signal = "SIGTERM"): Promise<number> {
    this.#stopped = true;
    kill(this.pid, signal);
    try {
      return (await deadline(`ipbenchd ends on ${signal}`, 20_000, this.#child.status)).code;
    } catch (error) {
      kill(this.pid, "SIGKILL");
      await this.#child.status;
      throw error;
    }
  }

  /** Stops it, and fails when a process of it is left, or it logged an internal error. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#stopped) await this.stop();
    await assertNoneLeft(this.mark);
    const errors = this.internalErrors();
    if (errors.length > 0) throw new Error(`the daemon logged: ${errors.join(" | ")}`);
  }
}

/** The folder of the plugins that tests bring along (crashing, hanging, old ones). */
export function fixturePlugins(): string {
  return `${projectRoot()}/build/fixtures`;
}

function readyPort(line: string): number | null {
  const match = /ready: .* on \S+:([0-9]+)/.exec(line) ?? /"event":"ready".*"port":([0-9]+)/.exec(line);
  return match === null ? null : Number(match[1]);
}

async function collectLines(stream: ReadableStream<Uint8Array>, lines: string[]): Promise<void> {
  let rest = "";
  try {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      const parts = (rest + text).split("\n");
      rest = parts.pop() ?? "";
      lines.push(...parts);
    }
  } catch {
    // The program ended.
  }
  if (rest !== "") lines.push(rest);
}
