/**
 * How busy this machine's processors are.
 *
 * @module
 */

import { MARK } from "./leftovers.ts";

/** Positions in the first line of /proc/stat (proc(5)): idle and iowait; the rest up to steal is work. */
const IDLE = 3, IOWAIT = 4, STEAL = 7;
/** Positions in /proc/PID/stat behind the program's name, where "state" is the first: utime, stime, starttime. */
const USER = 11, SYSTEM = 12, BEGUN = 19;

interface Ticks {
  busy: number;
  all: number;
  stolen: number;
}

function readTicks(): Ticks {
  const [line] = Deno.readTextFileSync("/proc/stat").split("\n", 1);
  const fields = line!.split(/\s+/).slice(1, STEAL + 2).map(Number);
  const all = fields.reduce((sum, ticks) => sum + ticks, 0);
  return { all, busy: all - fields[IDLE]! - fields[IOWAIT]!, stolen: fields[STEAL]! };
}

/**
 * @param ms how long to watch
 * @returns the share of all processors' time that was not idle, from 0 to 1; what the hypervisor took counts as busy
 */
export async function processorBusy(ms: number): Promise<number> {
  const before = readTicks();
  await new Promise((resolve) => setTimeout(resolve, ms));
  const after = readTicks();
  return after.all === before.all ? 0 : (after.busy - before.busy) / (after.all - before.all);
}

/**
 * What others have of the processors from now on, while a part of a test run that is marked does its work.
 *
 * @param mark value of {@linkcode MARK} in the environment of what does not count
 * @returns gives the share of all processors' time, from 0 to 1, that the hypervisor took and that those programs used which
 * were there all the time; those that came and went meanwhile are not known
 */
export function othersShare(mark: string): () => number {
  const ticks = readTicks(), others = ticksOfOthers(mark);
  return () => {
    const after = readTicks();
    let used = after.stolen - ticks.stolen;
    for (const [program, count] of ticksOfOthers(mark)) used += count - (others.get(program) ?? count);
    return after.all === ticks.all ? 0 : used / (after.all - ticks.all);
  };
}

/** Ticks that each program without the mark has used, by its number and begin; neither this one nor the kernel's threads. */
function ticksOfOthers(mark: string): Map<string, number> {
  const found = new Map<string, number>();
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(name) || Number(name) === Deno.pid) continue;
    try {
      const environment = Deno.readTextFileSync(`/proc/${name}/environ`);
      if (environment === "" || environment.split("\0").includes(`${MARK}=${mark}`)) continue;
      const stat = Deno.readTextFileSync(`/proc/${name}/stat`);
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      found.set(`${name} ${fields[BEGUN]}`, Number(fields[USER]) + Number(fields[SYSTEM]));
    } catch {
      // It is somebody else's, or gone.
    }
  }
  return found;
}
