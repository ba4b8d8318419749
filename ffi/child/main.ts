/**
 * The process that hosts one plugin: opens `libipbench.so.1`, makes itself harmless, and serves its parent's calls.
 *
 * @module
 */

import { messageOf } from "../../base/errors.ts";
import { environment } from "../machine/environment.ts";
import { PluginError } from "../errors.ts";
import { encodeFrame, type Frame, FrameReader } from "../frame.ts";
import { CHILD_OPEN_FILES } from "../limits.ts";
import type { Side } from "../plugin_info.ts";
import { setProcessTitle } from "../self/process_title.ts";
import { isRaised } from "../self/self.ts";
import { checkPlugin } from "./check.ts";
import { abilities, ethtool } from "./ethtool.ts";
import { writeAll } from "./libc.ts";
import { type Library, openLibrary } from "./library.ts";
import { Plugin } from "./plugin.ts";
import { findPlugin, listPlugins, type Search } from "./search.ts";
import { distrust, ownTrust } from "./trust.ts";
import { pinTarget, resolveTarget } from "./target.ts";

const EXIT_PARENT_GONE = 0;
const EXIT_CANNOT_START = 70;
const STDIN = 0;
/** What `ps` shows of this process; the test's name follows. */
const TITLE = "ipbench: plugin";

/** A reply's own fields, and the bytes that go with it. */
interface Reply {
  fields?: Record<string, unknown>;
  body?: Uint8Array;
}

/** The state of this process and its calls by name. */
class Server {
  #library: Library;
  #out: number;
  #parent: number;
  #search: Search;
  #debug = false;
  #originalSpelling = false;
  #plugin: Plugin | null = null;
  #unanswered = 0;

