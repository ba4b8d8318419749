/**
 * Bits one after another, the lowest of each byte first, as deflate streams have them.
 *
 * @module
 */
import { ByteWriter } from "./bytes.ts";

/** Reads bits. Beyond the end it throws a `RangeError`. */
export class BitReader {
  /** How many bits were read. */
  at = 0;

  constructor(readonly bytes: Uint8Array) {}

  /** The number of so many bits, 24 at most, its lowest first. */
  bits(count: number): number {
    const value = this.#look(count);
    this.at += count;
    return value;
  }

  /** Reads these bits if they come next; never, if they are none. */
  takes(value: number, count: number): boolean {
    if (count === 0 || this.at + count > 8 * this.bytes.length || this.#look(count) !== value) return false;
    this.at += count;
    return true;
  }

  /** The bits from a place to here, as bytes. */
  slice(begin: number): Uint8Array<ArrayBuffer> {
    const to = new BitWriter();
    to.copy(this, begin);
    to.align();
    return to.written;
  }

  #look(count: number): number {
    if (this.at + count > 8 * this.bytes.length) throw new RangeError("a stream ends too early");
    let value = 0;
    for (let have = 0; have < count;) {
      const bit = (this.at + have) % 8;
      const part = this.bytes[(this.at + have - bit) / 8]! >> bit;
      value |= part << have;
      have += 8 - bit;
    }
    return value & ((1 << count) - 1);
  }
}

/** Writes bits. */
export class BitWriter {
  readonly #to = new ByteWriter();
  #held = 0;
  #count = 0;

  /** Whole bytes that were written. */
  get written(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#to.written);
  }

  /** @param count 16 bits at most. */
  bits(value: number, count: number): void {
    this.#held |= value << this.#count;
    for (this.#count += count; this.#count >= 8; this.#count -= 8) {
      this.#to.byte(this.#held & 0xff);
      this.#held >>>= 8;
    }
  }

  /** All bits that were read, from a place on. */
  copy(from: BitReader, begin = 0): void {
    const part = new BitReader(from.bytes);
    part.at = begin;
    while (part.at < from.at) {
      const count = Math.min(8, from.at - part.at);
      this.bits(part.bits(count), count);
    }
  }

  /** Fills the last byte up. */
  align(): void {
    if (this.#count > 0) this.bits(0, 8 - this.#count);
  }
}
