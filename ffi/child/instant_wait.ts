/**
 * The long part of the wait for an agreed instant, which can be given up.
 *
 * @module
 */

import { monotonicNowNs } from "../clock.ts";

/** One wait at a time. */
export class InstantWait {
  #cancel: (() => void) | null = null;
  readonly #now: () => bigint;

  /** @param now CLOCK_MONOTONIC in nanoseconds */
  constructor(now: () => bigint = monotonicNowNs) {
    this.#now = now;
  }

  /**
   * Waits; a wait under way is given up.
   *
   * @param ns the instant, in CLOCK_MONOTONIC
   * @returns whether it has come; `false` when the wait was given up
   */
  async until(ns: bigint): Promise<boolean> {
    this.cancel();
    // Timers are whole milliseconds, and one may be early.
    for (let left = ns - this.#now(); left > 0n; left = ns - this.#now()) {
      const ms = Math.min(Math.ceil(Number(left) / 1e6), LONGEST_MS);
      const cancelled = await new Promise<boolean>((resolve) => {
        const timer = setTimeout(() => resolve(false), ms);
        this.#cancel = () => {
          clearTimeout(timer);
          resolve(true);
        };
      });
      if (cancelled) return false;
    }
    return true;
  }

  /** Gives the wait up, if there is one. */
  cancel(): void {
    this.#cancel?.();
    this.#cancel = null;
  }
}

/** Timers hold 31 bits of milliseconds. */
const LONGEST_MS = 2 ** 31 - 1;
