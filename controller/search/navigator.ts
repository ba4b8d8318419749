/**
 * Where to measure next for one goal. Knows nothing of runs and clocks: it reads the database and names a load.
 *
 * @module
 */

import type { Bounds, TrialDatabase } from "./database.ts";
import type { SearchGoal } from "./goal.ts";
import { type Phase, planPhases } from "./phases.ts";

/** Loads that may be offered. */
export interface LoadRange {
  min: number;
  max: number;
}

/** A load to measure, and the phase it is for. */
export interface Nomination {
  load: number;
  phase: Phase;
  /** Number of the phase, from 1, and how many there are. */
  step: number;
  steps: number;
}

/** An interval this many widths wide is galloped through from its likelier end rather than halved. */
const GALLOP_WIDTHS = 4;
/** Slack for comparing widths. */
const EPSILON = 1e-9;

/** Finds the loads to measure for one goal, phase by phase. */
export class Navigator {
  readonly goal: SearchGoal;
  readonly phases: readonly Phase[];
  readonly #range: LoadRange;
  #index = 0;
  #current: number | null = null;
  /** Bounds that the phase before ended with. */
  #previous: Bounds = { lower: null, upper: null };
  #last: Bounds = { lower: null, upper: null };
  #newest: "lower" | "upper" = "upper";
  /** True when there is a reason to believe that the capacity is near the newest bound. */
  #anchored = false;
  /** How often the interval was extended in this phase; each time by twice as much. */
  #stretches = 0;

  /**
   * @param goal What to look for.
   * @param range Smallest and largest load.
   */
  constructor(goal: SearchGoal, range: LoadRange) {
    this.goal = goal;
    this.phases = planPhases(goal);
    this.#range = range;
  }

  /** The last phase: the goal itself. */
  get final(): Phase {
    const phase = this.phases[this.phases.length - 1];
    if (phase === undefined) throw new Error(`the goal ${this.goal.name} has no phase`);
    return phase;
  }

  /**
   * Names the next load to measure.
   *
   * @returns `null` when the goal is reached, or cannot be.
   */
  nominate(database: TrialDatabase): Nomination | null {
    while (this.#index < this.phases.length) {
      const phase = this.phases[this.#index] as Phase;
      const bounds = database.bounds(phase);
      const top = lowest(bounds.upper, database.ceiling);
      this.#notice(bounds);
      const load = this.#isDone(bounds.lower, top, phase)
        ? null
        : this.#load(bounds.lower, top, phase, database);
      if (load !== null) return { load, phase, step: this.#index + 1, steps: this.phases.length };
      this.#advance({ lower: bounds.lower, upper: top });
    }
    return null;
  }

  #notice(bounds: Bounds): void {
    if (bounds.lower !== this.#last.lower) this.#newest = "lower";
    if (bounds.upper !== this.#last.upper) this.#newest = "upper";
    this.#last = bounds;
  }

  #advance(bounds: Bounds): void {
    this.#index++;
    this.#current = null;
    this.#stretches = 0;
    this.#anchored = true;
    this.#previous = bounds;
    this.#last = { lower: null, upper: null };
  }

  #isDone(lower: number | null, top: number | null, phase: Phase): boolean {
    if (lower !== null && lower >= this.#range.max) return true;
    if (top !== null && top <= this.#range.min) return true;
    return lower !== null && top !== null && isNarrow(lower, top, phase.width);
  }

  /** The load in hand as long as it is undecided, else a new one; `null` when there is none between the bounds. */
  #load(lower: number | null, top: number | null, phase: Phase, database: TrialDatabase): number | null {
    if (this.#current === null || !isInside(this.#current, lower, top)) {
      const load = Math.round(this.#choose(lower, top, phase, database));
      this.#current = isInside(load, lower, top) ? this.#clamp(load) : null;
    }
    return this.#current;
  }

  #clamp(load: number): number {
    return Math.min(this.#range.max, Math.max(this.#range.min, load));
  }

  #choose(lower: number | null, top: number | null, phase: Phase, database: TrialDatabase): number {
    const { lower: before, upper: beyond } = this.#previous;
    if (lower === null && top === null) {
      if (before !== null && beyond !== null && isNarrow(before, beyond, 2 * phase.width)) {
        return middle(before, beyond);
      }
      return before ?? beyond ?? this.#range.max;
    }
    if (beyond !== null && lower !== null && isInside(beyond, lower, top)) return beyond;
    if (before !== null && isInside(before, lower, top)) return before;
    if (lower === null) return this.#below(top as number, phase, database);
    if (top === null) return this.#clamp(lower * this.#stretch(phase));
    return this.#between(lower, top, phase, database);
  }

  /** No lower bound yet: where the answers point, else further down with growing steps. */
  #below(top: number, phase: Phase, database: TrialDatabase): number {
    const { min } = this.#range;
    const guess = this.#guess(min, top, phase, database);
    if (guess !== null) return guess;
    if (database.isMute) return min; // The load that is easiest for a target shows soonest whether there is one.
    if (!this.#anchored) return middle(min, top) <= min * (1 + phase.width) ? min : middle(min, top);
    return Math.max(min, top / this.#stretch(phase));
  }

  /** Between two bounds: where the answers point, else gallop away from the newest while far apart, else halve. */
  #between(lower: number, top: number, phase: Phase, database: TrialDatabase): number {
    const far = Math.log(top / lower) > GALLOP_WIDTHS * Math.log(this.#factor(phase));
    if (!far) return middle(lower, top);
    const guess = this.#anchored ? null : this.#guess(lower, top, phase, database);
    if (guess !== null) return guess;
    if (!this.#anchored) return middle(lower, top);
    const factor = this.#stretch(phase);
    return this.#newest === "lower" ? lower * factor : top / factor;
  }

  /** A load a little below where the answers place the capacity, or, where that is known, a little above. */
  #guess(lower: number, top: number, phase: Phase, database: TrialDatabase): number | null {
    const guess = database.guess(phase);
    if (guess === null) return null;
    const margin = 1 - phase.width / 2;
    const load = [guess * margin, guess / margin].find((item) =>
      item > lower && !isNarrow(item, top, phase.width / 2)
    );
    if (load !== undefined) this.#anchored = true;
    return load ?? null;
  }

  #factor(phase: Phase): number {
    return (1 / (1 - phase.width)) ** (2 ** this.#stretches);
  }

  #stretch(phase: Phase): number {
    const factor = this.#factor(phase);
    this.#stretches++;
    return factor;
  }
}

/** True when the bounds are within a relative width, as RFC 9971 suggests to state it. */
export function isNarrow(lower: number, upper: number, width: number): boolean {
  return (upper - lower) / upper <= width * (1 + EPSILON);
}

function isInside(load: number, lower: number | null, top: number | null): boolean {
  return (lower === null || load > lower) && (top === null || load < top);
}

/** The geometric middle: relative widths are halved. */
function middle(lower: number, upper: number): number {
  return Math.sqrt(lower * upper);
}

function lowest(a: number | null, b: number | null): number | null {
  if (a === null) return b;
  return b === null ? a : Math.min(a, b);
}
