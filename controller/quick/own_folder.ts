/**
 * A private folder for the secret of our own daemons, and the removal of those that were left by a quick look that was killed.
 *
 * @module
 */
import { dirname } from "node:path";
import { FileLock } from "../store/file_lock.ts";
import { LEFT_BEHIND_MS, MAX_LEFT_BEHIND } from "./limits.ts";

const PREFIX = "ipbench-quick-";
/** As the runtime makes names from a prefix. */
const NAME = /^ipbench-quick-[0-9a-f]{1,32}$/;
const SECRET = "secret";

/** The folder. Use it with `await using`. */
export class OwnFolder implements AsyncDisposable {
  readonly #lock: FileLock;
  readonly #cleaning: Promise<void>;

  private constructor(readonly path: string, lock: FileLock) {
    this.#lock = lock;
    this.#cleaning = removeLeftBehind(dirname(path));
  }

  /** Makes one, and removes what others have left beside it. */
  static async make(): Promise<OwnFolder> {
    const path = await Deno.makeTempDir({ prefix: PREFIX });
    return new OwnFolder(path, await FileLock.take(`${path}/${SECRET}`));
  }

  /** Where the secret is to be written. */
  get secretFile(): string {
    return `${this.path}/${SECRET}`;
  }

  /** Removes it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cleaning;
    await this.#lock[Symbol.asyncDispose]();
    await removeFolder(this.path);
  }
}

/**
 * Removes folders of quick looks that were killed: ours, private, old, and with a lock that nobody holds any more. Nothing but
 * the two files that such a folder has is removed, and no link is followed. What cannot be removed stays.
 *
 * @param parent where temporary folders are
 * @param now in ms since 1970
 */
export async function removeLeftBehind(parent: string, now: number = Date.now()): Promise<void> {
  try {
    let left = MAX_LEFT_BEHIND;
    for await (const { name } of Deno.readDir(parent)) {
      if (!NAME.test(name)) continue;
      if (left-- === 0) return;
      await removeOne(`${parent}/${name}`, now).catch(() => {});
    }
  } catch {
    // What others have left is no reason to fail.
  }
}

async function removeOne(path: string, now: number): Promise<void> {
  const { isDirectory, isSymlink, uid, mode, mtime } = await Deno.lstat(path);
  const isOurs = isDirectory && !isSymlink && uid === Deno.uid() && ((mode ?? 0o777) & 0o077) === 0;
  if (!isOurs || mtime === null || now - mtime.getTime() < LEFT_BEHIND_MS) return;
  // Whoever still uses it holds its lock, and this throws.
  await using lock = await FileLock.take(`${path}/${SECRET}`);
  if (lock.problem === null) await removeFolder(path);
}

async function removeFolder(path: string): Promise<void> {
  for (const name of [SECRET, `${SECRET}.lock`]) await Deno.remove(`${path}/${name}`).catch(() => {});
  await Deno.remove(path).catch(() => {});
}
