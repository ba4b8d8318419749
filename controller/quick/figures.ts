/**
 * From the result document of a phase to the figures of the screen.
 *
 * @module
 */
import { cpuUse } from "../../results/document/cpu_use.ts";
import type { ClientResult, ResultDocument } from "../../results/document/document.ts";
import { Histogram } from "../../results/document/histogram.ts";
import { decodeHistogram } from "../../results/document/histogram_codec.ts";
import { verdictOf } from "../../results/document/verdict.ts";
import type { PhaseFigures, PhaseName, QuickReason, RoundTrips } from "./quick_document.ts";
import { roundTripsPerMinute, trimmedMean, trimmedMeanOf } from "./responsiveness.ts";

/** TCP that waits for answers for this share of the time is held back by the path, not by its processors; percent. */
const PATH_BUSY = 90;
/** The percentile of TCP's own round trips that is taken for a full queue. */
const OWN_HIGH = 97.5;
/** Reasons of `stream` that mean that a processor was at its limit. */
const PROCESSOR_CODES: ReadonlySet<string> = new Set(["tester-processor", "target-processor"]);

/**
 * Reads a phase.
 *
 * @param phase which one
 * @param document what its run left
 * @param idle the idle phase, to compare with
 */
export function figuresOf(
  phase: PhaseName,
  document: ResultDocument,
  idle: PhaseFigures | null,
): PhaseFigures {
  const loads = document.clients.filter((client) => metric(client, "goodput") !== null);
  const probes = probesOf(document);
  const own = ownRoundTrips(loads);
  const isLoaded = phase === "up" || phase === "down" || phase === "both";
  const rtt = probes ?? (isLoaded ? plain(own) : null);
  const base = isLoaded ? baseOf(idle) : null;
  const above = (ns: number | undefined) => ns === undefined || base === null ? null : ns - base;
  return {
    phase,
    up_bps: sum(loads, phase === "udp" ? "goodput" : "goodput_up"),
    down_bps: phase === "udp" ? null : sum(loads, "goodput_down"),
    rtt,
    rtt_source: rtt === null ? null : rtt === probes ? "probes" : "tcp",
    added_ns: above(rtt?.median_ns),
    full_ns: above(fullOf(probes, own)),
    rpm: phase === "udp"
      ? null
      : roundTripsPerMinute(probes?.trimmed_ns ?? null, isLoaded ? own?.trimmed_ns ?? null : null),
    loss: lossOf(document, loads, phase),
    offered_bps: phase === "udp" ? document.total.rates?.sent_bps ?? null : null,
    retransmits: sum(loads, "retransmits"),
    ...processors(document, loads),
    processor_bound: isProcessorBound(document, loads),
    verdict: document.run.failed === true ? document.run.verdict : verdictOf(reasonsOf(phase, document)),
  };
}

function plain(own: OwnRoundTrips | null): RoundTrips | null {
  if (own === null) return null;
  const { high_ns: _, ...trips } = own;
  return trips;
}

/**
 * Why a phase's result may be wrong. Beside a load, packets that the tester's own interface drops are the load's: its queue is
 * the full one then, which is a finding and at most a doubt about a probe that was lost.
 */
export function reasonsOf(phase: PhaseName, { run }: ResultDocument): QuickReason[] {
  return (run.details ?? []).map(({ level, code, text }) => {
    const isOfLoad = code === "send-drops" && phase !== "idle";
    return { phase, level: isOfLoad ? "SUSPECT" : level, code, text };
  });
}

/** The round trip without a load: the median, or where something else ran on the tester's processor, the shortest. */
function baseOf(idle: PhaseFigures | null): number | null {
  if (idle === null || idle.rtt === null) return null;
  return idle.verdict === "VALID" ? idle.rtt.median_ns : idle.rtt.min_ns;
}

/**
 * The round trip with a full queue: what 95 % of the probes stay below, but no more than what 97.5 % of TCP's own do, which
 * the kernel takes (smoothed: they stay a little below): what holds up a probe in its own process is no queue.
 */
