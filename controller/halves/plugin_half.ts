/**
 * The controller's half of a test: its plugin, in a child process, that reads results and prints them.
 *
 * @module
 */

import { messageOf } from "../../base/errors.ts";
import { PluginError, PluginHost, type PluginInfo, sidesOf } from "../../ffi/mod.ts";
import type { PluginResults } from "../../results/document/document.ts";
import { describeMetrics } from "../../results/document/metrics.ts";
import { parsePluginResults } from "../../results/document/plugin_results.ts";
import { withDeadline } from "../../base/deadline.ts";
import { argumentsOf, withSuggestion } from "./misspelt.ts";
import type { RawResult } from "../link/peer.ts";
import type { RunPhase } from "../run/progress.ts";
import { Remarks } from "../outcome/remarks.ts";
import type { Log } from "../log.ts";
import { RunError } from "../run/run_error.ts";

/** How to make one. */
export interface PluginHalfOptions {
  test: string;
  side: "client" | "target";
  controllerArgs: string;
  /** The class whose test it is; "": the run's. */
  of: string;
  pluginDirs: string[];
  debug: boolean;
  /** Of the run: what the test does not know is warned of, not refused. */
  originalSpelling: boolean;
  /** Bound of each call, in milliseconds. */
  callMs: number;
  /** What its process may take of memory, see {@linkcode Limits.pluginMemoryBytes}. */
  memoryBytes: number;
  log: Log;
}

/** What a run needs of a test's controller half. */
export type Half = Pick<
  PluginHalf,
  "info" | "open" | "expectedNs" | "unmarshall" | "output" | "show" | "close"
>;

/** One test's controller half. Calls are made one after another, in the order in which they were asked for. */
export class PluginHalf {
  #host: PluginHost;
  #turn: Promise<unknown> = Promise.resolve();
  #info: PluginInfo | null = null;
  #opening: Promise<void> | null = null;
  readonly #remarks: Remarks;
  readonly #durations = new Map<string, Promise<number | null>>();

  /** @param options which test, and with which arguments */
  constructor(readonly options: PluginHalfOptions) {
    const { test, pluginDirs, debug, originalSpelling, log } = options;
    this.#remarks = new Remarks(test, debug, log);
    this.#host = PluginHost.spawn({
      pluginDirs,
      debug,
      originalSpelling,
      memoryLimitBytes: options.memoryBytes,
      log: (level, message, lines) =>
        level === "info" ? this.#remarks.take(message, lines) : log(level, message),
    });
  }

  /** What the plugin reports of itself; `null`: it is not loaded, or could not be. */
  get loaded(): PluginInfo | null {
    return this.#info;
  }

  /** What the plugin reports of itself; only after {@linkcode open}. */
  get info(): PluginInfo {
    if (this.#info === null) throw new TypeError(`the test ${this.options.test} is not loaded yet`);
    return this.#info;
  }

  /**
   * Loads the plugin and calls its `setup_controller`; once, however often it is asked for.
   *
   * @throws {RunError} when there is no such test here, or it refuses its arguments
   */
  open(): Promise<void> {
    this.#opening ??= this.#open();
    return this.#opening;
  }

  async #open(): Promise<void> {
    const { test, side, controllerArgs } = this.options;
    this.#info = await this.#call("load", () => this.#host.load(test, side));
    const args = controllerArgs === "" ? null : controllerArgs;
    try {
      await this.#call("setup", () => this.#host.setupController(args));
    } catch (error) {
      const { options } = this.#info;
      throw withSuggestion(error, controllerArgs, options?.filter((option) => option.controller) ?? null);
    }
  }

  /**
   * @returns names of the tests that there are for this side, each once
   * @throws {RunError} when the plugin's process died
   */
  async names(): Promise<string[]> {
    const found = await this.#call("load", () => this.#host.list());
    const fitting = found.filter((info) => sidesOf(info).includes(this.options.side));
    return [...new Set(fitting.map(({ name }) => name))];
  }

  /**
   * Asks how long the test takes, once for each text: its remarks on the arguments then come once, too.
   *
   * @param args its arguments on a daemon
   * @returns nanoseconds, 0 for "until stopped", `null` when the plugin does not know
   * @throws {RunError} when the plugin's process died
   */
  expectedNs(args: string): Promise<number | null> {
    const known = this.#durations.get(args) ??
      this.#call("setup", () => this.#host.expectedDuration(args)).then((told) =>
        told === null ? null : Number(told.ns)
      ).catch((error) => {
        throw withSuggestion(error, args, argumentsOf(this.info));
      });
    this.#durations.set(args, known);
    return known;
  }

  /**
   * Has a result read.
   *
   * @param index number of the client, 0 for a target
   * @param raw what the daemon sent
   * @returns the plugin's results, checked; `null` when it has none beyond what it prints
   * @throws {RunError} when the plugin cannot read it
   */
  async unmarshall(index: number, raw: RawResult): Promise<PluginResults | null> {
    const json = await this.#call("unmarshall", () => this.#host.unmarshall(index, raw.valid, raw.data));
    return this.#read(json);
  }

  /** Checks what the plugin made of a result, and adds what it declares of its figures. */
  #read(json: unknown): PluginResults | null {
    if (json === null) return null;
    try {
      const results = parsePluginResults(json);
      const { metrics } = results;
      return metrics === undefined
        ? results
        : { ...results, metrics: describeMetrics(metrics, this.info.metrics) };
    } catch (error) {
      throw this.#failure("unmarshall", error);
    }
  }

  /**
   * Has the results printed.
   *
   * @param indices which ones, in their order
   * @returns what the plugin printed
   * @throws {RunError} when it fails
   */
  async output(indices: number[]): Promise<string> {
    return await this.#call("output", () => this.#host.output(indices));
  }

  /** Has a result read and printed, with nothing else in between. For targets. */
  async show(raw: RawResult): Promise<{ results: PluginResults | null; text: string }> {
    const work = this.#turn.then(async () => {
      const json = await this.#bounded("unmarshall", this.#host.unmarshall(0, raw.valid, raw.data));
      return { json, text: await this.#bounded("output", this.#host.output([0])) };
    });
    this.#turn = work.catch(() => {});
    const { json, text } = await work;
    return { results: this.#read(json), text };
  }

  /** Ends the child process. */
  async close(): Promise<void> {
    await this.#host.kill();
    this.#remarks.end();
  }

  #call<T>(phase: RunPhase, task: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(() => this.#bounded(phase, task()));
    this.#turn = result.catch(() => {});
    return result;
  }

  async #bounded<T>(phase: RunPhase, task: Promise<T>): Promise<T> {
    const { callMs, test } = this.options;
    try {
      return await withDeadline(
        task,
        callMs,
        () => new PluginError("timeout", phase, `the plugin ${test} took more than ${callMs / 1000} s`),
      );
    } catch (error) {
      throw this.#failure(phase, error);
    }
  }

  #failure(phase: RunPhase, error: unknown): RunError {
    const { of } = this.options;
    const missing = error instanceof PluginError && error.code === "not-found";
    const remedy = missing ? `"ipbench plugins" lists what there is, --plugin-dir adds a folder` : "";
    return new RunError(
      null,
      phase,
      "plugin",
      `test ${this.options.test}${of === "" ? "" : ` of class ${of}`}: ${messageOf(error)}`,
      remedy,
      error,
    );
  }
}
