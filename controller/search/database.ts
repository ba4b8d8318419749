/**
 * All trials of a search, by load, and what follows from them: relevant bounds, the tester's own limit, a guess where
 * the target's capacity lies.
 *
 * @module
 */

import { classify, type Criterion, exceeds, type LoadClass, type Trial } from "./classify.ts";

/** The tightest bounds for one criterion, as far as they exist. */
export interface Bounds {
  /** Largest lower bound below the upper one. */
  lower: number | null;
  /** Smallest upper bound. */
  upper: number | null;
}

/** Trials by load. */
export class TrialDatabase {
  readonly #trials = new Map<number, Trial[]>();
  #ceiling: number | null = null;

  /** Smallest load at which the tester itself could not measure, or `null`. */
  get ceiling(): number | null {
    return this.#ceiling;
  }

  /** Adds one valid trial. */
  add(trial: Trial): void {
    const list = this.#trials.get(trial.load);
    if (list === undefined) this.#trials.set(trial.load, [trial]);
    else list.push(trial);
  }

  /** Notes that the tester cannot measure at this load, so that nothing at or above it is tried again. */
  limit(load: number): void {
    this.#ceiling = Math.min(this.#ceiling ?? Infinity, load);
  }

  /** All trials at a load. */
  at(load: number): readonly Trial[] {
    return this.#trials.get(load) ?? [];
  }

  /** Classifies a load; one that was never measured is undecided. */
  classify(load: number, criterion: Criterion): LoadClass {
    return classify(this.at(load), criterion);
  }

  /** The relevant bounds. */
  bounds(criterion: Criterion): Bounds {
    let upper: number | null = null;
    let lower: number | null = null;
    for (const load of [...this.#trials.keys()].sort((a, b) => a - b)) {
      const kind = this.classify(load, criterion);
      if (kind === "upper") {
        upper = load;
        break;
      }
      if (kind === "lower") lower = load;
    }
    return { lower, upper };
  }

  /** True when there are trials and nothing came back in any: there may be no target at all. */
  get isMute(): boolean {
    const all = [...this.#trials.values()].flat();
    return all.length > 0 && all.every((trial) => trial.lossRatio === 1);
  }

  /**
   * Guesses the capacity from what came back at the smallest load that was too much: a target that drops forwards what
   * it can, one that queues answers at its own pace.
   *
   * @returns A load below that one, or `null` when nothing follows.
   */
  guess(criterion: Criterion): number | null {
    const lossy = [...this.#trials.values()].flat().filter((trial) => exceeds(trial, criterion));
    if (lossy.length === 0) return null;
    const smallest = Math.min(...lossy.map((trial) => trial.load));
    const guesses = lossy.filter((trial) => trial.load === smallest).map((trial) =>
      Math.min(trial.load * (1 - trial.lossRatio), trial.receivedLoad ?? Infinity) / (1 - criterion.lossRatio)
    );
    const guess = Math.min(...guesses);
    return guess > 0 && guess < smallest ? guess : null;
  }
}
