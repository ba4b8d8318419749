/**
 * What a test says of itself, as WATCH sends it.
 *
 * @module
 */
import type { PluginHost } from "../ffi/mod.ts";
import type { ProgressReport } from "../protocol/mod.ts";

const NOTHING_YET = {
  phase: "idle",
  elapsedNs: 0,
  expectedNs: 0,
  sent: 0,
  ok: 0,
  lost: 0,
  bad: 0,
  rateBps: 0,
  sentBps: 0,
  p50Ns: 0,
  p99Ns: 0,
  p999Ns: 0,
  maxNs: 0,
} as const;

/**
 * Reads the progress of a test; of one that does not tell, at least how long it has been running.
 *
 * @param host The test's process.
 * @param plugin Its name.
 * @param startedMs When START came, in milliseconds of `Date.now()`; `null` before it.
 */
export function describeProgress(
  host: Pick<PluginHost, "pid" | "progress">,
  plugin: string,
  startedMs: number | null,
): ProgressReport {
  const said = host.progress() ?? NOTHING_YET;
  const elapsedNs = said.elapsedNs === 0 && startedMs !== null
    ? (Date.now() - startedMs) * 1e6
    : said.elapsedNs;
  return {
    pid: host.pid,
    test: plugin,
    phase: said.phase,
    elapsedNs,
    expectedNs: said.expectedNs,
    sent: said.sent,
    ok: said.ok,
    lost: said.lost,
    bad: said.bad,
    rateBps: said.rateBps,
    sentRateBps: said.sentBps,
    p50Ns: said.p50Ns,
    p99Ns: said.p99Ns,
    p999Ns: said.p999Ns,
    maxNs: said.maxNs,
  };
}