  constructor(library: Library, out: number, parent: number) {
    this.#library = library;
    this.#out = out;
    this.#parent = parent;
    this.#search = {
      library,
      pluginDirs: [],
      log: (level, message) => this.#log(level, message),
      opening: (file) => this.#send({ opening: file }),
    };
  }

  /** Whether calls are answered later: else nothing happens in this process before its parent says something. */
  get isWorking(): boolean {
    return this.#unanswered > 0;
  }

  /** Serves one call; `start`, `stop` at an instant and `environment` are answered later, all others before this returns. */
  async serve({ header, body }: Frame): Promise<void> {
    if (header.call === "start") return void this.#answer(header.id, this.#start(body));
    if (header.call === "stop" && header.atNs !== "0") {
      return void this.#answer(header.id, this.#stopAt(header));
    }
    if (header.call === "environment") return void this.#answer(header.id, this.#environment(header));
    await this.#answer(header.id, this.#dispatch(header, body));
    if (header.call === "setup") this.#plugin?.arm();
  }

  /** @returns what `ipbench_host_read` may start; `null` when nothing is waiting for that */
  ready(): Uint8Array<ArrayBuffer> | null {
    return this.#plugin?.ready() ?? null;
  }

  async #answer(id: unknown, work: Promise<Reply>): Promise<void> {
    this.#unanswered++;
    try {
      const { fields, body } = await work;
      this.#send({ ...fields, id, ok: true }, body);
    } catch (error) {
      const code = error instanceof PluginError ? { code: error.code } : {};
      this.#send({ id, ok: false, message: messageOf(error), ...code });
    } finally {
      this.#unanswered--;
    }
  }

  #send(header: Record<string, unknown>, body?: Uint8Array): void {
    let frame: Uint8Array;
    try {
      frame = encodeFrame(header, body);
    } catch (error) {
      frame = encodeFrame({ id: header.id, ok: false, code: "limit", message: String(error) });
    }
    try {
      writeAll(this.#out, frame);
    } catch {
      Deno.exit(EXIT_PARENT_GONE);
    }
  }

  #log(level: "debug" | "warning", message: string): void {
    if (level === "warning" || this.#debug) this.#send({ log: level, message });
  }

  async #dispatch(header: Record<string, unknown>, body: Uint8Array): Promise<Reply> {
    switch (header.call) {
      case "hello":
        return this.#hello(header);
      case "list":
        return { fields: { plugins: await listPlugins(this.#search) } };
      case "load":
        return await this.#load(String(header.name), header.side === "target" ? "target" : "client");
      case "check":
        return this.#check(String(header.path));
      case "device": {
        const iface = String(header.iface);
        return {
          fields: { device: { ...ethtool(this.#library, iface), ...abilities(this.#library, iface) } },
        };
      }
      case "resolve":
        return { fields: { addresses: resolveTarget(this.#library, String(header.name)) } };
      case "quit":
        this.#plugin?.cleanUp();
        queueMicrotask(() => Deno.exit(0));
        return {};
      default:
        return this.#callPlugin(header, body);
    }
  }

  /** Whoever names a file means it, unless the program has been given more rights than he has. */
  #check(path: string): Reply {
    const trust = isRaised() ? ownTrust() : null;
    const why = trust === null ? null : distrust(path, trust);
    if (why !== null) {
      throw new PluginError(
        "interface",
        "check",
        `${path} is not opened by a program with rights of its own: ${why}`,
      );
    }
    if (this.#plugin !== null) throw new PluginError("protocol", "check", "a plugin is loaded already");
    const { open, findings } = checkPlugin(this.#library, path);
    const { info, functions } = open;
    if (info.missing.length === 0) {
      this.#plugin = new Plugin(this.#library, open, info.side, {
        debug: this.#debug,
        originalSpelling: false,
      });
    }
    const fields = { info, findings, has: Object.keys(functions) };
    return { fields: this.#plugin === null ? fields : { ...fields, progressFd: this.#plugin.progressFd } };
  }

  #hello(header: Record<string, unknown>): Reply {
    this.#debug = header.debug === true;
    this.#originalSpelling = header.originalSpelling === true;
    this.#search.pluginDirs = (header.pluginDirs as unknown[]).map(String);
    const wanted = Number(header.memoryLimit);
    const limit = BigInt(wanted === 0 ? 0 : wanted + ownMemory());
    const guest = header.guest === true ? 1 : 0;
    const files = BigInt(CHILD_OPEN_FILES);
    const status = this.#library.symbols.ipbench_host_harden(this.#parent, limit, files, guest);
    if (status !== 0) {
      throw new PluginError("crash", "hello", `cannot limit the plugin's process: errno ${-status}`);
    }
    return {};
  }

  async #load(name: string, side: Side): Promise<Reply> {
    if (this.#plugin !== null) throw new PluginError("protocol", "load", "a plugin is loaded already");
    const open = await findPlugin(this.#search, name, side);
    this.#plugin = new Plugin(this.#library, open, side, {
      debug: this.#debug,
      originalSpelling: this.#originalSpelling,
    });
    setProcessTitle(`${TITLE} ${name}`);
    return { fields: { info: open.info, progressFd: this.#plugin.progressFd } };
  }

  async #start(body: Uint8Array): Promise<Reply> {
    const atNs = new DataView(body.buffer, body.byteOffset, body.byteLength).getBigInt64(0);
    const { status, actualNs, endedNs, error } = await this.#loaded().start(atNs);
    return { fields: { status, actualNs: actualNs.toString(), endedNs: endedNs.toString(), error } };
  }

  async #stopAt(header: Record<string, unknown>): Promise<Reply> {
    await this.#loaded().stopAt(BigInt(String(header.atNs)));
    return {};
  }

  #callPlugin(header: Record<string, unknown>, body: Uint8Array): Reply {
    const plugin = this.#loaded();
    switch (header.call) {
      case "setup":
        pinTarget(this.#library, (header.addresses as unknown[]).map(String));
        plugin.setup({
          target: header.target === null ? null : String(header.target),
          port: header.port === null ? null : Number(header.port),
          args: String(header.args),
          form: header.form === 1 ? 1 : 0,
          runId: BigInt(String(header.runId)),
          flowBase: Number(header.flowBase),
          originalSpelling: header.originalSpelling === true,
        });
        return {};
      case "stop":
        plugin.stop();
        return {};
      case "marshall": {
        const { valid, data, links } = plugin.marshall();
        return { fields: { valid, links }, body: data };
      }
      case "setup_controller":
        plugin.setupController(header.args === null ? null : String(header.args));
        return {};
      case "expected_duration":
        return { fields: { ns: plugin.expectedDuration(String(header.args))?.toString() ?? null } };
      case "unmarshall":
        return { body: plugin.unmarshall(Number(header.index), header.valid === true, body) };
      case "output":
        return {
          body: plugin.output(header.indices === null ? null : (header.indices as unknown[]).map(Number)),
        };
      default:
        throw new PluginError("protocol", String(header.call), `there is no call ${String(header.call)}`);
    }
  }

  #loaded(): Plugin {
    if (this.#plugin === null) throw new PluginError("protocol", "load", "no plugin is loaded");
    return this.#plugin;
  }

  async #environment(header: Record<string, unknown>): Promise<Reply> {
    const text = (value: unknown) => typeof value === "string" ? value : undefined;
    const iface = text(header.iface);
    const target = text(header.target);
    const found = await environment({
      ...(iface === undefined ? {} : { iface }),
      ...(target === undefined ? {} : { target }),
      ethtool: (name) => ethtool(this.#library, name),
    });
    return { fields: { environment: found } };
  }
}

/** Bytes of private writable memory that this process has before any plugin is open: the limit comes on top. */
function ownMemory(): number {
  const kib = /^VmData:\s*(\d+) kB/m.exec(Deno.readTextFileSync("/proc/self/status"))?.[1];
  return Number(kib ?? 0) * 1024;
}

/**
 * Hosts one plugin until the parent closes the pipe.
 *
 * @param args number of the parent's process
 * @returns the exit status
 */
export async function main(args: string[]): Promise<number> {
  const parent = Number(args[0]);
  if (!Number.isInteger(parent) || Deno.stdin.isTerminal()) {
    console.error("ipbench: this way of calling is for ipbench itself");
    return 2;
  }
  setProcessTitle(TITLE);
  let library: Library;
  try {
    library = await openLibrary();
  } catch (error) {
    if (error instanceof PluginError) {
      Deno.stdout.writeSync(encodeFrame({ fatal: error.message, code: error.code }));
    } else console.error(`ipbench: ${messageOf(error)}`);
    return EXIT_CANNOT_START;
  }
  const out = library.symbols.ipbench_host_stdio();
  if (out < 0) return EXIT_CANNOT_START;
  const server = new Server(library, out, parent);
  const frames = new FrameReader();
  const buffer = new Uint8Array(256 * 1024);
  /** Waits for the parent's next bytes; `null` at their end. */
  const read = async (): Promise<number | null> => {
    if (server.isWorking) return await Deno.stdin.read(buffer);
    // Where this thread has nothing else to do it waits in the call itself: that of another thread would have to wake it.
    const armed = frames.held === 0 ? server.ready() : null;
    const count = Number(library.symbols.ipbench_host_read(STDIN, buffer, BigInt(buffer.length), armed));
    return count > 0 ? count : null;
  };
  for (;;) {
    const count = await read();
    if (count === null) return EXIT_PARENT_GONE;
    for (const frame of frames.push(buffer.subarray(0, count))) await server.serve(frame);
  }
}
