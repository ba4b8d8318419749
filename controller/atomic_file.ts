/**
 * Files that are there whole or not at all: written beside their place under another name, then renamed.
 *
 * @module
 */

/**
 * Writes a text file in one step, as far as readers can see.
 *
 * @param path Where it will be; its folder has to exist.
 * @param text Its content, whole or in pieces: a large one then never is in memory as a whole.
 * @throws {Deno.errors} of the file system; nothing is left behind then.
 */
export async function writeFileAtomic(path: string, text: string | Iterable<string>): Promise<void> {
  const temporary = `${path}.${Deno.pid}.tmp`;
  try {
    const file = await Deno.open(temporary, { write: true, create: true, truncate: true });
    try {
      const encoder = new TextEncoder();
      for (const piece of typeof text === "string" ? [text] : text) {
        await writeAll(file, encoder.encode(piece));
      }
      await file.syncData();
    } finally {
      file.close();
    }
    await Deno.rename(temporary, path);
  } catch (error) {
    await Deno.remove(temporary).catch(() => {}); // It may not exist; the first error is the one to tell.
    throw error;
  }
}

async function writeAll(file: Deno.FsFile, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
}
