/**
 * What a report keeps of the testers and targets of one result document.
 *
 * @module
 */
import type {
  ClientResult,
  Counts,
  Metric,
  Rates,
  ResultDocument,
  Summary,
  TargetResult,
} from "../document/document.ts";
import { hostNames } from "../document/host_names.ts";
import { flatten } from "./flatten.ts";

/** Rows kept of the clients of one document; the worst come first. */
const CLIENT_ROWS = 200;
/** Metrics kept of one client or target. */
const METRIC_ROWS = 300;
/** Environments kept of one document, one a host. */
const ENVIRONMENT_HOSTS = 64;
/** Longest text that is shown of any text of a document, in characters. */
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

/** A text cut to a length, with an ellipsis where something is missing. */
export function shorten(text: string, limit = SHOWN_TEXT): string {
  return text.length <= limit ? text : `${text.slice(0, limit - 1)}…`;
}

export function clientRows(document: ResultDocument): ClientRow[] {
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

export function targetRows({ targets }: ResultDocument): TargetRow[] {
  // A target is called by its host though a tester has the same, which it often has.
  const nameOf = hostNames({ clients: [], targets });
  return targets.slice(0, ENVIRONMENT_HOSTS).map((target) => targetRow(target, nameOf(target)));
}

function targetRow(target: TargetResult, name: string): TargetRow {
  return {
    host: shorten(name, 120),
    test: shorten(target.test, 80),
    error: target.error === undefined ? null : shorten(target.error),
    text: target.text === null ? null : shorten(target.text),
    metrics: keptMetrics(target.metrics),
  };
}

export function keptMetrics<M extends Metric>(metrics: readonly M[]): M[] {
  return metrics.slice(0, METRIC_ROWS).map((metric) => ({
    ...metric,
    name: shorten(metric.name, 80),
    unit: shorten(metric.unit, 20),
  }));
}

export function environmentsOf(document: ResultDocument): Map<string, Map<string, string>> {
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
