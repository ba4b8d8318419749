/**
 * Keeping what has come in: the document through a temporary file and a rename, and while the run goes on a journal
 * beside it, so that a run that dies leaves what it had.
 *
 * The journal is `FILE.journal`: one JSON text a line. The first is the document as it was when the run began, each
 * further one what came in since for a client or a target. A line that was cut short by a crash is the last one. The second
 * line is blank and has room for what is known at the end: how the run ended, and how many lines there are. It is written
 * over when the run has ended, which needs no more space on a disk that has become full.
 *
 * A journal that another run has left is never written over: it is renamed, with the run's number in its name.
 *
 * @module
 */

import type {
  ClassResult,
  ClientResult,
  ResultDocument,
  TargetResult,
} from "../../results/document/document.ts";
import { parseDocument } from "../../results/document/parse.ts";
import { writeFileAtomic, writePieces } from "./atomic_file.ts";
import { asidePath, isRegular, isUnfinished, journalPath, runIdOf } from "./journal.ts";
import { isSame, jsonOf } from "./kept_parts.ts";
import { openOwnFile } from "./place.ts";
import { joinForwarded } from "../outcome/forwarded.ts";
import { judgeRun, sumUp } from "../outcome/sums.ts";
import { Merger } from "../outcome/totals.ts";

/** Largest journal that is read, in bytes. */
const JOURNAL_LIMIT = 512 * 1024 * 1024;

/** Room for the end of a run, in bytes: its verdict with reasons, and its row. */
const END_BYTES = 64 * 1024;

/** How a run ended, for who has its journal alone. */
interface End {
  /** Lines for clients and targets that the journal holds when nothing is missing. */
  entries: number;
  run: ResultDocument["run"];
  csv: string;
  csv_header: string | null;
  /** Of each class what cannot be summed up again. */
  classes?: Pick<ClassResult, "csv" | "csv_header" | "defaults" | "verdict" | "reasons">[];
}

/** How deep objects are written member by member: the document, `run`, what is in it. */
const PIECED_DEPTH = 3;

type Entry = { end: End } | { client: number; part: Partial<ClientResult> } | {
  target: number;
  part: Partial<TargetResult>;
};

/** A part that has changed, and what the journal has of it. */
type Change =
  & { n: number }
  & (
    | { role: "client"; part: ClientResult; was: ClientResult | undefined }
    | { role: "target"; part: TargetResult; was: TargetResult | undefined }
  );

/** Writes one run's document and its journal. */
export class DocumentSaver {
  readonly #journalPath: string;
  #journal: Deno.FsFile | null = null;
  #opening: Promise<Deno.FsFile> | null = null;
  #clients: ClientResult[] = [];
  #targets: TargetResult[] = [];
  /** How often it was called for, and how many of these calls have had their parts written. */
  #asked = 0;
  #served = 0;
  #writing: Promise<void> | null = null;
  /** Where in the journal the room for the end is. */
  #endAt = 0;
  #entries = 0;

  /**
   * @param path where the document goes
   * @param warn receives a sentence when the journal of an earlier run that died was in the way
   */
  constructor(readonly path: string, readonly warn: (sentence: string) => void = () => {}) {
    this.#journalPath = journalPath(path);
  }

  /**
   * Puts what is new since the last call into the journal, on disk.
   *
   * @param document the run's document as it is
   * @throws {Error} when it cannot be written
   */
  async update(document: ResultDocument): Promise<void> {
    this.#opening ??= this.#begin(document);
    this.#journal = await this.#opening;
    await this.#append(document);
  }

