/**
 * The tables of a history, how a file comes to have them, and opening one.
 *
 * @module
 */

import { DatabaseSync } from "node:sqlite";
import { HistoryError, wording } from "./history_error.ts";

/** "IPBH": tells a history from other SQLite files (`PRAGMA application_id`). */
const APPLICATION_ID = 0x49504248;
/** How long is waited for another process that writes, in milliseconds. */
const BUSY_MS = 10_000;
/** Memory for pages, in KiB. */
const CACHE_KIB = 16_384;

/**
 * What brings a file from each version to the next; the number of them is the version (`PRAGMA user_version`). They are
 * only ever appended to.
 */
const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE runs (
    n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, test TEXT NOT NULL,
    started TEXT NOT NULL, ended TEXT NOT NULL, verdict TEXT NOT NULL, failed INTEGER NOT NULL,
    version TEXT NOT NULL, batch TEXT, commit_id TEXT, tag TEXT, dirty INTEGER NOT NULL, note TEXT
  ) STRICT;
  CREATE INDEX runs_started ON runs (started);
  CREATE TABLE documents (
    run INTEGER PRIMARY KEY REFERENCES runs (n) ON DELETE CASCADE, bytes INTEGER NOT NULL, body BLOB NOT NULL
  ) STRICT;
  CREATE TABLE series (
    n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, family TEXT NOT NULL, kind TEXT NOT NULL, test TEXT NOT NULL,
    class TEXT, args TEXT NOT NULL, load TEXT NOT NULL, load_bps REAL, testers TEXT NOT NULL, targets TEXT NOT NULL
  ) STRICT;
  CREATE TABLE points (
    n INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES runs (n) ON DELETE CASCADE,
    series INTEGER NOT NULL REFERENCES series (n), verdict TEXT NOT NULL, figures TEXT NOT NULL
  ) STRICT;
  CREATE INDEX points_run ON points (run);
  CREATE INDEX points_series ON points (series);
  CREATE TABLE labels (
    run INTEGER NOT NULL REFERENCES runs (n) ON DELETE CASCADE, name TEXT NOT NULL, value TEXT NOT NULL,
    PRIMARY KEY (run, name)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX labels_value ON labels (name, value);
  CREATE TABLE metrics (
    name TEXT PRIMARY KEY, label TEXT NOT NULL, unit TEXT NOT NULL, worse TEXT, scale TEXT NOT NULL, kind TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE acks (
    series INTEGER NOT NULL REFERENCES series (n) ON DELETE CASCADE, metric TEXT NOT NULL,
    run INTEGER NOT NULL REFERENCES runs (n) ON DELETE CASCADE, made TEXT NOT NULL, reason TEXT NOT NULL,
    PRIMARY KEY (series, metric, run)
  ) STRICT, WITHOUT ROWID;
  `,
  // Documents that are there stay as they are: texts.
  `
  CREATE TABLE bases (n INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;
  ALTER TABLE documents ADD COLUMN base INTEGER REFERENCES bases (n);
  CREATE INDEX documents_base ON documents (base);
  CREATE INDEX series_family ON series (family);
  `,
];
/** From this version on documents may have a base. */
export const BASES_VERSION = 2;

/**
 * Opens a history.
 *
 * @param path Its file; its folder has to exist.
 * @param write Make the file where there is none, and bring an older one up to date. Otherwise it is only read.
 * @throws {HistoryError} when it is absent, newer, damaged or something else.
 */
export function openDatabase(path: string, write: boolean): DatabaseSync {
  if (write || !isAtRest(path)) return open(path, write, path);
  try {
    return open(path, write, path);
  } catch (error) {
    if (!(error instanceof HistoryError && error.code === "failed")) throw error;
    // In a folder that is read-only SQLite cannot make the file with which readers and writers agree; here nobody writes.
    return open(path, write, new URL(`${toFileUrl(path)}?immutable=1`));
  }
}

function open(path: string, write: boolean, place: string | URL): DatabaseSync {
  const database = wording(path, () => new DatabaseSync(place, { readOnly: !write }));
  try {
    return wording(path, () => {
      database.exec(`PRAGMA busy_timeout = ${BUSY_MS}; PRAGMA cache_size = -${CACHE_KIB}`);
      check(path, database, write);
      if (write) prepare(path, database);
      return database;
    });
  } catch (error) {
    database.close();
    throw error;
  }
}

/** Whether all that was written is in the file itself. */
function isAtRest(path: string): boolean {
  try {
    return Deno.statSync(`${path}-wal`).size === 0;
  } catch (error) {
    return error instanceof Deno.errors.NotFound;
  }
}

/** The file's address, in which `?`, `#` and `%` of its name are no part of an address. */
function toFileUrl(path: string): string {
  const whole = path.startsWith("/") ? path : `${Deno.cwd()}/${path}`;
  return `file://${whole.split("/").map(encodeURIComponent).join("/")}`;
}

/** Refuses what this version cannot read. */
function check(path: string, database: DatabaseSync, write: boolean): void {
  const version = pragma(database, "user_version");
  const application = pragma(database, "application_id");
  const empty = database.prepare("SELECT count(*) AS n FROM sqlite_schema").get()?.["n"] === 0;
  if (!empty && application !== APPLICATION_ID) {
    throw new HistoryError("foreign", `${path} is no history of ipbench; name another file`);
  }
  if (empty && !write) {
    throw new HistoryError(
      "absent",
      `there is no history in ${path} yet; runs make it, or "ipbench history import"`,
    );
  }
  if (version > MIGRATIONS.length) {
    throw new HistoryError(
      "newer",
      `the history ${path} was written by a newer ipbench (format ${version}; this one knows up to ` +
        `${MIGRATIONS.length}): use that version, or name another file with --history`,
    );
  }
}

/** Settings of one who writes, and the tables. */
function prepare(path: string, database: DatabaseSync): void {
  // A file system without shared memory keeps another journal; everything else is the same there.
  database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON");
  if (pragma(database, "user_version") === MIGRATIONS.length) return;
  database.exec("BEGIN IMMEDIATE");
  try {
    // Another process may have been faster.
    const version = pragma(database, "user_version");
    if (version > 0) mustBeWhole(path, database);
    for (const migration of MIGRATIONS.slice(version)) database.exec(migration);
    database.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${MIGRATIONS.length}`);
    database.exec("COMMIT");
  } catch (error) {
    rollBack(database);
    throw error;
  }
}

/**
 * Checks a whole file, which takes a second for some hundred megabytes.
 *
 * @throws {HistoryError} when it is damaged.
 */
export function mustBeWhole(path: string, database: DatabaseSync): void {
  const rows = wording(path, () => database.prepare("PRAGMA integrity_check(3)").all());
  const found = rows.map((row) => String(row["integrity_check"])).filter((text) => text !== "ok");
  const orphans = wording(path, () => database.prepare("PRAGMA foreign_key_check").all());
  if (orphans.length > 0) found.push(`${orphans.length} rows that belong to nothing`);
  if (found.length === 0) return;
  throw new HistoryError(
    "damaged",
    `the history ${path} is damaged (${
      found.join("; ").slice(0, 300)
    }); move it away and import the documents again`,
  );
}

/** Ends a transaction without a trace; a full disk may have ended it already. */
export function rollBack(database: DatabaseSync): void {
  try {
    database.exec("ROLLBACK");
  } catch {
    // There is none any more; what went wrong before is what is reported.
  }
}

/** The version of an open file's tables: of one that is only read it may be an older one. */
export function versionOf(database: DatabaseSync): number {
  return pragma(database, "user_version");
}

function pragma(database: DatabaseSync, name: string): number {
  return Number(database.prepare(`PRAGMA ${name}`).get()?.[name] ?? 0);
}
