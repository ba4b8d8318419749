/**
 * What the figures mean, in a sentence each.
 *
 * @module
 */
import { formatRate, formatShare, formatTime } from "../../base/figures.ts";
import type { Finding, PhaseFigures, PhaseName } from "./quick_document.ts";

/** A processor that is busier than this is the limit. */
const BUSY = 0.95;
/** A delay under load is worth a word from this on, in ns, and from this share of the idle round trip. */
const WORTH_NS = 1e6;
const WORTH_SHARE = 0.5;
/** Loss over UDP at the rate that TCP found is worth a word from this on. */
const LOSS = 0.001;

const WHERE: Partial<Record<PhaseName, (host: string) => string>> = {
  up: (host) => `The queue towards ${host}`,
  down: (host) => `The queue from ${host}`,
  both: (host) => `With traffic both ways the queues to and from ${host}`,
};

/**
 * Reports what was found.
 *
 * @param phases the figures, in their order
 * @param host as people call it
 * @returns the weightiest first
 */
export function findingsOf(phases: readonly PhaseFigures[], host: string): Finding[] {
  const by = new Map(phases.map((each) => [each.phase, each]));
  const found: Finding[] = [];
  const loaded = phases.filter((each) => each.full_ns !== null);
  const slow = loaded.filter((each) => isWorth(each, by.get("idle")));
  const idle = by.get("idle");
  const queues = slow.filter((each) => !each.processor_bound);
  for (const each of queues) found.push({ code: `queue-${each.phase}`, text: queue(each, host) });
  const bound = slow.filter((each) => each.processor_bound);
  if (bound.length > 0) found.push({ code: "processor-delay", text: waiting(bound) });
  if (loaded.length > 0 && slow.length === 0) {
    const most = Math.max(...loaded.map((each) => each.full_ns!));
    const text = `No queue worth a word: under load a round trip takes at most ${
      formatTime(Math.max(0, most), 2)
    } longer.`;
    found.push({ code: "no-queue", text });
  }
  const udp = by.get("udp");
  if (udp !== undefined && udp.loss !== null) found.push({ code: "udp-loss", text: loss(udp) });
  const cpu = processors(phases, host);
  if (cpu !== null) found.push(cpu);
  if (idle?.rtt !== undefined && idle.rtt !== null && loaded.length === 0) {
    found.unshift({
      code: "idle",
      text: `A round trip to ${host} takes ${formatTime(idle.rtt.median_ns)} (median of ${idle.rtt.count}).`,
    });
  }
  return found;
}

function isWorth({ full_ns: full }: PhaseFigures, idle: PhaseFigures | undefined): boolean {
  return full !== null && full >= WORTH_NS && full >= WORTH_SHARE * (idle?.rtt?.median_ns ?? 0);
}

function queue(each: PhaseFigures, host: string): string {
  const where = WHERE[each.phase]?.(host) ?? "The queue";
  const full = each.phase === "both" ? "add" : "adds";
  const trips = each.rpm === null ? "" : `: ${formatTrips(each.rpm)} round trips a minute`;
  return `${where} ${full} ${formatTime(each.full_ns, 2)} when full${trips}.`;
}

/** Where processors are at their limit, what holds a round trip up may be they. */
function waiting(bound: readonly PhaseFigures[]): string {
  const most = Math.max(...bound.map((each) => each.full_ns!));
  return `Under load a round trip takes up to ${
    formatTime(most, 2)
  } longer, with processors at their limit: that may be ` +
    "waiting for them, not for the network.";
}

function loss({ loss: share, offered_bps: offered }: PhaseFigures): string {
  const rate = offered === null ? "" : ` at ${formatRate(offered, 3)}`;
  if (share === 0) return `UDP${rate} arrives without loss.`;
  const much = share! < LOSS ? "" : ": more than the path carries, or than the receiver reads";
  return `Of UDP${rate}, ${formatShare(share)} gets lost${much}.`;
}

function processors(phases: readonly PhaseFigures[], host: string): Finding | null {
  const known = phases.filter(({ phase, cpu }) => cpu !== null && phase !== "idle");
  if (known.length === 0) return null;
  const most = known.reduce((a, b) => b.cpu! > a.cpu! ? b : a);
  if (most.cpu! >= BUSY) {
    const are = phases.some((each) => each.processor_bound) ? "are the limit" : "are all in use";
    return { code: "cpu-limit", text: `The processors of ${host} ${are}: ${formatShare(most.cpu)} busy.` };
  }
  const single = Math.max(...known.map(({ busiest_cpu: busiest }) => busiest ?? 0));
  if (single >= BUSY) {
    const text = `One processor of ${host} is at its limit (${formatShare(single)}), all together are ${
      formatShare(most.cpu)
    } busy.`;
    return { code: "cpu-one", text };
  }
  return {
    code: "cpu",
    text: `The processors of ${host} are at most ${formatShare(most.cpu)} busy, and not the limit.`,
  };
}

/** "1180", "285k", "2.4M". */
export function formatTrips(rpm: number): string {
  if (rpm < 99_999.5) return String(Math.round(rpm));
  return rpm < 999_500 ? `${Math.round(rpm / 1e3)}k` : `${(rpm / 1e6).toFixed(1)}M`;
}
