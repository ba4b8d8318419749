/**
 * Reading what the user names: files, and stdin.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { MAX_CONFIG_BYTES } from "../../config/limits.ts";

export { fileReason as reasonOf } from "../../base/errors.ts";

/**
 * Reads a file that the user has written, or what comes through a pipe.
 *
 * @param path Its path, or "-" for stdin.
 * @returns Its bytes; of one that is too large, more than are allowed.
 */
export async function readBytes(path: string): Promise<Uint8Array> {
  return path === "-" ? await readLimited(Deno.stdin.readable) : await readFile(path);
}

async function readFile(path: string): Promise<Uint8Array> {
  const file = await Deno.open(path);
  return await readLimited(file.readable);
}

/** Reads one byte more than allowed at most, to notice that the limit is exceeded. */
async function readLimited(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of stream) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > MAX_CONFIG_BYTES) break;
  }
  return Buffer.concat(chunks);
}
