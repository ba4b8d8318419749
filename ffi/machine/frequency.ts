/**
 * How fast the processors may run.
 *
 * @module
 */
import { cpuList } from "./cpu_list.ts";
import { line, names, number } from "./machine_files.ts";

/** Most policies that are examined: there may be one a processor. */
const MAX_POLICIES = 1024;

/** What the kernel was asked for some processors' clock. */
export interface FrequencyGroup {
  /** Which processors, "0-3,8". */
  cpus: string;
  governor: string | null;
  driver: string | null;
  min_khz: number | null;
  max_khz: number | null;
}

/**
 * Describes the clocks, with one entry for all processors that are alike.
 *
 * @param root where /sys is
 * @returns nothing where the kernel does not govern clocks, as in most virtual machines
 */
export async function frequencyGroups(root = ""): Promise<FrequencyGroup[]> {
  const base = `${root}/sys/devices/system/cpu/cpufreq`;
  const alike = new Map<string, { cpus: number[]; group: Omit<FrequencyGroup, "cpus"> }>();
  for (const policy of await names(base, MAX_POLICIES)) {
    if (!/^policy\d+$/.test(policy)) continue;
    const read = (name: string) => line(`${base}/${policy}/${name}`);
    const [cpus, governor, driver, min, max] = await Promise.all(
      ["affected_cpus", "scaling_governor", "scaling_driver", "scaling_min_freq", "scaling_max_freq"].map(
        read,
      ),
    );
    const group = { governor: governor!, driver: driver!, min_khz: number(min!), max_khz: number(max!) };
    const key = JSON.stringify(group);
    const known = alike.get(key) ?? { cpus: [], group };
    known.cpus.push(...(cpus ?? "").split(/\s+/).filter((cpu) => /^\d+$/.test(cpu)).map(Number));
    alike.set(key, known);
  }
  const first = (cpus: number[]) => Math.min(...cpus);
  return [...alike.values()].filter(({ cpus }) => cpus.length > 0)
    .sort((a, b) => first(a.cpus) - first(b.cpus))
    .map(({ cpus, group }) => ({ cpus: cpuList(cpus), ...group }));
}

/**
 * What the groups have in common.
 *
 * @returns the one value, or all distinct ones joined with ", "; `null` when nothing is known
 */
export function inCommon(
  groups: readonly FrequencyGroup[],
  key: Exclude<keyof FrequencyGroup, "cpus">,
): string | number | null {
  const values = [...new Set(groups.map((group) => group[key]).filter((value) => value !== null))];
  return values.length > 1 ? values.join(", ") : values[0] ?? null;
}
