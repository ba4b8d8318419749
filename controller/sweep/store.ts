/**
 * A sweep's folder: `index.json` and, beside it, one result document a point.
 *
 * @module
 */

import type { ResultDocument } from "../../results/document.ts";
import { DocumentError, parseDocument } from "../../results/parse.ts";
import { writeFileAtomic } from "../atomic_file.ts";
import { parseIndex, type SweepIndex } from "./sweep_index.ts";
import type { SweepStore } from "./run_sweep.ts";

/** Name of the index within the folder. */
export const INDEX_FILE = "index.json";

/** Keeps a sweep in a folder. */
export class FolderStore implements SweepStore {
  readonly folder: string;

  /** @param folder Has to exist and be writable. */
  constructor(folder: string) {
    this.folder = folder;
  }

  /** @throws {SweepError} when there is an index that cannot be read. */
  async loadIndex(): Promise<SweepIndex | null> {
    const text = await this.#read(INDEX_FILE);
    return text === null ? null : parseIndex(text);
  }

  async saveIndex(index: SweepIndex): Promise<void> {
    await writeFileAtomic(this.#path(INDEX_FILE), JSON.stringify(index, null, 1) + "\n");
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

  async saveDocument(file: string, document: ResultDocument): Promise<void> {
    await writeFileAtomic(this.#path(file), JSON.stringify(document, null, 1) + "\n");
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
