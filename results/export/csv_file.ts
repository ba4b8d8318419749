/**
 * Comma-separated values: fields, rows, and a row appended to a file's text with a header when the file is new.
 *
 * @module
 */

/**
 * One field, quoted where it has to be (RFC 4180). A text that a spreadsheet would run as a formula is preceded by an
 * apostrophe; numbers are left alone.
 */
export function csvField(value: string | number | boolean | null | undefined): string {
  if (value === null || value === undefined) return "";
  if (typeof value !== "string") return String(value);
  const safe = /^[=+@\t\r-]/.test(value) && !/^[+-]?[\d.]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** Digits of a figure in tables for programs: more than anything here is measured to. */
const FIGURE_DIGITS = 8;

/**
 * A figure as it stands in tables for programs. Whole numbers keep every digit.
 *
 * @param value What was computed, with the digits that a division leaves.
 * @returns the value to eight digits; what is not known stays so
 */
export function figure<T extends number | null | undefined>(value: T): T {
  if (typeof value !== "number" || Number.isInteger(value) || !Number.isFinite(value)) return value;
  // What is large keeps its whole part.
  const rounded = Math.abs(value) >= 1e6 ? value.toFixed(2) : value.toPrecision(FIGURE_DIGITS);
  return Number(rounded) as T;
}

/** One row, with its newline. */
export function csvRow(fields: readonly (string | number | boolean | null | undefined)[]): string {
  return `${fields.map(csvField).join(",")}\n`;
}

/**
 * What to append to a CSV file so that it holds one more row of a run, after the header when the
 * file is new and the header is known.
 *
 * @param row One line without its newline, as `csvLine` makes it.
 * @param header Names of the columns, or `null` when the plugins do not name them.
 * @param file `isNew`: nothing is in the file yet; `endsInNewline`: its last byte is one (an interrupted writer left it
 *   without otherwise).
 * @returns the text to append, empty when there is no row.
 */
export function csvAppend(
  row: string,
  header: string | null,
  file: { isNew: boolean; endsInNewline?: boolean },
): string {
  if (row === "") return "";
  const before = file.isNew
    ? (header === null || header === "" ? "" : `${header.replace(/[\r\n]+/g, "")}\n`)
    : file.endsInNewline === false
    ? "\n"
    : "";
  return `${before}${row}\n`;
}

/** What is going to be appended to a file. */
export interface CsvAddition {
  /** Names of its columns; `null` when the plugins do not name them. */
  header: string | null;
  /** The row, where it is known. */
  row?: string;
  /** The row may have more columns than the header names. */
  more?: boolean;
}

/**
 * Whether a row belongs into a file: rows under the header of others are numbers with wrong names.
 *
 * @param first The file's first line; "" of a new one.
 * @param addition What is going to be appended.
 * @returns What is wrong, a clause; `null` when nothing is.
 */
export function csvMismatch(first: string, { header, row, more = false }: CsvAddition): string | null {
  if (first === "") return null;
  const there = columnsOf(first);
  if (header !== null && header !== "" && !isData(there)) {
    const wanted = columnsOf(header.replace(/[\r\n]+/g, ""));
    const shared = more ? Math.min(there.length, wanted.length) : Math.max(there.length, wanted.length);
    for (let n = 0; n < shared; n++) {
      if (there[n] === wanted[n]) continue;
      const [has, needs] = [there[n] ?? "nothing", wanted[n] ?? "nothing"].map((name) => name.slice(0, 60));
      return `its header is of other rows (column ${n + 1} is ${has}, and of this run it is ${needs})`;
    }
    return null;
  }
  if (row === undefined || more) return null;
  const columns = columnsOf(row).length;
  return columns === there.length
    ? null
    : `its rows have ${there.length} columns, and this run's has ${columns}`;
}

/** Fields of a line, with commas in quotes left alone. */
function columnsOf(line: string): string[] {
  return (line.match(/(?:"(?:[^"]|"")*"|[^,"])+|(?<=,|^)(?=,|$)/g) ?? [""]).map((field) => field.trim());
}

/** Rows begin with a number, as all the original's do; names do not. */
function isData(fields: readonly string[]): boolean {
  return /^[-+.\d]/.test(fields[0] ?? "");
}
