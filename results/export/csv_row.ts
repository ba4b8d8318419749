/**
 * One row out of what the plugins of a run printed, and a header of as many columns. What was printed is for stdout, where
 * lab scripts take it as it is: newlines end the client's row and each target's text, and a script that deletes them gets
 * numbers glued together. Our own files get a comma there.
 *
 * @module
 */
import type { ResultDocument } from "../document/document.ts";

/** What one plugin printed. */
export interface Printed {
  /** Its test's name. */
  test: string;
  /** Its text, with newlines and a NUL at the end as it may be. */
  text: string;
  /** Names of its columns, comma between them; `null` when it does not name them. */
  names: string | null;
}

/** What a target without an operating system sends for its CPU use: a comma, then two numbers of cycles. */
const CYCLES = /^,\d+,\d+\0?\s*$/;
const CYCLES_NAMES = ["Idle_Cycles", "Total_Cycles"];

/** The lines of one text as one; comments and empty lines are left out. */
function joined(lines: readonly string[]): string {
  let row = "";
  for (const line of lines) {
    if (line === "") continue;
    row = row === "" ? line : `${row.replace(/,$/, "")},${line.replace(/^,/, "")}`;
  }
  return row;
}

function linesOf(text: string): string[] {
  return text.split(/[\r\n\0]+/).filter((line) => !line.startsWith("#"));
}

/** A name that a plugin prints before a number, "CPU0: 99.6": in our own files the header has it. */
const LABEL = /^(\s*)[A-Za-z]\w*: (?=[-+\d.])/;

/**
 * The row of a document: the client's, then each target's, with a comma between them. A column holds a number where
 * one was printed, whatever name stood before it.
 *
 * @returns one line without a newline, empty when nothing was printed
 */
export function csvLine(document: Pick<ResultDocument, "csv" | "targets">): string {
  const texts = document.targets.map((target) => target.text ?? "");
  const all = texts.join("");
  // A text without a newline at its end is told from the next one by the document alone.
  const client = document.csv.endsWith(all)
    ? document.csv.slice(0, document.csv.length - all.length)
    : document.csv;
  const parts = client === document.csv ? [client] : [client, ...texts];
  const row = joined(parts.flatMap(linesOf));
  return row.replace(/"[^"]*"|[^,"]+/g, (field) => field.replace(LABEL, "$1"));
}

/**
 * Names for every column of a row.
 *
 * @param client what the client test printed
 * @param targets what each target's test printed
 * @returns the names, comma between them; `null` when the client test does not name its own
 */
export function csvHeader(client: Printed, targets: readonly Printed[]): string | null {
  if (client.names === null || client.names === "") return null;
  const printed = [client, ...targets].filter((part) => joined(linesOf(part.text)) !== "");
  if (printed.length === 0) return client.names;
  return printed.map((part, n) => namesOf(part, n < printed.length - 1)).join(",");
}

/**
 * The columns of one plugin's row, texts in quotes left out.
 *
 * @param text What it printed; comments and newlines are no part of the row.
 * @returns its fields, none when it printed no row
 */
export function fieldsOf(text: string): string[] {
  const row = joined(linesOf(text)).replace(/^,/, "");
  return row === "" ? [] : row.replace(/"[^"]*"/g, "").split(",");
}

function namesOf(part: Printed, isFollowed: boolean): string {
  const names = CYCLES.test(part.text)
    ? CYCLES_NAMES
    : (part.names ?? part.test).replace(/[\r\n]+/g, "").split(",");
  const fields = fieldsOf(isFollowed ? part.text.replace(/,\s*$/, "") : part.text); // with_cpu_target's comma
  return fields.map((field, n) => names[n] ?? label(field) ?? `${names.at(-1)!}_${n + 1}`).join(",");
}

/** "CPU0: 10.1" names itself. */
function label(field: string): string | null {
  return /^\s*([A-Za-z]\w*): /.exec(field)?.[1] ?? null;
}
