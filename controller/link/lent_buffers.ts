/**
 * Buffers for reading what is large: of thousands of connections few send at the same time, and a buffer that is lent and
 * given back is no garbage.
 *
 * @module
 */

/** Bytes of each. */
const LENT_BYTES = 16 * 1024;
/** Buffers that are kept while nobody has them. */
const MOST_IDLE = 128;

const idle: Uint8Array<ArrayBuffer>[] = [];

/** Lends a buffer, with anything in it. */
export function lend(): Uint8Array<ArrayBuffer> {
  return idle.pop() ?? new Uint8Array(LENT_BYTES);
}

/**
 * Takes a buffer back. Whoever fails on the way may keep it.
 *
 * @param buffer what {@linkcode lend} gave; nobody uses it any more
 */
export function giveBack(buffer: Uint8Array<ArrayBuffer>): void {
  if (idle.length < MOST_IDLE) idle.push(buffer);
}
