/**
 * The framing between a plugin's process and its parent: magic, two lengths, JSON, bytes.
 *
 * A magic in each frame makes rubbish (a plugin that writes to a file descriptor it does not own) an error at once.
 *
 * @module
 */

import { MAX_BODY_BYTES, MAX_HEADER_BYTES } from "./limits.ts";

/** One message. */
export interface Frame {
  header: Record<string, unknown>;
  body: Uint8Array;
}

const MAGIC = 0x49504231; // "IPB1"
const PREFIX_BYTES = 12;
const EMPTY = new Uint8Array(0);

/**
 * @param header what the message says
 * @param body the bytes that go with it
 * @returns the frame, as one block so that it can go out in one write
 * @throws {RangeError} when a part is longer than its limit
 */
export function encodeFrame(header: Record<string, unknown>, body: Uint8Array = EMPTY): Uint8Array {
  const text = new TextEncoder().encode(JSON.stringify(header));
  if (text.length > MAX_HEADER_BYTES || body.length > MAX_BODY_BYTES) {
    throw new RangeError(
      `a message of ${text.length} + ${body.length} bytes exceeds ${MAX_HEADER_BYTES} + ${MAX_BODY_BYTES}`,
    );
  }
  const frame = new Uint8Array(PREFIX_BYTES + text.length + body.length);
  const view = new DataView(frame.buffer);
  view.setUint32(0, MAGIC);
  view.setUint32(4, text.length);
  view.setUint32(8, body.length);
  frame.set(text, PREFIX_BYTES);
  frame.set(body, PREFIX_BYTES + text.length);
  return frame;
}

/** Collects bytes in any portions and gives whole frames. */
export class FrameReader {
  #chunks: Uint8Array[] = [];
  #held = 0;

  /** Bytes held for a frame that is not complete yet. */
  get held(): number {
    return this.#held;
  }

  /**
   * @param chunk the next bytes
   * @returns the frames that are complete now, in order
   * @throws {RangeError} when the bytes are not frames, or a length is beyond its limit
   */
  push(chunk: Uint8Array): Frame[] {
    this.#chunks.push(chunk);
    this.#held += chunk.length;
    const frames: Frame[] = [];
    for (;;) {
      const frame = this.#next();
      if (frame === null) return frames;
      frames.push(frame);
    }
  }

  #next(): Frame | null {
    if (this.#held < PREFIX_BYTES) return null;
    const prefix = this.#peek(PREFIX_BYTES);
    const view = new DataView(prefix.buffer, prefix.byteOffset, PREFIX_BYTES);
    if (view.getUint32(0) !== MAGIC) throw new RangeError("the bytes are no message: wrong magic");
    const headerBytes = view.getUint32(4);
    const bodyBytes = view.getUint32(8);
    if (headerBytes > MAX_HEADER_BYTES || bodyBytes > MAX_BODY_BYTES) {
      throw new RangeError(`a message announces ${headerBytes} + ${bodyBytes} bytes, beyond the limits`);
    }
    const size = PREFIX_BYTES + headerBytes + bodyBytes;
    if (this.#held < size) return null;
    const whole = this.#take(size);
    const text = new TextDecoder("utf-8", { fatal: true }).decode(
      whole.subarray(PREFIX_BYTES, PREFIX_BYTES + headerBytes),
    );
    const header: unknown = JSON.parse(text);
    if (typeof header !== "object" || header === null || Array.isArray(header)) {
      throw new RangeError("a message's header is no object");
    }
    return { header: header as Record<string, unknown>, body: whole.slice(PREFIX_BYTES + headerBytes) };
  }

  /** The first `count` bytes, which are held; joins chunks only when they are split. */
  #peek(count: number): Uint8Array {
    const first = this.#chunks[0]!;
    if (first.length >= count) return first.subarray(0, count);
    this.#join();
    return this.#chunks[0]!.subarray(0, count);
  }

  #take(count: number): Uint8Array {
    if (this.#chunks[0]!.length < count) this.#join();
    const first = this.#chunks[0]!;
    this.#held -= count;
    if (first.length === count) this.#chunks.shift();
    else this.#chunks[0] = first.subarray(count);
    return first.subarray(0, count);
  }

  #join(): void {
    const all = new Uint8Array(this.#held);
    let offset = 0;
    for (const chunk of this.#chunks) {
      all.set(chunk, offset);
      offset += chunk.length;
    }
    this.#chunks = [all];
  }
}
