/**
 * Runs and series as the tables of a history give them, and which of them are wanted.
 *
 * @module
 */

import type { SQLInputValue, SQLOutputValue } from "node:sqlite";
import type { Verdict } from "../results/document/document.ts";
import type { Identity, Machine } from "./identity.ts";

/** What a run is, in lists and when it is put in. */
export interface RunHead {
  /** As its document has it. */
  id: string;
  kind: Identity["kind"];
  test: string;
  /** ISO 8601, UTC. */
  started: string;
  ended: string;
  verdict: Verdict;
  failed: boolean;
  /** Of the ipbench that measured. */
  version: string;
}

/** A run as lists show it. */
export interface RunEntry extends RunHead {
  batch: string | null;
  commit: string | null;
  tag: string | null;
  /** Whether the working folder had changes that are in no commit. */
  dirty: boolean;
  note: string | null;
  labels: Record<string, string>;
  /** Numbers of its series, one for each class. */
  series: string[];
}

/** Which runs are wanted. */
export interface RunFilter {
  /** Number of a run or the beginning of it. */
  id?: string | undefined;
  series?: string | undefined;
  test?: string | undefined;
  verdict?: Verdict | undefined;
  labels?: Record<string, string> | undefined;
  /** A text that occurs in the run's number, test, commit, tag, note or labels. */
  text?: string | undefined;
  /** The newest so many. */
  limit?: number | undefined;
  offset?: number | undefined;
}

/** A series as lists show it. */
export interface SeriesEntry extends Omit<Identity, "kind"> {
  /** Ten hexadecimal digits. */
  id: string;
  /** Alike for series that differ in their load alone. */
  family: string;
  kind: Identity["kind"];
  loadBps: number | null;
  runs: number;
  /** When its first and last run began. */
  first: string;
  last: string;
}

/** One run of a series. */
export interface SeriesRun
  extends Omit<RunEntry, "series" | "test" | "kind" | "ended" | "version" | "failed"> {
  figures: Record<string, number>;
}

/** A change that somebody has accepted. */
export interface Ack {
  series: string;
  metric: string;
  /** The first run after the change, and when it began. */
  run: string;
  started: string;
  made: string;
  reason: string;
}

/** A row of any table. */
export type Row = Record<string, SQLOutputValue>;

/** The condition of a filter, and its values. */
export function conditions(filter: RunFilter): { where: string; values: SQLInputValue[] } {
  const parts: string[] = [];
  const values: SQLInputValue[] = [];
  const add = (sql: string, ...own: SQLInputValue[]) => {
    parts.push(sql);
    values.push(...own);
  };
  if (filter.id !== undefined) add("runs.id LIKE ? ESCAPE '\\'", `${likeText(filter.id)}%`);
  if (filter.test !== undefined) add("runs.test = ?", filter.test);
  if (filter.verdict !== undefined) add("runs.verdict = ?", filter.verdict);
  if (filter.series !== undefined) {
    add(
      "runs.n IN (SELECT run FROM points JOIN series ON series.n = points.series WHERE series.id = ?)",
      filter.series,
    );
  }
  for (const [name, value] of Object.entries(filter.labels ?? {})) {
    add("runs.n IN (SELECT run FROM labels WHERE name = ? AND value = ?)", name, value);
  }
  if (filter.text !== undefined) {
    const like = `%${likeText(filter.text)}%`;
    const columns = ["id", "test", "commit_id", "tag", "note"].map((name) =>
      `runs.${name} LIKE ?1 ESCAPE '\\'`
    );
    const sql = `(${
      columns.join(" OR ")
    } OR runs.n IN (SELECT run FROM labels WHERE value LIKE ?1 ESCAPE '\\'))`;
    add(sql.replaceAll("?1", "?"), ...Array.from({ length: columns.length + 1 }, () => like));
  }
  return { where: parts.length === 0 ? "" : `WHERE ${parts.join(" AND ")}`, values };
}

/** A text that `LIKE … ESCAPE '\'` takes literally. */
export function likeText(text: string): string {
  return text.replaceAll(/[\\%_]/g, "\\$&");
}

function text(row: Row, name: string): string {
  return String(row[name]);
}

function optional(row: Row, name: string): string | null {
  const value = row[name];
  return value === null || value === undefined ? null : String(value);
}

export function runOf(row: Row): Omit<RunEntry, "series"> {
  return {
    id: text(row, "id"),
    kind: text(row, "kind") as Identity["kind"],
    test: text(row, "test"),
    started: text(row, "started"),
    ended: text(row, "ended"),
    verdict: text(row, "verdict") as Verdict,
    failed: row["failed"] === 1,
    version: text(row, "version"),
    batch: optional(row, "batch"),
    commit: optional(row, "commit_id"),
    tag: optional(row, "tag"),
    dirty: row["dirty"] === 1,
    note: optional(row, "note"),
    labels: JSON.parse(text(row, "labels")),
  };
}

export function loadOf(row: Row): Pick<SeriesEntry, "loadBps" | "load"> {
  return {
    load: JSON.parse(text(row, "load")),
    loadBps: row["load_bps"] === null ? null : Number(row["load_bps"]),
  };
}

export function seriesOf(row: Row): SeriesEntry {
  const json = <T>(name: string): T => JSON.parse(text(row, name));
  return {
    id: text(row, "id"),
    family: text(row, "family"),
    kind: text(row, "kind") as Identity["kind"],
    test: text(row, "test"),
    class: optional(row, "class"),
    args: json("args"),
    ...loadOf(row),
    testers: json<Machine[]>("testers"),
    targets: json<Machine[]>("targets"),
    runs: Number(row["runs"]),
    first: text(row, "first"),
    last: text(row, "last"),
  };
}
