/**
 * A report's contents, gathered one document after another: points grouped into curves, hosts, warnings.
 *
 * @module
 */
import type { ResultDocument, Verdict } from "../document/document.ts";
import { formatRate, formatShare, formatTime, middle } from "../../base/figures.ts";
import { type ReportPoint, reportPoints } from "./point.ts";
import { shorten } from "./point_hosts.ts";

/** Files that could not be read are listed up to this number. */
const ERROR_ROWS = 50;

/** Repetitions of one point. */
export interface Cell {
  /** Offered load, bit/s. */
  load: number;
  points: ReportPoint[];
  /** Those that are not INVALID (all, when a whole curve is): what curves are drawn from. */
  usable: ReportPoint[];
}

/** Points that differ in their load only: one curve. */
export interface Group {
  key: string;
  /** What tells this curve from the others: "size 64". */
  label: string;
  /** Ascending by load. */
  cells: Cell[];
}

/** All that a report shows. */
export interface ReportModel {
  title: string;
  /** One for each document, and of a document with classes one for each of them. */
  points: ReportPoint[];
  /** One for each document: of several classes the first. */
  runs: ReportPoint[];
  groups: Group[];
  /** Arguments that all points share. */
  shared: Map<string, string>;
  verdict: Verdict;
  verdictCounts: Record<Verdict, number>;
  errors: { file: string; message: string }[];
  errorCount: number;
  /** Facts of each host, from the last document that had them. */
  hosts: Map<string, Map<string, string>>;
  /** Those of them that were testers. */
  testers: Map<string, Map<string, string>>;
  /** Facts that changed on one host between documents: host, name, values. */
  changed: { host: string; name: string; values: string[] }[];
}

/**
 * Gathers documents.
 *
 * @example
 * ```ts
 * import { makeDocument } from "../../tests/fixtures/documents.ts";
 * import { ReportBuilder } from "./model.ts";
 * const builder = new ReportBuilder();
 * builder.add(makeDocument(), "a.json");
 * builder.build("My run").groups.length; // 1
 * ```
 */
export class ReportBuilder {
  readonly #points: ReportPoint[] = [];
  readonly #errors: { file: string; message: string }[] = [];
  #errorCount = 0;
  #size = 0;

  /** Takes a document in. Only what is drawn is kept of it. */
  add(document: ResultDocument, file: string): void {
    this.#points.push(...reportPoints(document, file));
    this.#size++;
  }

  /** Notes a file that could not be read. */
  addError(file: string, message: string): void {
    this.#errorCount++;
    if (this.#errors.length < ERROR_ROWS) this.#errors.push({ file, message: shorten(message) });
  }

  /** How many documents were taken in. */
  get size(): number {
    return this.#size;
  }

  /** Orders and groups what was taken in. */
  build(title: string): ReportModel {
    const points = this.#points.toSorted((a, b) =>
      a.started < b.started ? -1 : a.started > b.started ? 1 : 0
    );
    const verdictCounts = { VALID: 0, SUSPECT: 0, INVALID: 0 };
    const runs = points.filter((point) => point.class === (point.classes[0]?.name ?? null));
    for (const point of runs) verdictCounts[point.run.verdict]++;
    const { hosts, changed } = gatherHosts(points);
    const testers = new Set(points.flatMap((point) => point.testerHosts));
    return {
      title,
      points,
      runs,
      groups: groupPoints(points),
      shared: sharedParams(runs),
      verdict: verdictCounts.INVALID > 0 ? "INVALID" : verdictCounts.SUSPECT > 0 ? "SUSPECT" : "VALID",
      verdictCounts,
      errors: this.#errors,
      errorCount: this.#errorCount,
      hosts,
      testers: new Map([...hosts].filter(([host]) => testers.has(host))),
      changed,
    };
  }
}

/** Name that tells a kind of point: its class, test and arguments without the load. */
export function groupKey(point: ReportPoint): string {
  return JSON.stringify([point.class, point.test, [...point.params].sort()]);
}

/** Loads that differ by less than this share are one point: a daemon may round the rate it was asked for. */
const LOAD_TOLERANCE = 0.001;

function groupPoints(points: readonly ReportPoint[]): Group[] {
  const shared = new Map(
    [...Map.groupBy(points, (point) => point.class)].map(([name, own]) => [name, sharedParams(own)]),
  );
  const tests = new Set(points.map((point) => point.test));
  const groups = new Map<string, ReportPoint[]>();
  for (const point of points) {
    const key = groupKey(point);
    const list = groups.get(key);
    if (list === undefined) groups.set(key, [point]);
    else list.push(point);
  }
  return [...groups].map(([key, members]) => {
    const first = members[0]!;
    const own = [...first.params].filter(([name]) => !shared.get(first.class)!.has(name));
    const label = [
      ...(first.class !== null ? [first.class] : tests.size > 1 ? [first.test] : []),
      ...own.map(([name, value]) => name === "size" ? `${value} B` : `${name} ${value}`),
    ].join(", ");
    const invalid = members.length > 0 && members.every((point) => point.verdict === "INVALID");
    const name = label === "" ? first.test : shorten(label, 60);
    return { key, label: invalid && points.length > 1 ? `${name} (INVALID)` : name, cells: cellsOf(members) };
  }).sort((a, b) => placeOf(a) - placeOf(b) || a.label.localeCompare(b.label, "en", { numeric: true }));
}

