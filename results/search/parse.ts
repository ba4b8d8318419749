/**
 * Reads documents of searches from files, checked, and gives what is made of them: table, page, charts, rows.
 *
 * @module
 */

import * as v from "valibot";
import type { Chart } from "../report/chart.ts";
import type { Section } from "../report/html.ts";
import { SEARCH_FORMAT } from "./document.ts";
import { frameCharts } from "./frame_charts.ts";
import { searchCharts } from "./load_charts.ts";
import { searchPage, searchRows } from "./page.ts";
import { RFC2544_FORMAT } from "./rfc2544_document.ts";
import { rfc2544Page, rfc2544Rows } from "./rfc2544_page.ts";
import { rfc2544Table } from "./rfc2544_table.ts";
import { shownRfc2544, shownSearch } from "./shown.ts";
import { searchTable } from "./table.ts";

/** What a document of a search can be shown as. */
export interface SearchViews {
  /** As it was printed when the search ended. */
  table: (width: number) => string;
  /** One HTML page; `more`: sections about the trials. */
  page: (title: string, more: readonly Section[]) => string;
  charts: () => Chart[];
  /** A header and rows. */
  rows: () => (string | number | boolean | null)[][];
}

/**
 * Reads the document of a search, or of RFC 2544's benchmarks.
 *
 * @param json The document.
 * @returns `null` when this is the document of no search.
 * @throws {TypeError} when it is damaged, naming the first key that is wrong.
 */
export function viewsOfSearch(json: string): SearchViews | null {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return null; // whoever reads it as something else reports what is wrong
  }
  const format = typeof value === "object" && value !== null && "format" in value ? value.format : null;
  if (format === SEARCH_FORMAT) {
    const document = checked(shownSearch, value);
    return {
      table: (width) => searchTable(document, width),
      page: (title, more) => searchPage(document, title, more),
      charts: () => searchCharts(document),
      rows: () => searchRows(document),
    };
  }
  if (format === RFC2544_FORMAT) {
    const document = checked(shownRfc2544, value);
    return {
      table: (width) => rfc2544Table(document, width),
      page: (title, more) => rfc2544Page(document, title, more),
      charts: () => frameCharts(document),
      rows: () => rfc2544Rows(document),
    };
  }
  return null;
}

function checked<T>(schema: v.GenericSchema<unknown, T>, value: unknown): T {
  const result = v.safeParse(schema, value, { abortEarly: true });
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw new TypeError(`${v.getDotPath(issue) ?? "it"}: ${issue.message}`);
}