  async #append(document: ResultDocument): Promise<void> {
    const own = ++this.#asked;
    // Those that come while one is being written are looked for, and written, together with the next.
    while (this.#served < own) {
      if (this.#writing === null) {
        const asked = this.#asked;
        this.#writing = this.#flush(this.#changes(document)).then(() => {
          this.#served = asked;
        }).finally(() => {
          this.#writing = null;
        });
      }
      await this.#writing;
    }
  }

  /** What is new since the last call. */
  #changes(document: ResultDocument): Change[] {
    const found: Change[] = [];
    for (const n of renewed(this.#clients, document.clients)) {
      const part = document.clients[n]!;
      found.push({ role: "client", n, part, was: this.#clients[n] });
      this.#clients[n] = part;
    }
    for (const n of renewed(this.#targets, document.targets)) {
      const part = document.targets[n]!;
      found.push({ role: "target", n, part, was: this.#targets[n] });
      this.#targets[n] = part;
    }
    return found;
  }

  /**
   * Writes the whole document and removes the journal.
   *
   * @param document the finished document
   * @throws {Error} when it cannot be written; the journal is kept then
   */
  async finish(document: ResultDocument): Promise<void> {
    if (this.#journal === null) await this.#setAside(document.run.id);
    else await this.#writeEnd(document).catch(() => {}); // The document, when it can be written, makes the journal needless.
    await saveDocument(this.path, document);
    this.close();
    if (await isRegular(this.#journalPath)) await Deno.remove(this.#journalPath);
  }

  /** Lets go of the journal, which stays. */
  close(): void {
    this.#journal?.close();
    this.#journal = null;
    this.#opening = null;
  }

  async #begin(document: ResultDocument): Promise<Deno.FsFile> {
    this.#clients = [...document.clients];
    this.#targets = [...document.targets];
    await this.#setAside(document.run.id);
    const file = await openOwnFile(this.#journalPath);
    try {
      await file.truncate();
      this.#endAt = await writePieces(file, [JSON.stringify(document), "\n"]);
      await writePieces(file, `${" ".repeat(END_BYTES - 1)}\n`);
      return file;
    } catch (error) {
      file.close();
      throw error;
    }
  }

  /** What came last, and how the run ended. */
  async #writeEnd(document: ResultDocument): Promise<void> {
    const file = this.#journal!;
    await this.#append(document);
    const { run, csv, csv_header = null, classes } = document;
    const end: End = {
      entries: this.#entries,
      run,
      csv,
      csv_header,
      ...classes !== undefined && {
        classes: classes.map(({ csv, csv_header, defaults, verdict, reasons }) => ({
          csv,
          csv_header: csv_header ?? null,
          verdict,
          reasons,
          ...defaults !== undefined && { defaults },
        })),
      },
    };
    const text = JSON.stringify({ end });
    if (new TextEncoder().encode(text).length >= END_BYTES) {
      await writePieces(file, [text, "\n"]);
      return;
    }
    await file.seek(this.#endAt, Deno.SeekMode.Start);
    await writePieces(file, text);
    await file.syncData();
  }

  /** Renames the journal of another run that died, unless its results are in the document already. */
  async #setAside(runId: string): Promise<void> {
    const left = await runIdOf(this.#journalPath);
    // Without a number it was cut short before anything had come in.
    if (left === null || left === "" || left === runId || left === await runIdOf(this.path)) return;
    if (await isEmptyJournal(this.#journalPath)) return; // there is nothing in it to keep
    const aside = asidePath(this.path, left);
    await Deno.rename(this.#journalPath, journalPath(aside));
    this.warn(
      `${this.#journalPath} held the results of an earlier run that died; it is ${
        journalPath(aside)
      } now, and ` +
        `"ipbench recover ${aside}" makes a document of it`,
    );
  }

  async #flush(changes: readonly Change[]): Promise<void> {
    if (changes.length === 0) return;
    this.#entries += changes.length; // Also when it fails: then it is seen that some are missing.
    await writePieces(this.#journal!, changes.values().map(lineOf));
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

/**
 * What `JSON.stringify(document, null, 2)` gives, and a line end, in pieces: one for each client, each reason, and so on.
 *
 * @param document the document
 */
export function* documentText(document: ResultDocument): Generator<string> {
  yield* pieces(document, "\n", PIECED_DEPTH);
  yield "\n";
}

/** A value as JSON; its lists element by element, and objects down to a depth member by member. */
function* pieces(value: unknown, line: string, depth: number): Generator<string> {
  const inner = `${line}  `;
  const text = (part: unknown) => (JSON.stringify(part, null, 2) ?? "null").replaceAll("\n", inner);
  if (depth === 0 || typeof value !== "object" || value === null) {
    yield (JSON.stringify(value, null, 2) ?? "null").replaceAll("\n", line);
  } else if (Array.isArray(value)) {
    for (let n = 0; n < value.length; n++) yield `${n === 0 ? "[" : ","}${inner}${text(value[n])}`;
    yield value.length === 0 ? "[]" : `${line}]`;
  } else {
    let before = "{";
    for (const key of Object.keys(value)) {
      const member = (value as Record<string, unknown>)[key];
      if (member === undefined) continue;
      yield `${before}${inner}${JSON.stringify(key)}: `;
      yield* pieces(member, inner, depth - 1);
      before = ",";
    }
    yield before === "{" ? "{}" : `${line}}`;
  }
}

/**
 * Reads what a run that died has left: its journal; or the finished document when there is no journal, or one of the same
 * run that was only not removed any more.
 *
 * @param path where the document was to go
 * @returns the document; whether the run came to its end; and whether anything had come in
 * @throws {Deno.errors.NotFound} when there is neither
 * @throws {Error} when what is there is no result
 */
export async function recoverDocument(
  path: string,
): Promise<{ document: ResultDocument; complete: boolean; came: boolean }> {
  if (!(await isUnfinished(path))) {
    return { document: parseDocument(await readLimited(path)), complete: true, came: true };
  }
  const lines = (await readLimited(journalPath(path))).split("\n");
  const document = parseDocument(lines[0] ?? "");
  const { clients, targets } = document;
  let end: End | null = null, entries = 0;
  for (const line of lines.slice(1)) {
    const entry = parseEntry(line);
    if (entry === null) continue;
    if ("end" in entry) {
      end = entry.end;
      continue;
    }
    entries++;
    if ("client" in entry) merge(clients, entry.client, entry.part);
    else merge(targets, entry.target, entry.part);
  }
  const whole = end !== null && end.entries === entries;
  if (whole) {
    Object.assign(document, { run: end!.run, csv: end!.csv, csv_header: end!.csv_header });
    const ends = end!.classes ?? [];
    document.classes?.forEach((part, n) => Object.assign(part, ends[n]));
  }
  // Once more through the checks: the parts come from a file, too.
  const checked = parseDocument(JSON.stringify(document));
  const came = whole || entries > 0 || present(document).length > 0;
  return { document: whole ? summed(checked) : judged(checked), complete: false, came };
}

/** Whether nothing had come in when the run died that left the journal. */
async function isEmptyJournal(path: string): Promise<boolean> {
  const [first = "", ...lines] = (await readLimited(path)).split("\n");
  return lines.every((line) => parseEntry(line) === null) && present(parseDocument(first)).length === 0;
}

/** Which of the parts are not the ones that were there. Of a thousand, two thousand times: a plain loop. */
function renewed<T>(were: readonly T[], are: readonly T[]): number[] {
  const found: number[] = [];
  for (let n = 0; n < are.length; n++) if (are[n] !== were[n]) found.push(n);
  return found;
}

/** The journal's line for what of a part is new; histograms that are there already need not go there again. */
function lineOf({ role, n, part, was }: Change): string {
  const keys = (Object.keys(part) as (keyof typeof part)[]).filter((key) => !isSame(key, part, was));
  const fields = keys.flatMap((key) => {
    const json = jsonOf(part, key);
    return json === undefined ? [] : [`${JSON.stringify(key)}:${json}`];
  });
  return `{"${role}":${n},"part":{${fields.join(",")}}}\n`;
}

function merge<T>(parts: T[], index: number, part: Partial<T>): void {
  const known = parts[index];
  if (known !== undefined) parts[index] = { ...known, ...part };
}

/** Clients whose results are there. */
function present({ clients }: ResultDocument): ClientResult[] {
  return clients.filter((client) => client.peer !== null && client.error === undefined);
}

/** The document of a run that ended, its verdict as it was. */
function summed(document: ResultDocument): ResultDocument {
  joinForwarded(document, () => null); // what was known of the clocks died with the run
  const clients = present(document);
  sumUp(document, clients, (name) => {
    const merger = new Merger();
    for (const client of clients) {
      if (name !== "" && client.class !== name) continue;
      merger.add({ histograms: client.histograms ?? undefined });
      merger.addOneWay(client.histograms);
    }
    return merger;
  });
  return document;
}

function judged(document: ResultDocument): ResultDocument {
  summed(document);
  document.run.failed = true;
  const missing = document.clients.length - present(document).length;
  judgeRun(document, [{
    level: "INVALID",
    code: "recovered",
    text: `recovered from the journal of a run that died; ${missing} client(s) had not answered`,
  }]);
  return document;
}

function parseEntry(line: string): Entry | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null && ("part" in value || "end" in value)
      ? value as Entry
      : null;
  } catch {
    // The last line of a journal whose writer was killed.
    return null;
  }
}

async function readLimited(path: string): Promise<string> {
  const { size, isFile } = await Deno.stat(path);
  if (!isFile) throw new TypeError(`${path} is no regular file`);
  if (size > JOURNAL_LIMIT) {
    throw new RangeError(`${path} has ${size} bytes, at most ${JOURNAL_LIMIT} are read`);
  }
  return await Deno.readTextFile(path);
}
