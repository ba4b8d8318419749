/**
 * What a report keeps of one result document: enough to draw and describe, and no more, so that a thousand of them fit.
 *
 * @module
 */
import { type DocumentView, viewsOf } from "../document/class_view.ts";
import type {
  ClassEffect,
  ClientResult,
  Counts,
  Rates,
  ResultDocument,
  Summary,
  TotalMetric,
  Verdict,
} from "../document/document.ts";
import { eventsOf, type ShownEvent } from "./sections/event_rows.ts";
import { totalMetrics } from "../document/metrics.ts";
import { HistogramError, mergeHistograms } from "../document/histogram_codec.ts";
import { encodeHistogram } from "../document/histogram_codec.ts";
import type { GroupedReason } from "../document/reason_groups.ts";
import { limitTexts, presetsOf } from "../document/limit_presets.ts";
import { parseArgs } from "./args.ts";
import {
  type ClientRow,
  clientRows,
  environmentsOf,
  keptMetrics,
  shorten,
  type TargetRow,
  targetRows,
} from "./point_hosts.ts";
import { type DarkTimes, darkTimes } from "./sections/dark_times.ts";
import { type ThreadRow, threadRows } from "./sections/threads.ts";
import { type WayRow, wayRows } from "./sections/ways.ts";
import { timelineOf, type TimelinePoint, timelineStart, timelineUnit } from "./timeline_points.ts";

/** Lines kept of one console. */
const CONSOLE_LINES = 500;
/** Reasons kept of one document. */
const REASON_ROWS = 50;
/** Events kept of one document. */
const EVENT_ROWS = 100;

/** A class of a document, for drawings. */
export interface ClassSpan {
  name: string;
  test: string;
  verdict: Verdict;
  /** When it was active, in ns from the begin of the run; `null`: not known. */
  active: { start_ns: number; end_ns: number } | null;
}

/** One document, or one class of it. */
export interface ReportPoint {
  file: string;
  /** The class; `null` in a document without. */
  class: string | null;
  /** All classes of the document, in their order. */
  classes: ClassSpan[];
  /** What the other classes did to this one. */
  effects: ClassEffect[];
  /** Verdict and reasons of the whole document. */
  run: { verdict: Verdict; reasons: string[]; details: GroupedReason[] };
  /** Where `timeline` begins, in ns from the begin of the run; `null`: not known. */
  timelineStartNs: number | null;
  id: string;
  started: string;
  ended: string;
  verdict: Verdict;
  reasons: string[];
  /** The same, with whom each is about apart from it. */
  details: GroupedReason[];
  /** Sets of limits by which it was judged, other than the usual one. */
  limitPresets: string[];
  /** The limits of the first tester that has them, in words. */
  limits: string[];
  failed: boolean;
  interrupted: boolean;
  test: string;
  /** Arguments of the first client (or of the test), without those that only set the load. */
  params: Map<string, string>;
  /** All testers together. */
  offeredBps: number | null;
  sentBps: number | null;
  receivedBps: number | null;
  counts: Counts | null;
  response: Summary | null;
  service: Summary | null;
  meanInterval: { low: number; high: number; method: string } | null;
  /** Compressed base64, of all testers together. */
  histograms: { response: string | null; service: string | null };
  timeline: TimelinePoint[];
  /** Lines of consoles, in seconds from the begin of the measured phase; `more`: how many are left out. */
  consoles: { name: string; lines: { seconds: number; text: string }[]; more: number }[];
  /** How long it was dark. */
  outages: DarkTimes;
  /** What was done on purpose meanwhile. */
  events: ShownEvent[];
  /** What the timeline counts: packets, or bytes of a bulk transfer. */
  timelineUnit: "packet" | "byte";
  clients: ClientRow[];
  threads: ThreadRow[];
  clientCount: number;
  /** Testers that failed. */
  failedClients: number;
  /** Testers that are originals: they send no distribution. */
  originalPeers: number;
  targets: TargetRow[];
  /** Delay of each way, where that was measured. */
  ways: WayRow[];
  /** Figures of the tests' own, of all testers or targets together. */
  metrics: TotalMetric[];
  environments: Map<string, Map<string, string>>;
  /** The hosts of them that were testers. */
  testerHosts: string[];
  config: string;
  version: string;
}

