/**
 * The process that hosts one plugin, as its parent sees it: messages there and back, deadlines, and its end.
 *
 * @module
 */

import { messageOf } from "../base/errors.ts";
import { ChildStdin } from "./child_stdin.ts";
import { PluginError, type PluginErrorCode } from "./errors.ts";
import { encodeFrame, type Frame, FrameReader } from "./frame.ts";
import type { HostDeadlines } from "./limits.ts";
import { LogLines } from "./log_lines.ts";
import { PLUGIN_HOST_ARGUMENT, selfCommand, selfPath } from "./self/self.ts";
import { killGroup } from "./self/signals.ts";

/** Gives plugins the file to name where a person has to grant something to the program (ipb_error.h). */
const PROGRAM_VARIABLE = "IPBENCH_PROGRAM";

/**
 * Receives what a plugin, its process or the search for it reports. The plugin's standard error, and only that, comes as
 * "info", with how many lines the message stands for (one, when that is missing).
 */
export type HostLog = (
  level: "debug" | "info" | "warning" | "error",
  message: string,
  lines?: number,
) => void;

/** How a process ended. */
export interface ProcessEnd {
  /** Exit status; `null` when a signal ended it. */
  code: number | null;
  signal: string | null;
}

interface Pending {
  call: string;
  code: PluginErrorCode;
  resolve: (frame: Frame) => void;
  reject: (error: PluginError) => void;
  timer: ReturnType<typeof setTimeout> | null;
}

/** One call: what it is named in errors, which code a failure has, and how long it may take. */
export interface CallKind {
  call: string;
  code: PluginErrorCode;
  /** `null`: the caller has a deadline of its own. */
  deadlineMs: number | null;
  /** When the deadline passes, the call fails and the process lives on: a record that is missing costs no test. */
  optional?: boolean;
}

const CODES: ReadonlySet<string> = new Set<PluginErrorCode>([
  ...["not-found", "setup", "start", "stop", "marshall", "unmarshall", "output"] as const,
  ...["crash", "timeout", "protocol", "limit", "interface", "not-built"] as const,
]);

function codeOf({ code }: Frame["header"]): PluginErrorCode | null {
  return typeof code === "string" && CODES.has(code) ? code as PluginErrorCode : null;
}

/** A running child process and the calls that wait for its answers. */
export class PluginProcess {
  readonly pid: number;
  /** Resolves exactly once, when the process is reaped. */
  readonly exited: Promise<ProcessEnd>;
  /** What errors call the plugin; set once it is loaded. */
  subject = "the plugin";

  #child: Deno.ChildProcess;
  #stdin: ChildStdin;
  #pending = new Map<number, Pending>();
  #lastId = 0;
  #end: PluginError | null = null;
  #log: HostLog;
  /** What comes as messages: of the process itself, unless a plugin has got at its pipe. */
  readonly #remarks = {
    debug: new LogLines((line) => this.#log("debug", line), () => performance.now()),
    warning: new LogLines((line) => this.#log("warning", line), () => performance.now()),
  };
  #deadlines: HostDeadlines;

  /**
   * Starts the process at once.
   *
   * @param log takes the process's stderr, a line at a time, and warnings
   * @param deadlines how long calls may take
   * @param extra variables to add to its environment
   * @throws {PluginError} when the process cannot be started
   */
  constructor(log: HostLog, deadlines: HostDeadlines, extra: Record<string, string>) {
    this.#log = log;
    this.#deadlines = deadlines;
    const self = selfCommand([PLUGIN_HOST_ARGUMENT, String(Deno.pid)]);
    try {
      const pipes = { stdin: "piped", stdout: "piped", stderr: "piped" } as const;
      const env = { ...self.env, [PROGRAM_VARIABLE]: selfPath() ?? Deno.execPath(), ...extra };
      this.#child = new Deno.Command(self.path, { args: self.args, env, ...pipes }).spawn();
    } catch (cause) {
      const why = messageOf(cause);
      throw new PluginError("crash", "spawn", `cannot start ${self.path} to host a plugin: ${why}`, {
        cause,
      });
    }
    this.pid = this.#child.pid;
    this.#stdin = new ChildStdin(this.#child);
    const messages = this.#readMessages();
    const lines = this.#readStderr();
    this.exited = this.#watch(messages, lines);
  }

  /**
   * Sends one call and waits for its answer.
   *
   * @returns the answer
   * @throws {PluginError} when the call fails, takes too long, or the process ends meanwhile
   */
  call(kind: CallKind, header: Record<string, unknown>, body?: Uint8Array): Promise<Frame> {
    if (this.#end !== null) return Promise.reject(this.#ended(kind));
    const id = ++this.#lastId;
    let frame: Uint8Array<ArrayBuffer>;
    try {
      frame = encodeFrame({ ...header, id }, body);
    } catch (cause) {
      const why = messageOf(cause);
      return Promise.reject(new PluginError("limit", kind.call, `${kind.call}: ${why}`, { cause }));
    }
    return new Promise<Frame>((resolve, reject) => {
      const timer = kind.deadlineMs === null
        ? null
        : setTimeout(() => this.#expire(id, kind), kind.deadlineMs);
      this.#pending.set(id, { call: kind.call, code: kind.code, resolve, reject, timer });
      this.#stdin.write(frame);
    });
  }

  /** Ends the process because of a mistake of the plugin: every waiting call gets this error. */
  fail(code: PluginErrorCode, call: string, message: string): void {
    this.#end ??= new PluginError(code, call, message);
    this.#rejectAll();
    this.#killNow();
  }

  /**
   * Ends the process and everything in its group with SIGKILL.
   *
   * @returns when it is reaped; waiting calls get an error
   */
  async kill(): Promise<void> {
    this.#end ??= new PluginError("crash", "kill", `${this.subject} was ended by ipbench`);
    this.#rejectAll();
    this.#killNow();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(() => {
        this.#log("error", `process ${this.pid} did not end within ${this.#deadlines.killMs} ms of SIGKILL`);
        resolve();
      }, this.#deadlines.killMs);
    });
    await Promise.race([this.exited, late]);
    clearTimeout(timer);
  }

