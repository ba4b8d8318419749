/**
 * Multiple Loss Ratio Search (RFC 9971): the highest loads that meet one or more goals, in as little trial time as the
 * goals allow. A state machine: ask {@linkcode MlrSearch.next} for a trial, record its outcome, ask again.
 *
 * @module
 */

import type { StopCode } from "../../results/search/document.ts";
import { conditionalThroughput, type Trial } from "./classify.ts";
import { TrialDatabase } from "./database.ts";
import type { SearchGoal } from "./goal.ts";
import { isNarrow, Navigator } from "./navigator.ts";

/** What a search is given. */
export interface SearchConfig {
  goals: readonly SearchGoal[];
  /** Smallest and largest load to offer, whole numbers, in one unit of your choice. */
  minLoad: number;
  maxLoad: number;
  /** This many invalid trials in a row at a load make it the tester's own limit. */
  invalidLimit: number;
  /** Stop after this many trials, invalid ones included. */
  maxTrials: number;
  /** Stop before the trials' measured phases add up to more than this many seconds. */
  maxTrialSeconds: number;
}

/** A trial to run. */
export interface TrialRequest {
  load: number;
  seconds: number;
  /** Name of the goal in focus, and the step towards it. */
  goal: string;
  step: number;
  steps: number;
}

/** What came out for one goal. Loads are `null` where no such bound exists. */
export interface GoalResult {
  goal: SearchGoal;
  /** True when both bounds exist and are within the goal's width. */
  regular: boolean;
  lower: number | null;
  upper: number | null;
  conditionalThroughput: number | null;
  /** Load from which on the tester itself could not measure, when that is what ended the search. */
  testerLimit: number | null;
  stop: StopCode;
}

/** A search that makes no sense. */
export class SearchConfigError extends Error {
  override readonly name = "SearchConfigError";
}

/** One search. */
export class MlrSearch {
  readonly config: SearchConfig;
  readonly database = new TrialDatabase();
  readonly #navigators: Navigator[];
  readonly #invalid = new Map<number, number>();
  #trials = 0;
  #invalidTrials = 0;
  #seconds = 0;
  #halted: StopCode | null = null;

  /**
   * @param config Goals, range and limits.
   * @throws {SearchConfigError} when there is no goal, or the range is empty.
   */
  constructor(config: SearchConfig) {
    if (config.goals.length === 0) throw new SearchConfigError("a search needs at least one goal");
    const range = { min: Math.ceil(config.minLoad), max: Math.floor(config.maxLoad) };
    if (!(range.min >= 1 && range.max > range.min && Number.isFinite(range.max))) {
      throw new SearchConfigError(
        `no loads between ${config.minLoad} and ${config.maxLoad}: the smallest has to be at least 1 and below the largest`,
      );
    }
    this.config = { ...config, minLoad: range.min, maxLoad: range.max };
    // The strictest goal first: what is found on the way bounds the others from below.
    const goals = [...config.goals].sort((a, b) => a.lossRatio - b.lossRatio);
    this.#navigators = goals.map((goal) => new Navigator(goal, range));
  }

  /** Trials so far, how many of them were invalid, and the seconds that their measured phases took. */
  get totals(): { trials: number; invalid: number; seconds: number } {
    return { trials: this.#trials, invalid: this.#invalidTrials, seconds: this.#seconds };
  }

  /**
   * The next trial.
   *
   * @returns `null` when the search has ended.
   */
  next(): TrialRequest | null {
    if (this.#halted !== null) return null;
    for (const navigator of this.#navigators) {
      const nomination = navigator.nominate(this.database);
      if (nomination === null) continue;
      const seconds = nomination.phase.trialSeconds;
      if (this.#trials >= this.config.maxTrials) this.#halted = "trials";
      else if (this.#seconds + seconds > this.config.maxTrialSeconds) this.#halted = "time";
      if (this.#halted !== null) return null;
      const { load, step, steps } = nomination;
      return { load, seconds, goal: navigator.goal.name, step, steps };
    }
    return null;
  }

  /** Reports the outcome of a valid trial. */
  add(trial: Trial): void {
    this.#trials++;
    this.#seconds += trial.seconds;
    this.#invalid.delete(trial.load);
    this.database.add(trial);
  }

  /**
   * Reports that a trial was invalid: the tester's own fault. Never counts as loss.
   *
   * @param load The load that was to be offered.
   * @param seconds How long it was to take.
   * @returns True when the load has now become the tester's limit.
   */
  addInvalid(load: number, seconds: number): boolean {
    this.#trials++;
    this.#invalidTrials++;
    this.#seconds += seconds;
    const count = (this.#invalid.get(load) ?? 0) + 1;
    this.#invalid.set(load, count);
    if (count < this.config.invalidLimit) return false;
    this.database.limit(load);
    return true;
  }

  /** Ends the search from outside. */
  halt(code: "interrupted" | "failed" | "time"): void {
    this.#halted ??= code;
  }

  /** What is known for each goal, in the order of the configuration; may be asked at any time. */
  results(): GoalResult[] {
    return this.config.goals.map((goal) => {
      const navigator = this.#navigators.find((item) => item.goal === goal);
      if (navigator === undefined) throw new Error(`the goal ${goal.name} is not part of this search`);
      return this.#result(goal, navigator);
    });
  }

  #result(goal: SearchGoal, navigator: Navigator): GoalResult {
    const { lower, upper } = this.database.bounds(navigator.final);
    const ceiling = this.database.ceiling;
    const regular = lower !== null && upper !== null && isNarrow(lower, upper, goal.width);
    const limited = ceiling !== null && (upper === null || ceiling < upper);
    return {
      goal,
      regular,
      lower,
      upper,
      conditionalThroughput: lower === null
        ? null
        : conditionalThroughput(lower, this.database.at(lower), navigator.final),
      testerLimit: limited && !regular ? ceiling : null,
      stop: this.#stop(
        lower,
        upper,
        regular,
        limited && !regular && isLimit(lower, ceiling, this.config, goal),
      ),
    };
  }

  #stop(lower: number | null, upper: number | null, regular: boolean, limited: boolean): StopCode {
    if (regular) return "width";
    if (lower !== null && lower >= this.config.maxLoad) return "max-load";
    if (upper !== null && upper <= this.config.minLoad) return "min-load";
    if (limited) return "tester-limited";
    return this.#halted ?? "resolution";
  }
}

/** True when the tester's limit is what keeps the bounds from closing in. */
function isLimit(lower: number | null, ceiling: number, config: SearchConfig, goal: SearchGoal): boolean {
  if (ceiling <= config.minLoad) return true;
  return lower !== null && isNarrow(lower, ceiling, goal.width);
}
