/**
 * Those that have dialled in and not proved yet that they may: who has to go when there are too many of them.
 *
 * Whoever comes in a crowd displaces others of that crowd, soon: connections that wait to be accepted hold up everybody
 * behind them, and the system drops who comes while too many of them wait. Of a flood from many places the oldest connection
 * goes, but not before it has had more time to answer.
 *
 * @module
 */

import { sourceOf } from "../../base/network/cidr.ts";
import { UNPROVEN_CROWD_STAY_MS, UNPROVEN_SOURCE_SHARE, UNPROVEN_STAY_MS } from "../limits.ts";

/** What there is to know of a connection. */
export interface Newcomer {
  readonly remoteAddr: Deno.Addr;
}

/** See the module. */
export class Unproven<T extends Newcomer> {
  /** Oldest first, with when they came. */
  readonly #all = new Map<T, number>();
  /** By where they come from, oldest first. */
  readonly #sources = new Map<string, Set<T>>();

  /** @param places How many there may be. */
  constructor(readonly places: number) {}

  /** Takes one in; there may be one too many then. */
  add(one: T, nowMs: number): void {
    this.#all.set(one, nowMs);
    const source = sourceIn(one);
    const crowd = this.#sources.get(source);
    if (crowd === undefined) this.#sources.set(source, new Set([one]));
    else crowd.add(one);
  }

  /** Whether it is one of these. */
  has(one: T): boolean {
    return this.#all.has(one);
  }

  /**
   * It is not one of these any more.
   *
   * @returns whether it was
   */
  delete(one: T): boolean {
    if (!this.#all.delete(one)) return false;
    const source = sourceIn(one);
    const crowd = this.#sources.get(source);
    crowd?.delete(one);
    if (crowd?.size === 0) this.#sources.delete(source);
    return true;
  }

  /** All that are there. */
  [Symbol.iterator](): Iterator<T> {
    return this.#all.keys();
  }

  /**
   * Who goes next, when there are too many.
   *
   * @returns it and when, or `null` when there is room for all
   */
  leaver(): { one: T; atMs: number } | null {
    if (this.#all.size <= this.places) return null;
    let crowd: ReadonlySet<T> = new Set();
    for (const each of this.#sources.values()) if (each.size > crowd.size) crowd = each;
    if (crowd.size > Math.max(1, this.places * UNPROVEN_SOURCE_SHARE)) {
      const one = crowd.values().next().value!;
      return { one, atMs: this.#all.get(one)! + UNPROVEN_CROWD_STAY_MS };
    }
    const [one, cameMs] = this.#all.entries().next().value!;
    return { one, atMs: cameMs + UNPROVEN_STAY_MS };
  }
}

function sourceIn({ remoteAddr }: Newcomer): string {
  return sourceOf((remoteAddr as Deno.NetAddr).hostname);
}
