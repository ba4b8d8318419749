/**
 * Looking at processes: children, and what a program left behind.
 *
 * @module
 */
import { until } from "./wait.ts";

/** One process. */
export interface ProcessEntry {
  pid: number;
  parent: number;
  /** "R", "S", "T", "Z", … */
  state: string;
  /** Processor time that it has used, in ticks (hundredths of a second). */
  ticks: number;
  command: string;
}

/** All processes that can be seen. */
export function allProcesses(): ProcessEntry[] {
  const entries: ProcessEntry[] = [];
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^[0-9]+$/.test(name)) continue;
    const entry = readProcess(Number(name));
    if (entry !== null) entries.push(entry);
  }
  return entries;
}

/**
 * Looks at one process.
 *
 * @param pid Its number.
 * @returns `null` when it is gone.
 */
export function readProcess(pid: number): ProcessEntry | null {
  try {
    const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const [state = "?", parent = "0"] = fields;
    const ticks = Number(fields[11]) + Number(fields[12]);
    const command = Deno.readTextFileSync(`/proc/${pid}/cmdline`).replaceAll("\0", " ").trim();
    return { pid, parent: Number(parent), state, ticks, command };
  } catch {
    return null;
  }
}

/**
 * Whether a process runs: neither gone nor dead and unreaped.
 *
 * @param pid Its number.
 */
export function isAlive(pid: number): boolean {
  const entry = readProcess(pid);
  return entry !== null && entry.state !== "Z" && entry.state !== "X";
}

/**
 * The direct children of a process.
 *
 * @param pid The parent.
 */
export function childrenOf(pid: number): ProcessEntry[] {
  return allProcesses().filter((entry) => entry.parent === pid);
}

/**
 * The processes that carry a mark in their environment, as all do that descend from a program started with it.
 *
 * @param mark Such as `IPBENCH_TEST_MARK=…`.
 */
export function markedProcesses(mark: string): ProcessEntry[] {
  return allProcesses().filter(({ pid, state }) => {
    if (state === "Z") return false;
    try {
      return Deno.readTextFileSync(`/proc/${pid}/environ`).split("\0").includes(mark);
    } catch {
      return false;
    }
  });
}

/**
 * Waits until no process carries the mark any more.
 *
 * @param mark See {@linkcode markedProcesses}.
 * @param ms Longest wait.
 * @throws {Error} that names those who are left.
 */
export async function assertNoneLeft(mark: string, ms = 5_000): Promise<void> {
  try {
    await until("all processes end", ms, () => markedProcesses(mark).length === 0);
  } catch (cause) {
    const left = markedProcesses(mark).map((entry) => `${entry.pid} ${entry.state} ${entry.command}`);
    if (left.length > 0) throw new Error(`left behind: ${left.join("; ")}`, { cause });
  }
}
