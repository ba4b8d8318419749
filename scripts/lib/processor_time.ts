/**
 * How busy this machine's processors are.
 *
 * @module
 */

/** Positions in the first line of /proc/stat (proc(5)): idle and iowait; the rest up to steal is work. */
const IDLE = 3, IOWAIT = 4, STEAL = 7;

interface Ticks {
  busy: number;
  all: number;
}

function readTicks(): Ticks {
  const [line] = Deno.readTextFileSync("/proc/stat").split("\n", 1);
  const fields = line!.split(/\s+/).slice(1, STEAL + 2).map(Number);
  const all = fields.reduce((sum, ticks) => sum + ticks, 0);
  return { all, busy: all - fields[IDLE]! - fields[IOWAIT]! };
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