  #expire(id: number, kind: CallKind): void {
    if (kind.optional !== true) return this.fail("timeout", kind.call, this.#late(kind));
    this.#pending.get(id)?.reject(new PluginError("timeout", kind.call, this.#late(kind)));
    this.#pending.delete(id);
  }

  #late(kind: CallKind): string {
    return `${this.subject} did not return from ${kind.call} within ${(kind.deadlineMs ?? 0) / 1000} s`;
  }

  #killNow(): void {
    if (this.#reaped) return;
    killGroup(this.pid);
    try {
      this.#child.kill("SIGKILL"); // before the process made its group, the group's number is not there yet
    } catch {
      // It has ended already; `exited` has how.
    }
  }

  #reaped = false;
  /** The file that the search for plugins is opening. */
  #opening: string | null = null;

  async #watch(messages: Promise<void>, lines: Promise<void>): Promise<ProcessEnd> {
    const status = await this.#child.status;
    this.#reaped = true;
    killGroup(this.pid); // what the plugin left behind
    // What the process wrote before its end is still in the pipes; what it left behind cannot hold them open for ever.
    let timer: ReturnType<typeof setTimeout> | undefined;
    const patience = new Promise<void>((resolve) => timer = setTimeout(resolve, DRAIN_MS));
    await Promise.race([Promise.all([messages, lines]), patience]);
    clearTimeout(timer);
    this.#remarks.debug.end();
    this.#remarks.warning.end();
    const end: ProcessEnd = { code: status.signal === null ? status.code : null, signal: status.signal };
    this.#end ??= new PluginError("crash", "", describeEnd(end));
    this.#rejectAll();
    await this.#stdin.close();
    this.#cancelReaders();
    return end;
  }

  #readers: (ReadableStreamDefaultReader<Uint8Array> | ReadableStreamBYOBReader)[] = [];

  #cancelReaders(): void {
    for (const reader of this.#readers) reader.cancel().catch(() => {});
  }

  async #readMessages(): Promise<void> {
    const frames = new FrameReader();
    const reader = this.#child.stdout.getReader({ mode: "byob" });
    this.#readers.push(reader);
    try {
      // One buffer, which goes to the stream and comes back: a new one for each read would be so much garbage.
      for (let buffer = new Uint8Array(READ_BYTES);;) {
        const { value, done } = await reader.read(buffer);
        if (done) return;
        for (const frame of frames.push(value)) this.#receive(frame);
        buffer = new Uint8Array(value.buffer);
      }
    } catch (error) {
      const why = messageOf(error);
      this.fail("protocol", "messages", `${this.subject} disturbed its messages to ipbench: ${why}`);
    }
  }

  async #readStderr(): Promise<void> {
    const lines = new LogLines((line, count) => this.#log("info", line, count), () => performance.now());
    const reader = this.#child.stderr.getReader();
    this.#readers.push(reader);
    try {
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return lines.end();
        lines.push(value);
      }
    } catch {
      lines.end(); // the pipe broke: the process is ending
    }
  }

  #receive(frame: Frame): void {
    const { header } = frame;
    if (typeof header.log === "string") {
      this.#remarks[header.log === "warning" ? "warning" : "debug"].add(String(header.message));
      return;
    }
    if (typeof header.fatal === "string") {
      return this.fail(codeOf(header) ?? "crash", "its start", header.fatal);
    }
    if (typeof header.opening === "string") {
      this.#opening = header.opening;
      return;
    }
    this.#opening = null;
    const pending = this.#pending.get(Number(header.id));
    if (pending === undefined) return;
    this.#pending.delete(Number(header.id));
    if (pending.timer !== null) clearTimeout(pending.timer);
    if (header.ok === true) return pending.resolve(frame);
    pending.reject(new PluginError(codeOf(header) ?? pending.code, pending.call, String(header.message)));
  }

  #rejectAll(): void {
    for (const [id, pending] of this.#pending) {
      this.#pending.delete(id);
      if (pending.timer !== null) clearTimeout(pending.timer);
      pending.reject(this.#ended(pending));
    }
  }

  #ended(kind: { call: string }): PluginError {
    const end = this.#end!;
    if (end.code !== "crash" || end.call === "kill") return end;
    const subject = this.#opening === null ? this.subject : `plugin file ${this.#opening}`;
    return new PluginError("crash", kind.call, `${subject} ${end.message} in ${kind.call}`);
  }
}

/** What is read of a process's messages at once: as much as a pipe holds. */
const READ_BYTES = 64 * 1024;
/** How long what a dead process wrote may take to be read, in milliseconds. */
const DRAIN_MS = 500;

function describeEnd(end: ProcessEnd): string {
  if (end.signal !== null) return `crashed with ${end.signal}`;
  return `ended its process with status ${end.code}`;
}
