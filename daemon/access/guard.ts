/**
 * Slows down those who guess the secret: after each wrong answer the refusal is delayed, twice as long each time, for each
 * address. Answers are never left unchecked meanwhile: a right one is accepted at once, whoever guesses from the same address.
 * What protects is the secret's length; the delays keep the log and the processor free.
 *
 * @module
 */
import { sourceOf } from "../../base/network/cidr.ts";
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
  /** Refusals that were not delayed, and are not in the log yet. */
  untold = 0;
  /** Refusals that are being delayed now. */
  pending = 0;
  lastMs = 0;

  /** @param name For the log. */
  constructor(readonly name: string) {}

  takeUnreported(): number {
    const { untold } = this;
    this.untold = 0;
    return untold;
  }
}

/** A refusal that is to be logged and delayed; it counts as pending until {@linkcode Refusal.over} is called. */
export interface Refusal {
  /** Where it comes from: an address, a network, or "other addresses" when too many are remembered. */
  readonly source: string;
  /** How long to delay it. */
  readonly delayMs: number;
  /** Refusals of this source so far. */
  readonly failures: number;
  /** How many were refused at once since the log last named this source. */
  readonly untold: number;
  /**
   * The delay is over.
   *
   * @returns How many were refused at once and not logged yet, when this was the last one under way; 0 else.
   */
  over(): number;
}

/**
 * Remembers refusals, by address; of IPv6 by network, since a peer has a whole one. No source is forgotten to make room:
 * those beyond {@linkcode AUTH_MAX_ADDRESSES} share one record.
 */
export class AuthGuard {
  /** In the order of their latest failures. */
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
      untold: source.takeUnreported(),
      over: () => --source.pending === 0 ? source.takeUnreported() : 0,
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
