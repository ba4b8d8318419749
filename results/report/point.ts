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
  Metric,
  Rates,
  ResultDocument,
  Summary,
  TargetResult,
  TotalMetric,
  Verdict,
} from "../document/document.ts";
import { hostNames } from "../document/host_names.ts";
import { totalMetrics } from "../document/metrics.ts";
import { HistogramError, mergeHistograms } from "../document/histogram_codec.ts";
import { encodeHistogram } from "../document/histogram_codec.ts";
import type { GroupedReason } from "../document/reason_groups.ts";
import { limitTexts, presetsOf } from "../document/limit_presets.ts";
import { parseArgs } from "./args.ts";
import { flatten } from "./flatten.ts";
import { timelineOf, type TimelinePoint, timelineStart, timelineUnit } from "./timeline_points.ts";

/** Rows kept of the clients of one document; the worst come first. */
const CLIENT_ROWS = 200;
/** Metrics kept of one client or target. */
const METRIC_ROWS = 300;
/** Reasons kept of one document. */
const REASON_ROWS = 50;
/** Environments kept of one document, one a host. */
const ENVIRONMENT_HOSTS = 64;
/** Longest text that is shown of anything a document says, in characters. */
const SHOWN_TEXT = 2000;

/** One tester's row. */
export interface ClientRow {
  host: string;
  peer: string | null;
  error: string | null;
  counts: Counts | null;
  rates: Rates | null;
  response: Summary | null;
  service: Summary | null;
  lateness: Summary | null;
  clock: { offset_ns: number; error_ns: number } | null;
  startSkewNs: number | null;
  engine: string | null;
  metrics: Metric[];
}

/** One target's row. */
export interface TargetRow {
  host: string;
  test: string;
  error: string | null;
  text: string | null;
  metrics: Metric[];
}

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
  /** The limits of the first tester that tells them, in words. */
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
  /** What the timeline counts: packets, or bytes of a bulk transfer. */
  timelineUnit: "packet" | "byte";
  clients: ClientRow[];
  clientCount: number;
  /** Testers that failed. */
  failedClients: number;
  /** Testers that are originals: they send no distribution. */
  originalPeers: number;
  targets: TargetRow[];
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
const PLACE_ARGS = new Set(["iface", "if", "cpu", "bind", "device", "seed", "dump_dir", "dump_prefix"]);

/** Arguments of another class that say when it measures, and not what it does. */
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
    timelineUnit: timelineUnit(document.clients),
    clients: clientRows(document),
    clientCount: document.clients.length,
    failedClients: document.clients.filter((client) => client.error !== undefined).length,
    originalPeers: document.clients.filter((client) => client.peer === "ipbench-1.0").length,
    targets: document.targets.slice(0, ENVIRONMENT_HOSTS).map(targetRow),
    metrics: keptMetrics(total.metrics ?? totalsOf(document)),
    environments: environmentsOf(document),
    testerHosts: [...new Set(document.clients.map((client) => shorten(client.host, 120)))],
    config: shorten(JSON.stringify(document.config, null, 2) ?? "", 20_000),
    version: `${shorten(document.ipbench.version, 40)} (${shorten(document.ipbench.build, 40)})`,
  };
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

/** A text cut to a length, with an ellipsis where something is missing. */
export function shorten(text: string, limit = SHOWN_TEXT): string {
  return text.length <= limit ? text : `${text.slice(0, limit - 1)}…`;
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

/** The merged histograms; a document without them (cut short, say) has them merged here. A damaged one counts as none. */
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

function clientRows(document: ResultDocument): ClientRow[] {
  const { clients } = document;
  const nameOf = hostNames(document);
  const worst = (client: ClientResult) =>
    client.error !== undefined ? Infinity : client.latency?.response?.p99_ns ?? -1;
  const chosen = clients.length <= CLIENT_ROWS
    ? clients
    : [...clients].sort((a, b) => worst(b) - worst(a)).slice(0, CLIENT_ROWS);
  return chosen.map((client) => ({
    host: shorten(nameOf(client), 120),
    peer: client.peer === null ? null : shorten(client.peer, 60),
    error: client.error === undefined ? null : shorten(client.error),
    counts: client.counts,
    rates: client.rates,
    response: client.latency?.response ?? null,
    service: client.latency?.service ?? null,
    lateness: client.pacing?.lateness ?? null,
    clock: client.clock === null
      ? null
      : { offset_ns: client.clock.offset_ns, error_ns: client.clock.error_ns },
    startSkewNs: client.start === null ? null : client.start.actual_ns - client.start.planned_ns,
    engine: typeof client.engine?.["name"] === "string" ? shorten(client.engine["name"], 40) : null,
    metrics: keptMetrics(client.metrics),
  }));
}

function targetRow(target: TargetResult): TargetRow {
  return {
    host: shorten(target.host, 120),
    test: shorten(target.test, 80),
    error: target.error === undefined ? null : shorten(target.error),
    text: target.text === null ? null : shorten(target.text),
    metrics: keptMetrics(target.metrics),
  };
}

function keptMetrics<M extends Metric>(metrics: readonly M[]): M[] {
  return metrics.slice(0, METRIC_ROWS).map((metric) => ({
    ...metric,
    name: shorten(metric.name, 80),
    unit: shorten(metric.unit, 20),
  }));
}

/** The same of a document that was written before there were totals of them. */
function totalsOf({ test, clients, targets }: ResultDocument): TotalMetric[] {
  const answered = clients.filter((client) => client.error === undefined && client.peer !== null);
  return totalMetrics(test.name, answered, targets);
}

function environmentsOf(document: ResultDocument): Map<string, Map<string, string>> {
  const found = new Map<string, Map<string, string>>();
  const hosts = [
    ...document.clients.map((c) => [c.host, c.environment] as const),
    ...document.targets.map((t) => [t.host, t.environment] as const),
  ];
  for (const [host, environment] of hosts) {
    if (environment === undefined || environment === null || found.has(host)) continue;
    if (found.size >= ENVIRONMENT_HOSTS) break;
    found.set(shorten(host, 120), flatten(environment));
  }
  return found;
}
