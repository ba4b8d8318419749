/**
 * A history: one file with every document, and what was measured as series.
 *
 * @module
 */

import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";
import { messageOf } from "../base/errors.ts";
import { codeDocument, documentText } from "./coding/document.ts";
import { HistoryError, wording } from "./history_error.ts";
import { type MetricInfo, type Point, seriesId } from "./identity.ts";
import {
  type Ack,
  conditions,
  likeText,
  loadOf,
  type Row,
  type RunEntry,
  type RunFilter,
  type RunHead,
  runOf,
  type SeriesEntry,
  seriesOf,
  type SeriesRun,
} from "./rows.ts";
import { BASES_VERSION, mustBeWhole, openDatabase, rollBack, versionOf } from "./schema.ts";

/** Most rows that one question gives. */
const ROW_LIMIT = 1_000_000;

/** What is known of a run beside its document. */
export interface RunFacts {
  /** The sweep that it is a part of: runs of one point in it are repetitions. */
  batch?: string | undefined;
  labels?: Record<string, string> | undefined;
  /** Of the working folder. */
  commit?: { id: string; tag: string | null; dirty: boolean } | undefined;
}

/** What is put into a history. */
export interface NewRun extends RunHead, RunFacts {
  /** The document as JSON. */
  text: string;
  points: readonly Point[];
  metrics: readonly MetricInfo[];
}

/** An open history. */
export class History implements Disposable {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  private constructor(readonly path: string, database: DatabaseSync) {
    this.#database = database;
  }

  /**
   * Opens a history.
   *
   * @param path Its file.
   * @param mode `write` makes file and folder where they are not there.
   * @throws {HistoryError} when it cannot be opened, see there for why.
   */
  static open(path: string, mode: "read" | "write"): History {
    return new History(path, openDatabase(path, mode === "write"));
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }

