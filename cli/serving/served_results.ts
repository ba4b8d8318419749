/**
 * Result documents of files and folders, for pages: listed by their beginnings, read when somebody wants to see one.
 *
 * @module
 */

import type { NamedResult } from "../../results/answers.ts";
import { MAX_LISTED } from "../../serve/limits.ts";
import type { ListedRun, Results, Wanted } from "../../serve/results.ts";
import { documentFiles, readDocuments } from "../read_documents.ts";

/** Bytes of a document in which its number, its time and its verdict stand. */
const HEAD_BYTES = 4096;
const HEAD =
  /"run"\s*:\s*\{\s*"id"\s*:\s*"([0-9A-Za-z_-]{1,64})"\s*,\s*"started"\s*:\s*"([^"\\]{1,40})"\s*,\s*"ended"\s*:\s*"[^"\\]{0,40}"\s*,\s*"verdict"\s*:\s*"(VALID|SUSPECT|INVALID)"/;

interface Listed extends ListedRun {
  path: string;
}

/** See the module. Only what was listed can be read: an address holds a run's number and never a path. */
export class FolderResults implements Results {
  /** Beginnings that have been read, by path, size and time. */
  readonly #heads = new Map<string, Listed | null>();
  #listed = new Map<string, Listed>();

  /** @param paths Documents, and folders of them. */
  constructor(readonly paths: readonly string[]) {}

  readonly title = "Files";

  async list({ words, labels, limit, offset }: Wanted): Promise<{ runs: ListedRun[]; count: number }> {
    // Files have no labels: what looks like one is a word of a name.
    const all = [...words, ...Object.entries(labels).map(([name, value]) => `${name}=${value}`)]
      .map((word) => word.toLowerCase());
    const found = (await this.#look()).filter(({ name, verdict }) => {
      const text = `${name} ${verdict}`.toLowerCase();
      return all.every((word) => text.includes(word));
    });
    return { runs: found.slice(offset, offset + limit), count: found.length };
  }

  async #look(): Promise<Listed[]> {
    const found = new Map<string, Listed>();
    for await (const { file, label } of documentFiles(this.paths)) {
      if (found.size >= MAX_LISTED) break;
      const listed = await this.#headOf(file, label);
      if (listed !== null) found.set(listed.id, listed);
    }
    this.#listed = found;
    return [...found.values()].sort((a, b) => a.started < b.started ? 1 : -1);
  }

  async has(id: string): Promise<boolean> {
    if (!this.#listed.has(id)) await this.#look();
    return this.#listed.has(id);
  }

  async read(id: string): Promise<NamedResult | null> {
    if (!await this.has(id)) return null;
    const { path, name } = this.#listed.get(id)!;
    for await (const result of readDocuments([path])) {
      if ("document" in result) return { file: name, document: result.document };
    }
    return null;
  }

  async #headOf(path: string, name: string): Promise<Listed | null> {
    try {
      using file = await Deno.open(path, { read: true });
      const { size, mtime, isFile } = await file.stat();
      if (!isFile) return null;
      const key = `${path} ${size} ${mtime?.getTime()}`;
      const known = this.#heads.get(key);
      if (known !== undefined) return known;
      const head = new Uint8Array(HEAD_BYTES);
      const got = await file.read(head) ?? 0;
      const found = HEAD.exec(new TextDecoder().decode(head.subarray(0, got)));
      const unfinished = path.endsWith(".journal");
      const listed: Listed | null = found === null ? null : {
        id: found[1]!,
        name: unfinished ? `${name} (not finished)` : name,
        started: found[2]!,
        verdict: unfinished ? "" : found[3] as ListedRun["verdict"],
        labels: {},
        series: [],
        single: true,
        path,
      };
      if (this.#heads.size > 2 * MAX_LISTED) this.#heads.clear();
      this.#heads.set(key, listed);
      return listed;
    } catch {
      return null; // gone, or not to be read: it is no result then
    }
  }
}
