/**
 * Daemons of our own on loopback: child processes that end with us, whatever ends us.
 *
 * @module
 */
import { messageOf } from "../../base/errors.ts";
import { withDeadline, within } from "../../base/deadline.ts";
import type { ClientDescription } from "../../config/run_description.ts";
import { DAEMON_ARGUMENT, selfCommand } from "../../ffi/self/self.ts";
import { createSecret, type DaemonRole } from "../../protocol/mod.ts";
import {
  DAEMON_END_MS,
  DAEMON_IDLE_SECONDS,
  DAEMON_TEST_SECONDS,
  MAX_LOG_LINE,
  MAX_LOG_LINES,
  READY_MS,
} from "./limits.ts";
import { OwnFolder } from "./own_folder.ts";

const LOOPBACK = "127.0.0.1";

/** Where a daemon is, and its keys. */
export type DaemonPlace = Pick<ClientDescription, "host" | "port" | "secretFile" | "tlsCa">;

/** The daemons of one quick look. They ask for a secret that nobody else has. */
export class OwnDaemons implements AsyncDisposable {
  readonly #folder: OwnFolder;
  readonly #children: Deno.ChildProcess[] = [];
  /** Their places, in the order in which they were asked for. */
  readonly places: DaemonPlace[] = [];

  private constructor(folder: OwnFolder) {
    this.#folder = folder;
  }

  /**
   * Starts daemons side by side and waits until all are ready.
   *
   * @param roles what each one is for
   * @throws {Error} when one does not become ready; then none is left
   */
  static async start(roles: readonly DaemonRole[]): Promise<OwnDaemons> {
    const folder = await OwnFolder.make();
    const own = new OwnDaemons(folder);
    try {
      const { secretFile } = folder;
      await Deno.writeTextFile(secretFile, createSecret(), { createNew: true, mode: 0o600 });
      const ports = await Promise.all(roles.map((role) => own.#start(role, secretFile)));
      for (const port of ports) own.places.push({ host: LOOPBACK, port, secretFile, tlsCa: null });
      return own;
    } catch (error) {
      await own[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #start(role: DaemonRole, secretFile: string): Promise<number> {
    const self = selfCommand([
      DAEMON_ARGUMENT,
      ...role === "target" ? ["--target"] : [],
      ...["--ip", LOOPBACK, "--port", "0", "--until-eof", "--log-format", "json"],
      ...["--secret-file", secretFile],
      ...["--max-test-time", String(DAEMON_TEST_SECONDS), "--idle-exit", String(DAEMON_IDLE_SECONDS)],
    ]);
    // Keys that the user has for daemons elsewhere are not for these.
    const noKeys = { IPBENCH_TLS_CERT: "", IPBENCH_TLS_KEY: "", IPBENCH_TLS_CLIENT_CA: "" };
    const child = new Deno.Command(self.path, {
      args: self.args,
      env: { ...self.env, ...noKeys },
      stdin: "piped", // held open: its end, when we end in whatever way, ends the daemon
      stdout: "null",
      stderr: "piped",
      detached: true, // Ctrl-C at the terminal is for us; we then end the test in order
    }).spawn();
    this.#children.push(child);
    const log = new Log();
    const ready = Promise.withResolvers<number>();
    void log.read(child.stderr, (line) => {
      const match = /"event":"ready".*"port":([0-9]+)/.exec(line);
      if (match !== null) ready.resolve(Number(match[1]));
    }).finally(() => ready.reject(new Error(`our own daemon ended before it was ready: ${log.last}`)));
    const late = () => new Error(`our own daemon was not ready within ${READY_MS / 1000} s: ${log.last}`);
    return await withDeadline(ready.promise, READY_MS, late);
  }

  /** Ends them all. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#children.map(end));
    this.#children.length = 0;
    await this.#folder[Symbol.asyncDispose]();
  }
}

/** What a daemon logs: read so that it never waits for us, the last of it kept for errors. */
class Log {
  readonly #lines: string[] = [];

  get last(): string {
    return this.#lines.slice(-2).map((line) => messageIn(line)).join(" | ") || "it said nothing";
  }

  async read(stream: ReadableStream<Uint8Array>, take: (line: string) => void): Promise<void> {
    let rest = "";
    try {
      for await (const text of stream.pipeThrough(new TextDecoderStream())) {
        const parts = (rest + text).split("\n");
        rest = parts.pop()!.slice(-MAX_LOG_LINE);
        for (const line of parts) {
          this.#lines.push(line.slice(0, MAX_LOG_LINE));
          if (this.#lines.length > MAX_LOG_LINES) this.#lines.shift();
          take(line);
        }
      }
    } catch {
      // The daemon has ended.
    }
  }
}

/** The sentence of a log line in JSON. */
function messageIn(line: string): string {
  try {
    const { message } = JSON.parse(line);
    return typeof message === "string" ? message : line;
  } catch {
    return line;
  }
}

async function end(child: Deno.ChildProcess): Promise<void> {
  const over = child.status.catch(() => {});
  await child.stdin.close().catch(() => {});
  if (await within(over, DAEMON_END_MS)) return;
  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    try {
      child.kill(signal);
    } catch {
      return; // it has ended meanwhile
    }
    if (await within(over, DAEMON_END_MS)) return;
  }
}

/**
 * Finds ports of loopback that nobody has at the moment, for services that have to be told theirs.
 *
 * @param count how many
 */
export function freePorts(count: number): number[] {
  const listeners = Array.from({ length: count }, () => Deno.listen({ hostname: LOOPBACK, port: 0 }));
  try {
    return listeners.map((listener) => (listener.addr as Deno.NetAddr).port);
  } finally {
    for (const listener of listeners) listener.close();
  }
}

/** Reports why our own daemons could not be started. */
export function cannotStart(error: unknown): string {
  return `this machine cannot be the tester: ${messageOf(error)}`;
}
