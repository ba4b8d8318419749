/**
 * A counting limit on what goes on at the same time.
 *
 * @module
 */

import { within, withinTurns } from "./deadline.ts";

/** Runs a task when it is its turn. */
export type Turn = <T>(task: () => Promise<T>) => Promise<T>;

/** Lets tasks run that weigh up to `capacity` together, in the order of asking. */
export class Semaphore {
  #free: number;
  #waiting: { weight: number; go: () => void }[] = [];

  /** @param capacity weight of the tasks at the same time, at least 1 */
  constructor(readonly capacity: number) {
    if (!(capacity >= 1)) throw new RangeError(`semaphore capacity must be at least 1, got ${capacity}`);
    this.#free = capacity;
  }

  /**
   * Runs a task when it is its turn.
   *
   * @param task what to run
   * @param weight how much of the capacity it takes; one that weighs more than all of it runs alone
   * @returns what the task returns
   */
  async run<T>(task: () => Promise<T>, weight = 1): Promise<T> {
    const taken = Math.min(weight, this.capacity);
    if (this.#waiting.length === 0 && this.#free >= taken) this.#free -= taken;
    else await new Promise<void>((go) => this.#waiting.push({ weight: taken, go }));
    try {
      return await task();
    } finally {
      this.#free += taken;
      this.#next();
    }
  }

  #next(): void {
    for (
      let next = this.#waiting[0];
      next !== undefined && next.weight <= this.#free;
      next = this.#waiting[0]
    ) {
      this.#waiting.shift();
      this.#free -= next.weight;
      next.go();
    }
  }
}

/**
 * Runs a task in a lane, which it leaves after a while without being done: who is slow keeps nobody waiting.
 *
 * @param lanes how many there are
 * @param ms how long it stays there, in milliseconds
 * @param task what to run
 * @throws what the task throws
 */
export async function inLane(lanes: Semaphore, ms: number, task: () => Promise<void>): Promise<void> {
  let work = Promise.resolve();
  await lanes.run(async () => {
    work = task();
    // The wait below throws what the task throws.
    await withinTurns(work.catch(() => {}), ms);
  });
  await work;
}

/**
 * Runs a task for each of many in lanes: who is slow keeps nobody waiting, and those that wait for a lane take no memory.
 *
 * @param items whom for, in their order
 * @param lanes how many there are
 * @param ms how long a task stays in its lane, in milliseconds; it then goes on beside the others
 * @param task what to run; never rejects
 */
export async function eachInLane<T>(
  items: Iterable<T>,
  lanes: number,
  ms: number,
  task: (item: T) => Promise<void>,
): Promise<void> {
  const left = items[Symbol.iterator]();
  const slow: Promise<void>[] = [];
  const lane = async () => {
    for (let next = left.next(); next.done !== true; next = left.next()) {
      const work = task(next.value);
      if (!await within(work, ms)) slow.push(work);
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  await Promise.all(slow);
}
