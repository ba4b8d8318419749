/**
 * Slows down those who guess the secret: a delay a refusal, doubling, for each address.
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
} from "./limits.ts";
import { Turns } from "./turns.ts";

/** What is known of one source of refusals. */
class Source {
  failures = 0;
  /** Refusals without a look that nobody has been told of. */
  unseen = 0;
  /** Delays under way. */
  pending = 0;
  lastMs = 0;

  /** @param name For the log. */
  constructor(readonly name: string) {}

  takeUnseen(): number {
    const { unseen } = this;
    this.unseen = 0;
    return unseen;
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
  /** Those that were refused without a look since the last ones that were told. */
  readonly unseen: number;
  /**
   * The delay is over.
   *
   * @returns How many were refused without a look and not told yet, when this was the last one under way; 0 else.
   */
  over(): number;
}

/**
 * Memory of refusals, by address; of IPv6 by network, since a peer has a whole one. It never keeps a right answer
 * waiting, unless its own source is guessing. Nobody is forgotten to make room: sources beyond
 * {@linkcode AUTH_MAX_ADDRESSES} share one record, so that more addresses do not mean more guesses.
 */
export class AuthGuard {
  /** The one that failed last is the last. */
  readonly #sources = new Map<string, Source>();
  #rest = new Source("other addresses");
  /** As many as there are connections may wait. */
  readonly #looks = new Turns(Infinity);

  /**
   * Looks at an answer, one at a time: of many that come together each is to be counted before the next is looked at.
   *
   * @param address Of the peer, without a port.
   * @param now A clock that does not jump, milliseconds.
   * @param check Whether the answer is right; never rejected.
   * @returns "right", a refusal, or `null` when the answer is refused without a look.
   */
  async look(
    address: string,
    now: () => number,
    check: () => Promise<boolean>,
  ): Promise<"right" | Refusal | null> {
    return await this.#looks.run(async () => {
      const source = this.#admit(address, now());
      if (source === null) return null;
      return await check() ? "right" : this.#fail(source, now());
    });
  }

  /**
   * Notes something that is refused whatever it says.
   *
   * @param address Of the peer, without a port.
   * @param nowMs A clock that does not jump, milliseconds.
   * @returns The refusal, or `null` when there are too many to tell of each.
   */
  refuse(address: string, nowMs: number): Refusal | null {
    const source = this.#admit(address, nowMs);
    return source === null ? null : this.#fail(source, nowMs);
  }

  #admit(address: string, nowMs: number): Source | null {
    const source = this.#find(address, nowMs);
    if (source.pending < AUTH_MAX_PENDING) return source;
    source.unseen++;
    source.lastMs = nowMs;
    return null;
  }

  #fail(source: Source, nowMs: number): Refusal {
    source.failures++;
    source.pending++;
    source.lastMs = nowMs;
    if (source !== this.#rest) {
      this.#sources.delete(source.name);
      this.#sources.set(source.name, source);
    }
    return {
      source: source.name,
      delayMs: Math.min(AUTH_FIRST_DELAY_MS * 2 ** Math.min(source.failures - 1, 20), AUTH_MAX_DELAY_MS),
      failures: source.failures,
      unseen: source.takeUnseen(),
      over: () => --source.pending === 0 ? source.takeUnseen() : 0,
    };
  }

  #find(address: string, nowMs: number): Source {
    const name = sourceOf(address);
    const known = this.#sources.get(name);
    if (known !== undefined && !isOld(known, nowMs)) return known;
    this.#forgetOld(nowMs);
    if (this.#sources.size < AUTH_MAX_ADDRESSES) return new Source(name); // remembered once it fails
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
