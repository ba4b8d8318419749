/**
 * Figures of a target that are made from what it reports and from what the testers counted.
 *
 * @module
 */
import { cpuUse } from "../../results/document/cpu_use.ts";
import type { Counts, Metric, TargetResult } from "../../results/document/document.ts";

/** Names and units of what {@linkcode derivedMetrics} makes. */
export const DERIVED_METRICS: readonly { name: string; unit: string }[] = [
  { name: "cpu_sum", unit: "%" },
  { name: "cycles_per_packet", unit: "cycles" },
  { name: "packets_per_joule", unit: "1/J" },
];

/** What of the testers they are made from. */
export interface TesterFigures {
  counts: Counts | null;
  window?: { start_ns: number; end_ns: number } | null | undefined;
}

/**
 * Makes a target's derived figures:
 *
 * - `cpu_sum`, %: use summed over its cores, 250 % are two and a half of them; where each one's is known, or their number
 *   (`cores`).
 * - `cycles_per_packet`: cycles that were not idle (`total_cycles` less `idle_cycles`) for each packet.
 * - `packets_per_joule`: packets for each joule of `energy`.
 *
 * Packets are those that the target counted itself (`packets`), over the same time as its cycles. Where it did not, they are those
 * that came back to the testers, each second of their common window, times the seconds for which the target measured: its own
 * window. Where neither is known there is no such figure.
 *
 * @param target What it reports.
 * @param testers What its testers counted.
 * @returns Those that can be made and that the target does not report itself.
 */
export function derivedMetrics(
  target: Pick<TargetResult, "host" | "metrics" | "window">,
  testers: TesterFigures,
): Metric[] {
  const value = (name: string, unit?: string) =>
    target.metrics.find((metric) => metric.name === name && (unit === undefined || metric.unit === unit))
      ?.value;
  const [use] = cpuUse([target]);
  const found: Metric[] = [];
  const add = (name: string, unit: string, figure: number | undefined, better: "more" | "less") => {
    if (figure === undefined || !Number.isFinite(figure) || value(name) !== undefined) return;
    found.push({ name, value: figure, unit, total: "none", better });
  };
  const cores = value("cores");
  if (use !== undefined && use.each.length > 0) {
    add("cpu_sum", "%", use.each.reduce((sum, each) => sum + each.value, 0), "less");
  } else if (use !== undefined && cores !== undefined && cores > 0) {
    add("cpu_sum", "%", use.total * cores, "less");
  }
  const packets = value("packets") ?? packetsDuring(target.window, testers);
  const [idle, total, energy] = [value("idle_cycles"), value("total_cycles"), value("energy", "J")];
  if (packets === undefined || packets <= 0) return found;
  if (idle !== undefined && total !== undefined) {
    add("cycles_per_packet", "cycles", (total - idle) / packets, "less");
  }
  if (energy !== undefined && energy > 0) add("packets_per_joule", "1/J", packets / energy, "more");
  return found;
}

function packetsDuring(
  window: TargetResult["window"],
  { counts, window: common }: TesterFigures,
): number | undefined {
  if (window === undefined || counts === null || common === undefined || common === null) return undefined;
  const seconds = common.end_ns - common.start_ns;
  return seconds <= 0 ? undefined : counts.ok * (window.end_ns - window.start_ns) / seconds;
}
