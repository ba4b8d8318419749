/**
 * Work that is done one piece at a time, with a bounded number of those who wait.
 *
 * @module
 */

/** See the module. */
export class Turns {
  readonly #limit: number;
  #count = 0;
  #last: Promise<void> = Promise.resolve();

  /** @param limit Pieces of work at most: one being done, the others waiting. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /**
   * Does a piece of work when its turn has come.
   *
   * @param work What to do.
   * @returns What it gives.
   * @throws {Error} when too many wait, or what the work throws.
   */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#count >= this.#limit) throw new Error("too many ask at once");
    const turn = this.#last;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#last = promise;
    this.#count++;
    try {
      await turn;
      return await work();
    } finally {
      this.#count--;
      resolve();
    }
  }
}
