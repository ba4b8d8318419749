/**
 * A counting limit on what goes on at the same time.
 *
 * @module
 */

/** Hands out up to `capacity` units, in the order of asking. */
export class Semaphore {
  #free: number;
  #waiting: { units: number; go: () => void }[] = [];

  /** @param capacity units there are, at least 1 */
  constructor(readonly capacity: number) {
    if (!(capacity >= 1)) throw new RangeError(`semaphore capacity must be at least 1, got ${capacity}`);
    this.#free = capacity;
  }

  /**
   * Runs a task while holding some units.
   *
   * @param task what to run
   * @param units how many; more than there are counts as all of them
   * @returns what the task returns
   */
  async run<T>(task: () => Promise<T>, units = 1): Promise<T> {
    const held = Math.min(units, this.capacity);
    await this.#acquire(held);
    try {
      return await task();
    } finally {
      this.#release(held);
    }
  }

  #acquire(units: number): Promise<void> {
    if (this.#waiting.length === 0 && this.#free >= units) {
      this.#free -= units;
      return Promise.resolve();
    }
    return new Promise((resolve) => this.#waiting.push({ units, go: resolve }));
  }

  #release(units: number): void {
    this.#free += units;
    for (let first = this.#waiting[0]; first && first.units <= this.#free; first = this.#waiting[0]) {
      this.#waiting.shift();
      this.#free -= first.units;
      first.go();
    }
  }
}
