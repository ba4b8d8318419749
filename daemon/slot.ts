/**
 * The daemon's one test slot: who has it, the plugin's process in it, and how both end. The slot counts as free again
 * only when that process is reaped.
 *
 * @module
 */
import { within } from "../base/deadline.ts";
import { messageOf } from "../base/errors.ts";
import { PluginError, PluginHost, type PluginInfo, type StartReport } from "../ffi/mod.ts";
import type { TestSetup } from "../base/test_setup.ts";
import { isNear, parseLinkChanges, type ProgressReport, type TestResult } from "../protocol/mod.ts";
import { MAX_RESULT_BYTES, MAX_TEST_MS, POLITE_STOP_MS, SLOT_WAIT_MS } from "./limits.ts";
import { describeFailure, SlotBusyError, START_FAILED, TestError } from "./failure.ts";
import { MachineLooks } from "./looks.ts";
import { describeProgress } from "./progress.ts";
import type { SlotOptions, SlotOwner } from "./slot_types.ts";
import { type SlotHost, SpareChild } from "./spare.ts";

interface Occupation {
  readonly owner: SlotOwner;
  /** When it got the slot, in milliseconds of `performance.now()`. */
  readonly takenMs: number;
  readonly host: SlotHost;
  plugin: string;
  /** The plugin's description of itself, after LOAD. */
  info: PluginInfo | null;
  /** START was given. */
  run: Promise<StartReport> | null;
  /** Its `start` has not returned. */
  running: boolean;
  runStartMs: number;
  /** Calls of the plugin under way: a crash is reported by their own errors. */
  calls: number;
  /** A call has failed because the process ended, and reports that. */
  crashed: boolean;
  stampsAsked: boolean;
  /** The end, once it has begun. */
  ending: Promise<void> | null;
}

/** Name of the test that CONTINUE is for. */
const WAITING_TEST = "wait";

/** See the module. */
export class TestSlot {
  readonly #options: SlotOptions;
  #current: Occupation | null = null;
  readonly #spare: SpareChild;
  #closing = false;
  readonly #looks = new MachineLooks();

  /** @param options Settings of the slot. */
  constructor(options: SlotOptions) {
    this.#options = options;
    const spawn = options.spawn ?? PluginHost.spawn;
    this.#spare = new SpareChild(() => spawn(options.host));
  }

  /** Process of the test, or `null` when the slot is free. */
  get pid(): number | null {
    return this.#current?.host.pid ?? null;
  }

  /** Whether a test that waits for CONTINUE is running. */
  get waiting(): boolean {
    return this.#current?.plugin === WAITING_TEST && this.#current.run !== null &&
      this.#current.ending === null;
  }

