/**
 * A search with real trials: asks {@linkcode MlrSearch} what to measure, runs it, reports the outcome to it, and writes down
 * all of it.
 *
 * @module
 */

import type { RunDescription } from "../../config/run_description.ts";
import type { ResultDocument } from "../../results/document/document.ts";
import { summarize } from "../../results/document/histogram.ts";
import { mergeHistograms } from "../../results/document/histogram_codec.ts";
import type { RunnerContext } from "../run/runner.ts";
import { getArg } from "../../base/args.ts";
import { sendersOf } from "../../base/senders.ts";
import {
  type GoalRecord,
  SEARCH_FORMAT,
  type SearchDocument,
  type TrialRecord,
} from "../../results/search/document.ts";
import { exceeds } from "./classify.ts";
import { goalRecord } from "./goal_record.ts";
import {
  describeTrial,
  isOneWay,
  isTesterLate,
  type Outcome,
  readOutcome,
  timesOf,
  totalCounts,
  type TrialShape,
} from "./measure.ts";
import type { SearchGoal } from "./goal.ts";
import { type GoalResult, MlrSearch, type SearchConfig, type TrialRequest } from "./mlr_search.ts";

/** Most reasons of a trial that are kept one by one. */
const MAX_DETAILS = 20;

/** What to search. */
export interface SearchOptions {
  /** The run whose load and length are varied. */
  base: RunDescription;
  config: SearchConfig;
  shape: TrialShape;
  /** Unit of the load, for people: "bit/s". */
  unit: string;
  /** Take SUSPECT trials for INVALID ones. */
  strict?: boolean;
  /** Idle seconds between trials, so that the target settles. */
  settleSeconds: number;
  /** This many failed runs in a row end the search. */
  failureLimit: number;
  ipbench: { version: string; build: string };
}

/** What a search is given to work with. */
export interface SearchDependencies extends RunnerContext {
  /** Called before each trial and after it; must not throw. */
  onEvent?: (event: SearchEvent) => void;
  /** Keeps the result document of a trial; gives the name of its file, or `null` when it could not be kept. */
  keep?: (n: number, document: ResultDocument) => Promise<string | null>;
}

/** What happens during a search. */
export type SearchEvent =
  | { kind: "trial"; n: number; request: TrialRequest }
  | { kind: "outcome"; record: TrialRecord; results: GoalResult[] };

const NO_ANSWER =
  "no packet of any trial was answered: does something echo at the target's address and port?";

/** Histograms of the full-length trials at each load, to be merged at the end. */
type Histograms = Map<number, { seconds: number; response: string | null; service: string | null }[]>;

/**
 * Searches.
 *
 * @returns The document; a search that failed or was interrupted has that in it, with what was found until then.
 * @throws {SearchConfigError} when goals or range make no sense.
 * @throws {RangeError} when the smallest load cannot be divided over the testers.
 */
export async function runSearch(options: SearchOptions, deps: SearchDependencies): Promise<SearchDocument> {
  const search = new MlrSearch(options.config);
  describeTrial(options.base, options.shape, search.config.minLoad, 1); // throws now rather than in the middle
  const log: SearchLog = {
    started: deps.clock.now().toISOString(),
    startedSeconds: deps.clock.seconds(),
    trials: [],
    histograms: new Map(),
    reasons: [],
  };
  let failures = 0;
  for (let request = search.next(); request !== null; request = search.next()) {
    if (deps.signal?.aborted === true) {
      search.halt("interrupted");
      break;
    }
    if (log.trials.length > 0) await deps.clock.sleep(options.settleSeconds, deps.signal);
    const n = log.trials.length + 1;
    deps.onEvent?.({ kind: "trial", n, request });
    const description = describeTrial(options.base, options.shape, request.load, request.seconds);
    const document = await deps.run(description, optionsOf(deps));
    const outcome = judgeTrial(document, request, options);
    const record = recordOf(n, request, outcome, document, options.config.goals);
    log.trials.push(record);
    const file = outcome.kind === "interrupted" ? null : await deps.keep?.(n, document) ?? null;
    if (file !== null) record.file = file;
    failures = outcome.kind === "failed" ? failures + 1 : 0;
    if (outcome.kind === "failed") log.reasons = outcome.reasons;
    if (failures >= options.failureLimit) search.halt("failed");
    recordTrial(search, request, outcome);
    if (outcome.kind === "valid") remember(log.histograms, request, document);
    deps.onEvent?.({ kind: "outcome", record, results: search.results() });
  }
  return documentOf(options, deps, search, log);
}

/** A trial's outcome, where lateness of the tester's own that makes it miss a latency limit is the tester's fault. */
function judgeTrial(document: ResultDocument, request: TrialRequest, options: SearchOptions): Outcome {
  const outcome = readOutcome(document, request.load, request.seconds, options.strict);
  if (outcome.kind !== "valid") return outcome;
  const { trial } = outcome;
  if (!options.config.goals.some((goal) => isTesterLate(trial, goal, document))) return outcome;
  return { kind: "invalid", reasons: ["slow only because packets left late", ...document.run.reasons] };
}

