/**
 * Each way by itself: one-way delays with the bound of their error, or why they are not known.
 *
 * @module
 */
import { formatCount, formatTime } from "../../../base/figures.ts";
import type { ResultDocument, Summary } from "../../document/document.ts";
import { md } from "../markdown_text.ts";
import { type Fragment, type Markup, table } from "../markup.ts";

/** One way of one tester, or of all together. */
export interface WayRow {
  /** The tester; `null`: all of them together. */
  host: string | null;
  way: "forward" | "backward";
  delay: Summary | null;
  /** How far from the truth each delay may be, ns. */
  errorNs: number | null;
  /** Why there is no delay; `null`: there is. */
  reason: string | null;
}

const WAYS = ["forward", "backward"] as const;
/** Testers that get rows of their own. */
const TESTERS = 100;

/**
 * What a document reports of each way.
 *
 * @param document the document, or a class's view of it
 * @param shorten cuts texts that come from elsewhere
 * @returns all testers together first, where there are several; empty where nothing of the kind was measured
 */
export function wayRows(
  { clients, total }: Pick<ResultDocument, "clients" | "total">,
  shorten: (text: string, limit?: number) => string,
): WayRow[] {
  const measured = clients.filter(({ one_way }) => one_way !== undefined);
  const together: WayRow[] = measured.length < 2 ? [] : WAYS.flatMap((way) => {
    const delay = total.latency[way];
    if (delay === undefined) return [];
    const reason = delay === null ? "not known of every tester" : null;
    return [{ host: null, way, delay, errorNs: total.one_way_error_ns ?? null, reason }];
  });
  const each = measured.slice(0, TESTERS).flatMap(({ host, one_way, latency }) =>
    WAYS.flatMap((way): WayRow[] => {
      const about = one_way?.[way] ?? null;
      if (about === null) return [];
      const reason = about.reason === null ? null : shorten(about.reason);
      return [{
        host: shorten(host, 120),
        way,
        delay: latency?.[way] ?? null,
        errorNs: about.error_ns,
        reason,
      }];
    })
  );
  return [...together, ...each];
}

function cells({ delay, errorNs, reason }: WayRow): string[] {
  const times = [delay?.min_ns, delay?.p50_ns, delay?.p99_ns, delay?.max_ns].map((ns) => formatTime(ns));
  return [
    ...times,
    errorNs === null ? "–" : `± ${formatTime(errorNs)}`,
    formatCount(delay?.count),
    reason ?? "",
  ];
}

const COLUMNS = ["Shortest", "p50", "p99", "Longest", "Error", "Packets"];

/** A table of them; `null` where there are none. */
export function wayTable(rows: readonly WayRow[]): Markup | null {
  if (rows.length === 0) return null;
  const columns = [
    { name: "Tester" },
    { name: "Way" },
    ...COLUMNS.map((name) => ({ name, numeric: true })),
    { name: "Why not" },
  ];
  return table(
    "Each way",
    columns,
    rows.map((row): Fragment[] => [row.host ?? "all", row.way, ...cells(row)]),
  );
}

/** The same as lines of Markdown. */
export function wayMarkdown(rows: readonly WayRow[]): string[] {
  if (rows.length === 0) return [];
  return [
    "",
    `| tester | way | ${COLUMNS.map((name) => name.toLowerCase()).join(" | ")} | why not |`,
    `|---|---|${"--:|".repeat(COLUMNS.length)}---|`,
    ...rows.map((row) => `| ${[row.host ?? "all", row.way, ...cells(row)].map(md).join(" | ")} |`),
  ];
}
