/**
 * Small files in which the kernel describes the machine. What is not there is `null` or empty: not every kernel and
 * machine has every file.
 *
 * @module
 */

const MAX_TEXT = 4096;

/** The first line of a small file, trimmed; `null` when it cannot be read. */
export async function line(path: string): Promise<string | null> {
  try {
    return (await Deno.readTextFile(path)).slice(0, MAX_TEXT).split("\n")[0]!.trim();
  } catch {
    return null;
  }
}

/** A whole file; "" when it cannot be read. */
export async function text(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch {
    return "";
  }
}

/** A decimal number; `null` for anything else. */
export function number(value: string | null): number | null {
  return value !== null && /^-?\d+(\.\d+)?$/.test(value) ? Number(value) : null;
}

/** Names in a folder, sorted, at most `limit`; none when it cannot be read. */
export async function names(folder: string, limit: number): Promise<string[]> {
  const found: string[] = [];
  try {
    for await (const entry of Deno.readDir(folder)) {
      if (found.length >= limit) break;
      found.push(entry.name);
    }
  } catch {
    // No such folder.
  }
  return found.sort();
}
