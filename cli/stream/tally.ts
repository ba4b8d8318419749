/**
 * What the testers of a running run have reported last, summed up.
 *
 * @module
 */

import { NO_PROGRESS, type TestProgress } from "../../base/test_progress.ts";
import type { PeerName, ProgressEvent } from "../../controller/run/progress.ts";
import type { ResultDocument } from "../../results/document/document.ts";

/**
 * The testers of a run, or of one class of it, together. Counts are of the measured phase so far, rates are those of the
 * moment. Percentiles do not add up: each is the largest of any tester. `null`: no tester has reported it,
 * or one that reports does not know it.
 */
export interface Tally {
  /** In a run of several tests. */
  class?: string;
  clients: number;
  /** Those whose result has come in, and those that have failed. */
  done: number;
  failed: number;
  /** Those that report figures. */
  reporting: number;
  /** Since the start of the test that is the furthest. */
  elapsed_ns: number | null;
  expected_ns: number | null;
  sent: number | null;
  ok: number | null;
  lost: number | null;
  /** Late and corrupt. */
  bad: number | null;
  received_bps: number | null;
  sent_bps: number | null;
  worst_p50_ns: number | null;
  worst_p99_ns: number | null;
  worst_p999_ns: number | null;
  max_ns: number | null;
  /** The longest time for which nothing has come back to a tester, where that is unusual. */
  dark_ns: number | null;
}

/** Whatever follows a run for others than the person before the terminal. */
export interface RunWatcher {
  /** To be called with the document as it is when the run begins; later calls do nothing. */
  begin(document: ResultDocument): void;
  /** To be called for each event. */
  take(event: ProgressEvent): void;
}

/** What is known of one tester. */
interface TesterState {
  peer: PeerName;
  progress: TestProgress | null;
  outcome: "" | "done" | "failed";
}

/** Follows the testers of a run. */
export class Tallies {
  readonly #testers: TesterState[];

  /** @param document The run's, as it is when it begins. */
  constructor({ clients }: Pick<ResultDocument, "clients">) {
    this.#testers = clients.map(({ host, port, class: of }, index) => ({
      peer: { role: "client", index, host, port, ...of !== undefined && { class: of } },
      progress: null,
      outcome: "",
    }));
  }

  /** How many there are. */
  get size(): number {
    return this.#testers.length;
  }

  /** Each by itself. */
  each(): { peer: PeerName; tally: Tally }[] {
    return this.#testers.map((state) => ({ peer: state.peer, tally: sumUp([state]) }));
  }

  /** Takes note of an event. */
  take(event: ProgressEvent): void {
    if (!("peer" in event) || event.peer?.role !== "client") return;
    const state = this.#testers[event.peer.index];
    if (state === undefined) return;
    state.peer = event.peer; // whoever dials in has its name from then on
    if (event.kind === "progress") state.progress = event.progress;
    else if (event.kind === "result") end(state, "done");
    else if (event.kind === "error") end(state, "failed");
  }

  /** Takes the figures of the result in place of those that were reported last, which are up to 0.2 s older than the end. */
  settle({ clients }: Pick<ResultDocument, "clients">): void {
    for (const [index, { counts, latency }] of clients.entries()) {
      const state = this.#testers[index];
      if (state === undefined || counts === null) continue;
      const before = state.progress ?? NO_PROGRESS;
      const { response = null } = latency ?? {};
      state.progress = {
        ...before,
        sent: atLeast(before.sent, counts.sent),
        ok: atLeast(before.ok, counts.ok),
        lost: counts.lost,
        bad: atLeast(before.bad, counts.late + counts.corrupt),
        ...response !== null && {
          p50Ns: response.p50_ns,
          p99Ns: response.p99_ns,
          p999Ns: response.p999_ns,
          maxNs: response.max_ns,
        },
      };
    }
  }

  /** All of them together; of several classes one tally each, because figures of different tests do not add up. */
  sums(): Tally[] {
    const classes = new Map<string | undefined, TesterState[]>();
    for (const state of this.#testers) {
      const own = classes.get(state.peer.class);
      if (own === undefined) classes.set(state.peer.class, [state]);
      else own.push(state);
    }
    return [...classes].map(([name, states]) => ({
      ...name !== undefined && { class: name },
      ...sumUp(states),
    }));
  }
}

/** What has ended sends and receives no more. */
function end(state: TesterState, outcome: "done" | "failed"): void {
  state.outcome = outcome;
  const { progress } = state;
  if (progress === null) return;
  const none = (rate: number | null) => rate === null ? null : 0;
  state.progress = {
    ...progress,
    rateBps: none(progress.rateBps),
    sentBps: none(progress.sentBps),
    darkNs: 0,
  };
}

/** A counter that has been read only grows. */
function atLeast(before: number | null, after: number): number {
  return Math.max(before ?? 0, after);
}

function sumUp(states: readonly TesterState[]): Tally {
  const known = states.flatMap(({ progress }) => progress ?? []);
  // A sum without what one of them does not know would be too small.
  const sum = (of: (each: TestProgress) => number | null) =>
    known.length === 0
      ? null
      : known.map(of).reduce((total, value) => total === null || value === null ? null : total + value, 0);
  const most = (of: (each: TestProgress) => number | null) =>
    known.length === 0 ? null : known.reduce((largest, each) => Math.max(largest, of(each) ?? 0), 0);
  const told = (value: number | null) => value === 0 ? null : value;
  return {
    clients: states.length,
    done: states.filter(({ outcome }) => outcome === "done").length,
    failed: states.filter(({ outcome }) => outcome === "failed").length,
    reporting: known.length,
    elapsed_ns: most((each) => each.elapsedNs),
    expected_ns: told(most((each) => each.expectedNs)),
    sent: sum((each) => each.sent),
    ok: sum((each) => each.ok),
    lost: sum((each) => each.lost),
    bad: sum((each) => each.bad),
    received_bps: sum((each) => each.rateBps),
    sent_bps: sum((each) => each.sentBps),
    worst_p50_ns: told(most((each) => each.p50Ns)),
    worst_p99_ns: told(most((each) => each.p99Ns)),
    worst_p999_ns: told(most((each) => each.p999Ns)),
    max_ns: told(most((each) => each.maxNs)),
    dark_ns: most((each) => each.darkNs),
  };
}