  /** Starts a process ahead of HELLO, so that LOAD finds it ready; kept for a while. */
  warm(): void {
    if (this.#current !== null || this.#closing) return;
    try {
      this.#spare.warm();
    } catch (error) {
      this.#options.log("error", messageOf(error)); // HELLO will try again, and answer its peer.
    }
  }

  /**
   * Gives the slot to an owner; waits a moment for a test that is being cleared away.
   *
   * @param owner Who wants it.
   * @throws {SlotBusyError} when somebody has it.
   * @throws {TestError} when no process can be started.
   */
  async take(owner: SlotOwner): Promise<void> {
    const until = Date.now() + SLOT_WAIT_MS;
    while (this.#current?.ending) {
      const left = until - Date.now();
      if (left <= 0 || !await within(this.#current.ending, left)) break;
    }
    if (this.#current !== null || owner.gone) throw new SlotBusyError();
    const host = this.#takeChild();
    const occupation: Occupation = {
      owner,
      takenMs: performance.now(),
      host,
      plugin: "-",
      info: null,
      run: null,
      running: false,
      runStartMs: 0,
      calls: 0,
      crashed: false,
      stampsAsked: false,
      ending: null,
    };
    this.#current = occupation;
    host.exited.then((end) => {
      if (occupation.ending !== null || occupation.calls > 0 || occupation.crashed) return;
      const how = end.signal === null ? `ended with status ${end.code}` : `was killed by ${end.signal}`;
      owner.failed(`Plugin process ended: ${occupation.plugin}: its process ${host.pid} ${how}`);
    });
  }

  /**
   * LOAD.
   *
   * @throws {TestError} when it fails.
   */
  async load(owner: SlotOwner, plugin: string): Promise<void> {
    const test = this.#of(owner);
    test.plugin = plugin;
    await this.#call(test, "Can not load plugin", async () => {
      test.info = await test.host.load(plugin, this.#options.role === "tester" ? "client" : "target");
    });
  }

  /**
   * SETUP.
   *
   * @throws {TestError} when it fails.
   */
  async setup(owner: SlotOwner, fields: TestSetup): Promise<void> {
    const test = this.#of(owner);
    const { role, policy } = this.#options;
    const { target, port } = fields;
    const { args, form, runId, flowBase } = fields;
    // What asks for the original's form is an original controller.
    const originalSpelling = form === 0 || fields.originalSpelling;
    await this.#call(test, role === "tester" ? "Client setup failed" : "Target setup failed", async () => {
      policy?.checkArguments(args, test.info);
      const place = role === "tester" && target !== null && port !== null
        ? { ...await policy?.admit(target, owner.address, test.host, test.info) ?? { target }, port }
        : {};
      await test.host.setup({ ...place, args, form, runId, flowBase, originalSpelling });
    });
  }

  /**
   * START. A tester's resolves with the result when the test has ended; a target's stays open until STOP.
   *
   * @returns The result; `null` for a target whose `start` has returned well before STOP.
   * @throws {TestError} when it fails.
   */
  async start(owner: SlotOwner, atNs: bigint | null): Promise<TestResult | null> {
    const test = this.#of(owner);
    const { clock, role } = this.#options;
    return await this.#call(test, START_FAILED, async () => {
      if (atNs !== null && !isNear(atNs, clock.now())) {
        throw new Error(
          `start at ${atNs} is more than a minute away from this clock, which is at ${clock.now()}`,
        );
      }
      test.stampsAsked = atNs !== null;
      test.runStartMs = Date.now();
      test.run = test.host.start(atNs === null ? {} : { atNs: clock.toKernel(atNs) });
      test.running = true;
      test.run.catch(() => {}).finally(() => test.running = false);
      this.#options.log("info", `test ${test.plugin} of ${owner.name} is started`);
      this.#options.onStart?.(test.plugin === WAITING_TEST);
      const report = await this.#bounded(test, test.run);
      checkReport(report);
      return role === "target" ? null : await this.#collect(test, report);
    });
  }

  /**
   * STOP.
   *
   * @throws {TestError} when it fails.
   */
  async stop(owner: SlotOwner, atNs: bigint | null): Promise<TestResult> {
    const test = this.#of(owner);
    const { clock } = this.#options;
    return await this.#call(test, "Plugin failed to stop!", async () => {
      if (atNs !== null) {
        if (!isNear(atNs, clock.now())) {
          throw new Error(`stop at ${atNs} is more than a minute away from this clock`);
        }
        test.stampsAsked = true;
      }
      const run = test.run as Promise<StartReport>;
      await test.host.stop(atNs === null ? {} : { atNs: clock.toKernel(atNs) }).catch(async (error) => {
        // A crash fails both calls: what is reported is the error of start, which was called first.
        if (error instanceof PluginError && error.code === "crash") await run;
        throw error;
      });
      const report = await run;
      checkReport(report);
      return await this.#collect(test, report);
    });
  }

  /** STOP of a tester: ends its test early; START then gives the result of what was measured. */
  async halt(owner: SlotOwner): Promise<void> {
    try {
      await this.#of(owner).host.stop();
    } catch (error) {
      this.#options.log("warning", `STOP: ${messageOf(error)}`); // It has just ended, or START reports what is wrong.
    }
  }

  /**
   * Ends an owner's test, if it has one.
   *
   * @returns When the slot is free.
   */
  async release(owner: SlotOwner): Promise<void> {
    if (this.#current?.owner === owner) await this.#end(this.#current);
  }

  /**
   * Ends the running test, whoever owns it.
   *
   * @param by Who wants that, for the owner's message.
   * @returns When the slot is free.
   */
  async abort(by: string): Promise<void> {
    const test = this.#current;
    if (test === null) return;
    this.#options.log("info", `test ${test.plugin} of ${test.owner.name} is aborted by ${by}`);
    test.owner.failed(`Test aborted by ${by}`); // First, or the owner would be informed of a process that ended.
    await this.#end(test);
  }

  /**
   * CONTINUE: lets a test that waits go on.
   *
   * @returns Whether one was waiting.
   */
  async continue(): Promise<boolean> {
    const test = this.#current;
    if (test === null || !this.waiting) return false;
    test.calls++;
    try {
      await test.host.stop();
    } catch (error) {
      this.#options.log("warning", `CONTINUE: ${messageOf(error)}`);
      return false;
    } finally {
      test.calls--;
    }
    return true;
  }

  /** What the running test reports of itself, or `null` when none runs. */
  progress(): ProgressReport | null {
    const test = this.#current;
    if (test === null) return null;
    const owner = { name: test.owner.name, sinceMs: test.takenMs };
    return describeProgress(test.host, test.plugin, test.run === null ? null : test.runStartMs, owner);
  }

  /**
   * ENV. One examination of the machine at a time, and none for others after START: it would disturb the test.
   *
   * @param owner Who asks.
   * @param iface Network interface to describe.
   * @param target Machine under test, whose route gives the interface.
   * @returns JSON.
   */
  async environment(owner: SlotOwner, iface: string | null, target: string | null): Promise<string> {
    return await this.#looks.answer({ iface, target }, async () => {
      if (this.#current?.ending) await within(this.#current.ending, SLOT_WAIT_MS);
      if (this.#current !== null && this.#current.run !== null && this.#current.owner !== owner) {
        throw new Error("a test is running");
      }
      this.warm();
      const host = this.#current?.host ?? this.#spare.host;
      if (host === null) throw new Error("no process can be started to look at the machine");
      return host;
    });
  }

  /** Ends everything: the daemon goes down. */
  async shutdown(): Promise<void> {
    this.#closing = true;
    await Promise.all([this.#spare.cool(), this.#current === null ? null : this.#end(this.#current)]);
  }

  #of(owner: SlotOwner): Occupation {
    const test = this.#current;
    if (test === null || test.owner !== owner || test.ending !== null) {
      throw new TestError("The test has been ended");
    }
    return test;
  }

  #end(test: Occupation): Promise<void> {
    test.ending ??= this.#clearAway(test);
    return test.ending;
  }

  async #clearAway(test: Occupation): Promise<void> {
    const { host } = test;
    try {
      // What a plugin has outside of its process (a program that it runs, a mount) is ended by its stop function only.
      if (test.running) await within(host.stop().catch(() => {}), POLITE_STOP_MS);
      await host.kill();
    } catch (error) {
      this.#options.log("error", `test ${test.plugin}: ${messageOf(error)}`);
    }
    await host.exited;
    if (this.#current === test) this.#current = null;
    if (!this.#closing) this.warm(); // Runs come in series: the next HELLO finds a process that is ready.
    this.#options.onFree?.(test.run !== null);
  }

  async #collect(test: Occupation, report: StartReport): Promise<TestResult> {
    const { valid, data, links } = await test.host.marshall();
    const limit = this.#options.maxResultBytes ?? MAX_RESULT_BYTES;
    if (data.length > limit) {
      throw new Error(`its result of ${data.length} bytes is over the limit of ${limit} bytes`);
    }
    this.#options.log(
      "info",
      `test ${test.plugin} of ${test.owner.name} has ended with ${data.length} bytes`,
    );
    const { clock } = this.#options;
    const changes = parseLinkChanges(links).map((change) => ({
      ...change,
      atNs: clock.fromKernel(change.atNs),
    }));
    const stamps = !test.stampsAsked ? null : {
      plannedNs: clock.fromKernel(report.plannedNs ?? report.actualNs),
      actualNs: clock.fromKernel(report.actualNs),
      endedNs: clock.fromKernel(report.endedNs),
      ...changes.length > 0 && { links: changes },
    };
    return { valid, data, stamps };
  }

  /** Ends a test that has not ended by itself within the longest time. */
  async #bounded(test: Occupation, run: Promise<StartReport>): Promise<StartReport> {
    const limit = this.#options.maxTestMs ?? MAX_TEST_MS;
    if (await within(run.catch(() => {}), limit)) return await run;
    await test.host.kill();
    throw new Error(`start did not return within ${limit / 1000} s`);
  }

  async #call<T>(test: Occupation, failure: string, work: () => Promise<T>): Promise<T> {
    test.calls++;
    try {
      return await work();
    } catch (error) {
      test.crashed ||= error instanceof PluginError && error.code === "crash";
      throw new TestError(describeFailure(failure, test.plugin, error), { cause: error });
    } finally {
      test.calls--;
    }
  }

  #takeChild(): SlotHost {
    try {
      return this.#spare.take();
    } catch (error) {
      throw new TestError(messageOf(error), { cause: error });
    }
  }
}

function checkReport(report: StartReport): void {
  if (!report.ok) throw new PluginError("start", "start", report.error ?? `start returned ${report.status}`);
}
