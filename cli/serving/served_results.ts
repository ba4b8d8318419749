/**
 * Documents of files and folders, for pages: listed by their beginnings, read when somebody wants to see one.
 *
 * @module
 */

import { basename, dirname, resolve } from "node:path";
import type { NamedResult } from "../../results/answers.ts";
import { keptPage } from "../../serve/kept_page.ts";
import { MAX_LISTED, MAX_LOOKED_AT } from "../../serve/limits.ts";
import type { ListedRun, Results, Wanted } from "../../serve/results.ts";
import { gather } from "../input/gather.ts";
import { documentFiles, readBounded, readDocuments } from "../read_documents.ts";
import { type DocumentFacts, factsOf } from "./document_facts.ts";

interface Listed extends ListedRun, Pick<DocumentFacts, "kind"> {
  path: string;
  /** What its file is called in the list. */
  label: string;
}

/** Files that are looked into at the same time. */
const AT_ONCE = 32;

/** See the module. Only what was listed can be read: an address holds a run's number and never a path. */
export class FolderResults implements Results {
  /** Beginnings that have been read, by path, number, size and time of their file. */
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
    let heads: Promise<Listed | null>[] = [];
    const take = async () => {
      for (const listed of await Promise.all(heads)) if (listed !== null) found.set(listed.id, listed);
      heads = [];
    };
    let lookedAt = 0;
    for await (const { file, label } of documentFiles(this.paths)) {
      if (found.size >= MAX_LISTED || ++lookedAt > MAX_LOOKED_AT) break;
      heads.push(this.#headOf(file, label));
      if (heads.length === AT_ONCE) await take();
    }
    await take();
    this.#listed = found;
    return [...found.values()].sort((a, b) => a.started < b.started ? 1 : a.started > b.started ? -1 : 0);
  }

  async has(id: string): Promise<boolean> {
    return await this.#get(id) !== null;
  }

  async read(id: string): Promise<NamedResult | null> {
    const listed = await this.#get(id);
    if (listed === null || !listed.single) return null;
    const { path, name } = listed;
    for await (const result of readDocuments([path])) {
      if ("document" in result && result.document.run.id === id) {
        return { file: name, document: result.document };
      }
    }
    return null;
  }

  async page(id: string): Promise<string | null> {
    const listed = await this.#get(id);
    if (listed === null || listed.single) return null;
    const { path, name, kind } = listed;
    if (kind === "whole") return await keptPage(await readBounded(path), name);
    const model = await gather([dirname(path)], name);
    // Of a sweep that has just begun there is nothing to be seen.
    return model.points.length === 0
      ? null
      : (await import("../../results/report/html.ts")).reportHtml(model);
  }

  /** Where it is now: another run may have come into its file since the list was made. */
  async #get(id: string): Promise<Listed | null> {
    const listed = this.#listed.get(id);
    if (listed !== undefined && (await this.#headOf(listed.path, listed.label))?.id === id) return listed;
    await this.#look();
    return this.#listed.get(id) ?? null;
  }

  async #headOf(path: string, label: string): Promise<Listed | null> {
    try {
      const { ino, size, mtime, isFile } = await Deno.stat(path);
      if (!isFile) return null;
      const key = `${path} ${ino} ${size} ${mtime?.getTime()}`;
      const known = this.#heads.get(key);
      if (known !== undefined) return known;
      const facts = await factsOf(path);
      const listed = facts === null ? null : listedOf(facts, path, label);
      if (this.#heads.size > 2 * MAX_LOOKED_AT) this.#heads.clear();
      this.#heads.set(key, listed);
      return listed;
    } catch {
      return null; // gone, or not to be read: it is no result then
    }
  }
}

function listedOf({ kind, what, id, started, verdict }: DocumentFacts, path: string, label: string): Listed {
  // The file of a sweep has the same name in each folder.
  const name = kind === "folder" ? basename(dirname(resolve(path))) : label;
  return {
    id,
    name: what === null ? name : `${name} (${what})`,
    started,
    verdict,
    labels: {},
    series: [],
    single: kind === "result",
    kind,
    path,
    label,
  };
}
