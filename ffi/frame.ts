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
/** Of a call of `start`, whose body is the instant: C acts on it as soon as it has been read (`ipbench_host_read`). */
const START_MAGIC = 0x49504253; // "IPBS"
const PREFIX_BYTES = 12;
const EMPTY = new Uint8Array(0);

/**
 * @param header the message's fields
 * @param body the bytes that go with it
 * @returns the frame, as one block so that it can go out in one write
 * @throws {RangeError} when a part is longer than its limit
 */
export function encodeFrame(
  header: Record<string, unknown>,
  body: Uint8Array = EMPTY,
): Uint8Array<ArrayBuffer> {
  const text = new TextEncoder().encode(JSON.stringify(header));
  if (text.length > MAX_HEADER_BYTES || body.length > MAX_BODY_BYTES) {
    throw new RangeError(
      `a message of ${text.length} + ${body.length} bytes exceeds ${MAX_HEADER_BYTES} + ${MAX_BODY_BYTES}`,
    );
  }
  const frame = new Uint8Array(PREFIX_BYTES + text.length + body.length);
  const view = new DataView(frame.buffer);
  view.setUint32(0, header.call === "start" ? START_MAGIC : MAGIC);
  view.setUint32(4, text.length);
  view.setUint32(8, body.length);
  frame.set(text, PREFIX_BYTES);
  frame.set(body, PREFIX_BYTES + text.length);
  return frame;
}

const decoder = new TextDecoder("utf-8", { fatal: true });

/** Collects bytes in any portions and gives whole frames. */
export class FrameReader {
  #prefix = new Uint8Array(PREFIX_BYTES);
  /** Header and body of the frame that is coming, as long as announced; `null` until its prefix is there. */
  #content: Uint8Array | null = null;
  #headerBytes = 0;
  /** Bytes of prefix or content that have come. */
  #filled = 0;

  /** Bytes held for a frame that is not complete yet. */
  get held(): number {
    return this.#filled + (this.#content === null ? 0 : PREFIX_BYTES);
  }

  /**
   * @param chunk the next bytes; they are copied
   * @returns the frames that are complete now, in order
   * @throws {RangeError} when the bytes are not frames, or a length is beyond its limit
   */
  push(chunk: Uint8Array): Frame[] {
    const frames: Frame[] = [];
    for (let rest = chunk; rest.length > 0;) {
      const into = this.#content ?? this.#prefix;
      const piece = rest.subarray(0, into.length - this.#filled);
      into.set(piece, this.#filled);
      this.#filled += piece.length;
      rest = rest.subarray(piece.length);
      if (this.#filled < into.length) break;
      this.#filled = 0;
      if (this.#content === null) this.#content = this.#begin();
      if (this.#content.length === 0 || into === this.#content) {
        frames.push(this.#frame(this.#content));
        this.#content = null;
      }
    }
    return frames;
  }

  /** Makes room for what a prefix announces. */
  #begin(): Uint8Array {
    const view = new DataView(this.#prefix.buffer);
    const magic = view.getUint32(0);
    if (magic !== MAGIC && magic !== START_MAGIC) {
      throw new RangeError("the bytes are no message: wrong magic");
    }
    const headerBytes = view.getUint32(4);
    const bodyBytes = view.getUint32(8);
    if (headerBytes > MAX_HEADER_BYTES || bodyBytes > MAX_BODY_BYTES) {
      throw new RangeError(`a message announces ${headerBytes} + ${bodyBytes} bytes, beyond the limits`);
    }
    this.#headerBytes = headerBytes;
    return new Uint8Array(headerBytes + bodyBytes);
  }

  #frame(content: Uint8Array): Frame {
    const header: unknown = JSON.parse(decoder.decode(content.subarray(0, this.#headerBytes)));
    if (typeof header !== "object" || header === null || Array.isArray(header)) {
      throw new RangeError("a message's header is no object");
    }
    return { header: header as Record<string, unknown>, body: content.subarray(this.#headerBytes) };
  }
}
