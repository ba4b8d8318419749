/**
 * A sweep's folder: `index.json` and, beside it, one result document a point.
 *
 * @module
 */

import type { ResultDocument } from "../../results/document/document.ts";
import { DocumentError, parseDocument } from "../../results/document/parse.ts";
import { writeFileAtomic } from "../store/atomic_file.ts";
import { parseIndex, type StoredIndex, type SweepIndex } from "./sweep_index.ts";
import type { SweepStore } from "./run_sweep.ts";

/** Writes a file by its path, or reports that it could not be written. */
export type Attempt = (path: string, write: () => Promise<void>) => Promise<boolean>;

/** Name of the index within the folder. */
export const INDEX_FILE = "index.json";

/** Keeps a sweep in a folder. */
export class FolderStore implements SweepStore {
  readonly folder: string;
  readonly #attempt: Attempt;
  #begun = false;

  /**
   * @param folder Has to exist and be writable.
   * @param attempt Takes what goes wrong when the sweep has begun, such as a full disk.
   */
  constructor(folder: string, attempt: Attempt) {
    this.folder = folder;
    this.#attempt = attempt;
  }

  /** @throws {SweepError} when there is an index that cannot be read. */
  async loadIndex(): Promise<StoredIndex | null> {
    const text = await this.#read(INDEX_FILE);
    return text === null ? null : parseIndex(text);
  }

  /** @throws {Error} when the first one cannot be written: nothing is measured then. */
  async saveIndex(index: SweepIndex): Promise<void> {
    const path = this.#path(INDEX_FILE);
    const write = () => writeFileAtomic(path, JSON.stringify(index, null, 1) + "\n");
    if (this.#begun) await this.#attempt(path, write);
    else await write();
    this.#begun = true;
  }

  /** A damaged document is as good as none: its point is measured again. */
  async loadDocument(file: string): Promise<ResultDocument | null> {
    const text = await this.#read(file);
    if (text === null) return null;
    try {
      return parseDocument(text);
    } catch (error) {
      if (error instanceof DocumentError) return null;
      throw error;
    }
  }

  async saveDocument(file: string, document: ResultDocument): Promise<boolean> {
    const path = this.#path(file);
    const kept = await this.#attempt(
      path,
      () => writeFileAtomic(path, JSON.stringify(document, null, 1) + "\n"),
    );
    if (!kept) await Deno.remove(path).catch(() => {}); // An earlier attempt's would be taken for this one.
    return kept;
  }

  #path(file: string): string {
    return `${this.folder}/${file}`;
  }

  async #read(file: string): Promise<string | null> {
    try {
      return await Deno.readTextFile(this.#path(file));
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return null;
      throw error;
    }
  }
}
