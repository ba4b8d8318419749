/**
 * Reads documents of searches from files: as much of them as their tables show, checked.
 *
 * @module
 */

import * as v from "valibot";
import { SEARCH_FORMAT } from "./document.ts";
import { RFC2544_FORMAT } from "./rfc2544_document.ts";
import { rfc2544Table } from "./rfc2544_table.ts";
import { shownRfc2544, shownSearch } from "./shown.ts";
import { searchTable } from "./table.ts";

/**
 * The table of a search's document, as it was printed when the search ended.
 *
 * @param json The document.
 * @returns The table; `null` when this is the document of no search.
 * @throws {TypeError} when it is damaged, naming the first key that is wrong.
 */
export function tableOfSearch(json: string): string | null {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return null; // whoever reads it as something else says what is wrong
  }
  const format = typeof value === "object" && value !== null && "format" in value ? value.format : null;
  if (format === SEARCH_FORMAT) return searchTable(checked(shownSearch, value));
  if (format === RFC2544_FORMAT) return rfc2544Table(checked(shownRfc2544, value));
  return null;
}

function checked<T>(schema: v.GenericSchema<unknown, T>, value: unknown): T {
  const result = v.safeParse(schema, value, { abortEarly: true });
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw new TypeError(`${v.getDotPath(issue) ?? "it"}: ${issue.message}`);
}
