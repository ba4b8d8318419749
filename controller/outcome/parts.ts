/**
 * What one daemon's result, clock and stamps become in the document.
 *
 * @module
 */

import type { ResultStamps } from "../../protocol/mod.ts";
import type {
  ClientResult,
  PluginResults,
  RawOneWay,
  TargetResult,
} from "../../results/document/document.ts";
import { packHistogram } from "../../results/document/histogram_codec.ts";
import { driftPpm, offsetAt, type OffsetInterval } from "../link/clock_estimate.ts";
import type { ClientRun, TargetRun } from "../run/participants.ts";
import { type Agreement, beginOf } from "../run/class_times.ts";

/** What came from one client. */
export interface ClientInput {
  /** Its histograms compressed, as the document has them. */
  results: PluginResults | null;
  stamps: ResultStamps | null;
}

/**
 * Makes a client's part of the document, its times as exact as the clock before the run makes them.
 *
 * @param client which client
 * @param input what came
 * @param agreement when the run was started
 * @returns the part
 */
export function clientPart(
  client: ClientRun,
  input: ClientInput,
  agreement: Agreement,
): Partial<ClientResult> {
  const { counts, rates, pacing, latency, histograms, metrics, window, environment, ...more } =
    input.results ?? {};
  const record = measuredBy({ ...recordOf(client), ...environment });
  return {
    ...more,
    peer: client.peer.greeting?.peer ?? null,
    counts: counts ?? null,
    rates: rates ?? null,
    pacing: pacing ?? null,
    latency: latency ?? null,
    histograms: histograms ?? null,
    metrics: metrics ?? [],
    ...timing(client, { stamps: input.stamps, window }, agreement, null),
    ...(Object.keys(record).length === 0 ? {} : { environment: record }),
  };
}

/** What a daemon said of its machine. */
function recordOf({ environment }: ClientRun | TargetRun): Record<string, unknown> {
  return environment === null ? {} : JSON.parse(environment.text());
}

/**
 * The daemon described the card that leads to the target as far as it could know before the test; the test's own socket
 * knows which it was. A card that was not used is not described.
 */
function measuredBy(record: Record<string, unknown>): Record<string, unknown> {
  const used = usedInterface(record);
  if (used === null || used === member(record.nic, "name")) return record;
  return { ...record, nic: { name: used, mtu: member(record.network, "mtu") ?? null } };
}

/** The interface by which a test says that it sent; `null`: it does not say. */
export function usedInterface(record: Record<string, unknown> | undefined): string | null {
  const used = member(record?.network, "interface");
  return typeof used === "string" ? used : null;
}

function member(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null
    ? Object.entries(value).find(([key]) => key === name)?.[1]
    : undefined;
}

/**
 * Makes a target's part of the document, its times as exact as the clock before the run makes them.
 *
 * @param target which target
 * @param shown what its plugin made of its result
 * @param agreement when the run was started
 * @returns the part
 */
export function targetPart(
  target: TargetRun,
  shown: { results: PluginResults | null; text: string },
  agreement: Agreement,
): Partial<TargetResult> {
  const { metrics, reasons, window, environment, ...more } = shown.results ?? {};
  const record = { ...recordOf(target), ...environment };
  return {
    ...more,
    peer: target.peer.greeting?.peer ?? null,
    metrics: metrics ?? [],
    text: shown.text,
    environment: Object.keys(record).length === 0 ? null : record,
    ...timing(target, { stamps: target.stamps, window }, agreement, null),
    ...(reasons === undefined ? {} : { reasons }),
  };
}

/** Instants of a daemon's clock. */
export interface DaemonTimes {
  stamps: ResultStamps | null;
  /** The measured phase, if the plugin reports it. */
  window: { start_ns: number; end_ns: number } | undefined;
}

/**
 * Makes a document part's clock and times.
 *
 * @param run which client or target
 * @param times its instants; a target that reports no window measured from its start to its end
 * @param agreement when the run was started
 * @param after its clock after the run, if it was asked
 * @returns that share of the part
 */
