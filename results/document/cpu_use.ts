/**
 * The CPU use of the machine under test, the one figure of a target that every test has: `cpu_percent` in tables for
 * programs, "CPU use" for people.
 *
 * @module
 */
import type { Metric } from "./document.ts";

/** Share of all CPUs that one target used, in percent, and each CPU's. */
export interface CpuUse {
  host: string;
  total: number;
  each: { cpu: number; value: number }[];
}

const WHOLE = /^cpu([ _.](use|busy|load|util\w*|total))?$/i;
const EACH = /^cpu[ _.:]?(\d+)(?:[ _.](use|busy|load|util\w*|total))?$/i;

/** Whether a figure is the use of all CPUs together. */
export function isCpuUse({ name, unit }: Pick<Metric, "name" | "unit">): boolean {
  return unit === "%" && WHOLE.test(name);
}

/**
 * Finds the CPU figures among targets' metrics.
 *
 * @param targets A run's targets.
 * @returns one for each target that reports it
 */
export function cpuUse(targets: readonly { host: string; metrics: readonly Metric[] }[]): CpuUse[] {
  const result: CpuUse[] = [];
  for (const { host, metrics } of targets) {
    const each = metrics.flatMap(({ name, unit, value }) => {
      const match = unit === "%" ? EACH.exec(name) : null;
      return match === null ? [] : [{ cpu: Number(match[1]), value }];
    });
    const whole = metrics.find(isCpuUse);
    if (whole === undefined && each.length === 0) continue;
    const mean = each.reduce((sum, { value }) => sum + value, 0) / Math.max(1, each.length);
    result.push({ host, total: whole?.value ?? mean, each: each.sort((a, b) => a.cpu - b.cpu) });
  }
  return result;
}