function fullOf(probes: RoundTrips | null, own: OwnRoundTrips | null): number | undefined {
  const known = [probes?.p95_ns, own?.high_ns].filter((ns) => ns !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}

/** Processors were at their limit, and it was not the path that held TCP back. */
function isProcessorBound({ run }: ResultDocument, loads: readonly ClientResult[]): boolean {
  const isBusy = run.details?.some(({ code }) => PROCESSOR_CODES.has(code)) ?? false;
  return isBusy && !loads.every((load) => (metric(load, "busy") ?? 0) >= PATH_BUSY);
}

function metric(client: ClientResult, name: string): number | null {
  return client.metrics.find((each) => each.name === name)?.value ?? null;
}

function sum(clients: readonly ClientResult[], name: string): number | null {
  const values = clients.map((client) => metric(client, name)).filter((value) => value !== null);
  return values.length === 0 ? null : values.reduce((total, value) => total + value, 0);
}

/** Service times: from when a probe left, so that what holds this machine's sending up is not the network's. */
function probesOf({ total }: ResultDocument): RoundTrips | null {
  const text = total.histograms?.service;
  if (text === undefined || text === null || total.latency.service === null) return null;
  const { min_ns: min, max_ns: max } = total.latency.service;
  return roundTrips(decodeHistogram(text), min, max);
}

function roundTrips(times: Histogram, min: number, max: number): RoundTrips | null {
  const trimmed = trimmedMean(times);
  if (trimmed === null) return null;
  const [median = 0, p95 = 0] = times.valuesAtPercentiles([50, 95]);
  return {
    count: times.total,
    min_ns: min,
    median_ns: median,
    p95_ns: Math.min(p95, max),
    max_ns: max,
    trimmed_ns: trimmed,
  };
}

/** TCP's own round trips, with what {@linkcode OWN_HIGH} percent of them stay below. */
type OwnRoundTrips = RoundTrips & { high_ns: number };

/** What TCP itself measures of the load's connections, ten times a second each, in the measured phase. */
function ownRoundTrips(loads: readonly ClientResult[]): OwnRoundTrips | null {
  const times = loads.flatMap(({ engine }) => {
    const streams = engine?.["streams"];
    return Array.isArray(streams) ? streams.flatMap((stream) => timesOf(stream?.course?.rtt_ns)) : [];
  });
  const trimmed = trimmedMeanOf(times);
  if (trimmed === null) return null;
  const histogram = new Histogram();
  for (const time of times) histogram.record(Math.round(time));
  const all = roundTrips(histogram, histogram.min, histogram.max);
  return all === null
    ? null
    : { ...all, trimmed_ns: trimmed, high_ns: Math.min(all.max_ns, histogram.valueAtPercentile(OWN_HIGH)) };
}

function timesOf(course: unknown): number[] {
  return Array.isArray(course) ? course.filter((time) => typeof time === "number" && time > 0) : [];
}

function lossOf({ total }: ResultDocument, loads: readonly ClientResult[], phase: PhaseName): number | null {
  if (phase === "udp" && loads.length > 0) {
    const counts = loads.map((load) => load.counts).filter((each) => each !== null);
    const sent = counts.reduce((all, each) => all + each.sent, 0);
    if (counts.length === 0) return peerLoss(loads);
    return sent === 0 ? null : counts.reduce((all, each) => all + each.lost, 0) / sent;
  }
  const { counts } = total;
  return counts === null || counts.sent === 0 ? null : (counts.lost + counts.late) / counts.sent;
}

/** By an iperf server's own count, of the testers' mean. */
function peerLoss(loads: readonly ClientResult[]): number | null {
  const shares = loads.map((load) => metric(load, "peer_loss")).filter((share) => share !== null);
  return shares.length === 0 ? null : shares.reduce((sum, share) => sum + share, 0) / shares.length / 100;
}

/** What the meter reports of the host, else what stream_target does. */
function processors(
  { targets }: ResultDocument,
  loads: readonly ClientResult[],
): Pick<PhaseFigures, "cpu" | "busiest_cpu"> {
  const use = loads.map(({ engine }) => engine?.["target"] as Record<string, unknown> | undefined)
    .find((each) => each !== undefined);
  const busiest = typeof use?.["processor_busy_share"] === "number" ? use["processor_busy_share"] : null;
  const [metered] = cpuUse(targets);
  if (metered !== undefined) return { cpu: metered.total / 100, busiest_cpu: busiest };
  const { processors_busy: busy, processors: count } = use ?? {};
  const isKnown = typeof busy === "number" && typeof count === "number" && count > 0;
  return { cpu: isKnown ? busy / count : null, busiest_cpu: busiest };
}
