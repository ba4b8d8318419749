/**
 * `ipbenchd`: the daemon of testers and targets.
 *
 * @module
 */
import { fileReason, messageOf, outputReason } from "../base/errors.ts";
import { monotonicNowNs, oneDeadline, type PluginHostOptions } from "../ffi/mod.ts";
import { sdNotify } from "../ffi/self/notify.ts";
import { setProcessTitle } from "../ffi/self/process_title.ts";
import { VERSION } from "../ffi/self/version.ts";
import { createNonce, socketAddress } from "../protocol/mod.ts";
import { createClock, SHIFT_VARIABLE } from "./clock.ts";
import { UsageError } from "./failure.ts";
import { Deliveries } from "./link/deliveries.ts";
import { AuthGuard } from "./access/guard.ts";
import { makeSecret, readSecret, readTls } from "./access/key_files.ts";
import { GuestPolicy } from "./access/guests.ts";
import { continueOnEnter, watchInput } from "./terminal.ts";
import { LAST_RESULT_MS, LOG_FLUSH_MS, OTHER_FILES, SHUTDOWN_MS } from "./limits.ts";
import { configureLog, daemonLog } from "./log.ts";
import {
  type DaemonOptions,
  type EnvironmentFiles,
  FILE_VARIABLES,
  INDEX_VARIABLES,
  isOpen,
  parseDaemonOptions,
} from "./options.ts";
import { startJoining } from "./start_joining.ts";
import { Server, type ServerTls } from "./server.ts";
import type { SessionContext } from "./session_types.ts";
import { TestSlot } from "./slot.ts";

/** Exit statuses. */
const OK = 0;
const FAILED = 1;
const USAGE = 2;
const BROKEN_PIPE = 141;

/**
 * Runs the daemon until it is asked to end: SIGTERM, SIGINT, `--max-runs` or `--idle-exit`.
 *
 * @param args The command line without the program's name.
 * @returns The exit status: 0 when it came to its end, 1 when it could not begin, 2 for wrong use.
 */
export async function main(args: string[]): Promise<number> {
  const options = parseDaemonOptions(args, environmentFiles());
  if ("text" in options) {
    if (options.status === OK) return await printText(options.text);
    await writeAll(Deno.stderr, options.text);
    return options.status;
  }
  const queue = configureLog({
    format: options.logFormat,
    debug: options.debug,
    journal: isJournal(Deno.env.get("JOURNAL_STREAM")),
    write: async (line) => void await writeAll(Deno.stderr, line),
  });
  const log = daemonLog();
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault(); // The test may be lost; the daemon goes on.
    log.error("internal error: {error}", { error: String(event.reason?.stack ?? event.reason) });
  });
  try {
    if (options.newSecret !== null) {
      makeSecret(options.newSecret);
      return OK;
    }
    return await serve(options);
  } catch (error) {
    if (error instanceof UsageError) {
      log.error("{message}", { message: error.message });
      return USAGE;
    }
    const message = messageOf(error);
    log.error("cannot listen on {place}: {message}", { place: describePlace(options), message });
    return FAILED;
  } finally {
    await queue.flush(LOG_FLUSH_MS);
  }
}

/** An empty variable is none. */
function environmentFiles(): EnvironmentFiles {
  const set = Object.entries(FILE_VARIABLES).map(([name, variable]) =>
    [name, Deno.env.get(variable)] as const
  );
  const index = INDEX_VARIABLES.map((name) => ({ name, text: Deno.env.get(name) ?? "" }))
    .find(({ text }) => text !== "");
  return { ...Object.fromEntries(set.filter(([, path]) => path !== undefined && path !== "")), index };
}

