/**
 * A plugin's description of itself, and what it reports while it runs.
 *
 * @module
 */

import type { BETTER, TOTALS } from "../base/metric_kinds.ts";
import { TEST_PHASES, type TestProgress } from "../base/test_progress.ts";

/** The side of a test that a plugin implements. */
export type Side = "client" | "target";

/** One argument of a test. */
export interface PluginOption {
  name: string;
  /** "int", "float", "size", "rate", "time", "bool", "string" or "enum". */
  type: string;
  /** "bit/s", "byte", "s", … or "". */
  unit: string;
  /** As it would be typed; "" when there is none. */
  default: string;
  /** "1..65507", "tcp|udp|raw"; "" when anything goes. */
  range: string;
  help: string;
  /** An argument of `setup_controller`, not of `setup`. */
  controller: boolean;
}

/** One figure that a plugin's results give. */
export interface PluginMetric {
  /** As in the results; `*` at its end stands for any ending. */
  name: string;
  unit: string;
  help: string;
  total: typeof TOTALS[number];
  better: typeof BETTER[number];
}

/** One plugin, as it was found. */
export interface PluginInfo {
  name: string;
  side: Side;
  /** One line. */
  descr: string;
  id: number;
  /** Port on the machine under test when a run names none. */
  defaultPort: number;
  /** Path of the file, or "embedded". */
  origin: string;
  /** Version of the plugin; `null` without the extension symbol. */
  version: string | null;
  /** Version of the extension; `null` without the extension symbol. */
  interface: { major: number; minor: number } | null;
  /** Names of the columns that `output` prints, comma between them. */
  csvHeader: string | null;
  /** `null` without the extension symbol. */
  options: PluginOption[] | null;
  /** Figures that its results give, as far as it describes them. */
  metrics: PluginMetric[];
  /** Whether its setup needs a machine under test; `null` without the extension symbol. */
  needsTarget: boolean | null;
  /** Mandatory functions that are NULL. */
  missing: string[];
}

/**
 * As what a plugin can be loaded. Plugins as old as the original leave `type` 0 in target tests, too, and rely on which
 * daemon loads them; one that has the extension means what it declares.
 *
 * @param info the plugin
 * @returns one side, or both
 */
export function sidesOf(
  { side, interface: extension }: Pick<PluginInfo, "side" | "interface">,
): readonly Side[] {
  return side === "client" && extension === null ? ["client", "target"] : [side];
}

/** What the shared page holds. */
export interface PageProgress extends TestProgress {
  /** Grows with each update. */
  readonly updates: number;
}

/** Place of `unknown` in `struct ipbench_progress`: a bit for each of sent, ok, lost, bad, rate_bps, sent_bps. */
const UNKNOWN_AT = 120;

/** Size of `struct ipbench_progress`. */
export const PROGRESS_BYTES = 128;

/**
 * Reads `struct ipbench_progress`.
 *
 * @param page at least {@linkcode PROGRESS_BYTES} bytes of the shared page
 * @returns its progress, or `null` when the plugin never wrote to it
 */
export function parseProgress(page: Uint8Array): PageProgress | null {
  if (page.byteLength < PROGRESS_BYTES) return null;
  const view = new DataView(page.buffer, page.byteOffset, PROGRESS_BYTES);
  const u64 = (offset: number): number => Number(view.getBigUint64(offset, true));
  if (view.getUint32(0, true) === 0) return null;
  const updates = u64(8);
  const unknown = view.getBigUint64(UNKNOWN_AT, true);
  // Before the first update nothing has been counted.
  const known = (bit: bigint, offset: number) =>
    (unknown >> bit & 1n) === 0n ? u64(offset) || (updates === 0 ? null : 0) : null;
  const time = (offset: number) => u64(offset) || null;
  return {
    phase: TEST_PHASES[view.getUint32(4, true)] ?? "idle",
    updates,
    elapsedNs: u64(16),
    expectedNs: u64(24),
    sent: known(0n, 32),
    ok: known(1n, 40),
    lost: known(2n, 48),
    bad: known(3n, 56),
    rateBps: known(4n, 64),
    sentBps: known(5n, 72),
    p50Ns: time(80),
    p99Ns: time(88),
    p999Ns: time(96),
    maxNs: time(104),
    darkNs: u64(112),
  };
}

/** What a finished `start` reports; times are CLOCK_MONOTONIC of the machine it ran on. */
export interface StartReport {
  /** Whether `start` returned 0. */
  ok: boolean;
  /** What `start` returned. */
  status: number;
  /** The agreed instant; `null` when it was to start at once. */
  plannedNs: bigint | null;
  /** When `start` was called. */
  actualNs: bigint;
  /** When `start` returned. */
  endedNs: bigint;
  /** Why it failed, in the plugin's words. */
  error?: string;
}

/** One finding about a plugin; "note" is neither good nor a fault. */
export interface Finding {
  kind: "ok" | "note" | "wrong";
  text: string;
}

/** What {@linkcode PluginHost.check} found out about one file. */
export interface PluginCheck {
  info: PluginInfo;
  findings: Finding[];
  /** Optional functions that it has, such as `results`. */
  has: string[];
}
