/**
 * Results that are being sent. One limit holds for all of them together, so that controllers which ask for results and do not
 * read them cannot fill this machine's memory.
 *
 * @module
 */

import type { Connection } from "./connection.ts";
import { RESULT_CHUNK_BYTES, RESULT_MIN_RATE, WRITE_MS } from "../limits.ts";

/** A result on its way. */
export interface Delivery {
  /** To be called when the delivery has ended, in whatever way. */
  done(): void;
}

/** See the module. */
export class Deliveries {
  readonly #limit: number;
  /** In the order in which they began. */
  readonly #all = new Map<symbol, { readonly bytes: number; readonly lose: () => void }>();

  /** @param limit Bytes of all results together; the newest is kept, however large it is. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Bytes of all that are on their way. */
  get bytes(): number {
    let sum = 0;
    for (const each of this.#all.values()) sum += each.bytes;
    return sum;
  }

  /**
   * Enters a result. Where it does not fit, the oldest deliveries are given up: a controller that reads gets its result, and
   * one that does not keeps nobody else from theirs.
   *
   * @param bytes Its length.
   * @param lose Gives this result up.
   */
  begin(bytes: number, lose: () => void): Delivery {
    for (const [key, oldest] of this.#all) {
      if (this.bytes + bytes <= this.#limit) break;
      this.#all.delete(key);
      oldest.lose();
    }
    const key = Symbol();
    this.#all.set(key, { bytes, lose });
    return { done: () => void this.#all.delete(key) };
  }

  /**
   * Sends a result. A short one goes out in one write with its header; the delivery of a long one to a reader that is too
   * slow is given up.
   *
   * @param connection Where to.
   * @param header The lines before it.
   * @param data The result.
   * @param lost Told when others' results needed the room; the connection is closed then.
   * @throws when the reader does not take it in time.
   */
  async send(connection: Connection, header: string, data: Uint8Array, lost: () => void): Promise<void> {
    const lines = new TextEncoder().encode(header);
    const first = data.subarray(0, RESULT_CHUNK_BYTES);
    const joined = new Uint8Array(lines.length + first.length);
    joined.set(lines);
    joined.set(first, lines.length);
    const until = performance.now() + WRITE_MS + data.length / RESULT_MIN_RATE * 1000;
    const delivery = this.begin(data.length, () => {
      lost();
      connection.destroy();
    });
    try {
      await connection.write(joined);
      for (let at = first.length; at < data.length; at += RESULT_CHUNK_BYTES) {
        const left = Math.max(1, Math.min(WRITE_MS, until - performance.now()));
        await connection.write(data.subarray(at, at + RESULT_CHUNK_BYTES), left);
      }
    } finally {
      delivery.done();
    }
  }
}
