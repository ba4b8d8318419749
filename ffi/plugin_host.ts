/**
 * One plugin in a process of its own, driven through messages: the only way in which the daemon and the controller
 * touch a plugin. A plugin that crashes, exits, hangs or writes rubbish costs this object, and nothing else.
 *
 * @module
 */

import { messageOf } from "../base/errors.ts";
import { monotonicNowNs } from "./clock.ts";
import { EMPTY_SETUP, type TestSetup } from "../base/test_setup.ts";
import { PluginError } from "./errors.ts";
import { isGranted } from "./granted.ts";
import { DEFAULT_DEADLINES, type HostDeadlines } from "./limits.ts";
import {
  type Finding,
  type PageProgress,
  parseProgress,
  type PluginCheck,
  type PluginInfo,
  PROGRESS_BYTES,
  type Side,
  type StartReport,
} from "./plugin_info.ts";
import { type CallKind, type HostLog, PluginProcess, type ProcessEnd } from "./plugin_process.ts";

/** What a {@linkcode PluginHost} needs to know. */
export interface PluginHostOptions {
  /** Searched in order, then `IPBENCH_PLUGIN_PATH`, then the embedded ones. */
  pluginDirs: string[];
  /** Whether the plugin is informed that the operator wants debug lines. */
  debug: boolean;
  /** Takes the plugin's stderr, a line at a time, and warnings. */
  log: HostLog;
  /** Deadlines other than {@linkcode DEFAULT_DEADLINES}. */
  limits?: Partial<HostDeadlines>;
  /** Variables to add to the process's environment. */
  env?: Record<string, string>;
  /** Private writable memory that the plugin may take, in bytes; 0 or absent: no limit. */
  memoryLimitBytes?: number;
  /** Whoever has tests run here has shown no secret: they get no real-time priority and lock no memory. */
  guest?: boolean;
  /** The run is in the original's spelling; a daemon knows it later, at {@linkcode PluginHost.setup}. */
  originalSpelling?: boolean;
}

/** What a test is set up with; what is missing is as in {@linkcode EMPTY_SETUP}. */
export interface SetupArguments extends Partial<TestSetup> {
  /** The addresses that the target may be, when they have been looked up already; one of them is the target then. */
  addresses?: readonly string[];
}

const decoder = new TextDecoder("utf-8", { fatal: true });

/**
 * A plugin's process.
 *
 * @example
 * ```ts
 * const host = PluginHost.spawn({ pluginDirs: [], debug: false, log: (_level, line) => console.error(line) });
 * try {
 *   await host.load("dummy", "client");
 *   await host.setup({ target: "127.0.0.1", port: 7, args: "", form: 0, runId: 0n, flowBase: 0 });
 *   const report = await host.start({});
 *   const { valid, data } = await host.marshall();
 * } finally {
 *   await host.kill();
 * }
 * ```
 */
export class PluginHost {
  #process: PluginProcess;
  #deadlines: HostDeadlines;
  #page: Deno.FsFile | null = null;
  #starting: Promise<StartReport> | null = null;