  /**
   * Puts a run in. When this returns, it is on disk.
   *
   * @returns whether it is new; a run that is there already stays as it is
   * @throws {HistoryError} when it cannot be written; nothing of it is there then.
   */
  add(run: NewRun): boolean {
    return this.#transaction(() => {
      const { commit, labels = {} } = run;
      const { changes, lastInsertRowid: n } = this.#run(
        `INSERT OR IGNORE INTO runs (id, kind, test, started, ended, verdict, failed, version, batch, commit_id, tag,
           dirty) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        ...[run.id, run.kind, run.test, run.started, run.ended, run.verdict, Number(run.failed), run.version],
        ...[run.batch ?? null, commit?.id ?? null, commit?.tag ?? null, Number(commit?.dirty ?? false)],
      );
      if (changes === 0) return false;
      this.#addDocument(n, run);
      for (const [name, value] of Object.entries(labels)) this.#label(n, name, value);
      for (const metric of run.metrics) this.#addMetric(metric);
      for (const point of run.points) this.#addPoint(n, point);
      return true;
    });
  }

  #addDocument(run: number | bigint, { text, points }: NewRun): void {
    const families = new Set(points.map(({ identity }) => seriesId(identity).family));
    const given = [...families].flatMap((family) => this.#baseOf(family))[0];
    const { body, base } = codeDocument(text, given?.body ?? null);
    const made = base === null || base === given?.body
      ? null
      : this.#run("INSERT INTO bases (body) VALUES (?)", base).lastInsertRowid;
    this.#run(
      "INSERT INTO documents (run, bytes, body, base) VALUES (?, ?, ?, ?)",
      ...[run, text.length, body, base === null ? null : made ?? given!.n],
    );
  }

  /** That of the newest document of the same machines and arguments, if it has one. */
  #baseOf(family: string): { n: number; body: Uint8Array }[] {
    return this.#all(
      `SELECT bases.n AS n, bases.body AS body FROM points
       JOIN documents ON documents.run = points.run JOIN bases ON bases.n = documents.base
       WHERE points.n = (
         SELECT max((SELECT max(n) FROM points WHERE points.series = series.n)) FROM series WHERE family = ?
       )`,
      family,
    ).map((row) => ({ n: Number(row["n"]), body: row["body"] as Uint8Array }));
  }

  #addMetric({ name, label, unit, worse, scale, kind }: MetricInfo): void {
    this.#run(
      "INSERT OR REPLACE INTO metrics (name, label, unit, worse, scale, kind) VALUES (?, ?, ?, ?, ?, ?)",
      ...[name, label, unit, worse, scale, kind],
    );
  }

  #addPoint(run: number | bigint, { identity, loadBps, verdict, figures }: Point): void {
    const { id, family } = seriesId(identity);
    const { kind, test, class: of, args, load, testers, targets } = identity;
    const texts = [args, load].map((value) => JSON.stringify(value));
    const machines = [testers, targets].map((value) => JSON.stringify(value));
    this.#run(
      `INSERT OR IGNORE INTO series (id, family, kind, test, class, args, load, load_bps, testers, targets)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      ...[id, family, kind, test, of, ...texts, loadBps, ...machines],
    );
    this.#run(
      "INSERT INTO points (run, series, verdict, figures) SELECT ?, n, ?, ? FROM series WHERE id = ?",
      ...[run, verdict, JSON.stringify(figures), id],
    );
  }

  /**
   * Lists runs, the newest first.
   *
   * @param filter Which.
   */
  list(filter: RunFilter = {}): RunEntry[] {
    const { where, values } = conditions(filter);
    const rows = this.#all(
      `SELECT runs.*,
         (SELECT json_group_object(name, value) FROM labels WHERE run = runs.n) AS labels,
         (SELECT json_group_array(series.id) FROM points JOIN series ON series.n = points.series
          WHERE points.run = runs.n) AS series
       FROM runs ${where} ORDER BY started DESC, n DESC LIMIT ? OFFSET ?`,
      ...[...values, filter.limit ?? ROW_LIMIT, filter.offset ?? 0],
    );
    return rows.map((row) => ({ ...runOf(row), series: JSON.parse(String(row["series"])) }));
  }

  /** How many runs there are of a kind. */
  count(filter: RunFilter = {}): number {
    const { where, values } = conditions(filter);
    return Number(this.#all(`SELECT count(*) AS n FROM runs ${where}`, ...values)[0]!["n"]);
  }

  /**
   * Lists series: by test, class, arguments and load.
   *
   * @param filter `id`: the beginning of its number.
   */
  series(filter: { id?: string | undefined; test?: string | undefined } = {}): SeriesEntry[] {
    const rows = this.#all(
      `SELECT series.*, count(*) AS runs, min(runs.started) AS first, max(runs.started) AS last
       FROM series JOIN points ON points.series = series.n JOIN runs ON runs.n = points.run
       WHERE series.id LIKE ? ESCAPE '\\' AND (? IS NULL OR series.test = ?)
       GROUP BY series.n ORDER BY series.test, series.class, series.args, series.family, series.load_bps, series.load`,
      ...[`${likeText(filter.id ?? "")}%`, filter.test ?? null, filter.test ?? null],
    );
    return rows.map(seriesOf);
  }

  /** The load of each series, by its number. */
  loads(): Map<string, Pick<SeriesEntry, "loadBps" | "load">> {
    const rows = this.#all("SELECT id, load_bps, load FROM series");
    return new Map(rows.map((row) => [String(row["id"]), loadOf(row)]));
  }

  /**
   * The runs of a series in the order in which they began.
   *
   * @param id Its number.
   * @param part How many of the newest, and how many of those to leave out.
   */
  runsOf(
    id: string,
    { limit = ROW_LIMIT, offset = 0 }: { limit?: number; offset?: number } = {},
  ): SeriesRun[] {
    // Which ones they are is found out first: a row that is sorted has all that is asked for of it.
    const rows = this.#all(
      `SELECT runs.*, points.verdict AS verdict, points.figures AS figures,
         (SELECT json_group_object(name, value) FROM labels WHERE run = runs.n) AS labels
       FROM (
         SELECT points.n AS point FROM points JOIN runs ON runs.n = points.run
         WHERE points.series = (SELECT n FROM series WHERE id = ?)
         ORDER BY started DESC, runs.n DESC LIMIT ? OFFSET ?
       ) JOIN points ON points.n = point JOIN runs ON runs.n = points.run ORDER BY started, runs.n`,
      ...[id, limit, offset],
    );
    return rows.map((row) => ({ ...runOf(row), figures: JSON.parse(String(row["figures"])) }));
  }

  /**
   * The document of a run.
   *
   * @param id The run's number.
   * @returns its JSON; `null`: there is no such run
   * @throws {HistoryError} when it is damaged.
   */
  document(id: string): string | null {
    const base = versionOf(this.#database) < BASES_VERSION
      ? "NULL"
      : "(SELECT body FROM bases WHERE n = documents.base)";
    const [row] = this.#all(
      `SELECT body, ${base} AS base FROM documents WHERE run = (SELECT n FROM runs WHERE id = ?)`,
      id,
    );
    if (row === undefined) return null;
    try {
      return documentText({ body: row["body"] as Uint8Array, base: row["base"] as Uint8Array | null });
    } catch (cause) {
      throw new HistoryError(
        "damaged",
        `the document of the run ${id} in the history ${this.path} is damaged: ${messageOf(cause)}`,
        { cause },
      );
    }
  }

  /** What the figures mean, by their names. */
  metrics(): Map<string, MetricInfo> {
    const rows = this.#all("SELECT * FROM metrics") as unknown as MetricInfo[];
    return new Map(rows.map((row) => [row.name, { ...row }]));
  }

  /**
   * Accepts a change, so that no gate stops at it again.
   *
   * @param run Number of the first run after it.
   * @param reason For whoever asks later.
   */
  ack(series: string, metric: string, run: string, reason: string): void {
    this.#transaction(() =>
      this.#run(
        `INSERT OR REPLACE INTO acks (series, metric, run, made, reason)
         SELECT series.n, ?, runs.n, ?, ? FROM series, runs WHERE series.id = ? AND runs.id = ?`,
        ...[metric, new Date().toISOString(), reason, series, run],
      )
    );
  }

  /** Accepted changes. */
  acks(): Ack[] {
    return this.#all(
      `SELECT series.id AS series, metric, runs.id AS run, runs.started AS started, made, reason FROM acks
       JOIN series ON series.n = acks.series JOIN runs ON runs.n = acks.run`,
    ) as unknown as Ack[];
  }

  /** Puts a note on a run, in the place of an earlier one, and labels. */
  annotate(run: string, note: string | undefined, labels: Record<string, string>): void {
    this.#transaction(() => {
      if (note !== undefined) {
        this.#run("UPDATE runs SET note = ? WHERE id = ?", note === "" ? null : note, run);
      }
      const n = this.#all("SELECT n FROM runs WHERE id = ?", run)[0]?.["n"];
      if (typeof n !== "number") return;
      for (const [name, value] of Object.entries(labels)) {
        if (value === "") this.#run("DELETE FROM labels WHERE run = ? AND name = ?", n, name);
        else this.#label(n, name, value);
      }
    });
  }

  /**
   * Takes runs out.
   *
   * @param before Those that began before this (ISO 8601).
   * @param documentsOnly Their documents alone: their figures stay in the series.
   * @returns how many
   */
  prune(before: string, documentsOnly: boolean): number {
    const { changes } = this.#transaction(() => {
      const sql = documentsOnly
        ? "DELETE FROM documents WHERE run IN (SELECT n FROM runs WHERE started < ?)"
        : "DELETE FROM runs WHERE started < ?";
      const done = this.#run(sql, before);
      this.#run("DELETE FROM series WHERE n NOT IN (SELECT series FROM points)");
      this.#run("DELETE FROM bases WHERE n NOT IN (SELECT base FROM documents WHERE base IS NOT NULL)");
      return done;
    });
    wording(this.path, () => this.#database.exec("VACUUM"));
    return Number(changes);
  }

  /**
   * When the newest run of a version began.
   *
   * @param version A tag, or the beginning of a commit's number.
   * @returns ISO 8601; `null`: there is none
   */
  lastOf(version: string): string | null {
    const [row] = this.#all(
      "SELECT max(started) AS last FROM runs WHERE tag = ? OR commit_id LIKE ? ESCAPE '\\'",
      ...[version, `${likeText(version)}%`],
    );
    const last = row?.["last"];
    return typeof last === "string" ? last : null;
  }

  /** Checks the whole file. @throws {HistoryError} when it is damaged. */
  verify(): void {
    mustBeWhole(this.path, this.#database);
  }

  #label(run: number | bigint, name: string, value: string): void {
    this.#run("INSERT OR REPLACE INTO labels (run, name, value) VALUES (?, ?, ?)", run, name, value);
  }

  #transaction<T>(work: () => T): T {
    return wording(this.path, () => {
      this.#database.exec("BEGIN IMMEDIATE");
      try {
        const result = work();
        this.#database.exec("COMMIT");
        return result;
      } catch (error) {
        rollBack(this.#database);
        throw error;
      }
    });
  }

  #run(sql: string, ...values: SQLInputValue[]) {
    return this.#statement(sql).run(...values);
  }

  #all(sql: string, ...values: SQLInputValue[]): Row[] {
    return wording(this.path, () => this.#statement(sql).all(...values));
  }

  #statement(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}
