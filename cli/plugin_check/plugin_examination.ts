/**
 * Opens one plugin in a process of its own, calls every function that it has, and examines what each gives.
 *
 * @module
 */

import { type Finding, type PluginCheck, PluginError, PluginHost } from "../../ffi/mod.ts";
import type { Address } from "../../config/address.ts";
import { faultOfRow, faultsOfResults } from "./examine_results.ts";
import { hostileInputs } from "./hostile_inputs.ts";
import { note } from "../terminal/io.ts";

/** How often what went well is repeated: what is not freed each time shows in a build with AddressSanitizer. */
const ROUNDS = 50;
/** How long a test may run before it is stopped, in milliseconds. */
const RUN_MS = 2_000;
/** How much later than announced a test may end, in milliseconds. */
const SLACK_MS = 1_000;
/** Nobody waits for an author's mistake as long as for a measurement. */
const DEADLINES = {
  setupMs: 20_000,
  checkMs: 15_000,
  setupControllerMs: 5_000,
  marshallMs: 5_000,
  unmarshallMs: 5_000,
  outputMs: 5_000,
  stopMs: 5_000,
  startReturnsMs: 5_000,
};

/** What `plugin check` is to do. */
export interface CheckOptions {
  /** The test's arguments; `undefined`: the plugin's defaults. */
  args?: string;
  /** The machine under test; without a port the plugin's own. */
  target: Address | null;
  debug: boolean;
}

/** One plugin under examination. */
export class Examination {
  readonly findings: Finding[] = [];
  check: PluginCheck | null = null;
  readonly #host: PluginHost;

  constructor(readonly path: string, readonly options: CheckOptions, env: Record<string, string>) {
    const log = (_level: string, text: string) => note(text);
    this.#host = PluginHost.spawn({ pluginDirs: [], debug: options.debug, log, limits: DEADLINES, env });
  }

  /** @returns why the examination ended early: it is no plugin, or its process died; `null` when it did not */
  async run(): Promise<PluginError | null> {
    try {
      this.check = await this.#host.check(this.path);
      this.findings.push(...this.check.findings);
      if (this.check.info.missing.length === 0) await this.#callAll(this.check);
      await this.#host.quit();
      return null;
    } catch (error) {
      if (error instanceof PluginError) return error;
      throw error;
    } finally {
      await this.#host.kill();
    }
  }