async function serve(options: DaemonOptions): Promise<number> {
  const log = daemonLog();
  const prover = options.secretFile === null ? null : await readSecret(options.secretFile);
  const tls = readTls(options);
  allowExec(options.allowExec);
  lookFor(options.pluginDirs);
  const end = Promise.withResolvers<string>();
  let runs = 0;
  const hostLog: PluginHostOptions["log"] = (level, message) => {
    const text = { message };
    if (level === "error") log.error("{message}", text);
    else if (level === "warning") log.warn("{message}", text);
    else if (level === "info") log.info("{message}", text);
    else log.debug("{message}", text);
  };
  const strangers = isOpen(options);
  const slot = new TestSlot({
    role: options.role,
    clock: clockOf(),
    host: {
      pluginDirs: [...options.pluginDirs],
      debug: options.debug,
      log: hostLog,
      guest: strangers && options.allow.length === 0,
      ...options.callTimeoutMs !== null && { limits: oneDeadline(options.callTimeoutMs) },
      ...options.childMemoryBytes > 0 && { memoryLimitBytes: options.childMemoryBytes },
    },
    ...strangers && { policy: new GuestPolicy(options.allowTarget, options.allow.length === 0) },
    maxResultBytes: options.maxResultBytes,
    maxTestMs: options.maxTestMs,
    log: hostLog,
    onStart: (waiting) => {
      if (waiting && !options.untilEof) continueOnEnter(slot, log);
    },
    onFree: (started) => {
      if (started && ++runs === options.maxRuns) end.resolve(`${runs} tests were run`);
    },
  });
  const context: SessionContext = {
    role: options.role,
    program: `ipbenchd ${VERSION}`,
    slot,
    clock: clockOf(),
    prover,
    guard: new AuthGuard(),
    deliveries: new Deliveries(options.maxResultBytes),
    log,
    idleMs: options.idleTimeoutMs,
    createNonce: () => createNonce(),
  };
  let status = OK;
  const server = options.join === null
    ? await listen(options, context, tls)
    : startJoining(options, options.join, context, () => runs, (why) => {
      if (runs === 0) status = FAILED;
      end.resolve(why);
    });
  const idle = watchIdle(options.idleExitMs, server, slot, () => end.resolve("nobody came"));
  const signals = listenToSignals((signal) => end.resolve(`${signal}`), log);
  if (options.untilEof) watchInput(() => end.resolve("standard input ended"));
  const why = await end.promise;
  log.info("ipbenchd ends: {why}", { why });
  sdNotify("STOPPING=1");
  clearInterval(idle);
  await server.close(runs === options.maxRuns ? LAST_RESULT_MS : SHUTDOWN_MS);
  signals();
  return status;
}

async function listen(
  options: DaemonOptions,
  context: SessionContext,
  tls: ServerTls | null,
): Promise<Server> {
  const server = new Server({
    ...{ ip: options.ip, port: options.port, allow: options.allow },
    ...{ tls, maxConnections: fitConnections(options), log: context.log, context },
  });
  await server.listen();
  reportReady(options, server);
  return server;
}

/** One line with the address; a warning in it when a daemon beyond loopback asks for no secret. */
function reportReady(options: DaemonOptions, server: Server): void {
  const log = daemonLog();
  const { hostname, port } = server.address;
  const address = socketAddress(hostname, port);
  setProcessTitle(`ipbenchd: ${options.role} ${address}`);
  const open = isOpen(options);
  const properties = { event: "ready", version: VERSION, role: options.role, address, port, open };
  const line = `ready: version ${VERSION}, ${options.role} on ${address}`;
  if (open && options.allow.length === 0) {
    log.warn(
      `${line}; anybody who reaches it can run tests here against machines that are near: --secret-file or --allow ` +
        "limit that",
      properties,
    );
  } else if (open) {
    log.warn(
      `${line}; it asks for no secret: anybody at an address that --allow names can run tests here against machines ` +
        "that are near, --secret-file limits that",
      properties,
    );
  } else log.info(line, properties);
  sdNotify("READY=1");
}

function clockOf(): ReturnType<typeof createClock> {
  try {
    return createClock(Deno.env.get(SHIFT_VARIABLE), monotonicNowNs);
  } catch (error) {
    throw new UsageError(messageOf(error), { cause: error });
  }
}

/** The limit on connections: what was asked for, or less where the limit of open files does not allow it. */
function fitConnections({ maxConnections, tlsCert }: DaemonOptions): number {
  const limits = Deno.readTextFileSync("/proc/self/limits");
  const files = Number(/^Max open files\s+([0-9]+)/m.exec(limits)?.[1] ?? Infinity);
  const each = tlsCert === null ? 2 : 3; // A place to talk, one to linger, one for a handshake.
  const fitting = Math.max(1, Math.min(maxConnections, Math.floor((files - OTHER_FILES) / each)));
  if (fitting < maxConnections) {
    daemonLog().warn("the limit of {files} open files (ulimit -n) leaves room for {fitting} connections", {
      files,
      fitting,
    });
  }
  return fitting;
}

