/**
 * Comparing clocks while a test runs whose figures depend on it.
 *
 * @module
 */
import { ClockKeeper } from "../link/clock_keeper.ts";
import type { ClientRun, TargetRun } from "./participants.ts";
import type { RunState } from "./run_state.ts";

/** Tests that measure one-way delays; others have no use for it, and are left in peace. */
const ONE_WAY_TESTS = ["stamp", "forward"];

/**
 * Begins to compare the clocks of everybody in a run that measures one-way delays.
 *
 * @param state the run, started
 */
export async function keepClocks(state: RunState): Promise<void> {
  const clients = state.clients.filter(({ ready, class: { description: { test } } }) =>
    ready && ONE_WAY_TESTS.includes(test)
  );
  if (clients.length === 0) return;
  await state.unlessStopped(Promise.all([...clients, ...state.targets].map((run) => keep(state, run))));
}

async function keep(state: RunState, run: ClientRun | TargetRun): Promise<void> {
  if (run.before === null || !run.peer.has("clock")) return;
  const { access, limits } = state.parts;
  const keeper = await ClockKeeper.open(run.peer.name, access, limits.clockEveryMs);
  if (state.signal.aborted) await keeper?.close();
  else run.keeper = keeper;
}