  async #callAll({ info }: PluginCheck): Promise<void> {
    const isExtended = info.interface !== null;
    await this.#try("setup_controller without arguments", () => this.#host.setupController(null), "accepted");
    const expectedNs = await this.#expected();
    const unused = isExtended ? await this.#marshalled("without a run") : null;
    if (!isExtended && this.options.args === undefined) {
      // The original calls marshall after a run only, and unmarshall with what marshall gave: its tests count on both.
      this.#report(
        "note",
        "not tried without a run: the original's interface promises nothing of marshall and unmarshall then; " +
          "--args has it run",
      );
      return;
    }
    const data = await this.#ran(expectedNs) ? await this.#marshalled("after the run") : unused;
    if (isExtended && data !== null) await this.#hostile(data);
  }

  #report(kind: Finding["kind"], text: string): void {
    this.findings.push({ kind, text });
  }

  /** Makes a call that may be refused with a sentence; without one its user would not know why. */
  async #try<T>(what: string, call: () => Promise<T>, well: string): Promise<T | null> {
    try {
      const result = await call();
      this.#report("ok", `${what}: ${well}`);
      return result;
    } catch (error) {
      const { message } = refusal(error);
      const mute = / of plugin \S+ returned -?\d+$/.test(message);
      const remark = mute ? ", and left no sentence in host->error for the user" : "";
      this.#report(
        mute && this.check?.info.interface !== null ? "wrong" : "note",
        `${what}: ${message}${remark}`,
      );
      return null;
    }
  }

  /** @returns what `expected_duration` gives in nanoseconds, `null` when it gives nothing */
  async #expected(): Promise<bigint | null> {
    if (!this.check!.has.includes("expected_duration")) return null;
    try {
      const expected = await this.#host.expectedDuration(this.options.args ?? "");
      const seconds = expected === null ? null : Number(expected.ns) / 1e9;
      const told = seconds === null ? "not known" : seconds === 0 ? "until stopped" : `${seconds} s`;
      this.#report("ok", `expected_duration: ${told}`);
      return expected?.ns ?? null;
    } catch (error) {
      this.#report("note", `expected_duration: ${refusal(error).message}`);
      return null;
    }
  }

  /** Sets the test up, runs it, and stops it when it takes long. @returns whether it has run */
  async #ran(expectedNs: bigint | null): Promise<boolean> {
    const { info } = this.check!;
    const { args = "", target } = this.options;
    const { host, port } = target ?? { host: "127.0.0.1", port: 0 };
    const setup = await this.#try("setup", async () => {
      await this.#host.setup({
        target: host,
        port: port === 0 ? info.defaultPort : port,
        args,
        form: info.interface === null ? 0 : 1,
        runId: 1n,
        flowBase: 0,
      });
      return true;
    }, "accepted");
    if (setup === null) {
      const given = this.options.args !== undefined || target !== undefined;
      const why = given
        ? "setup refused what --args and --target say"
        : "--args gives it arguments, --target a machine under test";
      this.#report("note", `not run: ${why}`);
      return false;
    }
    const begin = performance.now();
    const starting = this.#host.start({});
    let timer: ReturnType<typeof setTimeout> | undefined;
    const long = new Promise<null>((resolve) => timer = setTimeout(() => resolve(null), RUN_MS));
    const early = await Promise.race([starting, long]).finally(() => clearTimeout(timer));
    const tookMs = performance.now() - begin;
    if (early === null || info.side === "target") {
      await this.#try("stop", () => this.#host.stop(), "accepted");
    }
    const { ok, error, status } = await starting;
    const when = early === null ? "returned after stop" : `returned after ${(tookMs / 1000).toFixed(1)} s`;
    if (!ok) this.#report("note", `start failed: ${error ?? `it returned ${status}`}`);
    else this.#report("ok", `start: ${when}`);
    const limitMs = expectedNs === null || expectedNs === 0n ? Infinity : Number(expectedNs) / 1e6;
    if (Math.min(tookMs, RUN_MS) > limitMs + SLACK_MS) {
      const limit = `${limitMs / 1000} s`;
      this.#report("wrong", `start went on for more than ${limit}, the most that expected_duration gave`);
    }
    this.#progress();
    return true;
  }

  #progress(): void {
    if (this.check!.info.interface === null) return;
    const { phase = "idle", ...figures } = this.#host.progress() ?? {};
    const told = phase !== "idle" || Object.values(figures).some((figure) => figure !== 0);
    if (told) this.#report("ok", `progress: phase ${phase} at the end`);
    else this.#report("note", "it reports no progress while it runs");
  }

  /** Marshalls, reads the bytes again and prints them. @returns the bytes; `null` when that failed */
  async #marshalled(when: string): Promise<Uint8Array | null> {
    let data: Uint8Array;
    try {
      const marshalled = await this.#host.marshall();
      data = marshalled.data;
      const validity = marshalled.valid ? "valid" : "not valid";
      this.#report("ok", `marshall ${when}: ${data.length} bytes, ${validity}`);
    } catch (error) {
      this.#report("wrong", `marshall ${when}: ${refusal(error).message}`);
      return null;
    }
    try {
      const json = await this.#host.unmarshall(0, true, data);
      this.#report("ok", "unmarshall of these bytes: accepted");
      if (json !== null) this.#examine(json, when);
      await this.#printed();
    } catch (error) {
      const { call, message } = refusal(error);
      if (call === "results") {
        this.#report("ok", "unmarshall of these bytes: accepted");
        this.#report("wrong", `results ${when}: ${message}`);
      } else {
        // Of a test that has not run there may be nothing to read.
        this.#report(data.length === 0 ? "note" : "wrong", `unmarshall of these bytes: ${message}`);
      }
      return data;
    }
    for (let i = 0; i < ROUNDS; i++) {
      await this.#host.marshall();
      await this.#host.unmarshall(0, true, data).catch(refusal); // that it fails has been reported
    }
    return data;
  }

  #examine(json: Record<string, unknown>, when: string): void {
    const faults = faultsOfResults(json, this.check!.info.metrics);
    for (const fault of faults) this.#report("wrong", `results ${when}: ${fault}`);
    if (faults.length > 0) return;
    const { metrics } = json as { metrics?: unknown[] };
    const keys = Object.keys(json).join(", ") || "an empty object";
    this.#report(
      "ok",
      `results ${when}: ${keys}${metrics === undefined ? "" : ` (${metrics.length} metrics)`}`,
    );
  }

  async #printed(): Promise<void> {
    const { side, csvHeader } = this.check!.info;
    let text: string;
    try {
      text = await this.#host.output([0]);
    } catch (error) {
      this.#report("wrong", `output: ${refusal(error).message}`);
      return;
    }
    this.#report("ok", `output (${side}): ${JSON.stringify(text.slice(0, 200))}`);
    const fault = csvHeader === null || csvHeader === "" ? null : faultOfRow(text, csvHeader);
    if (fault !== null) this.#report("wrong", fault);
  }

  /** Hands over what nobody marshalled: nothing of it may crash, or become results that nobody can read. */
  async #hostile(data: Uint8Array): Promise<void> {
    let refused = 0;
    const inputs = hostileInputs(data);
    const broken = new Set<string>();
    for (const bytes of inputs) {
      try {
        await this.#host.unmarshall(0, true, bytes);
      } catch (error) {
        const { call, message } = refusal(error);
        if (call === "results") broken.add(message);
        else refused++;
      }
    }
    this.#report(
      "ok",
      `${inputs.length} truncated, oversized and random results: ${refused} refused, no crash`,
    );
    const [first] = broken;
    if (first !== undefined) this.#report("wrong", `of truncated, oversized and random results: ${first}`);
  }
}

/** The codes of an end of the process, after which nothing more can be called. */
const ENDS = new Set(["crash", "timeout", "protocol"]);

/** @returns what a plugin refused, when it lives on; else it is thrown again */
function refusal(error: unknown): PluginError {
  if (error instanceof PluginError && !ENDS.has(error.code)) return error;
  throw error;
}
