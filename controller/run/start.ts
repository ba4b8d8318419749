/**
 * The agreed instant: clocks are compared, an instant is chosen and sent to everybody.
 *
 * @module
 */

import { monotonicNowNs } from "../../ffi/mod.ts";
import { combineProbes, offsetAt, type OffsetInterval } from "../link/clock_estimate.ts";
import { pause } from "../../base/deadline.ts";
import { eachInLane, inLane, Semaphore } from "../../base/semaphore.ts";
import type { ClassRun, ClientRun, TargetRun } from "./participants.ts";
import type { RunState } from "./run_state.ts";
import { withComeback } from "./gather.ts";
import { setUpAgain } from "./set_up.ts";
import { waitForEnough } from "./stragglers.ts";
import { type Agreement, beginOf } from "./class_times.ts";
import { commonPlan, type PlannedWindow } from "../outcome/window_plan.ts";

/**
 * How many times each clock is asked: fewer times where there are many, so that the questions do not take longer than the
 * rest of the set-up.
 *
 * @param daemons how many there are
 * @param most of few daemons
 */
export function probesEach(daemons: number, most: number): number {
  return Math.min(most, daemons > 2_000 ? 4 : daemons > 64 ? 8 : Infinity);
}

/** How many clocks are compared at the same time: more would lengthen each other's round trips. */
const PARALLEL_PROBES = 4;
/** After this a daemon no longer counts among those that are asked at the same time: it is far away or silent, and needs nothing of this machine. */
const LANE_MS = 50;
/** Time that the controller needs to send START to one daemon, generously. */
const TELL_NS = 200_000n;

/**
 * Compares clocks and starts targets, then clients.
 *
 * @param state the run, with everybody ready
 * @returns what was agreed
 * @throws {Stopped} when the run ends early
 */
export async function startAll(state: RunState): Promise<Agreement> {
  await compareClocks(state);
  state.parts.reception?.refuseFurther("the run has begun, and takes nobody any more");
  const clients = state.clients.filter((client) => client.ready);
  const startNs = monotonicNowNs() + leadNs(state, clients);
  const agreement = { startNs, windows: state.classes.map(plannedOf) };
  state.phase("start", `starting ${state.everybody(clients.length)}`);
  await state.unlessStopped(Promise.all(
    state.targets.map((target) =>
      state.targetStep(target, async () => {
        await target.peer.start(targetInstant(target, agreement));
        target.head = target.peer.resultHead();
        target.head.catch(() => {});
      })
    ),
  ));
  state.check();
  const agreed = clients.filter((client) => client.peer.has("at") && client.before !== null);
  const plain = clients.filter((client) => !agreed.includes(client));
  const startAgreed = (client: ClientRun) =>
    state.clientStep(client, async () => {
      state.check();
      const at = beginOf(client.class, agreement);
      await client.peer.start(at + offsetAt(at, client.before!, null).offsetNs);
    });
  const isFar = ({ class: { beginNs } }: ClientRun) => beginNs > FARTHEST_START_NS;
  const { parallel } = state.parts.limits;
  await state.unlessStopped(
    eachInLane(agreed.filter((each) => !isFar(each)), parallel, LANE_MS, startAgreed),
  );
  for (const client of agreed.filter(isFar)) {
    client.started = state.clientStep(client, async () => {
      const early = BigInt(client.class.beginNs - FARTHEST_START_NS);
      await pause(Number(startNs + early - monotonicNowNs()) / 1e6, state.signal);
      state.check();
      await startAgreed(client);
    });
  }
  // A daemon that knows no instants gets START at the instant itself.
  const isFirst = ({ class: { beginNs } }: ClientRun) => beginNs === 0;
  if (agreed.length > 0 && plain.some(isFirst)) {
    await pause(Number(startNs - monotonicNowNs()) / 1e6, state.signal);
  }
  await state.unlessStopped(
    Promise.all(
      plain.filter(isFirst).map((client) => state.clientStep(client, () => client.peer.start(null))),
    ),
  );
  const begun = agreed.length > 0 ? agreement : { ...agreement, startNs: monotonicNowNs() };
  for (const client of plain.filter((each) => !isFirst(each))) {
    client.started = state.clientStep(client, async () => {
      await pause(Number(beginOf(client.class, begun) - monotonicNowNs()) / 1e6, state.signal);
      state.check();
      await client.peer.start(null);
    });
  }
  return begun;
}

/** The planned measured phase of a class, from the begin of the run. */
function plannedOf({ clients, beginNs }: ClassRun): PlannedWindow | null {
  const plan = commonPlan(clients.filter((client) => client.ready).map((client) => client.window));
  return plan === null ? null : {
    startNs: plan.startNs + beginNs,
    endNs: plan.endNs === null ? null : plan.endNs + beginNs,
  };
}

/** A meter starts with the measured phase, everything else at once, so that it is there before the first packet. */
function targetInstant(target: TargetRun, agreement: Agreement): bigint | null {
  const { startNs } = agreement;
  const window = agreement.windows[target.class.index] ?? null;
  if (!target.meter || window === null || !target.peer.has("at") || target.before === null) return null;
  const at = startNs + BigInt(window.startNs);
  // The protocol refuses an instant that is more than a minute away; a longer warm-up is then measured with the rest.
  if (window.startNs > FARTHEST_START_NS) return null;
  return at + offsetAt(at, target.before, null).offsetNs;
}

/** Farthest instant that is sent to a daemon, in nanoseconds from the start. */
const FARTHEST_START_NS = 50e9;

async function compareClocks(state: RunState): Promise<void> {
  const clients = state.clients.filter((client) => client.ready);
  const { limits } = state.parts;
  const probes = probesEach(state.targets.length + clients.length, limits.clockProbes);
  const askUntil = performance.now() + limits.clockMs;
  state.phase("clock", "comparing clocks");
  const lanes = new Semaphore(PARALLEL_PROBES);
  const compared = new Set<ClientRun | TargetRun>();
  const compare = async (run: ClientRun | TargetRun) => {
    const made = await run.peer.probeClock(probes, askUntil);
    run.before = made.length === 0 ? null : combineProbes(made);
    compared.add(run);
  };
  const again = (run: ClientRun | TargetRun) =>
    withComeback(state, run, () => compare(run), () => setUpAgain(state, run));
  const targets = state.targets.map((target) =>
    inLane(lanes, LANE_MS, () => state.targetStep(target, () => again(target)))
  );
  const steps = clients.map((client) =>
    inLane(lanes, LANE_MS, () => state.clientStep(client, () => again(client)))
  );
  await state.unlessStopped(
    Promise.all([...targets, waitForEnough(state, steps, (client) => compared.has(client))]),
  );
  state.check();
}

/** Long enough for START to reach all: many times the longest way there, and the time that sending takes. */
function leadNs(state: RunState, clients: readonly ClientRun[]): bigint {
  const { minLeadMs, maxLeadMs } = state.parts.limits;
  const all: (OffsetInterval | null)[] = [...clients, ...state.targets].map((run) => run.before);
  const worst = all.reduce((most, seen) => seen !== null && seen.minRttNs > most ? seen.minRttNs : most, 0n);
  const wanted = BigInt(minLeadMs) * 1_000_000n + 4n * worst + TELL_NS * BigInt(all.length);
  const most = BigInt(maxLeadMs) * 1_000_000n;
  return all.every((seen) => seen === null) ? 0n : wanted > most ? most : wanted;
}