/** Classes stay in their order. */
function placeOf({ cells }: Group): number {
  const point = cells[0]?.points[0];
  return point?.classes.findIndex(({ name }) => name === point.class) ?? 0;
}

function cellsOf(points: readonly ReportPoint[]): Cell[] {
  const sorted = points.toSorted((a, b) => (a.offeredBps ?? 0) - (b.offeredBps ?? 0));
  const cells: Cell[] = [];
  for (const point of sorted) {
    const load = point.offeredBps ?? 0;
    const last = cells.at(-1);
    if (last !== undefined && load - last.load <= LOAD_TOLERANCE * last.load) last.points.push(point);
    else cells.push({ load, points: [point], usable: [] });
  }
  for (const cell of cells) cell.usable = cell.points.filter((point) => point.verdict !== "INVALID");
  // Where nothing is any better, what there is is shown, and marked.
  if (cells.every((cell) => cell.usable.length === 0)) {
    for (const cell of cells) {
      cell.usable = cell.points;
    }
  }
  return cells;
}

function sharedParams(points: readonly ReportPoint[]): Map<string, string> {
  const first = points[0];
  if (first === undefined) return new Map();
  return new Map(
    [...first.params].filter(([name, value]) => points.every((p) => p.params.get(name) === value)),
  );
}

/** Facts that change from run to run by their nature: a difference in them means nothing. */
const VOLATILE =
  /(^|[._])(load|busy|steal|uptime|noise|during_run|irqs?|interrupts?|time|temperature|free|available|now|pid|stats?|counters?|gaps|current)([._[]|$)/i;
/** Units of what is measured and not set. */
const MEASURED = /[._](ns|mhz|khz|percent|share)$/i;

/** Whether a fact of a host is expected to be the same in every run. */
export function isLasting(name: string): boolean {
  return !VOLATILE.test(name) && !MEASURED.test(name);
}

function gatherHosts(points: readonly ReportPoint[]): Pick<ReportModel, "hosts" | "changed"> {
  const hosts = new Map<string, Map<string, string>>();
  const values = new Map<string, Set<string>>();
  for (const point of points) {
    for (const [host, facts] of point.environments) {
      hosts.set(host, facts);
      for (const [name, value] of facts) {
        if (!isLasting(name)) continue;
        const key = JSON.stringify([host, name]);
        const seen = values.get(key);
        // A socket's own port is another one in each run.
        const lasting = name.endsWith("local_address") ? value.replace(/:\d+$/, "") : value;
        if (seen === undefined) values.set(key, new Set([lasting]));
        else if (seen.size < 10) seen.add(lasting);
      }
    }
  }
  const changed = [...values].filter(([, seen]) => seen.size > 1).map(([key, seen]) => {
    const [host, name] = JSON.parse(key) as [string, string];
    return { host, name, values: [...seen] };
  });
  return { hosts, changed };
}

/** A figure of a cell: the middle of its usable repetitions, with the smallest and largest. */
export function cellFigure(
  cell: Cell,
  pick: (point: ReportPoint) => number | null | undefined,
): { value: number; low: number; high: number } | null {
  const known = cell.usable.map(pick).filter((value) => value !== null && value !== undefined);
  const value = middle(known);
  return value === null ? null : { value, low: Math.min(...known), high: Math.max(...known) };
}

/** Share of the packets sent that did not come back well, `null` when nobody counted. */
export function lossOf(point: ReportPoint): number | null {
  const counts = point.counts;
  if (counts === null || counts.sent === 0) return null;
  return (counts.sent - counts.ok) / counts.sent;
}

/** What a cell's row begins with: the load, what of it was received and lost, then p50, p99, p99.9 and the slowest. */
export function loadTexts(cell: Cell): string[] {
  const time = (key: "p50_ns" | "p99_ns" | "p999_ns" | "max_ns") =>
    formatTime(cellFigure(cell, (point) => (point.response ?? point.service)?.[key])?.value);
  return [
    formatRate(cell.load),
    formatRate(cellFigure(cell, (point) => point.receivedBps)?.value),
    formatShare(cellFigure(cell, lossOf)?.value),
    ...(["p50_ns", "p99_ns", "p999_ns", "max_ns"] as const).map(time),
  ];
}
