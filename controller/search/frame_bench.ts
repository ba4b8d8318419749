/**
 * The benchmarks of RFC 2544 and RFC 9004 at one frame size.
 *
 * @module
 */

import { sendersOf } from "../../base/senders.ts";
import type { RunDescription } from "../../config/run_description.ts";
import type { ResultDocument, Summary } from "../../results/document/document.ts";
import { summarize } from "../../results/document/histogram.ts";
import { mergeHistograms } from "../../results/document/histogram_codec.ts";
import type { RunnerContext } from "../run/runner.ts";
import { removeArgs, setTestArg } from "../../base/args.ts";
import { formatShare } from "../../base/figures.ts";
import { formatNanoseconds } from "../../base/values.ts";
import { backToBack, longestBurst } from "./back_to_back.ts";
import { type Carrier, type FrameSize, framesPerSecond, fullLoad } from "./frames.ts";
import { parseGoal } from "./goal.ts";
import { lossCurve } from "./loss_curve.ts";
import { describeTrial, readOutcome, secondsText, timesOf, type TrialShape } from "./measure.ts";
import type { FrameRecord, LossPoint, ThroughputRecord } from "../../results/search/rfc2544_document.ts";
import {
  describeRecovery,
  describeReset,
  failedReset,
  meanOf,
  planRecovery,
  recoveryOf,
  resetOf,
} from "./recovery.ts";
import { runSearch } from "./run_search.ts";
import { requestText } from "../../results/search/table.ts";
import { type TrialContext, TrialError, validTrial } from "./trials.ts";

/** Names of the benchmarks. */
export const RFC2544_TESTS = ["throughput", "latency", "loss", "burst", "recovery", "reset"] as const;
/** One of {@linkcode RFC2544_TESTS}. */
export type Rfc2544Test = typeof RFC2544_TESTS[number];

/** What to measure. The defaults of the RFCs are those of the command line. */
export interface Rfc2544Options {
  base: RunDescription;
  carrier: Carrier;
  /** Ethernet frame sizes, with FCS. */
  frames: readonly number[];
  /** Bit/s of the medium. */
  lineRate: number;
  tests: ReadonlySet<Rfc2544Test>;
  trialSeconds: number;
  /** Relative width at which the throughput is known. */
  width: number;
  latencySeconds: number;
  latencyRepeat: number;
  /** Longest burst, in seconds at the full rate. */
  burstSeconds: number;
  burstRepeat: number;
  /** How long a device is overloaded before it is to recover. */
  overloadSeconds: number;
  /** Length of a trial in which the device is reset, and what resets it; `null` where that is not measured. */
  resetSeconds: number;
  resetCommand: string | null;
  /** Trials of recovery and of reset, each. */
  darkRepeat: number;
  shape: TrialShape;
  settleSeconds: number;
  invalidLimit: number;
  /** Take SUSPECT trials for INVALID ones. */
  strict?: boolean;
  ipbench: { version: string; build: string };
}

/** What it works with. */
export interface Rfc2544Dependencies extends RunnerContext {
  /** A line for whoever waits. */
  onLine?: (text: string) => void;
  /** What the next trial is, in parts from the most to the least important. */
  onTrial?: (parts: string[]) => void;
  /** Keeps the result document of a trial; gives the name of its file, or `null` when it could not be kept. */
  keep?: (n: number, document: ResultDocument) => Promise<string | null>;
}

/** The benchmarks at one frame size. */
export class FrameBench {
  readonly #options: Rfc2544Options;
  readonly #deps: Rfc2544Dependencies;
  readonly #number: () => number;

  constructor(options: Rfc2544Options, deps: Rfc2544Dependencies, number: () => number) {
    this.#options = options;
    this.#deps = deps;
    this.#number = number;
  }

