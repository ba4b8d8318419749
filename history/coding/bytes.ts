/**
 * Bytes one after another: numbers of any size as LEB128, and runs of bytes.
 *
 * @module
 */

/** Collects bytes. */
export class ByteWriter {
  #bytes = new Uint8Array(1024);
  #length = 0;

  /** What was written. */
  get written(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }

  byte(value: number): void {
    if (this.#length === this.#bytes.length) this.#grow(1);
    this.#bytes[this.#length++] = value;
  }

  /** @param value A whole number, 0 to 2^53. */
  number(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      this.byte((rest % 0x80) | 0x80);
      rest = Math.floor(rest / 0x80);
    }
    this.byte(rest);
  }

  /** Bytes behind their number. */
  run(bytes: Uint8Array): void {
    this.number(bytes.length);
    this.#grow(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  #grow(by: number): void {
    if (this.#length + by <= this.#bytes.length) return;
    const larger = new Uint8Array(2 * (this.#length + by));
    larger.set(this.#bytes);
    this.#bytes = larger;
  }
}

/** Reads what {@linkcode ByteWriter} wrote. Beyond the end it throws a `RangeError`. */
export class ByteReader {
  #at = 0;

  constructor(readonly bytes: Uint8Array<ArrayBuffer>) {}

  byte(): number {
    const byte = this.bytes[this.#at++];
    if (byte === undefined) throw new RangeError("a document ends too early");
    return byte;
  }

  number(): number {
    let value = 0, byte: number;
    let scale = 1;
    do {
      byte = this.byte();
      value += (byte & 0x7f) * scale;
      scale *= 0x80;
    } while (byte >= 0x80 && value <= Number.MAX_SAFE_INTEGER);
    return value;
  }

  /** Bytes behind their number. */
  run(): Uint8Array<ArrayBuffer> {
    const length = this.number();
    if (length > this.bytes.length - this.#at) throw new RangeError("a document ends too early");
    this.#at += length;
    return this.bytes.subarray(this.#at - length, this.#at);
  }

  /** What reads such a run. */
  reader(): ByteReader {
    return new ByteReader(this.run());
  }
}
