/**
 * Waiting for the daemons that dial in.
 *
 * @module
 */

import { pause } from "../../base/deadline.ts";
import { formatIndexes } from "../../base/indexes.ts";
import type { DaemonRole } from "../../protocol/mod.ts";
import { Peer } from "../link/peer.ts";
import type { Reception } from "../join/reception.ts";
import { GATHER_POLL_MS, GATHER_TELL_MS, MAX_COMEBACKS } from "../limits.ts";
import type { ClientRun, TargetRun } from "./participants.ts";
import { RunError } from "./run_error.ts";
import type { RunState } from "./run_state.ts";

/** Which of those that dial in it is; `null`: the controller connects to it. */
function joiner({ peer: { name } }: ClientRun | TargetRun): { role: DaemonRole; index: number } | null {
  if (name.joins === undefined) return null;
  return { role: name.role === "client" ? "tester" : "target", index: name.joins };
}

/**
 * Waits until a daemon that dials in is there, and calls it by its name; of others nothing is waited for.
 *
 * @param state the run
 * @param run the daemon
 * @returns `false` when the run has ended, or goes on without it
 */
export async function arrived(state: RunState, run: ClientRun | TargetRun): Promise<boolean> {
  const who = joiner(run);
  const { reception } = state.parts;
  if (who === null || reception === null) return true;
  const arrival = await reception.arrival(who.role, who.index);
  if (arrival === null || run.peer.error !== null) return false;
  state.named(run, arrival);
  return true;
}

/**
 * Sees to it that the wait for those who dial in ends: when all are there, when as many as are required are and the rest
 * has had a moment, or when its time is over.
 *
 * @param state the run
 */
export async function gather(state: RunState): Promise<void> {
  const { parts: { reception, description: { listen }, limits }, clients, targets, classes } = state;
  if (reception === null || listen === undefined) return;
  const joining = [...clients, ...targets].filter((run) => joiner(run) !== null);
  state.phase("connect", `waiting for ${joining.length} daemon(s) on ${reception.address}`);
  const beganMs = performance.now();
  state.joinUntilMs = beganMs + listen.waitSeconds * 1000;
  let toldMs = beganMs, told = 0, enoughMs = Infinity;
  // A daemon that has been here once is not waited for again: its own step notices when it is lost.
  const away = new Set<ClientRun | TargetRun>(joining);
  for (;;) {
    for (const run of away) if (isHere(reception, run)) away.delete(run);
    if (away.size === 0 || state.signal.aborted) return;
    const nowMs = performance.now();
    const isEnough = targets.every((target) => !away.has(target)) &&
      classes.every((each) =>
        each.clients.length - each.clients.filter((client) => away.has(client)).length >= each.required
      );
    if (!isEnough) enoughMs = Infinity;
    else if (enoughMs === Infinity) enoughMs = nowMs;
    if (nowMs - enoughMs >= limits.stragglerMs || nowMs - beganMs >= listen.waitSeconds * 1000) {
      return await goOn(state, away, isEnough, (nowMs - beganMs) / 1000);
    }
    const here = joining.length - away.size;
    if (nowMs - toldMs >= GATHER_TELL_MS && here !== told) {
      state.phase("connect", `${here} of ${joining.length} daemons have dialled in`);
      [toldMs, told] = [nowMs, here];
    }
    await pause(GATHER_POLL_MS, state.signal);
  }
}

function isHere(reception: Reception, run: ClientRun | TargetRun): boolean {
  const who = joiner(run)!;
  return reception.isHere(who.role, who.index);
}

/** Without those that are away, or not at all. */
async function goOn(
  state: RunState,
  away: ReadonlySet<ClientRun | TargetRun>,
  isEnough: boolean,
  seconds: number,
): Promise<void> {
  const of = (list: readonly (ClientRun | TargetRun)[], noun: string): string[] => {
    const indexes = list.filter((run) => away.has(run)).map((run) => run.peer.name.joins!);
    const all = list.filter((run) => joiner(run) !== null).length;
    return indexes.length === 0 ? [] : [`${indexes.length} of ${all} ${noun}s: ${formatIndexes(indexes)}`];
  };
  const missing = [...of(state.clients, "tester"), ...of(state.targets, "target")].join("; ");
  const time = `${seconds.toFixed(seconds < 1 ? 1 : 0)} s`;
  const text = `not there after ${time}: ${missing}`;
  const clients = state.clients.filter((client) => away.has(client));
  for (const run of away) {
    const { role, index } = joiner(run)!;
    state.parts.reception?.giveUp(role, index);
  }
  await state.clientsMissing(clients, `it has not dialled in within ${time}`);
  if (isEnough) return state.warn(null, text);
  const failure = new RunError(
    null,
    "connect",
    "timeout",
    text,
    "--wait waits longer, --require is content with fewer",
  );
  state.parts.emit({ kind: "error", peer: null, phase: "connect", text: failure.message });
  state.end(failure);
}

/**
 * Runs a step before START with a daemon. One that has dialled in and is lost meanwhile gets another chance when it, or
 * another one started in its place, dials in again in time.
 *
 * @param state the run
 * @param run the daemon
 * @param step the step
 * @param again brings a daemon that has come back to where the step begins
 */
export async function withComeback(
  state: RunState,
  run: ClientRun | TargetRun,
  step: () => Promise<void>,
  again: () => Promise<void>,
): Promise<void> {
  const who = joiner(run);
  for (let comebacks = 0, back = false;; comebacks++) {
    try {
      if (back) await again();
      return await step();
    } catch (error) {
      const isLost = error instanceof RunError && error.code === "closed";
      if (who === null || !isLost || comebacks >= MAX_COMEBACKS || state.signal.aborted) throw error;
      const leftMs = state.joinUntilMs - performance.now();
      if (leftMs <= 0) throw lostFor(state, run, error);
      const place = `${who.role} ${who.index}`;
      state.warn(
        run.peer.name,
        `the connection is lost; the place of ${place} is kept until it dials in again`,
      );
      if ("done" in run) run.ready = false;
      run.side?.close();
      run.side = null;
      run.described = Promise.resolve();
      run.undescribed = null;
      run.peer.close();
      run.peer = new Peer(run.peer.name, run.peer.context);
      const over = new AbortController();
      const late = pause(leftMs, over.signal).then(() => "late");
      const came = await Promise.race([arrived(state, run), late]);
      over.abort();
      if (came !== true) throw came === "late" ? lostFor(state, run, error) : error;
      back = true;
    }
  }
}

/** One that was lost, and for which nothing has come within the time that there is for that. */
function lostFor(state: RunState, { peer: { name } }: ClientRun | TargetRun, error: RunError): RunError {
  const seconds = state.parts.description.listen?.waitSeconds ?? 0;
  const reason = `${error.reason}, and it has not dialled in again within ${seconds} s`;
  return new RunError(name, error.phase, error.code, reason, "--wait waits longer", error);
}
