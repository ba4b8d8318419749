/**
 * Counters of a histogram by their index, as a decoder reads them: one list for however many texts.
 *
 * @module
 */

/** Entries that it always has room for. */
const FEW = 16 * 1024;

/** Indices and counts, in two arrays of numbers: nothing is made for an entry. */
export class CounterList {
  indices = new Int32Array(FEW);
  counts = new Float64Array(FEW);
  length = 0;

  /**
   * Makes room, which is empty then.
   *
   * @param entries How many will come at most.
   */
  reserve(entries: number): void {
    this.length = 0;
    if (entries <= this.indices.length) return;
    this.indices = new Int32Array(entries);
    this.counts = new Float64Array(entries);
  }

  /** Empties it. What an unusually long text needed is not kept. */
  clear(): void {
    this.length = 0;
    if (this.indices.length === FEW) return;
    this.indices = new Int32Array(FEW);
    this.counts = new Float64Array(FEW);
  }
}
