/**
 * One plugin that is open and in use: each of its functions as a method, with what the interface requires of arguments,
 * ownership and return values.
 *
 * @module
 */

import type { TestSetup } from "../../base/test_setup.ts";
import { PluginError, type PluginErrorCode } from "../errors.ts";
import { LINKS_BYTES, MAX_BODY_BYTES, MAX_OUTPUT_BYTES, MAX_RESULTS_BYTES } from "../limits.ts";
import type { PluginInfo, Side } from "../plugin_info.ts";
import { ARMED, CLIENT_DATA, HOST_START, TIMEVAL, TYPE_CLIENT, TYPE_TARGET } from "../structs.ts";
import { INTERFACE_MAJOR } from "../self/version.ts";
import { callable, mutableCopy, PointerCell } from "./call.ts";
import { HostStruct } from "./host_struct.ts";
import { cString, libc } from "./libc.ts";
import { InstantWait } from "./instant_wait.ts";
import type { Library } from "./library.ts";
import { readCBytes, readMemory, writeInt32 } from "./memory.ts";
import type { ExtFunction, OpenPlugin, PluginFunction } from "./plugin_file.ts";

/** The last part of the wait for an agreed stop, which C does to the point; this process is deaf meanwhile. */
const STOP_IN_C_NS = 20_000_000n;

/** What `start` reported. */
export interface Started {
  status: number;
  actualNs: bigint;
  endedNs: bigint;
  error: string;
}

/** A result after `unmarshall`. */
interface ClientBlock {
  cell: PointerCell;
  size: number;
  valid: boolean;
}

/** The plugin of this process. */
export class Plugin {
  readonly info: PluginInfo;
  /** The side it is used for; a plugin of the original may declare `client` and be used as a target. */
  readonly side: Side;
  /** Descriptor of the shared page, for the parent to open. */
  readonly progressFd: number;

  #functions: OpenPlugin["functions"];
  #library: Library;
  #host: HostStruct;
  #kept: Uint8Array[] = []; // arguments that the plugin may have kept a pointer to
  #startStruct = new Uint8Array(HOST_START.size);
  #waiting = new InstantWait();
  #stopStamp = new Uint8Array(TIMEVAL.size);
  /** The call of `start` that waits for its word, or is under way. */
  #armed: Promise<number> | null = null;
  #started = false;
  #running = false;
  #stopped = false;
  #blocks = new Map<number, ClientBlock>();

  /**
   * @throws {PluginError} when `attach` refuses
   */
  constructor(
    library: Library,
    open: OpenPlugin,
    side: Side,
    { debug, originalSpelling }: { debug: boolean; originalSpelling: boolean },
  ) {
    this.info = open.info;
    this.side = side;
    this.#functions = open.functions;
    this.#library = library;
    const map = new PointerCell();
    this.progressFd = library.symbols.ipbench_host_progress(map.cell);
    if (this.progressFd < 0) {
      throw new PluginError(
        "interface",
        "load",
        `cannot make a page for progress: errno ${-this.progressFd}`,
      );
    }
    const page = Deno.UnsafePointer.create(map.address);
    if (page !== null && open.info.interface !== null) writeInt32(page, INTERFACE_MAJOR);
    this.#host = new HostStruct(debug, map.address, originalSpelling);
    const flag = library.symbols.ipbench_host_symbol(library.handle, cString("do_debug"));
    if (flag !== null) writeInt32(flag, debug ? 1 : 0);
    this.#attach();
  }

  #attach(): void {
    const attach = this.#functions.attach;
    if (attach === undefined) return;
    const status = callable(attach, "intOfPointer").call(this.#host.pointer);
    if (status !== 0) throw this.#failed("interface", "attach", status);
  }