  private constructor(process: PluginProcess, deadlines: HostDeadlines) {
    this.#process = process;
    this.#deadlines = deadlines;
    this.exited = process.exited.finally(() => this.#closePage());
  }

  /** Resolves exactly once, when the process is gone and reaped. */
  readonly exited: Promise<ProcessEnd>;

  /** Number of the process, which leads a process group of its own. */
  get pid(): number {
    return this.#process.pid;
  }

  /**
   * Starts the process at once; it opens no plugin yet.
   *
   * @throws {PluginError} when the process cannot be started
   */
  static spawn(options: PluginHostOptions): PluginHost {
    const deadlines = { ...DEFAULT_DEADLINES, ...options.limits };
    const process = new PluginProcess(options.log, deadlines, options.env ?? {});
    const host = new PluginHost(process, deadlines);
    const hello = {
      call: "hello",
      pluginDirs: options.pluginDirs,
      debug: options.debug,
      memoryLimit: options.memoryLimitBytes ?? 0,
      originalSpelling: options.originalSpelling ?? false,
      guest: options.guest ?? false,
    };
    const kind: CallKind = { call: "its start", code: "crash", deadlineMs: deadlines.readyMs };
    process.call(kind, hello).catch(() => {}); // every later call gets the same error
    return host;
  }

  /**
   * @returns every plugin that can be found, in the order of the search; of two with one name and side, the first
   */
  async list(): Promise<PluginInfo[]> {
    const { header } = await this.#call("list", "not-found", this.#deadlines.listMs, {});
    return header.plugins as PluginInfo[];
  }

  /**
   * Finds a plugin by the name inside it and opens it.
   *
   * @throws {PluginError} "not-found" when nothing of that name can be found, "interface" when it cannot be used
   */
  async load(name: string, side: Side): Promise<PluginInfo> {
    this.#process.subject = `plugin ${name}`;
    const { header } = await this.#call("load", "not-found", this.#deadlines.loadMs, { name, side });
    this.#openPage(header.progressFd);
    return header.info as PluginInfo;
  }

  /**
   * Looks a target up as a plugin would, and sends nothing to it.
   *
   * @param name a name or an address
   * @returns its addresses, in the order in which they would be tried
   * @throws {PluginError} "setup" when there is none
   */
  async resolve(name: string): Promise<string[]> {
    const { header } = await this.#call("resolve", "setup", this.#deadlines.setupMs, { name });
    return header.addresses as string[];
  }

  /**
   * Calls the plugin's `setup`.
   *
   * @throws {PluginError} "setup", with the plugin's own sentence when it gave one
   */
  async setup(s: SetupArguments): Promise<void> {
    const { addresses = [], ...setup } = s;
    const { runId, ...rest } = { ...EMPTY_SETUP, ...setup };
    await this.#call("setup", "setup", this.#deadlines.setupMs, {
      ...rest,
      runId: runId.toString(),
      addresses,
    });
  }

  /**
   * Calls the plugin's `start` on a thread of its own.
   *
   * @param s `atNs`: when, in CLOCK_MONOTONIC of this machine; at once when absent or past
   * @returns when `start` has returned; `ok`: it returned 0
   * @throws {PluginError} when the process ends meanwhile
   */
  start(s: { atNs?: bigint }): Promise<StartReport> {
    this.#starting = this.#start(s.atNs);
    this.#starting.catch(() => {}); // the caller has the same promise
    return this.#starting;
  }

  async #start(atNs: bigint | undefined): Promise<StartReport> {
    const instant = new Uint8Array(8);
    new DataView(instant.buffer).setBigInt64(0, atNs ?? 0n);
    const { header } = await this.#call("start", "start", null, {}, instant);
    const report: StartReport = {
      ok: header.status === 0,
      status: Number(header.status),
      plannedNs: atNs ?? null,
      actualNs: BigInt(String(header.actualNs)),
      endedNs: BigInt(String(header.endedNs)),
    };
    if (typeof header.error === "string" && header.error !== "") report.error = header.error;
    return report;
  }

  /**
   * Calls the plugin's `stop`, meanwhile or after `start`; a running `start` has to return soon after, or the process
   * is ended. A stop without an instant ends the wait of one that has one: both have happened then.
   *
   * @param s `atNs`: when, in CLOCK_MONOTONIC of this machine; at once when absent or past
   * @throws {PluginError} "stop"
   */
  async stop(s: { atNs?: bigint } = {}): Promise<void> {
    const starting = this.#starting;
    const { atNs = 0n } = s;
    const waitMs = Math.max(0, Number(atNs - monotonicNowNs()) / 1e6);
    await this.#call("stop", "stop", waitMs + this.#deadlines.stopMs, { atNs: atNs.toString() });
    if (starting === null) return;
    const seconds = this.#deadlines.startReturnsMs / 1000;
    const message = `${this.#process.subject} went on for ${seconds} s after stop`;
    const timer = setTimeout(
      () => this.#process.fail("timeout", "start", message),
      this.#deadlines.startReturnsMs,
    );
    starting.catch(() => {}).finally(() => clearTimeout(timer));
  }

  /**
   * Calls the plugin's `marshall`, after `start` has returned. On a target, calls `stop` first when nobody has.
   *
   * @returns the block; `valid: false` when the plugin says that its data is not; and what the machine's links did since
   *   `start`, as `ipbench_host_links_end` writes it
   */
  async marshall(): Promise<{ valid: boolean; data: Uint8Array; links: string }> {
    const { header, body } = await this.#call("marshall", "marshall", this.#deadlines.marshallMs, {});
    return { valid: header.valid === true, data: body, links: String(header.links ?? "") };
  }

  /**
   * @returns what the running test reports of itself, `null` when it reports nothing; never blocks, never throws
   */
  progress(): PageProgress | null {
    if (this.#page === null) return null;
    try {
      const bytes = new Uint8Array(PROGRESS_BYTES);
      this.#page.seekSync(0, Deno.SeekMode.Start);
      return (this.#page.readSync(bytes) ?? 0) < PROGRESS_BYTES ? null : parseProgress(bytes);
    } catch {
      return null; // the process is gone
    }
  }

  /**
   * Asks the driver of a network interface, and the kernel what that driver can do.
   *
   * @param iface the interface
   * @returns what is known; empty when nothing is
   */
  async device(iface: string): Promise<Record<string, unknown>> {
    const { header } = await this.#call("device", "protocol", this.#deadlines.environmentMs, { iface });
    return header.device as Record<string, unknown>;
  }

  /** @returns the machine's environment, as the result document has it */
  async environment(o: { iface?: string; target?: string } = {}): Promise<Record<string, unknown>> {
    const request = { iface: o.iface ?? null, target: o.target ?? null };
    const deadlineMs = this.#deadlines.environmentMs;
    const kind: CallKind = { call: "environment", code: "protocol", deadlineMs, optional: true };
    const { header } = await this.#process.call(kind, { ...request, call: "environment" });
    return header.environment as Record<string, unknown>;
  }

  /**
   * Calls `setup_controller`, on the controller, before anything else.
   *
   * @throws {PluginError} "setup"
   */
  async setupController(args: string | null): Promise<void> {
    await this.#call("setup_controller", "setup", this.#deadlines.setupControllerMs, { args });
  }

  /**
   * @returns how long `start` will take with these arguments (0: until stopped), `null` when the plugin does not know
   * @throws {PluginError} "setup" when the plugin reports that the arguments are wrong
   */
  async expectedDuration(args: string): Promise<{ ns: bigint } | null> {
    const { header } = await this.#call("expected_duration", "setup", this.#deadlines.durationMs, { args });
    return typeof header.ns === "string" ? { ns: BigInt(header.ns) } : null;
  }

  /**
   * Hands a result from the network to the plugin.
   *
   * @param index number of the client or target, which orders `output`'s array
   * @returns what the plugin's `results` gives, parsed but not validated; `null` when it has none
   * @throws {PluginError} "unmarshall" when the plugin refuses the bytes
   */
  async unmarshall(index: number, valid: boolean, data: Uint8Array): Promise<Record<string, unknown> | null> {
    const deadline = this.#deadlines.unmarshallMs;
    const { body } = await this.#call("unmarshall", "unmarshall", deadline, { index, valid }, data);
    if (body.length === 0) return null;
    let text = "";
    try {
      text = decoder.decode(body);
      const json: unknown = JSON.parse(text);
      if (typeof json === "object" && json !== null && !Array.isArray(json)) {
        return json as Record<string, unknown>;
      }
    } catch (cause) {
      const why = noNumber(text) ?? messageOf(cause);
      const message = `${this.#process.subject} gave results that are not JSON: ${why}`;
      throw new PluginError("unmarshall", "results", message, { cause });
    }
    const message = `${this.#process.subject} gave results that are not a JSON object`;
    throw new PluginError("unmarshall", "results", message);
  }

  /**
   * Calls the plugin's `output`.
   *
   * @param indices which unmarshalled results it gets, in this order; all of them, ascending, when absent
   * @returns what it prints on stdout, whole
   * @throws {PluginError} "output"
   */
  async output(indices?: number[]): Promise<string> {
    const request = { indices: indices ?? null };
    const { body } = await this.#call("output", "output", this.#deadlines.outputMs, request);
    return new TextDecoder().decode(body);
  }

  /**
   * Opens one file and reads its description of itself, for `ipbench plugin check`; its functions can be called then, as
   * after {@linkcode PluginHost.load}, unless one is missing.
   *
   * @param path the plugin's file
   * @throws {PluginError} "interface" when it is no plugin at all
   */
  async check(path: string): Promise<PluginCheck> {
    this.#process.subject = `plugin file ${path}`;
    const { header } = await this.#call("check", "interface", this.#deadlines.checkMs, { path });
    this.#openPage(header.progressFd);
    return {
      info: header.info as PluginInfo,
      findings: header.findings as Finding[],
      has: header.has as string[],
    };
  }

  /** Lets the process end by itself, so that a sanitizer can report; then as {@linkcode PluginHost.kill}. */
  async quit(): Promise<ProcessEnd> {
    await this.#call("quit", "protocol", this.#deadlines.checkMs, {}).catch(() => {});
    const timer = setTimeout(() => void this.kill(), this.#deadlines.checkMs);
    const end = await this.exited;
    clearTimeout(timer);
    return end;
  }

  /** Ends the whole process group with SIGKILL. @returns when it is reaped */
  async kill(): Promise<void> {
    await this.#process.kill();
  }

  #call(
    call: string,
    code: CallKind["code"],
    deadlineMs: number | null,
    request: Record<string, unknown>,
    body?: Uint8Array,
  ): ReturnType<PluginProcess["call"]> {
    return this.#process.call({ call, code, deadlineMs }, { ...request, call }, body);
  }

  #openPage(fd: unknown): void {
    if (typeof fd !== "number" || !isGranted({ name: "read", path: `/proc/${this.pid}/fd/${fd}` })) return;
    try {
      this.#page = Deno.openSync(`/proc/${this.pid}/fd/${fd}`, { read: true });
    } catch {
      this.#page = null; // a hidden /proc: progress is then unknown
    }
  }

  #closePage(): void {
    this.#page?.close();
    this.#page = null;
  }
}

/** C prints figures that are none, such as after a division by zero, in ways that JSON does not have. */
function noNumber(text: string): string | null {
  const found = /[:[,]\s*([-+]?(?:nan|inf(?:inity)?))\b/i.exec(text)?.[1];
  return found === undefined ? null : `${found} is no number there; leave out what is not known`;
}
