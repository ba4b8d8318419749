/**
 * Reads a result document from text that may come from anywhere.
 *
 * @module
 */
import * as v from "valibot";
import { document, RESULT_FORMAT, type ResultDocument } from "./document.ts";
import { describeIssue } from "./schema.ts";

/** Longest text that is parsed, in characters: 10,000 clients with their histograms and environments; V8 has no text of 512 MiB. */
export const DOCUMENT_TEXT_LIMIT = 500 * 1024 * 1024;
/** Deepest nesting of objects and lists. */
const DOCUMENT_DEPTH_LIMIT = 64;

/** A text that is not a result document. The message names the key. */
export class DocumentError extends Error {
  override name = "DocumentError";
}

/**
 * Reads one result document.
 *
 * @param source JSON text.
 * @returns the document; keys that are not known here are kept.
 * @throws {DocumentError} when the text is too long, not JSON (truncated, say), of another format version, nested too
 *   deep, or has a key that is not what the contract allows, which is then named.
 */
export function parseDocument(source: string): ResultDocument {
  if (source.length > DOCUMENT_TEXT_LIMIT) {
    throw new DocumentError(
      `${source.length} characters; a result document has at most ${DOCUMENT_TEXT_LIMIT}`,
    );
  }
  const json = parseJson(source);
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    throw new DocumentError("not a result document: expected a JSON object");
  }
  const format = (json as { format?: unknown }).format;
  if (format !== RESULT_FORMAT) throw new DocumentError(describeFormat(format));
  checkDepth(json);
  const checked = v.safeParse(document, json, { abortEarly: true });
  if (!checked.success) throw new DocumentError(describeIssue(checked.issues));
  return checked.output;
}

function parseJson(source: string): unknown {
  try {
    return JSON.parse(source);
  } catch (cause) {
    const ended = /^\s*[{[]/.test(source.slice(0, 200)) && !/[}\]]\s*$/.test(source.slice(-200));
    const message = cause instanceof Error ? cause.message.slice(0, 200) : "";
    const what = source.trim() === ""
      ? "the file is empty"
      : ended
      ? `the text ends in the middle (truncated after ${source.length} characters?)`
      : "the text is not JSON";
    throw new DocumentError(source.trim() === "" ? what : `${what}: ${message}`, { cause });
  }
}

function describeFormat(format: unknown): string {
  if (typeof format !== "string") {
    return `not a result document: format is missing (expected "${RESULT_FORMAT}")`;
  }
  const shown = JSON.stringify(format.slice(0, 60));
  return format.startsWith("ipbench-result/")
    ? `format: this ipbench reads "${RESULT_FORMAT}", and the document is ${shown}; use the ipbench that wrote it`
    : `not a result document: format is ${shown}, expected "${RESULT_FORMAT}"`;
}

/**
 * Refuses nesting that later recursion over free parts (configuration, environment) could not stand.
 *
 * @param json What came from elsewhere.
 * @throws {DocumentError} when it is nested deeper than {@linkcode DOCUMENT_DEPTH_LIMIT}.
 */
export function checkDepth(json: object): void {
  let level: unknown[] = [json];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > DOCUMENT_DEPTH_LIMIT) {
      throw new DocumentError(`nested deeper than ${DOCUMENT_DEPTH_LIMIT} levels`);
    }
    const next: unknown[] = [];
    for (const item of level) {
      const values: unknown[] = Array.isArray(item) ? item : Object.values(item as object);
      for (const value of values) if (typeof value === "object" && value !== null) next.push(value);
    }
    level = next;
  }
}
