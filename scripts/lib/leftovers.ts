/**
 * What a test run leaves behind: processes and network namespaces.
 *
 * @module
 */

import { run } from "./steps.ts";

/** Variable that marks every process of one test run, also those whose parent is gone. */
export const MARK = "IPBENCH_TEST_RUN";
/** Variable that marks every process of one test file, in one of its runs. */
export const FILE_MARK = "IPBENCH_TEST_FILE";

/**
 * @param mark value of the variable
 * @param variable {@linkcode MARK}, unless it is another
 * @returns processes that carry it, this one excepted
 */
export function markedProcesses(mark: string, variable: string = MARK): { pid: number; command: string }[] {
  const found: { pid: number; command: string }[] = [];
  for (const { name } of Deno.readDirSync("/proc")) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === Deno.pid) continue;
    try {
      const environment = Deno.readTextFileSync(`/proc/${pid}/environ`);
      if (!environment.split("\0").includes(`${variable}=${mark}`)) continue;
      const command = Deno.readTextFileSync(`/proc/${pid}/cmdline`).replaceAll("\0", " ").trim();
      if (command !== "") found.push({ pid, command });
    } catch {
      // It is somebody else's, or gone.
    }
  }
  return found;
}

/**
 * Ends what a test file that failed has left: what it would have ended itself, had it come to its end.
 *
 * @param mark value of {@linkcode FILE_MARK}
 * @returns a line for each
 */
export function endLeftovers(mark: string): string[] {
  return markedProcesses(mark, FILE_MARK).map(({ pid, command }) => {
    killProcess(pid);
    return `ended, as the test had failed before it did: process ${pid}: ${command}`;
  });
}

/** Kills a process, if it is still there. */
export function killProcess(pid: number): void {
  try {
    Deno.kill(pid, "SIGKILL");
  } catch {
    // It ended by itself.
  }
}

/** @returns names of the network namespaces; empty where `ip` is not installed */
export async function namespaces(): Promise<string[]> {
  const { output } = await run("sh", ["-c", "ip netns list 2>/dev/null || true"]);
  return output.split("\n").map((line) => line.split(" ")[0]!).filter((name) => name !== "");
}
