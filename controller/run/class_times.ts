/**
 * When the testers of a class begin and end within the run.
 *
 * @module
 */

import { pause } from "../../base/deadline.ts";
import { monotonicNowNs } from "../../ffi/mod.ts";
import type { PluginResults } from "../../results/document/document.ts";
import type { ClassRun, ClientRun } from "./participants.ts";
import type { RunState } from "./run_state.ts";
import type { PlannedWindow } from "../outcome/window_plan.ts";

/** The instants that were sent to everybody. */
export interface Agreement {
  /** The instant at which the run begins, on the controller's clock. */
  startNs: bigint;
  /** Of each test the testers' common measured phase, from the instant; `null`: not known beforehand. */
  windows: (PlannedWindow | null)[];
}

/** When the testers of a class start, on the controller's clock. */
export function beginOf({ beginNs }: Pick<ClassRun, "beginNs">, { startNs }: Agreement): bigint {
  return startNs + BigInt(beginNs);
}

/** Nanoseconds from the run's begin until a tester's end, as far as its test or its class gives one; 0: until stopped. */
export function lastsNs({ expectedNs, class: { beginNs, endNs }, toStop }: ClientRun): number | null {
  if (toStop && endNs !== null) return endNs;
  return expectedNs === null || expectedNs === 0 ? expectedNs : beginNs + expectedNs;
}

/** Ends a test that does not end with its class by itself. */
export async function stopWithClass(
  state: RunState,
  client: ClientRun,
  agreement: Agreement,
  over: AbortSignal,
): Promise<void> {
  const { class: { endNs }, peer } = client;
  if (!client.toStop || endNs === null) return;
  const at = agreement.startNs + BigInt(endNs);
  await pause(Number(at - monotonicNowNs()) / 1e6, AbortSignal.any([state.signal, over]));
  if (over.aborted || client.done || peer.error !== null || state.signal.aborted || state.interrupted) return;
  await peer.stop(null); // a tester ends its test when STOP comes: no instant can be sent ahead for that
}

/** A test that was ended with its class was not cut short. */
export function asPlanned(client: ClientRun, results: PluginResults | null): PluginResults | null {
  if (!client.toStop || results?.reasons === undefined) return results;
  return { ...results, reasons: results.reasons.filter(({ code }) => code !== "stopped") };
}