/** The wrapper tests read this variable in their process; without it they run nothing. */
function allowExec(dirs: readonly string[]): void {
  const resolved = dirs.map((dir) => {
    try {
      if (!Deno.statSync(dir).isDirectory) throw new Error("it is no folder");
      return Deno.realPathSync(dir);
    } catch (error) {
      const why = messageOf(error);
      throw new UsageError(`--allow-exec ${dir}: ${why}`, { cause: error });
    }
  });
  const bad = resolved.find((dir) => dir.includes(":"));
  if (bad !== undefined) {
    throw new UsageError(`--allow-exec ${bad}: a folder with ":" in its path cannot be named`);
  }
  if (resolved.length === 0) Deno.env.delete("IPBENCH_ALLOW_EXEC");
  else Deno.env.set("IPBENCH_ALLOW_EXEC", resolved.join(":"));
}

/** A folder that is missing may come later, and plugins are looked for elsewhere, too. */
function lookFor(dirs: readonly string[]): void {
  for (const dir of dirs) {
    try {
      Deno.readDirSync(dir);
    } catch (error) {
      const why = error instanceof Deno.errors.NotFound ? "there is no such folder" : fileReason(error);
      daemonLog().warn("--plugin-dir {dir}: {why}", { dir, why });
    }
  }
}

function watchIdle(
  limitMs: number | null,
  server: Pick<Server, "lastBusyMs">,
  slot: TestSlot,
  end: () => void,
): ReturnType<typeof setInterval> | undefined {
  if (limitMs === null) return undefined;
  return setInterval(() => {
    if (slot.pid === null && performance.now() - server.lastBusyMs >= limitMs) end();
  }, Math.min(limitMs, 1000));
}

/** Ends on SIGTERM and SIGINT; SIGHUP reopens nothing and breaks nothing. */
function listenToSignals(end: (signal: Deno.Signal) => void, log: ReturnType<typeof daemonLog>): () => void {
  const listeners: [Deno.Signal, () => void][] = [
    ["SIGTERM", () => end("SIGTERM")],
    ["SIGINT", () => end("SIGINT")],
    ["SIGHUP", () => log.debug("SIGHUP: nothing to reopen")],
  ];
  for (const [signal, listener] of listeners) Deno.addSignalListener(signal, listener);
  return () => {
    for (const [signal, listener] of listeners) Deno.removeSignalListener(signal, listener);
  };
}

function describePlace(options: DaemonOptions): string {
  if (options.join !== null) return socketAddress(options.join.host, options.join.port);
  return options.ip === null ? `port ${options.port}` : socketAddress(options.ip, options.port);
}

/** systemd names the device and inode of the stream it listens to; stderr may have been sent elsewhere since. */
function isJournal(stream: string | undefined): boolean {
  if (stream === undefined) return false;
  try {
    const { dev, ino } = Deno.statSync("/proc/self/fd/2");
    return stream === `${dev}:${ino}`;
  } catch {
    return false;
  }
}

/** Prints what was asked for. */
async function printText(text: string): Promise<number> {
  try {
    for (let rest = new TextEncoder().encode(text); rest.length > 0;) {
      rest = rest.subarray(await Deno.stdout.write(rest));
    }
    return OK;
  } catch (error) {
    if (error instanceof Deno.errors.BrokenPipe) return BROKEN_PIPE; // Whoever reads has seen enough.
    await writeAll(
      Deno.stderr,
      `ipbenchd: cannot write the result to standard output: ${outputReason(error)}\n`,
    );
    return FAILED;
  }
}

/**
 * Writes a piece of the log. An error, such as that of a pipe that nobody reads any more, must not end the daemon; and a slow
 * reader must not stop it: the write is asynchronous.
 *
 * @returns Whether all was written.
 */
async function writeAll(
  stream: { write(bytes: Uint8Array): Promise<number> },
  text: string,
): Promise<boolean> {
  try {
    for (let rest = new TextEncoder().encode(text); rest.length > 0;) {
      rest = rest.subarray(await stream.write(rest));
    }
    return true;
  } catch {
    return false; // Nobody to notify.
  }
}
