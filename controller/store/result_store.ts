/**
 * Results that have come in, or are coming, until their plugin reads them: in memory while there is room, else on disk,
 * so that no daemon has to wait before its result is taken.
 *
 * @module
 */

import { messageOf } from "../../base/errors.ts";
import { variable } from "../../ffi/mod.ts";
import { RunError } from "../run/run_error.ts";

/** Room for one result. */
export interface StoredResult {
  /**
   * Puts the next bytes in.
   *
   * @param chunk valid until what is returned has settled
   * @throws {RunError} when the disk does not take them
   */
  write(chunk: Uint8Array): Promise<void>;
  /**
   * Gives all bytes, once they are in.
   *
   * @throws {RunError} when they cannot be read again
   */
  bytes(): Promise<Uint8Array<ArrayBuffer>>;
  /** Gives the room back. */
  close(): void;
}

/** Sizes of the store, in bytes. */
export interface StoreLimits {
  resultMemoryBytes: number;
  resultDiskBytes: number;
}

/** See the module. */
export class ResultStore {
  #memoryLeft: number;
  #diskLeft: number;

  /**
   * @param limits how much may wait in memory, and how much beyond that on disk
   * @param folder for files: TMPDIR, or else /var/tmp, because /tmp is often memory
   */
  constructor(
    readonly limits: StoreLimits,
    readonly folder: string = variable("TMPDIR") || "/var/tmp",
  ) {
    this.#memoryLeft = limits.resultMemoryBytes;
    this.#diskLeft = limits.resultDiskBytes;
  }

  /**
   * Makes room for a result.
   *
   * @param size its bytes
   * @returns the room, empty
   * @throws {RunError} when there is none
   */
  async open(size: number): Promise<StoredResult> {
    if (size <= this.#memoryLeft) {
      this.#memoryLeft -= size;
      return new InMemory(size, () => this.#memoryLeft += size);
    }
    if (size > this.#diskLeft) {
      const most = `${(this.limits.resultDiskBytes / 2 ** 30).toFixed(0)} GiB`;
      throw storeError(`the results that wait to be read would take more than ${most} in ${this.folder}`);
    }
    this.#diskLeft -= size;
    const free = () => this.#diskLeft += size;
    try {
      return new OnDisk(await namelessFile(this.folder), size, this.folder, free);
    } catch (error) {
      free();
      throw diskError(this.folder, error);
    }
  }
}

class InMemory implements StoredResult {
  #bytes: Uint8Array<ArrayBuffer>;
  #filled = 0;
  #free: (() => void) | null;

  constructor(size: number, free: () => void) {
    this.#bytes = new Uint8Array(size);
    this.#free = free;
  }

  write(chunk: Uint8Array): Promise<void> {
    this.#bytes.set(chunk, this.#filled);
    this.#filled += chunk.length;
    return Promise.resolve();
  }

  bytes(): Promise<Uint8Array<ArrayBuffer>> {
    return Promise.resolve(this.#bytes);
  }

  close(): void {
    this.#free?.();
    this.#free = null;
  }
}

class OnDisk implements StoredResult {
  #free: (() => void) | null;

  constructor(readonly file: Deno.FsFile, readonly size: number, readonly folder: string, free: () => void) {
    this.#free = free;
  }

  async write(chunk: Uint8Array): Promise<void> {
    try {
      for (let done = 0; done < chunk.length;) done += await this.file.write(chunk.subarray(done));
    } catch (error) {
      throw diskError(this.folder, error);
    }
  }

  async bytes(): Promise<Uint8Array<ArrayBuffer>> {
    const all = new Uint8Array(this.size);
    try {
      this.file.seekSync(0, Deno.SeekMode.Start); // waits for nothing, and needs no thread to wait on
      for (let done = 0; done < all.length;) {
        const got = await this.file.read(all.subarray(done));
        if (got === null) throw new Error(`it ends after ${done} of ${this.size} bytes`);
        done += got;
      }
    } catch (error) {
      throw diskError(this.folder, error);
    }
    return all;
  }

  close(): void {
    if (this.#free === null) return;
    this.file.close();
    this.#free();
    this.#free = null;
  }
}

/** A file that is gone when it is closed, even by the end of the process. */
async function namelessFile(folder: string): Promise<Deno.FsFile> {
  const path = `${folder}/ipbench-result-${crypto.randomUUID()}`;
  const file = await Deno.open(path, { read: true, write: true, createNew: true, mode: 0o600 });
  try {
    await Deno.remove(path);
    return file;
  } catch (error) {
    file.close();
    throw error;
  }
}

function diskError(folder: string, cause: unknown): RunError {
  return storeError(
    `a result that waits to be read cannot be kept in ${folder} (${messageOf(cause)})`,
    cause,
  );
}

/** The controller's own trouble, not the daemon's. */
function storeError(reason: string, cause?: unknown): RunError {
  const remedy = "the environment variable TMPDIR names a folder with more room";
  return new RunError(null, "collect", "limit", reason, remedy, cause);
}