export function timing(
  run: ClientRun | TargetRun,
  { stamps, window }: DaemonTimes,
  agreement: Agreement,
  after: OffsetInterval | null,
): Pick<ClientResult, "clock" | "start"> & { window?: { start_ns: number; end_ns: number } } {
  const { before } = run;
  const atNs = "done" in run ? beginOf(run.class, agreement) : agreement.startNs;
  const whole = "done" in run || stamps === null
    ? undefined
    : { start_ns: Number(stamps.actualNs), end_ns: Number(stamps.endedNs) };
  const converted = inOurClock(window ?? whole, before, after);
  return {
    clock: clockPart(before, after, atNs),
    start: startPart(stamps, before, after, atNs),
    ...(converted === null ? {} : { window: converted }),
  };
}

function clockPart(
  before: OffsetInterval | null,
  after: OffsetInterval | null,
  atNs: bigint,
): ClientResult["clock"] {
  if (before === null) return null;
  const { offsetNs, errorNs } = offsetAt(atNs, before, after);
  const drift = after === null ? null : driftPpm(before, after);
  return {
    offset_ns: Number(offsetNs),
    error_ns: Number(errorNs),
    round_trip_ns: Number(before.minRttNs),
    probes: before.probes + (after?.probes ?? 0),
    drift_ppm: drift === null || !Number.isFinite(drift.errorPpm) ? null : drift.ppm,
    drift_error_ppm: drift === null || !Number.isFinite(drift.errorPpm) ? null : drift.errorPpm,
  };
}

function startPart(
  stamps: ResultStamps | null,
  before: OffsetInterval | null,
  after: OffsetInterval | null,
  atNs: bigint,
): ClientResult["start"] {
  if (stamps === null) return null;
  const estimate = before === null ? null : offsetAt(atNs, before, after);
  const { plannedNs, actualNs, endedNs } = stamps;
  return {
    planned_ns: Number(plannedNs),
    actual_ns: Number(actualNs),
    ended_ns: Number(endedNs),
    skew_ns: Number(actualNs - plannedNs),
    // The same instant on the controller's clock, true within error_ns: comparable between testers.
    actual_controller_ns: estimate === null ? null : Number(actualNs - estimate.offsetNs),
    error_ns: estimate === null ? null : Number(estimate.errorNs),
  };
}

/** A window of a daemon's clock, on the controller's; `null` where one of them is not known. */
export function inOurClock(
  window: { start_ns: number; end_ns: number } | undefined,
  before: OffsetInterval | null,
  after: OffsetInterval | null,
): { start_ns: number; end_ns: number } | null {
  if (window === undefined || before === null) return null;
  const convert = (ns: number) => {
    const daemonNs = BigInt(Math.round(ns));
    const guess = daemonNs - (before.lowNs + before.highNs) / 2n;
    return Number(daemonNs - offsetAt(guess, before, after).offsetNs);
  };
  return { start_ns: convert(window.start_ns), end_ns: convert(window.end_ns) };
}

/**
 * Puts a plugin's results into the form that is kept: the plain histograms are several times as large, and are to be
 * let go of before a thousand of them wait for the disk.
 *
 * @param results what a plugin reported
 * @returns the same, its histograms compressed
 */
export function packed(results: PluginResults | null): PluginResults | null {
  const pack = (text: string | null) => text === null ? null : packHistogram(text);
  const record = results?.one_way_record;
  if (results !== null && record !== undefined) {
    const packedRaw = (raw: RawOneWay | null | undefined) =>
      raw === null || raw === undefined ? null : { ...raw, above: pack(raw.above), below: pack(raw.below) };
    results = {
      ...results,
      one_way_record: { ...record, forward: packedRaw(record.forward), backward: packedRaw(record.backward) },
    };
  }
  if (results?.histograms === undefined) return results;
  const { response, service, lateness } = results.histograms;
  return {
    ...results,
    histograms: {
      response: pack(response),
      service: pack(service),
      ...(lateness === undefined ? {} : { lateness: pack(lateness) }),
    },
  };
}
