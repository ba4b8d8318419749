/**
 * Keeping what has come in: the document through a temporary file and a rename, and while the run goes on a journal
 * beside it, so that a run that dies leaves what it had.
 *
 * The journal is `FILE.journal`: one JSON text a line. The first is the document as it was when the run began, each
 * further one what came in since for a client or a target. A line that was cut short by a crash is the last one.
 *
 * A journal that another run has left is never written over: it is renamed, with the run's number in its name.
 *
 * @module
 */

import type { ClientResult, ResultDocument, TargetResult } from "../results/document.ts";
import { totalMetrics } from "../results/metrics.ts";
import { parseDocument } from "../results/parse.ts";
import { judge } from "../results/verdict.ts";
import { writeFileAtomic } from "./atomic_file.ts";
import { asidePath, isUnfinished, journalPath, runIdOf } from "./journal.ts";
import { Merger } from "./totals.ts";

/** Largest journal that is read, in bytes. */
const JOURNAL_LIMIT = 512 * 1024 * 1024;

type Entry = { client: number; part: Partial<ClientResult> } | {
  target: number;
  part: Partial<TargetResult>;
};

/** Writes one run's document and its journal. */
export class DocumentSaver {
  readonly #journalPath: string;
  #journal: Deno.FsFile | null = null;
  #clients: ClientResult[] = [];
  #targets: TargetResult[] = [];
  #pending: Entry[] = [];
  #writing: Promise<void> | null = null;

  /**
   * @param path where the document goes
   * @param tell gets a sentence when the journal of an earlier run that died was in the way
   */
  constructor(readonly path: string, readonly tell: (sentence: string) => void = () => {}) {
    this.#journalPath = journalPath(path);
  }

  /**
   * Puts what is new since the last call into the journal, on disk.
   *
   * @param document the run's document as it is
   * @throws {Error} when it cannot be written
   */
  async update(document: ResultDocument): Promise<void> {
    this.#journal ??= await this.#begin(document);
    for (const client of renewed(this.#clients, document.clients)) {
      const part = document.clients[client]!;
      this.#pending.push({ client, part: changed(part, this.#clients[client]) });
      this.#clients[client] = part;
    }
    for (const target of renewed(this.#targets, document.targets)) {
      const part = document.targets[target]!;
      this.#pending.push({ target, part: changed(part, this.#targets[target]) });
      this.#targets[target] = part;
    }
    // Those that come while one is being written go together with the next.
    while (this.#pending.length > 0) {
      if (this.#writing === null) {
        this.#writing = this.#flush().finally(() => {
          this.#writing = null;
        });
      }
      await this.#writing;
    }
  }

