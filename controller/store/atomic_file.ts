/**
 * Files that are there whole or not at all: written beside their place under another name, then renamed. What is no
 * regular file is written in place: a pipe stays a pipe.
 *
 * @module
 */

import { findPlace, openStream } from "./place.ts";

/**
 * Writes a text file in one step, as far as readers can see.
 *
 * @param path Where it will be; its folder has to exist. See {@linkcode findPlace} for links, pipes and devices.
 * @param text Its content, whole or in pieces: a large one then never is in memory as a whole.
 * @throws {Error} of the file system, or when the path cannot be written to; nothing is left behind then.
 */
export async function writeFileAtomic(path: string, text: string | Iterable<string>): Promise<void> {
  const place = await findPlace(path);
  if (place.kind === "stream") {
    using file = await openStream(place.path);
    await writePieces(file, text);
  } else await replace(place.path, text);
}

async function replace(path: string, text: string | Iterable<string>): Promise<void> {
  const temporary = `${path}.${Deno.pid}.${crypto.randomUUID().slice(0, 8)}.tmp`;
  // A new one, whatever stands there: then it is no link to somewhere else.
  const file = await Deno.open(temporary, { write: true, createNew: true });
  try {
    try {
      await writePieces(file, text);
      await file.syncData();
    } finally {
      file.close();
    }
    await Deno.rename(temporary, path);
  } catch (error) {
    await Deno.remove(temporary).catch(() => {}); // The first error is the one to report.
    throw error;
  }
}

/** What is written at once, in bytes. */
const PIECE_BYTES = 128 * 1024;

/**
 * Writes text to an open file, through one buffer however much it is.
 *
 * @param file where to
 * @param text whole or in pieces
 * @returns how many bytes it took
 * @throws {Error} of the file system
 */
export async function writePieces(
  file: { write(bytes: Uint8Array): Promise<number> },
  text: string | Iterable<string>,
): Promise<number> {
  const encoder = new TextEncoder();
  const buffer = new Uint8Array(PIECE_BYTES);
  let filled = 0, written = 0;
  const flush = async () => {
    for (let at = 0; at < filled;) at += await file.write(buffer.subarray(at, filled));
    written += filled;
    filled = 0;
  };
  for (const piece of typeof text === "string" ? [text] : text) {
    for (let rest = piece; rest !== "";) {
      const { read, written: taken } = encoder.encodeInto(rest, buffer.subarray(filled));
      filled += taken;
      rest = rest.slice(read);
      if (rest !== "") await flush();
    }
  }
  await flush();
  return written;
}
