/**
 * Results that have come in, or are coming, until their plugin reads them: in memory while there is room, else on disk,
 * so that no daemon has to wait before its result is taken.
 *
 * @module
 */

import { messageOf } from "../../base/errors.ts";
import { RunError } from "../run/run_error.ts";
import { namelessFile, storeFolder } from "./nameless_file.ts";

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

/** Results up to this size share a file. */
const MOST_SHARED_BYTES = 1024 * 1024;

/** Sizes of the store, in bytes. */
export interface StoreLimits {
  resultMemoryBytes: number;
  resultDiskBytes: number;
}

/** See the module. */
export class ResultStore {
  #shared: Promise<SharedFile> | null = null;
  #sharers = 0;
  #memoryLeft: number;
  #diskLeft: number;

  /**
   * @param limits how much may wait in memory, and how much beyond that on disk
   * @param folder for files
   */
  constructor(
    readonly limits: StoreLimits,
    readonly folder: string = storeFolder(),
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
      if (size > MOST_SHARED_BYTES) {
        return new OnDisk(await namelessFile(this.folder), size, this.folder, free);
      }
      return await this.#openShared(size, free);
    } catch (error) {
      free();
      throw diskError(this.folder, error);
    }
  }

  /** The file is there as long as a result is in it. */
  async #openShared(size: number, free: () => void): Promise<StoredResult> {
    this.#sharers++;
    const shared = this.#shared ??= namelessFile(this.folder).then((file) =>
      new SharedFile(file, this.folder)
    );
    try {
      const used = await shared;
      return new InShared(used, size, () => {
        if (--this.#sharers === 0) {
          this.#shared = null;
          used.file.close();
        }
        free();
      });
    } catch (error) {
      if (--this.#sharers === 0) this.#shared = null;
      throw error;
    }
  }
}

/** One file for many results: thousands that wait would each be an open file. */
class SharedFile {
  #end = 0;

  constructor(readonly file: Deno.FsFile, readonly folder: string) {}

  take(size: number): number {
    this.#end += size;
    return this.#end - size;
  }

  write(at: number, chunk: Uint8Array): void {
    try {
      this.file.seekSync(at, Deno.SeekMode.Start);
      for (let done = 0; done < chunk.length;) done += this.file.writeSync(chunk.subarray(done));
    } catch (error) {
      throw diskError(this.folder, error);
    }
  }

  read(at: number, size: number): Uint8Array<ArrayBuffer> {
    const all = new Uint8Array(size);
    try {
      this.file.seekSync(at, Deno.SeekMode.Start);
      for (let done = 0; done < size;) {
        const got = this.file.readSync(all.subarray(done));
        if (got === null) throw new Error(`it ends after ${done} of ${size} bytes`);
        done += got;
      }
    } catch (error) {
      throw diskError(this.folder, error);
    }
    return all;
  }
}

class InShared implements StoredResult {
  readonly #at: number;
  #filled = 0;
  #free: (() => void) | null;

  constructor(readonly shared: SharedFile, readonly size: number, free: () => void) {
    this.#at = shared.take(size);
    this.#free = free;
  }

  write(chunk: Uint8Array): Promise<void> {
    try {
      this.shared.write(this.#at + this.#filled, chunk);
      this.#filled += chunk.length;
      return Promise.resolve();
    } catch (error) {
      return Promise.reject(error);
    }
  }

  bytes(): Promise<Uint8Array<ArrayBuffer>> {
    try {
      return Promise.resolve(this.shared.read(this.#at, this.size));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  close(): void {
    this.#free?.();
    this.#free = null;
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
