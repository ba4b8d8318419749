/**
 * Finds and reads result documents, one at a time, within limits.
 *
 * @module
 */
import { messageOf } from "../base/errors.ts";
import { PHASE_WORDS } from "../controller/quick/missing.ts";
import { type PhaseName, QUICK_FORMAT } from "../controller/quick/quick_document.ts";
import { isUnfinished, runIdOf } from "../controller/store/journal.ts";
import { recoverDocument } from "../controller/store/save.ts";
import type { ResultDocument } from "../results/document/document.ts";
import { DOCUMENT_TEXT_LIMIT, DocumentError, parseDocument } from "../results/document/parse.ts";
import { resultInStream } from "./stream/events.ts";
import { note } from "./terminal/io.ts";

/** Ending of what a running run, or one that died, has written so far. */
const JOURNAL = ".journal";
/** Result documents read from one folder. */
const FOLDER_LIMIT = 100_000;
/** Names examined in one folder. */
const NAMES_LIMIT = 1_000_000;
/** Folders of a folder in which its own documents may be. */
const PARTS = ["points", "trials"];
/** How deep folders within folders are looked through, and how many of them. */
const DEPTH_LIMIT = 4;
const FOLDERS_LIMIT = 10_000;
/** Other files of ours that a folder may hold beside result documents. */
const OTHER_FORMAT = /^\s*\{\s*"format"\s*:\s*"(ipbench-(?!result\/)[a-z0-9-]+\/\d+)"/;

/** point-2 stands before point-10. */
const BY_NAME = new Intl.Collator("en", { numeric: true }).compare;

/** A document, or why there is none. */
export type ReadResult = { file: string; document: ResultDocument } | { file: string; error: string };

/**
 * Reads the documents of files and folders, in the order given; of a folder every `*.json`, and those in its `points/`
 * and `trials/`, by name. Other files of ours in a folder (the index of a sweep) are passed over.
 *
 * @param paths Files and folders.
 * @returns one result a file, as it is read.
 */
export async function* readDocuments(paths: readonly string[]): AsyncGenerator<ReadResult> {
  for (const path of paths) {
    let info: Deno.FileInfo;
    try {
      info = await Deno.stat(path);
    } catch (error) {
      yield await unfinished(path) ?? { file: path, error: fileError(error) };
      continue;
    }
    if (path.endsWith(JOURNAL)) {
      const base = path.slice(0, -JOURNAL.length);
      const result = await unfinished(base);
      if (result !== null) yield result;
      else yield* await readDocument(base, base, false);
      continue;
    }
    if (!info.isDirectory) {
      const later = await unfinished(path);
      if (later !== null) {
        note(
          `ipbench: ${path}: a later run died and left ${path}${JOURNAL}, which is read instead; ` +
            `"ipbench recover ${path}" keeps both`,
        );
        yield later;
        continue;
      }
      yield* await readDocument(path, path, false);
      continue;
    }
    for await (const { file, label } of filesOf(path)) {
      if (!file.endsWith(JOURNAL)) {
        yield* await readDocument(file, label, true);
        continue;
      }
      const result = await unfinished(file.slice(0, -JOURNAL.length), label);
      if (result !== null) yield result;
    }
  }
}

/** What a run that died has left in a journal and in no document. `null`: nothing. */
async function unfinished(path: string, label = path + JOURNAL): Promise<ReadResult | null> {
  try {
    if (!(await isUnfinished(path))) return null;
    const { document, came } = await recoverDocument(path);
    if (came) return { file: label, document };
    const nothing = "of a later run no result has come in";
    if (await runIdOf(path) === null) return { file: label, error: nothing.replace("a later", "the") };
    note(`ipbench: ${path}: ${nothing}; this is the result of the run before it`);
    return null;
  } catch (error) {
    return { file: label, error: fileError(error) };
  }
}

/**
 * Lists the files that {@linkcode readDocuments} reads, and journals of runs that have not come to their end; those of folders
 * within a folder, too, such as one of each sweep.
 *
 * @param paths Files and folders.
 * @param limit Folders that are looked through at most.
 */
export async function* documentFiles(
  paths: readonly string[],
  limit = FOLDERS_LIMIT,
): AsyncGenerator<{ file: string; label: string }> {
  const folders = { left: limit };
  for (const path of paths) {
    const info = await Deno.stat(path).catch(() => null);
    if (info?.isDirectory === true) yield* filesBelow(path, "", DEPTH_LIMIT, folders);
    else yield { file: path, label: path };
  }
}

/** Files of a folder and of those in it, but not of hidden ones. */
async function* filesBelow(
  folder: string,
  prefix: string,
  depth: number,
  folders: { left: number },
): AsyncGenerator<{ file: string; label: string }> {
  if (folders.left-- <= 0) return;
  for await (const { file, label } of filesOf(folder)) yield { file, label: prefix + label };
  if (depth === 0) return;
  const names: string[] = [];
  try {
    for await (const { name, isDirectory } of Deno.readDir(folder)) {
      if (isDirectory && !name.startsWith(".") && !PARTS.includes(name)) names.push(name);
    }
  } catch {
    return; // it is gone, or not to be read, which its files have said
  }
  for (const name of names.sort(BY_NAME)) {
    yield* filesBelow(`${folder}/${name}`, `${prefix}${name}/`, depth - 1, folders);
  }
}

/** Files of a folder that may be documents, by name. */
async function* filesOf(folder: string): AsyncGenerator<{ file: string; label: string }> {
  let count = 0;
  for (const sub of ["", ...PARTS.map((name) => `${name}/`)]) {
    const names: string[] = [];
    try {
      for await (const entry of Deno.readDir(`${folder}/${sub}`)) {
        const wanted = entry.name.endsWith(".json") || entry.name.endsWith(`.json${JOURNAL}`);
        if (entry.isFile && wanted && names.length < NAMES_LIMIT) names.push(entry.name);
      }
    } catch (error) {
      if (sub !== "" && error instanceof Deno.errors.NotFound) continue;
      yield { file: `${folder}/${sub}`, label: `${folder}/${sub}` };
      continue;
    }
    for (const name of names.sort(BY_NAME)) {
      if (++count > FOLDER_LIMIT) return;
      yield { file: `${folder}/${sub}${name}`, label: `${sub}${name}` };
    }
  }
}

/**
 * Reads a file of one document, or of several: a quick look has one of each phase.
 *
 * @param inFolder A file of ours that holds no result document is passed over then.
 * @returns the documents or the error; empty when passed over.
 */
async function readDocument(file: string, label: string, inFolder: boolean): Promise<ReadResult[]> {
  try {
    const text = resultInStream(await readBounded(file));
    if (text === null) {
      return [{ file: label, error: "the events of a run that has no result: it runs still, or died" }];
    }
    const other = OTHER_FORMAT.exec(text)?.[1];
    if (other === QUICK_FORMAT) return phasesOf(text, label);
    if (other !== undefined && inFolder) return [];
    if (other !== undefined) return [{ file: label, error: `a document "${other}"; ${remedyOf(other)}` }];
    return [{ file: label, document: parseDocument(text) }];
  } catch (error) {
    if (error instanceof DocumentError) return [{ file: label, error: error.message }];
    return [{ file: label, error: fileError(error) }];
  }
}

/** The documents of a quick look, in the order of its phases. */
function phasesOf(text: string, label: string): ReadResult[] {
  const { documents } = JSON.parse(text) as { documents?: unknown };
  if (typeof documents !== "object" || documents === null) {
    throw new DocumentError("it holds no result document");
  }
  const phases = Object.entries(documents).filter(([name]) => name in PHASE_WORDS);
  return phases.map(([name, document]): ReadResult => {
    const file = `${label}, ${PHASE_WORDS[name as PhaseName]}`;
    try {
      return { file, document: parseDocument(JSON.stringify(document)) };
    } catch (error) {
      if (!(error instanceof DocumentError)) throw error;
      return { file, error: error.message };
    }
  });
}

/** Where the result documents are that belong to another document of ours. */
function remedyOf(format: string): string {
  return /^ipbench-(search|rfc2544)\//.test(format)
    ? 'give the folder of its trials, if they were kept (--out DIR); "ipbench report" draws it'
    : "give its folder, or the result documents beside it";
}

/**
 * Reads a file's text up to the limit of a document, whatever kind of file it is.
 *
 * @throws {DocumentError} when it is longer, or not UTF-8.
 */
export async function readBounded(path: string, limit = DOCUMENT_TEXT_LIMIT): Promise<string> {
  using file = await Deno.open(path, { read: true });
  const { size } = await file.stat();
  const tooLong = (length: number) =>
    new DocumentError(
      `${(length / 1e6).toFixed(0)} MB or more; a result document has at most ${(limit / 1e6).toFixed(0)} MB`,
    );
  if (size > limit) throw tooLong(size);
  let bytes = new Uint8Array(size > 0 ? size + 1 : 65_536);
  let length = 0;
  for (;;) {
    if (length === bytes.length) {
      const larger = new Uint8Array(Math.min(bytes.length * 2, limit + 1));
      larger.set(bytes);
      bytes = larger;
    }
    const read = await file.read(bytes.subarray(length));
    if (read === null) break;
    length += read;
    if (length > limit) throw tooLong(length);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(0, length));
  } catch (cause) {
    throw new DocumentError("the file is not UTF-8 text", { cause });
  }
}

function fileError(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return "no such file";
  if (error instanceof Deno.errors.PermissionDenied) return "permission denied";
  return messageOf(error);
}