/** Arguments that set the load or length and not the kind of a point. */
const LOAD_ARGS = new Set([
  "bps",
  "Mbps",
  "mbps",
  "rate",
  "duration",
  "test_time",
  "samples",
  "warmup",
  "cooldown",
  "rampup",
]);
/** Arguments that give a tester's own place and not the kind of a point. */
export const PLACE_ARGS: ReadonlySet<string> = new Set([
  "iface",
  "if",
  "cpu",
  "bind",
  "device",
  "seed",
  "dump_dir",
  "dump_prefix",
]);

/** Arguments of another class that set when it measures, and not what it does. */
const TIME_ARGS = new Set(["duration", "test_time", "samples", "warmup", "cooldown", "rampup"]);

/**
 * Keeps of a document what a report needs: one point, or one for each class.
 *
 * @param document A checked document.
 * @param file Where it came from, for the reader.
 */
export function reportPoints(document: ResultDocument, file: string): ReportPoint[] {
  return viewsOf(document).map((view) => reportPoint(view, document, file));
}

function reportPoint(view: DocumentView, whole: ResultDocument, file: string): ReportPoint {
  const { document } = view;
  const { run, total } = document;
  const args = parseArgs(document.clients[0]?.args || document.test.args);
  const own = [...args].filter(([name]) => !LOAD_ARGS.has(name) && !PLACE_ARGS.has(name));
  // What others do at the same time is part of what is measured.
  const params = new Map([...own, ...othersOf(view, whole)]);
  const origin = originOf(whole);
  const interval = total.confidence?.mean ?? null;
  return {
    file,
    class: view.class,
    classes: (whole.classes ?? []).map(({ name, test, verdict, active }) => ({
      name: shorten(name, 40),
      test: shorten(test, 80),
      verdict,
      active: active === null || origin === null
        ? null
        : { start_ns: active.start_ns - origin, end_ns: active.end_ns - origin },
    })),
    effects: (whole.effect ?? []).filter(({ victim }) => victim === view.class),
    run: {
      verdict: whole.run.verdict,
      reasons: whole.run.reasons.slice(0, REASON_ROWS).map((reason) => shorten(reason)),
      details: detailsOf(whole.run),
    },
    timelineStartNs: timelineStart(document.clients, origin),
    id: shorten(run.id, 80),
    started: shorten(run.started, 40),
    ended: shorten(run.ended, 40),
    verdict: run.verdict,
    reasons: run.reasons.slice(0, REASON_ROWS).map((reason) => shorten(reason)),
    details: detailsOf(run),
    limitPresets: presetsOf(document.clients),
    limits: limitTexts(document.clients),
    failed: run.failed === true,
    interrupted: run.interrupted === true,
    test: shorten(document.test.name, 80),
    params: new Map([...params].slice(0, 40).map(([k, v]) => [shorten(k, 60), shorten(v, 120)])),
    offeredBps: total.rates?.requested_bps ?? sumOfClients(document.clients, (r) => r.requested_bps),
    sentBps: total.rates?.sent_bps ?? null,
    receivedBps: total.rates?.received_bps ?? null,
    counts: total.counts,
    response: total.latency.response,
    service: total.latency.service,
    meanInterval: interval === null
      ? null
      : { low: interval.low_ns, high: interval.high_ns, method: shorten(interval.method, 200) },
    histograms: histogramsOf(document),
    timeline: timelineOf(document.clients),
    consoles: consolesOf(whole),
    outages: darkTimes(document),
    events: eventsOf(document).slice(0, EVENT_ROWS).map((event) => ({
      ...event,
      text: shorten(event.text),
      problem: shorten(event.problem),
    })),
    timelineUnit: timelineUnit(document.clients),
    clients: clientRows(document),
    threads: threadRows(document),
    clientCount: document.clients.length,
    failedClients: document.clients.filter((client) => client.error !== undefined).length,
    originalPeers: document.clients.filter((client) => client.peer === "ipbench-1.0").length,
    targets: targetRows(document),
    ways: wayRows(document, shorten),
    metrics: keptMetrics(total.metrics ?? totalsOf(document)),
    environments: environmentsOf(document),
    testerHosts: [...new Set(document.clients.map((client) => shorten(client.host, 120)))],
    config: shorten(JSON.stringify(document.config, null, 2) ?? "", 20_000),
    version: `${shorten(document.ipbench.version, 40)} (${shorten(document.ipbench.build, 40)})`,
  };
}

