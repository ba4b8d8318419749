/**
 * Who writes a result file: one run at a time, of all processes that see the folder.
 *
 * The lock is one of the kernel's on `FILE.lock`: it goes with the process that holds it, however that ends. The file
 * is removed by a holder that ends in order; one that is left by a holder that was killed locks nothing.
 *
 * @module
 */

import { messageOf } from "../../base/errors.ts";
import { pause } from "../../base/deadline.ts";
import { openOwnFile } from "./place.ts";

/** Whoever else takes the lock removes its file at the end; after so many such files in a row something is wrong. */
const ATTEMPTS = 100;
/** How long is waited for a lock by a Deno that cannot ask for one without waiting (below 2.7), in ms. */
const WAIT_MS = 500;
/** Most of a lock file that is read: who holds it. */
const HOLDER_BYTES = 200;

/** Another process holds the lock. */
export class FileLockedError extends Error {
  override readonly name = "FileLockedError";

  /**
   * @param path The file that is wanted.
   * @param holder Who has it, such as "process 4711 on lab1"; "" when it left no name.
   */
  constructor(readonly path: string, readonly holder: string) {
    super(`${path} is being written by another run${holder === "" ? "" : ` (${holder})`}`);
  }
}

/** The right to write a file. Use it with `await using`. */
export class FileLock implements AsyncDisposable {
  readonly #lockPath: string;
  #file: Deno.FsFile | null;

  private constructor(lockPath: string, file: Deno.FsFile | null, readonly problem: string | null) {
    this.#lockPath = lockPath;
    this.#file = file;
  }

  /**
   * Takes the lock of a file, without waiting for it.
   *
   * @param path The file that is going to be written; it need not exist.
   * @returns The lock. Where the file system has no locks, its `problem` has that, and nothing is locked.
   * @throws {FileLockedError} when another process has it
   * @throws {Error} when `FILE.lock` cannot be written, or is something else
   */
  static async take(path: string): Promise<FileLock> {
    const lockPath = `${path}.lock`;
    for (let left = ATTEMPTS; left > 0; left--) {
      const file = await openOwnFile(lockPath);
      let locked: boolean;
      try {
        locked = await tryLock(file);
      } catch (error) {
        file.close();
        await Deno.remove(lockPath).catch(() => {}); // Without locks it is nobody's.
        return new FileLock(lockPath, null, messageOf(error));
      }
      if (!locked) {
        const holder = await holderOf(lockPath);
        file.close();
        throw new FileLockedError(path, holder);
      }
      if (await isStill(file, lockPath)) {
        const lock = new FileLock(lockPath, file, null);
        try {
          await file.truncate();
          await file.write(new TextEncoder().encode(`process ${Deno.pid} on ${Deno.hostname()}\n`));
        } catch (error) {
          await lock[Symbol.asyncDispose](); // A disk that is full is not to keep it.
          throw error;
        }
        globalThis.addEventListener("unload", lock.#leave);
        return lock;
      }
      file.close(); // Its holder has just removed it.
    }
    throw new Error(`${lockPath} was taken and removed ${ATTEMPTS} times`);
  }

  /** A program that ends in the midst of its work leaves no file either. */
  readonly #leave = (): void => {
    try {
      Deno.removeSync(this.#lockPath);
    } catch {
      // It is gone, and what else is there locks nothing.
    }
  };

  /** Lets go of the lock. */
  async [Symbol.asyncDispose](): Promise<void> {
    const file = this.#file;
    this.#file = null;
    globalThis.removeEventListener("unload", this.#leave);
    if (file === null) return;
    // First the file: whoever opens it from now on finds another one, or none.
    await Deno.remove(this.#lockPath).catch(() => {});
    file.close();
  }
}

/** A file of whatever Deno this is. */
interface Lockable {
  lock(exclusive: boolean): Promise<void>;
  tryLock?(exclusive: boolean): Promise<boolean>;
}

async function tryLock(file: Lockable): Promise<boolean> {
  if (file.tryLock !== undefined) return await file.tryLock(true);
  const impatience = new AbortController();
  try {
    return await Promise.race([
      file.lock(true).then(() => true),
      pause(WAIT_MS, impatience.signal).then(() => false),
    ]);
  } finally {
    impatience.abort();
  }
}

/** Whether a path still names the open file. */
async function isStill(file: Deno.FsFile, path: string): Promise<boolean> {
  const here = await file.stat(), there = await Deno.stat(path).catch(() => null);
  return there !== null && here.ino === there.ino && here.dev === there.dev;
}

/** What the holder wrote of itself, as far as it can be shown. */
async function holderOf(path: string): Promise<string> {
  const text = await Deno.readTextFile(path).catch(() => "");
  // deno-lint-ignore no-control-regex
  return text.slice(0, HOLDER_BYTES).replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, " ").trim();
}
