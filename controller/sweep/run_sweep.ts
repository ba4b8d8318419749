/**
 * A sweep from beginning to end: point by point, each kept as soon as it is there.
 *
 * @module
 */

import type { RunDescription } from "../../config/run_description.ts";
import type { ResultDocument } from "../../results/document/document.ts";
import type { ProgressEvent } from "../run/progress.ts";
import type { RunnerContext } from "../run/runner.ts";
import { isTargetFault } from "../outcome/target_fault.ts";
import { figuresOf } from "./figures.ts";
import { branchOf, describePoint, executionOrder, rankOf, SweepError, type SweepPlan } from "./plan.ts";
import { checkSame, type IndexPoint, newIndex, type StoredIndex, type SweepIndex } from "./sweep_index.ts";
import type { Until } from "./until.ts";

/** What to sweep. */
export interface SweepOptions {
  base: RunDescription;
  plan: SweepPlan;
  /** A point that meets any of these ends its branch. */
  until: readonly Until[];
  /** How often an INVALID point is measured again. */
  retry: number;
  /** Idle seconds between points. */
  cooldownSeconds: number;
  /** Go on with what is on disk. */
  resume: boolean;
  ipbench: { version: string; build: string };
}

/** Where a sweep keeps what it has. Both writes are whole or not at all. */
export interface SweepStore {
  /** The index on disk, or `null`. */
  loadIndex(): Promise<StoredIndex | null>;
  saveIndex(index: SweepIndex): Promise<void>;
  /** A document on disk, or `null` when it is not there or damaged. */
  loadDocument(file: string): Promise<ResultDocument | null>;
  /** @returns Whether it is kept; the sweep goes on without it, and `resume` measures its point again. */
  saveDocument(file: string, document: ResultDocument): Promise<boolean>;
}

/** What a sweep is given to work with. */
export interface SweepDependencies extends RunnerContext {
  store: SweepStore;
  /** Must not throw. */
  onEvent?: (event: SweepEvent) => void;
}

/** What happens during a sweep. */
export type SweepEvent =
  /** Work begins: so many of so many points are done already. */
  | { kind: "begin"; done: number; total: number }
  | { kind: "point"; point: IndexPoint; description: RunDescription; attempt: number }
  | { kind: "progress"; event: ProgressEvent }
  /** A point has ended; `secondsLeft` is `null` when nothing is known of the time. */
  | { kind: "ended"; point: IndexPoint; finished: number; total: number; secondsLeft: number | null }
  | { kind: "branch"; branch: string; until: string; skipped: number };

/** Most reasons of a point that the index has; its document has all of them. */
const MAX_DETAILS = 20;

/** After this many points in a row whose runs failed, the sweep gives up: something is down. */
const FAILED_POINTS_LIMIT = 3;

/**
 * Runs a sweep, or the rest of one.
 *
 * @returns The index as it is at the end; also when interrupted or given up.
 * @throws {SweepError} when the plan makes no sense, when the folder holds a sweep and `resume` is not set, or when
 * it holds another one.
 */
export async function runSweep(options: SweepOptions, deps: SweepDependencies): Promise<SweepIndex> {
  const sweep = new Sweep(options, deps);
  return await sweep.run();
}

class Sweep {
  readonly #options: SweepOptions;
  readonly #deps: SweepDependencies;
  /** Wall seconds of the points measured by this call. */
  #spent: number[] = [];
  #failedInARow = 0;
  /** INVALID points at which the target gave way: as bad as can be, so that conditions apply to them, too. */
  readonly #gaveWay = new Set<string>();

  constructor(options: SweepOptions, deps: SweepDependencies) {
    this.#options = options;
    this.#deps = deps;
  }

  async run(): Promise<SweepIndex> {
    const { plan, base } = this.#options;
    const index = await this.#open();
    for (const point of index.points) describePoint(base, point.values, plan.split); // wrong ones fail before the first
    this.#reconsiderBranches(index);
    await this.#deps.store.saveIndex(index);
    const done = index.points.filter((point) => point.status === "done").length;
    this.#deps.onEvent?.({ kind: "begin", done, total: index.points.length });
    for (const point of executionOrder(index.points, plan.shuffleSeed)) {
      if (point.status !== "pending") continue;
      if (this.#isAborted() || this.#failedInARow >= FAILED_POINTS_LIMIT) break;
      await this.#measure(point);
      if (point.status !== "pending") this.#endBranches(index, point);
      await this.#deps.store.saveIndex(index);
      this.#reportEnd(index, point);
    }
    index.sweep.interrupted = this.#isAborted();
    const finished = index.points.every((point) => point.status !== "pending");
    index.sweep.ended = finished ? this.#deps.clock.now().toISOString() : null;
    await this.#deps.store.saveIndex(index);
    return index;
  }

  #isAborted(): boolean {
    return this.#deps.signal?.aborted === true;
  }

