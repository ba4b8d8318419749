/**
 * Slows down those who guess the secret: a delay a wrong answer, doubling, for each address.
 *
 * @module
 */
import {
  AUTH_FIRST_DELAY_MS,
  AUTH_FORGET_MS,
  AUTH_MAX_ADDRESSES,
  AUTH_MAX_DELAY_MS,
  AUTH_MAX_PENDING,
} from "./limits.ts";

interface Record {
  failures: number;
  /** Refusals without a look since the last one that was looked at. */
  unseen: number;
  /** Delays under way. */
  pending: number;
  lastMs: number;
}

/** What became of a wrong secret. */
export interface Failure {
  /** How long to keep the refusal back. */
  readonly delayMs: number;
  /** Wrong secrets of this address so far. */
  readonly failures: number;
  /** Guesses that were refused without a look since the last failure. */
  readonly unseen: number;
}

/** Memory of wrong secrets, by address. It never keeps a right one waiting, unless its own address is guessing. */
export class AuthGuard {
  readonly #records = new Map<string, Record>();

  /**
   * Whether an answer from this address is looked at at all.
   *
   * @param address Of the peer, without a port.
   * @param nowMs A clock that does not jump, milliseconds.
   */
  admits(address: string, nowMs: number): boolean {
    const record = this.#recent(address, nowMs);
    if (record === undefined || record.pending < AUTH_MAX_PENDING) return true;
    record.unseen++;
    record.lastMs = nowMs;
    return false;
  }

  /**
   * Notes a wrong secret. {@linkcode settled} has to be called when the delay is over.
   *
   * @param address Of the peer, without a port.
   * @param nowMs A clock that does not jump, milliseconds.
   */
  failed(address: string, nowMs: number): Failure {
    const record = this.#recent(address, nowMs) ?? { failures: 0, unseen: 0, pending: 0, lastMs: nowMs };
    record.failures++;
    record.pending++;
    record.lastMs = nowMs;
    const { unseen } = record;
    record.unseen = 0;
    this.#records.delete(address);
    this.#records.set(address, record);
    for (const oldest of this.#records.keys()) {
      if (this.#records.size <= AUTH_MAX_ADDRESSES) break;
      this.#records.delete(oldest);
    }
    const delayMs = Math.min(AUTH_FIRST_DELAY_MS * 2 ** Math.min(record.failures - 1, 20), AUTH_MAX_DELAY_MS);
    return { delayMs, failures: record.failures, unseen };
  }

  /**
   * Notes that a delay is over.
   *
   * @param address Of the peer, without a port.
   */
  settled(address: string): void {
    const record = this.#records.get(address);
    if (record !== undefined) record.pending = Math.max(0, record.pending - 1);
  }

  #recent(address: string, nowMs: number): Record | undefined {
    const record = this.#records.get(address);
    if (record === undefined || record.pending > 0 || nowMs - record.lastMs < AUTH_FORGET_MS) return record;
    this.#records.delete(address);
    return undefined;
  }
}
