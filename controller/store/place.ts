/**
 * Where a file that is named on a command line really lies, and what is there already.
 *
 * A regular file may be replaced; a pipe, a device or an open descriptor is written to as it is. Symbolic links are
 * followed where they are the user's own or the system's, and refused where somebody else made them: in a folder that
 * several people write to, a link is the way to have somebody write over a file of his own.
 *
 * @module
 */

import { dirname, isAbsolute, resolve } from "node:path";
import { withDeadline } from "../../base/deadline.ts";

/** Links that are followed one after another, as many as Linux follows. */
const MAX_LINKS = 40;
/** How long is waited for a reader of a pipe, in milliseconds. */
const READER_MS = 10_000;
/** Links to open descriptors. What they name may have no path of its own. */
const DESCRIPTOR = /^\/(?:dev\/fd|proc\/(?:self|thread-self|\d+)\/fd)\/\d+$/;
const SYSTEM_UID = 0;
/** How often a file that another process makes and removes is tried to be opened. */
const ATTEMPTS = 100;

/** A place for output. */
export interface Place {
  /** `file`: a regular file, or nothing yet; `stream`: what is written to in place. */
  kind: "file" | "stream";
  /** Its path, of a `file` with all links followed. */
  path: string;
}

/**
 * Finds out where output goes.
 *
 * @param path as it was typed
 * @returns the place
 * @throws {Error} when it is a folder, or a link that is not followed
 */
export async function findPlace(path: string): Promise<Place> {
  let at = path;
  for (let links = 0; links < MAX_LINKS; links++) {
    if (DESCRIPTOR.test(at)) return { kind: "stream", path: at };
    const info = await unlessGone(Deno.lstat(at));
    if (info === null || info.isFile) return { kind: "file", path: at };
    if (info.isDirectory) throw new Error("it is a folder");
    if (!info.isSymlink) return { kind: "stream", path: at };
    if (info.uid !== SYSTEM_UID && info.uid !== Deno.uid()) {
      throw new Error(`${at} is a symbolic link of another user (uid ${info.uid}), which is not followed`);
    }
    const to = await Deno.readLink(at);
    at = isAbsolute(to) ? to : resolve(await Deno.realPath(dirname(at)), to);
  }
  throw new Error(`more than ${MAX_LINKS} symbolic links follow one another`);
}

/**
 * Opens what is written to in place.
 *
 * @param path a pipe, a device, an open descriptor
 * @returns the open file, at whose end is written
 * @throws {Error} when it cannot be opened, or nobody reads from the pipe in time
 */
export async function openStream(path: string): Promise<Deno.FsFile> {
  const opening = Deno.open(path, { append: true });
  let late = false;
  opening.then((file) => late && file.close(), () => {});
  return await withDeadline(opening, READER_MS, () => {
    late = true;
    return new Error(`nobody has opened it for reading within ${READER_MS / 1000} s`);
  });
}

/**
 * Opens a file beside a result, such as its lock or its journal, for reading and writing, and makes it when it is not
 * there. Nothing that somebody else may have put in its place is written to: no link, no pipe, no further name of
 * another file.
 *
 * @param path the file
 * @returns the open file, its content as it was
 * @throws {Error} when something else is there
 */
export async function openOwnFile(path: string): Promise<Deno.FsFile> {
  for (let left = ATTEMPTS; left > 0; left--) {
    try {
      return await Deno.open(path, { read: true, write: true, createNew: true });
    } catch (error) {
      if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    }
    const named = await unlessGone(Deno.lstat(path));
    if (named === null) continue;
    if (!named.isFile || named.nlink !== 1) {
      throw new Error(`${path} is a link, or no file of its own; it is left as it is`);
    }
    const file = await unlessGone(Deno.open(path, { read: true, write: true }));
    if (file === null) continue;
    // A link that was put in its place meanwhile leads to another file; nothing has been written yet.
    const opened = await file.stat();
    if (opened.ino === named.ino && opened.dev === named.dev) return file;
    file.close();
  }
  throw new Error(`${path} was replaced ${ATTEMPTS} times while it was opened`);
}

async function unlessGone<T>(work: Promise<T>): Promise<T | null> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}
