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

/** One row, with its newline. */
export function csvRow(fields: readonly (string | number | boolean | null | undefined)[]): string {
  return `${fields.map(csvField).join(",")}\n`;
}

/**
 * What to append to a CSV file so that it holds one more row of a run, after the header when the
 * file is new and the header is known.
 *
 * @param row One line without its newline, as `csvLine` makes it.
 * @param header Names of the columns, or `null` when the plugins do not tell.
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
