/**
 * Lines to a reader that may be slow, stand still or go away, without holding up whoever writes them.
 *
 * @module
 */

import { withDeadline } from "../../base/deadline.ts";

/** What lines may wait for the reader, in bytes. */
const QUEUE_BYTES = 1024 * 1024;
/**
 * Bytes of one write. Each that returns shows that somebody still reads; each takes a thread some milliseconds to be woken
 * for on a busy machine, and a result has many megabytes.
 */
const CHUNK_BYTES = 256 * 1024;
/** How long the reader may take none of them at the end, in milliseconds. */
const STALLED_MS = 600_000;

/** Writes lines in their order. */
export class LineWriter {
  readonly #encoder = new TextEncoder();
  #queue: Uint8Array[] = [];
  #queued = 0;
  #writing: Promise<void> | null = null;
  #failure: unknown = null;

  /**
   * @param stream Where they go.
   * @param onFailure Called once when nothing can be written any more.
   */
  constructor(
    readonly stream: { write(bytes: Uint8Array): Promise<number> },
    readonly onFailure: (error: unknown) => void,
  ) {}

  /**
   * Writes a line as soon as the reader takes it.
   *
   * @param line With its end.
   * @returns Whether there was room for it. After a failure there always is: nobody waits for it.
   */
  offer(line: string): boolean {
    const bytes = this.#encoder.encode(line);
    if (this.#failure === null && this.#queued + bytes.length > QUEUE_BYTES) return false;
    this.#add(bytes);
    return true;
  }

  /**
   * Writes the last line, and waits until all are written.
   *
   * @param pieces What it is made of; of any length.
   * @param stalledMs How long the reader may take nothing.
   * @throws when it cannot be written, or the reader takes nothing for too long.
   */
  async finish(pieces: Iterable<string>, stalledMs = STALLED_MS): Promise<void> {
    let text = "";
    for (const piece of pieces) {
      text += piece;
      if (text.length < CHUNK_BYTES) continue;
      await this.#writeNow(text, stalledMs);
      text = "";
    }
    await this.#writeNow(text, stalledMs);
  }

  async #writeNow(text: string, stalledMs: number): Promise<void> {
    this.#add(this.#encoder.encode(text));
    await this.#written(stalledMs);
    if (this.#failure !== null) throw this.#failure;
  }

  async #written(stalledMs: number): Promise<void> {
    while (this.#writing !== null) {
      const before = this.#queued;
      try {
        await withDeadline(
          this.#writing,
          stalledMs,
          () => new Error(`nobody has read it for ${stalledMs / 1000} s`),
        );
      } catch (error) {
        if (this.#queued === before) this.#fail(error);
      }
    }
  }

  #add(bytes: Uint8Array): void {
    if (this.#failure !== null) return;
    this.#queue.push(bytes);
    this.#queued += bytes.length;
    this.#writing ??= this.#write();
  }

  async #write(): Promise<void> {
    await null; // so that it is known to be under way before it can have ended
    try {
      for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
        for (let at = 0; at < next.length;) {
          const written = await this.stream.write(next.subarray(at, at + CHUNK_BYTES));
          at += written;
          this.#queued -= written;
        }
      }
      this.#writing = null;
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    this.#queue = [];
    this.#queued = 0;
    this.#writing = null;
    if (this.#failure !== null) return;
    this.#failure = error;
    this.onFailure(error);
  }
}