function consolesOf({ attached = [], total }: ResultDocument): ReportPoint["consoles"] {
  return attached.map(({ name, lines, dropped }) => {
    const begin = total.window?.start_ns ?? lines[0]?.at_ns ?? 0;
    return {
      name: shorten(name, 80),
      lines: lines.slice(0, CONSOLE_LINES).map(({ at_ns, text }) => ({
        seconds: (at_ns - begin) / 1e9,
        text,
      })),
      more: dropped + Math.max(0, lines.length - CONSOLE_LINES),
    };
  });
}

function detailsOf({ details, reasons }: ResultDocument["run"]): GroupedReason[] {
  const all: readonly GroupedReason[] = details ?? reasons.map((text) => ({ text }));
  return all.slice(0, REASON_ROWS).map(({ text, host, code, class: of }) => ({
    text: shorten(text),
    code,
    host: host === undefined ? undefined : shorten(host, 120),
    ...of === undefined ? {} : { class: shorten(of, 40) },
  }));
}

/** Arguments of the other classes, by names such as "bulk.bps". */
function othersOf(view: DocumentView, { classes = [] }: ResultDocument): [name: string, value: string][] {
  return classes.filter(({ name }) => name !== view.class).flatMap(({ name, args }) =>
    [...parseArgs(args)].filter(([arg]) => !TIME_ARGS.has(arg) && !PLACE_ARGS.has(arg))
      .map(([arg, value]): [string, string] => [`${name}.${arg}`, value])
  );
}

/** The begin of a run with classes, on the controller's clock. */
function originOf({ classes = [] }: ResultDocument): number | null {
  for (const { active, begin_ns } of classes) if (active !== null) return active.start_ns - begin_ns;
  return null;
}

function sumOfClients(
  clients: readonly ClientResult[],
  pick: (rates: Rates) => number | null,
): number | null {
  let sum: number | null = null;
  for (const client of clients) {
    const value = client.rates === null ? null : pick(client.rates);
    if (value !== null) sum = (sum ?? 0) + value;
  }
  return sum;
}

/** The merged histograms; a document without them (such as one that was cut short) has them merged here. A damaged one counts as none. */
function histogramsOf(document: ResultDocument): ReportPoint["histograms"] {
  const merged = document.total.histograms;
  if (merged !== undefined && (merged.response !== null || merged.service !== null)) {
    return { response: merged.response, service: merged.service };
  }
  const of = (key: "response" | "service") => {
    try {
      const histogram = mergeHistograms(document.clients.map((client) => client.histograms?.[key]));
      return histogram === null ? null : encodeHistogram(histogram);
    } catch (error) {
      if (error instanceof HistogramError) return null;
      throw error;
    }
  };
  return { response: of("response"), service: of("service") };
}

/** The same of a document that was written before there were totals of them. */
function totalsOf({ test, clients, targets }: ResultDocument): TotalMetric[] {
  const answered = clients.filter((client) => client.error === undefined && client.peer !== null);
  return totalMetrics(test.name, answered, targets);
}
