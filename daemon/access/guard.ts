/**
 * Slows down those who guess the secret: a delay a refusal, doubling, for each address. It never stands between the right
 * answer and the daemon: every answer is looked at, and the right one is let in at once, whoever guesses meanwhile and from
 * wherever. A secret is long enough that nobody finds it by guessing here, however often he may try.
 *
 * @module
 */
import { sourceOf } from "./cidr.ts";
import {
  AUTH_FIRST_DELAY_MS,
  AUTH_FORGET_MS,
  AUTH_MAX_ADDRESSES,
  AUTH_MAX_DELAY_MS,
  AUTH_MAX_PENDING,
} from "../limits.ts";

/** What is known of one source of refusals. */
class Source {
  failures = 0;
  /** Refusals without a delay that have not been logged. */
  untold = 0;
  /** Delays under way. */
  pending = 0;
  lastMs = 0;

  /** @param name For the log. */
  constructor(readonly name: string) {}

  takeUntold(): number {
    const { untold } = this;
    this.untold = 0;
    return untold;
  }
}

/** A refusal that is to be logged and kept back; it takes a place until {@linkcode Refusal.over} is called. */
export interface Refusal {
  /** Where it comes from: an address, a network, or all that there is no room for. */
  readonly source: string;
  /** How long to keep it back. */
  readonly delayMs: number;
  /** Refusals of this source so far. */
  readonly failures: number;
  /** Those that were refused at once, since the last ones that were logged. */
  readonly untold: number;
  /**
   * The delay is over.
   *
   * @returns How many were refused at once and not logged yet, when this was the last one under way; 0 else.
   */
  over(): number;
}

/**
 * Memory of refusals, by address; of IPv6 by network, since a peer has a whole one. Nobody is forgotten to make room:
 * sources beyond {@linkcode AUTH_MAX_ADDRESSES} share one record.
 */
export class AuthGuard {
  /** The one that failed last is the last. */
  readonly #sources = new Map<string, Source>();
  #rest = new Source("other addresses");

  /**
   * Notes something that is refused.
   *
   * @param address Of the peer, without a port.
   * @param nowMs A clock that does not jump, milliseconds.
   * @returns The refusal, or `null` when there are too many to keep back and log each: to be closed at once.
   */
  refuse(address: string, nowMs: number): Refusal | null {
    const source = this.#find(address, nowMs);
    source.failures++;
    source.lastMs = nowMs;
    if (source !== this.#rest) {
      this.#sources.delete(source.name);
      this.#sources.set(source.name, source);
    }
    if (source.pending >= AUTH_MAX_PENDING) {
      source.untold++;
      return null;
    }
    source.pending++;
    return {
      source: source.name,
      delayMs: Math.min(AUTH_FIRST_DELAY_MS * 2 ** Math.min(source.failures - 1, 20), AUTH_MAX_DELAY_MS),
      failures: source.failures,
      untold: source.takeUntold(),
      over: () => --source.pending === 0 ? source.takeUntold() : 0,
    };
  }

  #find(address: string, nowMs: number): Source {
    const name = sourceOf(address);
    const known = this.#sources.get(name);
    if (known !== undefined && !isOld(known, nowMs)) return known;
    this.#forgetOld(nowMs);
    if (this.#sources.size < AUTH_MAX_ADDRESSES) return new Source(name);
    if (isOld(this.#rest, nowMs)) this.#rest = new Source(this.#rest.name);
    return this.#rest;
  }

  #forgetOld(nowMs: number): void {
    for (const [name, source] of this.#sources) {
      if (!isOld(source, nowMs)) break;
      this.#sources.delete(name);
    }
  }
}

function isOld(source: Source, nowMs: number): boolean {
  return source.pending === 0 && nowMs - source.lastMs >= AUTH_FORGET_MS;
}
