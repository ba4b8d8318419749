/**
 * The runs whose states are known here: those that go on, and the last ones that have ended.
 *
 * @module
 */

import { lossOf } from "../base/test_progress.ts";
import { KEEP_ENDED_MS, MAX_ENDED, MAX_POINTS, POINT_MS } from "./limits.ts";
import type { LivePoint, LiveState } from "./live_state.ts";

interface Known {
  state: LiveState;
  curves: Map<string, LivePoint[]>;
  /** Counts every state of the run. */
  version: number;
  waiting: Set<() => void>;
}

/** See the module. */
export class LiveRuns {
  readonly #runs = new Map<string, Known>();

  /**
   * Takes a run's state.
   *
   * @param state The state; of a run that is not known yet, too.
   */
  update(state: LiveState): void {
    let known = this.#runs.get(state.id);
    if (known === undefined) {
      known = { state, curves: new Map(), version: 0, waiting: new Set() };
      this.#runs.set(state.id, known);
    }
    known.state = state;
    known.version++;
    for (const [name, point] of pointsOf(state)) addPoint(known.curves, name, point);
    for (const wake of known.waiting) wake();
    known.waiting.clear();
    this.#forget(state.atMs);
  }

  /**
   * Notes that whoever sent a run's states is gone.
   *
   * @param id The run.
   * @param atMs When, milliseconds since 1970.
   */
  lost(id: string, atMs: number): void {
    const state = this.#runs.get(id)?.state;
    if (state === undefined || state.ended !== null) return;
    const reasons = ["the process of the run is gone before its end"];
    this.update({ ...state, atMs, phase: "lost", ended: { verdict: "INVALID", reasons, figures: [] } });
  }

  /** The states, those of runs that go on first, the latest of each kind first. */
  list(): LiveState[] {
    const rank = ({ ended }: LiveState) => ended === null ? 0 : 1;
    return [...this.#runs.values()].map(({ state }) => state)
      .sort((a, b) => rank(a) - rank(b) || b.beganMs - a.beganMs);
  }

  /**
   * One run's state.
   *
   * @param id The run.
   * @param curves Whether its curves are wanted, too.
   * @returns The state and its version; `null` when there is no such run.
   */
  get(id: string, curves = false): { state: LiveState; version: number } | null {
    const known = this.#runs.get(id);
    if (known === undefined) return null;
    const { state, version } = known;
    if (!curves) return { state, version };
    return { state: { ...state, curves: Object.fromEntries(known.curves) }, version };
  }

  /**
   * Waits until there is another state.
   *
   * @param id The run.
   * @param version The one that is known.
   * @param ms At most so long, in milliseconds.
   */
  async changed(id: string, version: number, ms: number): Promise<void> {
    const known = this.#runs.get(id);
    if (known === undefined || known.version !== version) return;
    await new Promise<void>((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        known.waiting.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, ms);
      known.waiting.add(wake);
    });
  }

  /** Forgets what ended long ago, and the oldest of what is too much. */
  #forget(nowMs: number): void {
    const ended = this.list().filter(({ ended }) => ended !== null);
    for (const [n, { id, atMs }] of ended.entries()) {
      if (n >= MAX_ENDED || nowMs - atMs > KEEP_ENDED_MS) this.#runs.delete(id);
    }
  }
}

/** A point of each class that reports something. Percentiles do not add up: it is the slowest tester's. */
function pointsOf({ peers, atMs }: LiveState): Map<string, LivePoint> {
  const points = new Map<string, LivePoint>();
  const testers = peers.filter(({ role, progress }) => role === "client" && progress !== null);
  for (const [name, own] of Map.groupBy(testers, (peer) => peer.class)) {
    const most = { p50: 0, p99: 0 };
    let rate: number | null = null;
    for (const { progress, outcome } of own) {
      const p = progress!;
      const one = p.rateBps || p.sentBps || p.rateBps;
      // What has ended sends no more.
      if (outcome !== "") rate ??= 0;
      else if (one !== null) rate = (rate ?? 0) + one;
      most.p50 = Math.max(most.p50, p.p50Ns ?? 0);
      most.p99 = Math.max(most.p99, p.p99Ns ?? 0);
    }
    const loss = lossOf(own.map(({ progress }) => progress!));
    points.set(name, [atMs, rate, loss, most.p50 || null, most.p99 || null]);
  }
  return points;
}

function addPoint(curves: Map<string, LivePoint[]>, name: string, point: LivePoint): void {
  const curve = curves.get(name) ?? [];
  curves.set(name, curve);
  const last = curve.at(-1);
  if (last !== undefined && point[0] - last[0] < POINT_MS * 0.9) return;
  curve.push(point);
  if (curve.length > MAX_POINTS) curve.shift();
}
