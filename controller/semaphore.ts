/**
 * A counting limit on what goes on at the same time.
 *
 * @module
 */

/** Lets up to `capacity` tasks run, in the order of asking. */
export class Semaphore {
  #free: number;
  #waiting: (() => void)[] = [];

  /** @param capacity tasks at the same time, at least 1 */
  constructor(readonly capacity: number) {
    if (!(capacity >= 1)) throw new RangeError(`semaphore capacity must be at least 1, got ${capacity}`);
    this.#free = capacity;
  }

  /**
   * Runs a task when it is its turn.
   *
   * @param task what to run
   * @returns what the task returns
   */
  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await task();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next();
    }
  }
}