  /** Calls `setup`. -1 is failure in plugins of the original; with the extension, everything but 0 is. */
  setup(s: TestSetup): void {
    this.#host.describeRun(s.form, s.runId, s.flowBase, s.originalSpelling);
    const setup = this.#function("setup", "setup");
    this.#host.clearError();
    const args = this.#keep(cString(s.args));
    const status = this.side === "client"
      ? callable(setup, "clientSetup").call(
        this.#keep(cString(s.target ?? "")),
        s.port ?? this.info.defaultPort,
        args,
      )
      : callable(setup, "intOfBuffer").call(args);
    if (this.#isFailure(status)) throw this.#failed("setup", "setup", status);
  }

  /** Calls `setup_controller`; plugins of the original may return anything. */
  setupController(args: string | null): void {
    const setup = this.#function("setup_controller", "setup");
    this.#host.clearError();
    const status = callable(setup, "intOfBuffer").call(args === null ? null : this.#keep(cString(args)));
    if (status !== 0 && this.#isExtended) throw this.#failed("setup", "setup_controller", status);
  }

  /**
   * Has another thread go the way of {@linkcode Plugin.start} up to the plugin's `start`, and wait there for its word:
   * what is made or compiled when it is first used is there when the test starts.
   */
  arm(): void {
    if (this.#functions.start !== undefined) this.#armed ??= this.#arm(this.#functions.start);
  }

  #arm(start: Deno.PointerObject): Promise<number> {
    this.#startStruct.fill(0);
    new DataView(this.#startStruct.buffer).setInt32(HOST_START.armed, ARMED, true);
    return this.#library.symbols.ipbench_host_start(start, this.#startStruct);
  }

  /** @returns what `ipbench_host_go` takes to start the test that is armed, which is ready for that; `null`: there is none */
  ready(): Uint8Array<ArrayBuffer> | null {
    if (this.#armed === null || this.#running) return null;
    this.#host.clearError();
    return this.#startStruct;
  }

  /** Calls `start` on another thread, at an instant of CLOCK_MONOTONIC, or at once for 0; where C has not done so already. */
  async start(atNs: bigint): Promise<Started> {
    const start = this.#function("start", "start");
    if (this.#running) throw new PluginError("start", "start", "the test is running already");
    const call = this.#armed ??= this.#arm(start);
    const isArmed = new DataView(this.#startStruct.buffer).getInt32(HOST_START.armed, true) === ARMED;
    if (isArmed) this.#host.clearError(); // else the plugin is at work, and may have written there
    this.#running = true;
    this.#stopped = false;
    this.#library.symbols.ipbench_host_go(this.#startStruct, atNs);
    // Beside it, as it takes a quarter of a millisecond. A machine that does not report its links runs tests all the same.
    this.#library.symbols.ipbench_host_links_begin(this.side === "client" ? 1 : 0);
    const called = await call;
    this.#armed = null;
    this.#running = false;
    if (called !== 0) throw new PluginError("start", "start", `cannot call start: errno ${-called}`);
    this.#started = true;
    const view = new DataView(this.#startStruct.buffer);
    const status = view.getInt32(HOST_START.status, true);
    return {
      status,
      actualNs: view.getBigInt64(HOST_START.actual_ns, true),
      endedNs: view.getBigInt64(HOST_START.ended_ns, true),
      error: status === 0 ? "" : this.#failed("start", "start", status).message,
    };
  }

  /** Calls `stop`, at once; a stop at an instant that is waited for is this one then. */
  stop(): void {
    this.#waiting.cancel();
    this.#stop(0n);
  }

  /** Calls `stop` at an instant of CLOCK_MONOTONIC, or at once for 0 or one that has passed. */
  async stopAt(atNs: bigint): Promise<void> {
    if (await this.#waiting.until(atNs - STOP_IN_C_NS)) this.#stop(atNs);
  }

  #stop(atNs: bigint): void {
    const stop = this.#function("stop", "stop");
    this.#host.clearError();
    this.#stopped = true;
    const status = new Int32Array(1);
    const called = this.#library.symbols.ipbench_host_stop(stop, atNs, this.#stopStamp, status);
    if (called !== 0) throw new PluginError("stop", "stop", `cannot call stop: errno ${-called}`);
    if (status[0] !== 0) throw this.#failed("stop", "stop", status[0]!);
  }

  /** Calls `marshall` and copies what it gives; with what this machine's links did since `start`. */
  marshall(): { valid: boolean; data: Uint8Array; links: string } {
    const marshall = this.#function("marshall", "marshall");
    if (this.#running) throw new PluginError("marshall", "marshall", "the test is still running");
    if (this.side === "target" && this.#started && !this.#stopped) this.stop();
    const cell = new PointerCell();
    const size = new Int32Array(1);
    this.#host.clearError();
    const status = callable(marshall, "marshall").call(cell.cell, size, this.#runningTime());
    const length = size[0]!;
    if (length < 0 || length > MAX_BODY_BYTES || (length > 0 && cell.address === 0n)) {
      throw new PluginError(
        "marshall",
        "marshall",
        `${this.info.name} marshalled ${length} bytes: that cannot be`,
      );
    }
    const data = length === 0 ? new Uint8Array(0) : readMemory(cell.address, length);
    this.#cleanup("marshall_cleanup", cell);
    return { valid: status === 0, data, links: this.#links() };
  }

  #links(): string {
    const text = new Uint8Array(LINKS_BYTES);
    const size = this.#library.symbols.ipbench_host_links_end(text);
    return new TextDecoder().decode(text.subarray(0, size));
  }

  /** Seconds between the plugin's own stamps on a target, between the host's on a client, which has no stop there. */
  #runningTime(): number {
    const start = new DataView(this.#startStruct.buffer);
    const stop = new DataView(this.#stopStamp.buffer);
    const [startSec, stopSec] = [
      start.getBigInt64(HOST_START.start_sec, true),
      stop.getBigInt64(TIMEVAL.sec, true),
    ];
    if (this.side === "target" && startSec > 0n && stopSec > 0n) {
      const us = (stopSec - startSec) * 1_000_000n + stop.getBigInt64(TIMEVAL.usec, true) -
        start.getBigInt64(HOST_START.start_usec, true);
      if (us >= 0n) return Number(us) / 1e6;
    }
    const ns = start.getBigInt64(HOST_START.ended_ns, true) - start.getBigInt64(HOST_START.actual_ns, true);
    return Number(ns) / 1e9;
  }

  /** Calls `expected_duration`; `null` when the plugin does not know. */
  expectedDuration(args: string): bigint | null {
    const duration = this.#functions.expected_duration;
    if (duration === undefined) return null;
    const ns = new BigUint64Array(1);
    this.#host.clearError();
    const status = callable(duration, "intOfTwoBuffers").call(cString(args), ns);
    if (status === 0) return ns[0]!;
    if (this.#host.error() === "") return null;
    throw this.#failed("setup", "expected_duration", status);
  }

  /**
   * Calls `unmarshall`, and `results` where there is one. A result of the same index is forgotten first.
   *
   * @returns the bytes of the results' JSON, empty when there are none
   */
  unmarshall(index: number, valid: boolean, data: Uint8Array): Uint8Array {
    const unmarshall = this.#function("unmarshall", "unmarshall");
    this.#forget(index);
    const block: ClientBlock = { cell: new PointerCell(), size: 0, valid };
    const size = new Int32Array(1);
    this.#host.describeResult(index);
    this.#host.clearError();
    const input = mutableCopy(data);
    const status = callable(unmarshall, "unmarshall").call(input, data.length, block.cell.cell, size);
    if (this.#isFailure(status)) throw this.#failed("unmarshall", "unmarshall", status);
    block.size = size[0]!;
    if (block.size < 0 || (block.size > 0 && block.cell.address === 0n)) {
      throw new PluginError("unmarshall", "unmarshall", `${this.info.name} unmarshalled ${block.size} bytes`);
    }
    this.#blocks.set(index, block);
    return this.#results(block);
  }

  #results(block: ClientBlock): Uint8Array {
    const results = this.#functions.results;
    if (results === undefined) return new Uint8Array(0);
    const cell = new PointerCell();
    this.#host.clearError();
    const status = callable(results, "intOfTwoBuffers").call(this.#clientData([block]), cell.cell);
    if (status !== 0) throw this.#failed("unmarshall", "results", status);
    if (cell.address === 0n) return new Uint8Array(0);
    const json = readCBytes(cell.address, MAX_RESULTS_BYTES);
    this.#cleanup("results_cleanup", cell);
    return json;
  }

  /**
   * Calls `output` with everything that was unmarshalled, or with some of it.
   *
   * @returns what it printed
   */
  output(indices: number[] | null): Uint8Array {
    const output = this.#function("output", "output");
    const chosen = indices ?? [...this.#blocks.keys()].sort((a, b) => a - b);
    const blocks = chosen.flatMap((index) => this.#blocks.get(index) ?? []);
    if (blocks.length === 0) throw new PluginError("output", "output", "there is no result to print");
    this.#host.clearError();
    const { ipbench_host_capture_begin: begin, ipbench_host_capture_end: end } = this.#library.symbols;
    const fd = begin();
    if (fd < 0) throw new PluginError("output", "output", `cannot capture stdout: errno ${-fd}`);
    let status: number, size: number;
    try {
      const data = this.#clientData(blocks);
      status = this.side === "client"
        ? callable(output, "clientOutput").call(data, blocks.length)
        : callable(output, "intOfBuffer").call(data);
    } finally {
      size = Number(end(fd));
    }
    try {
      if (size < 0 || size > MAX_OUTPUT_BYTES) {
        const message = `${this.info.name} printed more than ${MAX_OUTPUT_BYTES} bytes`;
        throw new PluginError("limit", "output", message);
      }
      if (status !== 0 && this.#isExtended) throw this.#failed("output", "output", status);
      return Deno.readFileSync(`/proc/self/fd/${fd}`);
    } finally {
      libc().close(fd);
    }
  }

  /** Gives every unmarshalled block back to the plugin. */
  cleanUp(): void {
    for (const index of [...this.#blocks.keys()]) this.#forget(index);
  }

  #forget(index: number): void {
    const block = this.#blocks.get(index);
    if (block === undefined) return;
    this.#blocks.delete(index);
    this.#cleanup("unmarshall_cleanup", block.cell);
  }

  #clientData(blocks: ClientBlock[]): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(CLIENT_DATA.size * blocks.length);
    const view = new DataView(bytes.buffer);
    blocks.forEach((block, i) => {
      const at = i * CLIENT_DATA.size;
      view.setBigUint64(at + CLIENT_DATA.data, block.cell.address, true);
      view.setInt32(at + CLIENT_DATA.length, block.size, true);
      view.setInt32(at + CLIENT_DATA.valid, block.valid ? 1 : 0, true);
      view.setInt32(at + CLIENT_DATA.type, this.side === "target" ? TYPE_TARGET : TYPE_CLIENT, true);
    });
    return bytes;
  }

  #cleanup(name: "marshall_cleanup" | "unmarshall_cleanup" | "results_cleanup", cell: PointerCell): void {
    const cleanup = this.#functions[name];
    if (cleanup !== undefined && cell.address !== 0n) callable(cleanup, "cleanup").call(cell.cell);
    cell.cell[0] = 0n; // whatever it did, nobody knows the address any more: a leak checker then finds what is left
  }

  #keep<T extends Uint8Array>(bytes: T): T {
    this.#kept.push(bytes);
    return bytes;
  }

  get #isExtended(): boolean {
    return this.info.interface !== null;
  }

  #isFailure(status: number): boolean {
    return this.#isExtended ? status !== 0 : status === -1;
  }

  #function(name: PluginFunction | ExtFunction, code: PluginErrorCode): Deno.PointerObject {
    const pointer = this.#functions[name];
    if (pointer === undefined) {
      throw new PluginError(code, name, `plugin ${this.info.name} has no function ${name}`);
    }
    return pointer;
  }

  #failed(code: PluginErrorCode, call: string, status: number): PluginError {
    const sentence = this.#host.error();
    const message = sentence !== "" ? sentence : `${call} of plugin ${this.info.name} returned ${status}`;
    return new PluginError(code, call, message);
  }
}
