/**
 * What a test reports of itself, as WATCH sends it.
 *
 * @module
 */
import { NO_PROGRESS } from "../base/test_progress.ts";
import type { PluginHost } from "../ffi/mod.ts";
import type { ProgressReport } from "../protocol/mod.ts";

/**
 * Reads the progress of a test; of one that reports none, at least how long it has been running.
 *
 * @param host The test's process.
 * @param plugin Its name.
 * @param startedMs When START came, in milliseconds of `Date.now()`; `null` before it.
 * @param owner Whose test it is, and since when, in milliseconds of `performance.now()`.
 */
export function describeProgress(
  host: Pick<PluginHost, "pid" | "progress">,
  plugin: string,
  startedMs: number | null,
  owner: { name: string; sinceMs: number },
): ProgressReport {
  const progress = host.progress() ?? NO_PROGRESS;
  return {
    ...progress,
    pid: host.pid,
    test: plugin,
    elapsedNs: progress.elapsedNs === 0 && startedMs !== null
      ? (Date.now() - startedMs) * 1e6
      : progress.elapsedNs,
    owner: owner.name,
    heldNs: (performance.now() - owner.sinceMs) * 1e6,
  };
}
