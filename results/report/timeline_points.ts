/**
 * How the figures of all testers of a document went on, joined to as many intervals as can be drawn.
 *
 * @module
 */
import type { ClientResult, SeriesPoint } from "../document/document.ts";

/** Intervals kept of one document; finer ones are joined. */
const TIMELINE_INTERVALS = 150;

/** One interval of all testers together. */
export interface TimelinePoint {
  t_ns: number;
  /** Length of the interval. */
  length_ns: number;
  sent: number;
  ok: number;
  lost: number;
  mean_ns: number | null;
  p50_ns: number | null;
  p99_ns: number | null;
}

/** When the measured phase of the longest series began, in ns from an origin; `null`: not known. */
export function timelineStart(clients: readonly ClientResult[], origin: number | null): number | null {
  const window = clients.find((client) => client.series === longestSeries(clients))?.window;
  return window === undefined || origin === null ? null : window.start_ns - origin;
}

function longestSeries(clients: readonly ClientResult[]): readonly SeriesPoint[] {
  return clients.reduce<readonly SeriesPoint[]>(
    (best, client) => (client.series?.length ?? 0) > best.length ? client.series ?? [] : best,
    [],
  );
}

/** What testers' series count; a test that counts other than packets says so in its `engine`. */
export function timelineUnit(clients: readonly ClientResult[]): "packet" | "byte" {
  return clients.some((client) => client.engine?.["series_unit"] === "byte") ? "byte" : "packet";
}

/** Intervals of all testers added up by their number, and joined where there are too many to draw. */
export function timelineOf(clients: readonly ClientResult[]): TimelinePoint[] {
  const longest = longestSeries(clients);
  if (longest.length < 2) return [];
  const joined = Math.ceil(longest.length / TIMELINE_INTERVALS);
  const step = (longest.at(-1)!.t_ns - longest[0]!.t_ns) / (longest.length - 1);
  const points: TimelinePoint[] = [];
  for (const client of clients) {
    for (const [i, interval] of (client.series ?? []).entries()) {
      const at = Math.floor(i / joined);
      const point = points[at] ??= {
        t_ns: longest[at * joined]?.t_ns ?? interval.t_ns,
        length_ns: step * Math.min(joined, longest.length - at * joined),
        sent: 0,
        ok: 0,
        lost: 0,
        mean_ns: null,
        p50_ns: null,
        p99_ns: null,
      };
      point.sent += interval.sent;
      if (interval.mean_ns !== undefined && interval.mean_ns !== null && interval.ok > 0) {
        const before = (point.mean_ns ?? 0) * point.ok;
        point.mean_ns = (before + interval.mean_ns * interval.ok) / (point.ok + interval.ok);
      }
      point.ok += interval.ok;
      point.lost += interval.lost;
      // Percentiles cannot be added: the worst interval of the worst tester is what is shown.
      point.p50_ns = greater(point.p50_ns, interval.p50_ns);
      point.p99_ns = greater(point.p99_ns, interval.p99_ns);
    }
  }
  const last = points.at(-1);
  const window = clients.find((client) => client.series === longest)?.window;
  if (last !== undefined && window !== undefined) {
    // The phase ends inside the last interval: its rate is over what was left of it.
    const rest = window.end_ns - window.start_ns - last.t_ns;
    if (rest > 0 && rest < last.length_ns) last.length_ns = rest;
  }
  return points;
}

function greater(a: number | null, b: number | null | undefined): number | null {
  if (b === null || b === undefined) return a;
  return a === null ? b : Math.max(a, b);
}
