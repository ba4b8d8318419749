/**
 * The files that commands write: documents, and a run's CSV row.
 *
 * @module
 */

import { dirname } from "node:path";
import { writeFileAtomic } from "../controller/atomic_file.ts";
import type { ResultDocument } from "../results/document.ts";
import { csvAppend } from "../results/csv_file.ts";
import { csvLine } from "../results/csv_row.ts";
import { EXIT, ExitError } from "./exit.ts";
import { note } from "./io.ts";
import { labelled } from "./live_screen.ts";
import { reasonOf } from "./run_options.ts";

/**
 * Finds out before a run that may take hours whether its result can be written.
 *
 * @param path File that is going to be written.
 * @throws {ExitError} when its folder is not there or the path is a folder.
 */
export async function checkWritable(path: string): Promise<void> {
  const folder = dirname(path);
  const found = await Deno.stat(folder).catch(() => null);
  if (found === null || !found.isDirectory) {
    throw new ExitError(EXIT.USAGE, `cannot write ${path}: there is no folder ${folder}`);
  }
  const itself = await Deno.stat(path).catch(() => null);
  if (itself?.isDirectory) throw new ExitError(EXIT.USAGE, `cannot write ${path}: it is a folder`);
}

/**
 * Keeps a result file for this process until it is disposed of, so that two runs do not write over each other.
 *
 * @param path File that is going to be written; `undefined` is none.
 * @returns What holds it.
 * @throws {ExitError} when another run writes it, or it cannot be written.
 */
export async function holdResult(path: string | undefined): Promise<AsyncDisposable | null> {
  if (path === undefined) return null;
  await checkWritable(path);
  const { FileLock, FileLockedError } = await import("../controller/file_lock.ts");
  const lock = await FileLock.take(path).catch((cause) => {
    throw new ExitError(
      EXIT.USAGE,
      cause instanceof FileLockedError
        ? `${cause.message}: wait until that has ended, or name another file`
        : `cannot write ${path}.lock: ${reasonOf(cause)}`,
      { cause },
    );
  });
  if (lock.problem !== null) {
    note(labelled("warning", `${path} cannot be locked (${lock.problem}); no other run may write it now`));
  }
  return lock;
}

/**
 * Writes a file so that a reader never sees half of it.
 *
 * @param path The file.
 * @param text What it will hold.
 * @throws {ExitError} when it cannot be written.
 */
export async function writeWhole(path: string, text: string): Promise<void> {
  try {
    await writeFileAtomic(path, text);
  } catch (cause) {
    throw new ExitError(EXIT.FAILED, `cannot write ${path}: ${reasonOf(cause)}`, { cause });
  }
}

/**
 * Appends a run's row to a CSV file, after a header when the file is new.
 *
 * @param path The file.
 * @param document The result.
 * @throws {ExitError} when it cannot be written.
 */
export async function appendCsv(path: string, document: ResultDocument): Promise<void> {
  try {
    using file = await Deno.open(path, { read: true, write: true, create: true });
    const { size } = await file.stat();
    const text = csvAppend(csvLine(document), document.csv_header ?? null, {
      isNew: size === 0,
      endsInNewline: size === 0 || await lastByte(file, size) === 0x0a,
    });
    await file.seek(0, Deno.SeekMode.End);
    const bytes = new TextEncoder().encode(text);
    // One write, so that two runs which append at the same time do not mix their rows.
    if (bytes.length > 0 && await file.write(bytes) !== bytes.length) throw new Error("the disk is full");
  } catch (cause) {
    throw new ExitError(EXIT.FAILED, `cannot append to ${path}: ${reasonOf(cause)}`, { cause });
  }
}

async function lastByte(file: Deno.FsFile, size: number): Promise<number | undefined> {
  await file.seek(size - 1, Deno.SeekMode.Start);
  const byte = new Uint8Array(1);
  await file.read(byte);
  return byte[0];
}
