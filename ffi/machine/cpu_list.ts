/**
 * Lists of processors as the kernel writes them: "0-3,8".
 *
 * @module
 */

/** No machine has processors with larger numbers. */
const MAX_CPU = 8191;

/**
 * Reads a list.
 *
 * @param text The list; an empty one, `null` and what is no list hold none.
 * @returns Numbers, ascending, each once.
 */
export function parseCpuList(text: string | null): number[] {
  const found = new Set<number>();
  for (const part of (text ?? "").trim().split(",")) {
    const match = /^(\d{1,4})(?:-(\d{1,4}))?$/.exec(part);
    if (match === null) continue;
    const last = Math.min(Number(match[2] ?? match[1]), MAX_CPU);
    for (let cpu = Number(match[1]); cpu <= last; cpu++) found.add(cpu);
  }
  return Array.from(found).sort((a, b) => a - b);
}

/** Writes a list. */
export function cpuList(cpus: readonly number[]): string {
  const parts: [number, number][] = [];
  for (const cpu of cpus.toSorted((a, b) => a - b)) {
    const last = parts.at(-1);
    if (last !== undefined && cpu <= last[1] + 1) last[1] = cpu;
    else parts.push([cpu, cpu]);
  }
  return parts.map(([from, to]) => from === to ? `${from}` : `${from}-${to}`).join(",");
}