  /** A new index, or the one on disk with everything that is missing or INVALID set back. */
  async #open(): Promise<SweepIndex> {
    const { plan, base, ipbench, resume, until, retry, cooldownSeconds } = this.#options;
    const settings = { until: until.map(({ text }) => text), retry, cooldownSeconds };
    const old = await this.#deps.store.loadIndex();
    if (old === null) {
      const started = this.#deps.clock.now().toISOString();
      return newIndex(plan, base, { id: crypto.randomUUID(), started, ipbench, settings });
    }
    if (!resume) {
      throw new SweepError(
        "the folder holds a sweep already; give --resume to go on with it, or another --out",
      );
    }
    checkSame(old, plan, base);
    const index: SweepIndex = { ...old, plan, base, settings };
    for (const point of index.points) await this.#adopt(point);
    return index;
  }

  /** Trusts a document on disk rather than the index: the index is written after it. */
  async #adopt(point: IndexPoint): Promise<void> {
    const file = `${point.id}.json`;
    const document = await this.#deps.store.loadDocument(file);
    const wanted = describePoint(this.#options.base, point.values, this.#options.plan.split);
    if (document !== null && isUsable(document) && isResultOf(document, wanted)) {
      this.#note(point, document);
      return;
    }
    Object.assign(point, { status: "pending", file: null, verdict: null, reason: null, figures: null });
    delete point.details;
  }

  /** Measures a point until it is not INVALID, as often as allowed. */
  async #measure(point: IndexPoint): Promise<void> {
    const { base, plan, retry, cooldownSeconds } = this.#options;
    const { clock, signal, store, onEvent } = this.#deps;
    const description = describePoint(base, point.values, plan.split);
    for (let attempt = 1; attempt <= 1 + retry && !this.#isAborted(); attempt++) {
      if (this.#spent.length > 0 || attempt > 1) await clock.sleep(cooldownSeconds, signal);
      if (this.#isAborted()) return;
      onEvent?.({ kind: "point", point, description, attempt });
      const begin = clock.seconds();
      point.started = clock.now().toISOString();
      const document = await this.#deps.run(description, {
        ...(signal === undefined ? {} : { signal }),
        onProgress: (event) => onEvent?.({ kind: "progress", event }),
      });
      if (document.run.interrupted === true) return;
      point.attempts++;
      const kept = await store.saveDocument(`${point.id}.json`, document);
      this.#note(point, document);
      if (!kept) point.file = null;
      point.ended = clock.now().toISOString();
      if (attempt === 1 || point.status === "done") this.#spent.push(clock.seconds() - begin);
      this.#failedInARow = document.run.failed === true && attempt > retry ? this.#failedInARow + 1 : 0;
      if (point.status === "done") return;
    }
  }

  #note(point: IndexPoint, document: ResultDocument): void {
    point.file = `${point.id}.json`;
    point.verdict = document.run.verdict;
    point.status = isUsable(document) ? "done" : "invalid";
    point.reason = document.run.reasons[0] ?? null;
    point.details = (document.run.details ?? []).slice(0, MAX_DETAILS)
      .map(({ code, text, host }) => ({ code, text, ...host !== undefined && { host } }));
    point.figures = figuresOf(document);
    if (isTargetFault(document)) this.#gaveWay.add(point.id);
    point.started ??= document.run.started;
    point.ended ??= document.run.ended;
    point.attempts = Math.max(1, point.attempts);
  }

  /** Skips what lies further along the branch of a point that meets a condition. */
  #endBranches(index: SweepIndex, point: IndexPoint): void {
    const { plan, until } = this.#options;
    const { figures } = point;
    if (figures === null || (point.status !== "done" && !this.#gaveWay.has(point.id))) return;
    const met = until.find((condition) => condition.holds(figures));
    if (met === undefined) return;
    const branch = branchOf(point, plan);
    let skipped = 0;
    for (const other of index.points) {
      const beyond = branchOf(other, plan) === branch && rankOf(other, plan) > rankOf(point, plan);
      if (!beyond || other.status !== "pending") continue;
      other.status = "skipped";
      other.reason = `${met.text} at ${
        Object.entries(point.values).map(([k, value]) => `${k}=${value}`).join(", ")
      }`;
      skipped++;
    }
    if (skipped > 0) this.#deps.onEvent?.({ kind: "branch", branch, until: met.text, skipped });
  }

  /** On resume: what was skipped under other conditions is wanted again, and the conditions of now apply. */
  #reconsiderBranches(index: SweepIndex): void {
    for (const point of index.points) if (point.status === "skipped") point.status = "pending";
    for (const point of index.points) this.#endBranches(index, point);
  }

  #reportEnd(index: SweepIndex, point: IndexPoint): void {
    const total = index.points.length;
    const pending = index.points.filter((each) => each.status === "pending").length;
    const spent = this.#spent.reduce((sum, seconds) => sum + seconds, 0);
    const each = this.#spent.length === 0 ? null : spent / this.#spent.length + this.#options.cooldownSeconds;
    const secondsLeft = each === null ? null : each * pending;
    this.#deps.onEvent?.({ kind: "ended", point, finished: total - pending, total, secondsLeft });
  }
}

/** True when a document need not be measured again. */
function isUsable(document: ResultDocument): boolean {
  return document.run.verdict !== "INVALID" && document.run.failed !== true &&
    document.run.interrupted !== true;
}

/** True when the document came from a run with these arguments. */
function isResultOf(document: ResultDocument, description: RunDescription): boolean {
  const args = (clients: { host: string; args: string }[]) =>
    clients.map((client) => `${client.host} ${client.args}`);
  return JSON.stringify(args(document.clients)) === JSON.stringify(args(description.clients));
}