/** What a search has written down so far. */
interface SearchLog {
  started: string;
  startedSeconds: number;
  trials: TrialRecord[];
  histograms: Histograms;
  /** Why the last failed run failed. */
  reasons: string[];
}

function documentOf(
  options: SearchOptions,
  deps: SearchDependencies,
  search: MlrSearch,
  log: SearchLog,
): SearchDocument {
  const { base, shape, unit } = options;
  const { trials } = log;
  const results = search.results();
  const mute = isMute(trials);
  const failed = mute || results.some((result) => result.stop === "failed");
  return {
    format: SEARCH_FORMAT,
    ipbench: options.ipbench,
    search: {
      id: crypto.randomUUID(),
      started: log.started,
      ended: deps.clock.now().toISOString(),
      regular: results.every((result) => result.regular),
      ...(deps.signal?.aborted === true ? { interrupted: true } : {}),
      ...(failed ? { failed: true } : {}),
      reasons: mute ? [NO_ANSWER] : failed ? log.reasons : [],
    },
    config: base,
    test: { name: base.test, ...isOneWay(base) ? { one_way: true } : {} },
    load: {
      arg: shape.loadArg,
      unit,
      min: search.config.minLoad,
      max: search.config.maxLoad,
      testers: sendersOf(base.clients).length,
      bits_per_packet: bitsPerPacket(base, shape.loadArg),
    },
    goals: results.map((result) => goalRecord(result, unit, latencyAt(result, log.histograms))),
    trials,
    totals: {
      trials: trials.length,
      invalid_trials: trials.filter((trial) => trial.outcome === "invalid").length,
      trial_seconds: Number(trials.reduce((sum, trial) => sum + trial.seconds, 0).toFixed(6)),
      elapsed_seconds: Number((deps.clock.seconds() - log.startedSeconds).toFixed(3)),
    },
  };
}

/** True when trials were run and none was answered: nothing was found out about the target's speed. */
function isMute(trials: readonly TrialRecord[]): boolean {
  const valid = trials.filter((trial) => trial.outcome === "valid");
  return valid.length > 0 && valid.every((trial) => trial.counts?.ok === 0);
}

function optionsOf(deps: SearchDependencies): { signal?: AbortSignal } {
  return deps.signal === undefined ? {} : { signal: deps.signal };
}

function recordTrial(search: MlrSearch, request: TrialRequest, outcome: Outcome): void {
  switch (outcome.kind) {
    case "valid":
      search.add(outcome.trial);
      return;
    case "invalid":
      search.addInvalid(request.load, request.seconds);
      return;
    case "interrupted":
      search.halt("interrupted");
      return;
    case "failed":
      return; // Nothing is known of the load; it is asked for again until the failures are too many.
    default:
      outcome satisfies never;
  }
}

function recordOf(
  n: number,
  request: TrialRequest,
  outcome: Outcome,
  document: ResultDocument,
  goals: readonly SearchGoal[],
): TrialRecord {
  const valid = outcome.kind === "valid" ? outcome : null;
  const reasons = outcome.kind === "invalid" ? outcome.reasons : document.run.reasons;
  const details = (document.run.details ?? []).slice(0, MAX_DETAILS);
  return {
    n,
    load: request.load,
    seconds: request.seconds,
    goal: request.goal,
    step: request.step,
    outcome: outcome.kind,
    verdict: document.run.verdict,
    reasons,
    ...reasons[0] === document.run.reasons[0] && details.length > 0 && {
      details: details.map(({ code, text, host }) => ({ code, text, ...host !== undefined && { host } })),
    },
    loss_ratio: valid?.trial.lossRatio ?? null,
    ...valid !== null && {
      high_loss: goals.filter((goal) => exceeds(valid.trial, goal)).map(({ name }) => name),
    },
    counts: totalCounts(document),
    latency: valid?.trial.latency ?? null,
    started: document.run.started,
    run: document.run.id,
  };
}

function remember(histograms: Histograms, request: TrialRequest, document: ResultDocument): void {
  const list = histograms.get(request.load) ?? [];
  const { response, service } = timesOf(document.total.histograms);
  list.push({ seconds: request.seconds, response, service });
  histograms.set(request.load, list);
}

function latencyAt(result: GoalResult, histograms: Histograms): GoalRecord["latency_at_lower_bound"] {
  if (result.lower === null) return null;
  const full = (histograms.get(result.lower) ?? []).filter((item) =>
    item.seconds >= result.goal.finalTrialSeconds
  );
  const merged = (texts: (string | null)[]) => {
    const histogram = mergeHistograms(texts);
    return histogram === null ? null : summarize(histogram);
  };
  return {
    response: merged(full.map((item) => item.response)),
    service: merged(full.map((item) => item.service)),
  };
}

/** Bits of load that one packet makes, where the load is in bit/s and the testers agree about the size. */
function bitsPerPacket(base: RunDescription, loadArg: string): number | null {
  if (loadArg !== "bps") return null;
  const sizes = new Set(base.clients.map((client) => getArg(client.args, "size")));
  const [size] = sizes;
  if (sizes.size !== 1 || size === undefined || size === null || !/^\d+$/.test(size)) return null;
  return Number(size) * 8;
}
