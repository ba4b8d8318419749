/**
 * What a test run leaves behind: processes and network namespaces.
 *
 * @module
 */

import { run } from "./steps.ts";

/** Variable that marks every process of one test run, also those whose parent is gone. */
export const MARK = "IPBENCH_TEST_RUN";

/**
 * @param mark value of {@linkcode MARK}
 * @returns processes that carry it, this one excepted
 */
export function markedProcesses(mark: string): { pid: number; command: string }[] {
  const found: { pid: number; command: string }[] = [];
  for (const { name } of Deno.readDirSync("/proc")) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === Deno.pid) continue;
    try {
      const environment = Deno.readTextFileSync(`/proc/${pid}/environ`);
      if (!environment.split("\0").includes(`${MARK}=${mark}`)) continue;
      const command = Deno.readTextFileSync(`/proc/${pid}/cmdline`).replaceAll("\0", " ").trim();
      if (command !== "") found.push({ pid, command });
    } catch {
      // It is somebody else's, or gone.
    }
  }
  return found;
}

/** @returns names of the network namespaces; empty where `ip` is not installed */
export async function namespaces(): Promise<string[]> {
  const { output } = await run("sh", ["-c", "ip netns list 2>/dev/null || true"]);
  return output.split("\n").map((line) => line.split(" ")[0]!).filter((name) => name !== "");
}
