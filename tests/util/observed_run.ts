/**
 * A run of the built controller that is watched from outside: when it said what, and how much memory it had.
 *
 * @module
 */
import { allProcesses } from "./processes.ts";
import { programCommand } from "./program.ts";

/** How often the processes' memory is looked at, in ms. */
const LOOK_EVERY_MS = 50;
/** In how many of these looks children are searched for: it takes a look at all processes. */
const SEARCH_EVERY = 5;

/** What was seen. Times are milliseconds of `performance.now()`. */
export interface ObservedRun {
  readonly code: number;
  readonly lines: readonly { readonly atMs: number; readonly text: string }[];
  readonly beganMs: number;
  readonly endedMs: number;
  /** Most resident memory in bytes: of the controller, of its children together, and of all at one moment. */
  readonly peakBytes: { readonly controller: number; readonly children: number; readonly together: number };
  /** Processor time of the controller without its children, in ms. */
  readonly processorMs: number;
  /** The same of this process meanwhile, which may play the testers, in ms. */
  readonly ownProcessorMs: number;
}

/**
 * Runs `dist/ipbench` and watches it.
 *
 * @param args Its arguments.
 * @returns What was seen.
 */
export async function observeRun(args: readonly string[]): Promise<ObservedRun> {
  const command = programCommand("ipbench");
  const beganMs = performance.now(), ownBeganMs = processorMsOf(Deno.pid);
  const child = new Deno.Command(command.path, {
    args: [...command.args, ...args],
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const peakBytes = { controller: 0, children: 0, together: 0 };
  let processorMs = 0;
  let looks = 0;
  let family: number[] = [];
  const timer = setInterval(() => {
    const controller = memoryOf(child.pid);
    if (looks++ % SEARCH_EVERY === 0) family = descendantsOf(child.pid);
    const children = family.map(memoryOf);
    const now = children.reduce((sum, { resident }) => sum + resident, 0);
    peakBytes.controller = Math.max(peakBytes.controller, controller.peak);
    peakBytes.children = Math.max(peakBytes.children, children.reduce((sum, { peak }) => sum + peak, 0));
    peakBytes.together = Math.max(peakBytes.together, controller.resident + now);
    processorMs = Math.max(processorMs, processorMsOf(child.pid));
  }, LOOK_EVERY_MS);
  const lines: { atMs: number; text: string }[] = [];
  try {
    let rest = "";
    for await (const part of child.stderr.pipeThrough(new TextDecoderStream())) {
      const atMs = performance.now();
      const parts = (rest + part).split("\n");
      rest = parts.pop() ?? "";
      for (const text of parts) lines.push({ atMs, text });
    }
    const { code } = await child.status;
    const ownProcessorMs = processorMsOf(Deno.pid) - ownBeganMs;
    return { code, lines, beganMs, endedMs: performance.now(), peakBytes, processorMs, ownProcessorMs };
  } finally {
    clearInterval(timer);
  }
}

/** When the first line came that begins so; fails when none did. */
export function momentOf(run: ObservedRun, beginning: string): number {
  const line = run.lines.find(({ text }) => text.startsWith(beginning));
  if (line === undefined) {
    throw new Error(
      `"${beginning}" was not said: ${run.lines.slice(-10).map(({ text }) => text).join(" | ")}`,
    );
  }
  return line.atMs;
}

/** Resident memory now and at most, in bytes; 0 of a process that is gone. */
function memoryOf(pid: number): { resident: number; peak: number } {
  const status = read(`/proc/${pid}/status`);
  const bytes = (key: string) => Number(new RegExp(`${key}:\\s+([0-9]+) kB`).exec(status)?.[1] ?? 0) * 1024;
  return { resident: bytes("VmRSS"), peak: bytes("VmHWM") };
}

function processorMsOf(pid: number): number {
  const stat = read(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) * 10;
}

function descendantsOf(pid: number, all = allProcesses()): number[] {
  const children = all.filter(({ parent }) => parent === pid).map((entry) => entry.pid);
  return children.flatMap((child) => [child, ...descendantsOf(child, all)]);
}

function read(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return ""; // The process is gone.
  }
}