  async measure(size: FrameSize, record: FrameRecord): Promise<void> {
    const { base, tests, lineRate } = this.#options;
    const full = Math.floor(fullLoad(lineRate, size));
    const clients = base.clients.map((client) => ({
      ...client,
      args: setTestArg(client.args, "size", String(size.size)),
    }));
    const run: RunDescription = { ...base, clients };
    if (tests.has("throughput")) record.throughput = await this.#throughput(run, size, full);
    if (tests.has("latency")) await this.#latency(run, record);
    if (tests.has("loss")) record.loss = await this.#loss(run, size, full);
    if (tests.has("burst")) await this.#bursts(run, record);
    if (tests.has("recovery")) await this.#recovery(run, record, full);
    if (tests.has("reset")) await this.#reset(run, record);
  }

  async #recovery(run: RunDescription, record: FrameRecord, full: number): Promise<void> {
    const { overloadSeconds, trialSeconds, shape, strict } = this.#options;
    const throughput = this.#throughputFor("recovery", record);
    if (throughput === null) return;
    const plan = planRecovery(throughput, full);
    const description = describeRecovery(run, shape, plan, overloadSeconds, trialSeconds);
    const offered = `${
      requestText({ load: plan.overload, seconds: overloadSeconds }, "bit/s")
    }, then half of it`;
    const trials = await this.#repeated("recovery", record, {
      offered,
      description,
      read: (document) => readOutcome(document, plan.load, trialSeconds, strict),
      of: (document) => recoveryOf(document, trialSeconds),
    });
    if (trials.length === 0) return;
    const mean_ns = meanOf(trials.flatMap((trial) => trial.recovered ? trial.recovery_ns : []));
    record.recovery = { ...plan, trials, mean_ns };
    this.#report(record.frame, `recovery ${mean_ns === null ? "none" : formatNanoseconds(mean_ns)}`);
  }

  async #reset(run: RunDescription, record: FrameRecord): Promise<void> {
    const { resetSeconds: seconds, resetCommand: command, shape } = this.#options;
    const load = this.#throughputFor("reset", record);
    if (load === null || command === null) return;
    const trials = await this.#repeated("reset", record, {
      offered: requestText({ load, seconds }, "bit/s"),
      description: describeReset(run, shape, load, seconds, command),
      // What a reset does to the tester's own link makes a run SUSPECT, and is what is measured.
      read: (document) => failedReset(document) ?? readOutcome(document, load, seconds),
      of: resetOf,
      goesOn: (trial) => trial.came_back,
    });
    if (trials.length === 0) return;
    if (trials.at(-1)?.came_back === false) {
      record.notes.push(
        `reset: still dark ${seconds} s after the begin of the trial; give a longer --reset-trial`,
      );
    }
    const mean_ns = meanOf(trials.flatMap((trial) => trial.came_back ? trial.outage_ns : []));
    record.reset = { command, load, trials, mean_ns };
    this.#report(record.frame, `reset ${mean_ns === null ? "did not end" : formatNanoseconds(mean_ns)}`);
  }

  /** The load of the throughput; `null`, and a note, where there is none. */
  #throughputFor(test: Rfc2544Test, record: FrameRecord): number | null {
    const load = record.throughput?.load ?? null;
    if (load === null) record.notes.push(`${test}: not measured, there is no throughput to measure it at`);
    return load;
  }

  /** The same trial several times, and what is read of each; why there is none of it is noted. */
  async #repeated<T>(test: Rfc2544Test, record: FrameRecord, trial: {
    offered: string;
    description: RunDescription;
    read: Parameters<typeof validTrial>[1];
    of: (document: ResultDocument) => T | null;
    goesOn?: (found: T) => boolean;
  }): Promise<T[]> {
    const { darkRepeat } = this.#options;
    const all: T[] = [];
    for (let i = 0; i < darkRepeat; i++) {
      this.#announce(record.frame, `${test} ${i + 1}/${darkRepeat}`, trial.offered);
      const made = await this.#trial(trial.description, trial.read);
      const found = "unknown" in made ? null : trial.of(made.document);
      if (found === null) {
        const why = "unknown" in made ? made.unknown : "the test does not report when packets were lost";
        record.notes.push(`${test}: ${why}`);
        continue;
      }
      all.push(found);
      if (trial.goesOn?.(found) === false) break;
    }
    return all;
  }

  async #throughput(run: RunDescription, size: FrameSize, full: number): Promise<ThroughputRecord> {
    const options = this.#options;
    const final = Number(options.trialSeconds);
    const [goal] = parseGoal("rfc2544");
    if (goal === undefined) throw new Error("the preset rfc2544 gives no goal");
    const found = await runSearch({
      base: run,
      config: {
        goals: [{
          ...goal,
          initialTrialSeconds: Math.min(1, final),
          finalTrialSeconds: final,
          durationSumSeconds: final,
          width: options.width,
        }],
        minLoad: Math.max(sendersOf(run.clients).length * size.size * 8, full / 1000),
        maxLoad: full,
        invalidLimit: options.invalidLimit,
        maxTrials: 1000,
        maxTrialSeconds: Infinity,
      },
      shape: options.shape,
      unit: "bit/s",
      settleSeconds: options.settleSeconds,
      failureLimit: options.invalidLimit,
      strict: options.strict === true,
      ipbench: options.ipbench,
    }, {
      ...this.#common(),
      ...this.#keeper(),
      onEvent: (event) => {
        if (event.kind === "trial") {
          this.#announce(size.frame, "throughput", requestText(event.request, "bit/s"));
        }
      },
    });
    if (found.search.interrupted === true) throw new TrialError("interrupted", "interrupted");
    if (found.search.failed === true) throw new TrialError("failed", found.search.reasons.join("; "));
    const [result] = found.goals;
    if (result === undefined) throw new Error("a search for one goal gave no result");
    const load = result.lower_bound;
    const rate = load === null ? null : framesPerSecond(load, size);
    this.#report(
      size.frame,
      `${rate === null ? "no throughput" : `throughput ${Math.round(rate)} frames/s`} (${result.stop.code})`,
    );
    return {
      load,
      frames_per_second: rate,
      percent_of_line: load === null ? null : 100 * load / full,
      regular: result.regular || result.stop.code === "max-load",
      stop: result.stop,
      trials: found.totals.trials,
      trial_list: found.trials,
    };
  }

  async #latency(run: RunDescription, record: FrameRecord): Promise<void> {
    const { latencySeconds: seconds, latencyRepeat, shape } = this.#options;
    const load = this.#throughputFor("latency", record);
    if (load === null) return;
    const documents: ResultDocument[] = [];
    for (let i = 0; i < latencyRepeat; i++) {
      const description = describeTrial(run, shape, load, seconds);
      const offered = requestText({ load, seconds }, "bit/s");
      this.#announce(record.frame, `latency ${i + 1}/${latencyRepeat}`, offered);
      const trial = await this.#trial(
        description,
        (document) => readOutcome(document, load, seconds, this.#options.strict),
      );
      if ("unknown" in trial) record.notes.push(`latency: ${trial.unknown}`);
      else documents.push(trial.document);
    }
    if (documents.length === 0) return;
    record.latency = {
      trials: documents.length,
      response: merged(documents, "response"),
      service: merged(documents, "service"),
    };
    this.#report(record.frame, `latency over ${documents.length} trials of ${seconds} s`);
  }

  async #loss(run: RunDescription, size: FrameSize, full: number): Promise<LossPoint[]> {
    const { trialSeconds, shape } = this.#options;
    let brief = "";
    return await lossCurve(
      full,
      async (load) => {
        const description = describeTrial(run, shape, load, trialSeconds);
        this.#announce(size.frame, "loss", requestText({ load, seconds: trialSeconds }, "bit/s"));
        const trial = await this.#trial(
          description,
          (document) => readOutcome(document, load, trialSeconds, this.#options.strict),
        );
        if (!("unknown" in trial)) return { lossRatio: trial.outcome.trial.lossRatio };
        brief = trial.brief;
        return { unknown: trial.unknown };
      },
      ({ percent, loss_ratio: loss }) =>
        this.#report(
          size.frame,
          `${percent}% of the line: ${loss === null ? brief : `loss ${formatShare(loss)}`}`,
        ),
    );
  }

  async #bursts(run: RunDescription, record: FrameRecord): Promise<void> {
    const { burstSeconds, burstRepeat } = this.#options;
    const testers = sendersOf(run.clients).length;
    const max = Math.max(1, Math.floor(record.full_frames_per_second * burstSeconds / testers));
    const bursts: number[] = [];
    for (let i = 0; i < burstRepeat; i++) {
      let unknown: string | null = null;
      const length = await longestBurst(
        async (frames) => {
          if (unknown !== null) return false;
          this.#announce(record.frame, `burst ${i + 1}/${burstRepeat}`, `${frames * testers} frames`);
          const trial = await this.#trial(
            describeBurst(run, record.size, frames),
            (document) => readOutcome(document, 1, 1, this.#options.strict),
          );
          if ("unknown" in trial) {
            unknown = trial.unknown;
          }
          return "outcome" in trial && trial.outcome.trial.lossRatio === 0;
        },
        max,
        Math.max(1, Math.floor(max / 1000)),
      );
      if (unknown === null) bursts.push(length * testers);
      else record.notes.push(`back-to-back: repetition ${i + 1}: ${unknown}`);
    }
    if (bursts.length === 0) return;
    const throughput = record.throughput?.frames_per_second ?? null;
    record.back_to_back = backToBack(bursts, max * testers, record.full_frames_per_second, throughput);
    this.#report(record.frame, `bursts of ${Math.round(record.back_to_back.average)} frames without loss`);
  }

  /** A valid trial, or why there is none; failing runs and Ctrl-C end everything. */
  async #trial(description: RunDescription, read: Parameters<typeof validTrial>[1]) {
    const keep = this.#deps.keep;
    const context: TrialContext = {
      ...this.#common(),
      settleSeconds: this.#options.settleSeconds,
      attempts: this.#options.invalidLimit,
      ...(keep === undefined
        ? {}
        : { keep: async (document: ResultDocument) => void await keep(this.#number(), document) }),
    };
    try {
      return await validTrial(description, read, context);
    } catch (error) {
      if (error instanceof TrialError && error.kind === "invalid") {
        return { unknown: `INVALID: ${error.message}`, brief: `INVALID (${error.brief})` };
      }
      throw error;
    }
  }

  #common() {
    const { run, clock, signal } = this.#deps;
    return signal === undefined ? { run, clock } : { run, clock, signal };
  }

  #keeper() {
    const { keep } = this.#deps;
    return keep === undefined
      ? {}
      : { keep: (_: number, document: ResultDocument) => keep(this.#number(), document) };
  }

  #announce(frame: number, ...parts: string[]): void {
    this.#deps.onTrial?.([`${frame}-byte frames`, ...parts]);
  }

  #report(frame: number, text: string): void {
    this.#deps.onLine?.(`${frame}-byte frames: ${text}`);
  }
}

/** The measured phase of a burst; the next burst would be due behind it. */
const BURST_PHASE_SECONDS = 0.2;

/** One burst of so many frames from each tester, back to back, and nothing else. */
function describeBurst(run: RunDescription, size: number, frames: number): RunDescription {
  // As many bit/s as make the burst's period a little longer than the measured phase: one burst is due in it.
  const bps = Math.max(1, Math.floor(frames * size * 8 / BURST_PHASE_SECONDS) - 1);
  const clients = run.clients.map((client) => {
    let args = removeArgs(client.args, "rampup", "sizes");
    const values: [string, string][] = [
      ["bps", String(bps)],
      ["duration", secondsText(BURST_PHASE_SECONDS)],
      ["arrival", `burst:${frames}`],
      ["warmup", "0"],
      ["cooldown", "0"],
    ];
    for (const [name, value] of values) args = setTestArg(args, name, value);
    return { ...client, args };
  });
  return { ...run, clients, untilCi: null };
}

function merged(documents: readonly ResultDocument[], time: "response" | "service"): Summary | null {
  const histogram = mergeHistograms(documents.map((document) => timesOf(document.total.histograms)[time]));
  return histogram === null ? null : summarize(histogram);
}
