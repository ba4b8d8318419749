/**
 * The first line of a connection whose later bytes are of another kind.
 *
 * @module
 */

import type { ByteStream } from "./channels.ts";

const LF = 0x0a;

/**
 * Reads one line, and no more than its limit of bytes.
 *
 * @param stream the connection
 * @param most longest line, in bytes, its end not counted
 * @returns the line without its end, and what was read beyond it
 * @throws {RangeError} when it is longer, or ends without an end of line
 */
export async function readFirstLine(
  stream: ByteStream,
  most: number,
): Promise<{ line: string; rest: Uint8Array }> {
  const buffer = new Uint8Array(most + 1);
  for (let filled = 0; filled < buffer.length;) {
    const count = await stream.read(buffer.subarray(filled));
    if (count === null) throw new RangeError("the connection was closed in the middle of a line");
    const end = buffer.subarray(0, filled + count).indexOf(LF, filled);
    filled += count;
    if (end < 0) continue;
    const line = new TextDecoder().decode(buffer.subarray(0, end)).replace(/\r$/, "");
    return { line, rest: buffer.slice(end + 1, filled) };
  }
  throw new RangeError(`a line of more than ${most} bytes`);
}

/**
 * Writes a text as a whole.
 *
 * @param stream the connection
 * @param text what to write
 */
export async function writeText(stream: ByteStream, text: string): Promise<void> {
  for (let rest = new TextEncoder().encode(text); rest.length > 0;) {
    rest = rest.subarray(await stream.write(rest));
  }
}