  /**
   * Writes the whole document and removes the journal.
   *
   * @param document the finished document
   * @throws {Error} when it cannot be written; the journal is kept then
   */
  async finish(document: ResultDocument): Promise<void> {
    if (this.#journal === null) await this.#setAside(document.run.id);
    await saveDocument(this.path, document);
    this.close();
    await Deno.remove(this.#journalPath).catch((error) => {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    });
  }

  /** Lets go of the journal, which stays. */
  close(): void {
    this.#journal?.close();
    this.#journal = null;
  }

  async #begin(document: ResultDocument): Promise<Deno.FsFile> {
    this.#clients = [...document.clients];
    this.#targets = [...document.targets];
    await this.#setAside(document.run.id);
    const file = await Deno.open(this.#journalPath, { write: true, create: true, truncate: true });
    await writeAll(file, JSON.stringify(document) + "\n");
    return file;
  }

  /** Renames the journal of another run that died, unless its results are in the document already. */
  async #setAside(runId: string): Promise<void> {
    const left = await runIdOf(this.#journalPath);
    // Without a number it was cut short before anything had come in.
    if (left === null || left === "" || left === runId || left === await runIdOf(this.path)) return;
    const aside = asidePath(this.path, left);
    await Deno.rename(this.#journalPath, journalPath(aside));
    this.tell(
      `${this.#journalPath} held the results of an earlier run that died; it is ${
        journalPath(aside)
      } now, and ` +
        `"ipbench recover ${aside}" makes a document of it`,
    );
  }

  async #flush(): Promise<void> {
    const entries = this.#pending;
    this.#pending = [];
    const text = entries.map((entry) => JSON.stringify(entry) + "\n").join("");
    await writeAll(this.#journal!, text);
    await this.#journal!.syncData();
  }
}

/**
 * Writes a document so that the file is either the old one or the whole new one.
 *
 * @param path where it goes
 * @param document what to write
 * @throws {Error} when it cannot be written
 */
export async function saveDocument(path: string, document: ResultDocument): Promise<void> {
  await writeFileAtomic(path, documentText(document));
}

/** What `JSON.stringify(document, null, 2)` gives, and a line end, in pieces: one for each client, one for each target. */
function* documentText(document: ResultDocument): Generator<string> {
  const text = (value: unknown, indent: string) =>
    (JSON.stringify(value, null, 2) ?? "null").replaceAll("\n", `\n${indent}`);
  let before = "{";
  for (const [key, value] of Object.entries(document)) {
    if (value === undefined) continue;
    yield `${before}\n  ${JSON.stringify(key)}: `;
    before = ",";
    if (!Array.isArray(value) || value.length === 0) yield text(value, "  ");
    else {
      for (let n = 0; n < value.length; n++) yield `${n === 0 ? "[" : ","}\n    ${text(value[n], "    ")}`;
      yield "\n  ]";
    }
  }
  yield "\n}\n";
}

/**
 * Reads what a run that died has left: its journal; or the finished document when there is no journal, or one of the same
 * run that was only not removed any more.
 *
 * @param path where the document was to go
 * @returns the document, and whether the run came to its end
 * @throws {Deno.errors.NotFound} when there is neither
 * @throws {Error} when what is there is no result
 */
export async function recoverDocument(
  path: string,
): Promise<{ document: ResultDocument; complete: boolean }> {
  if (!(await isUnfinished(path))) {
    return { document: parseDocument(await readLimited(path)), complete: true };
  }
  const lines = (await readLimited(journalPath(path))).split("\n");
  const document = parseDocument(lines[0] ?? "");
  const { clients, targets } = document;
  for (const line of lines.slice(1)) {
    const entry = parseEntry(line);
    if (entry === null) continue;
    if ("client" in entry) merge(clients, entry.client, entry.part);
    else merge(targets, entry.target, entry.part);
  }
  // Once more through the checks: the parts come from a file, too.
  return { document: judged(parseDocument(JSON.stringify(document))), complete: false };
}

/** Which of the parts are not the ones that were there. Of a thousand, two thousand times: a plain loop. */
function renewed<T>(were: readonly T[], are: readonly T[]): number[] {
  const found: number[] = [];
  for (let n = 0; n < are.length; n++) if (are[n] !== were[n]) found.push(n);
  return found;
}

/** What of a part is new; histograms that are in the journal already need not go there again. */
function changed<T extends object>(part: T, was: T | undefined): Partial<T> {
  const keys = Object.keys(part) as (keyof T)[];
  return Object.fromEntries(
    keys.filter((key) => part[key] !== was?.[key]).map((key) => [key, part[key]]),
  ) as Partial<T>;
}

function merge<T>(parts: T[], index: number, part: Partial<T>): void {
  const known = parts[index];
  if (known !== undefined) parts[index] = { ...known, ...part };
}

function judged(document: ResultDocument): ResultDocument {
  const merger = new Merger();
  const present = document.clients.filter((client) => client.peer !== null && client.error === undefined);
  for (const client of present) merger.add({ histograms: client.histograms ?? undefined });
  document.total = merger.total(present);
  document.total.metrics = totalMetrics(document.test.name, present, document.targets);
  document.run.failed = true;
  const missing = document.clients.length - present.length;
  const { verdict, reasons, details } = judge(document, {}, [{
    level: "INVALID",
    code: "recovered",
    text: `recovered from the journal of a run that died; ${missing} client(s) had not answered`,
  }]);
  Object.assign(document.run, { verdict, reasons, details });
  return document;
}

function parseEntry(line: string): Entry | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null && "part" in value ? value as Entry : null;
  } catch {
    // The last line of a journal whose writer was killed.
    return null;
  }
}

async function readLimited(path: string): Promise<string> {
  const { size } = await Deno.stat(path);
  if (size > JOURNAL_LIMIT) {
    throw new RangeError(`${path} has ${size} bytes, at most ${JOURNAL_LIMIT} are read`);
  }
  return await Deno.readTextFile(path);
}

async function writeAll(file: Deno.FsFile, text: string): Promise<void> {
  const bytes = new TextEncoder().encode(text);
  for (let done = 0; done < bytes.length;) done += await file.write(bytes.subarray(done));
}
