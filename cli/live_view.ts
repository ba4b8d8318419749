/**
 * What a run looks like while it goes on: one line a client and a total. Pure: events and times go in, lines come out.
 *
 * @module
 */

import { formatAddress } from "../config/address.ts";
import { formatDuration } from "../config/values.ts";
import type { PeerName, ProgressEvent, RunPhase, TestProgress } from "../controller/progress.ts";
import { fit, lossText, plainText, rateText, secondsText, timeText } from "./format.ts";

interface PeerState {
  peer: PeerName;
  phase: RunPhase;
  progress: TestProgress | null;
  outcome: "" | "done" | "invalid" | "failed";
}

/** Least time between two plain progress lines, in milliseconds. */
const PLAIN_INTERVAL_MS = 5_000;

/** Follows a run and describes it. */
export class LiveView {
  readonly #peers = new Map<string, PeerState>();
  #phase = "";
  /** When all was started, and how long it takes; the clock is the caller's. */
  #schedule: { startedMs: number; expectedNs: number | null } | null = null;
  #lastPlainMs = -Infinity;

  /**
   * Takes note of an event.
   *
   * @param event What happened.
   * @param nowMs The time, on any steady clock.
   */
  take(event: ProgressEvent, nowMs: number): void {
    if (event.kind === "phase") this.#phase = event.text;
    if (event.kind === "schedule") {
      this.#schedule = { startedMs: nowMs + event.leadNs / 1e6, expectedNs: event.expectedNs };
    }
    if (!("peer" in event) || event.peer === null || event.kind === "warning") return;
    const state = this.#state(event.peer);
    if (event.kind === "peer") state.phase = event.phase;
    else if (event.kind === "progress") state.progress = event.progress;
    else if (event.kind === "result") state.outcome = event.valid ? "done" : "invalid";
    else if (event.kind === "error") state.outcome = "failed";
  }

  #state(peer: PeerName): PeerState {
    const key = `${peer.role} ${peer.index}`;
    const found = this.#peers.get(key);
    if (found !== undefined) return found;
    const made: PeerState = { peer, phase: "connect", progress: null, outcome: "" };
    this.#peers.set(key, made);
    return made;
  }

  /**
   * The live lines.
   *
   * @param nowMs The time, on the clock of {@linkcode take}.
   * @param columns Width of the terminal.
   * @param rows Most lines to give; the failed and the unfinished come first.
   * @returns Lines, each at most `columns` wide.
   */
  frame(nowMs: number, columns: number, rows: number): string[] {
    const clients = Array.from(this.#peers.values()).filter(({ peer }) => peer.role === "client");
    const room = Math.max(1, rows - 2);
    const rank = ({ outcome }: PeerState) => outcome === "failed" ? 0 : outcome === "" ? 1 : 2;
    const shown = clients.length <= room
      ? clients
      : clients.toSorted((a, b) => rank(a) - rank(b)).slice(0, room);
    const name = Math.min(32, Math.max(5, ...shown.map(({ peer }) => nameOf(peer).length)));
    const lines = shown.sort((a, b) => a.peer.index - b.peer.index).map((state) =>
      this.#clientLine(state, name, nowMs)
    );
    if (clients.length > shown.length) lines.push(`… and ${clients.length - shown.length} more`);
    lines.push(this.#totalLine(clients, name, nowMs));
    return lines.map((line) => fit(line.trimEnd(), columns));
  }

  #clientLine(state: PeerState, nameWidth: number, nowMs: number): string {
    const { progress } = state;
    const name = nameOf(state.peer).padEnd(nameWidth);
    if (state.outcome === "failed") return `${name}  failed in ${state.phase}`;
    const phase = state.outcome !== "" ? state.outcome : progress?.phase ?? state.phase;
    if (progress === null) return `${name}  ${phase.padEnd(9)}${this.#clock(nowMs)}`;
    return `${name}  ${phase.padEnd(9)}${figures(progress)}`;
  }

  /** Elapsed of expected, for testers that cannot tell themselves. */
  #clock(nowMs: number): string {
    if (this.#schedule === null || nowMs < this.#schedule.startedMs) return "";
    const elapsed = secondsText((nowMs - this.#schedule.startedMs) * 1e6);
    const { expectedNs } = this.#schedule;
    return expectedNs === null ? `  ${elapsed} s` : `  ${elapsed}/${secondsText(expectedNs)} s`;
  }

  #totalLine(clients: readonly PeerState[], nameWidth: number, nowMs: number): string {
    const done = clients.filter(({ outcome }) => outcome !== "").length;
    const known = clients.flatMap(({ progress }) => progress ?? []);
    const sum = (of: (progress: TestProgress) => number) =>
      known.reduce((total, each) => total + of(each), 0);
    const parts = [`${"total".padEnd(nameWidth)}  ${done}/${clients.length} done`];
    if (this.#schedule === null) parts.push(plainText(this.#phase));
    if (known.some(({ sent }) => sent > 0)) {
      const settled = { sent: sum((p) => p.ok + p.lost + p.bad), ok: sum((p) => p.ok) };
      parts.push(rateOf({ rateBps: sum((p) => p.rateBps), sentBps: sum((p) => p.sentBps) }));
      // A test to which nothing comes back has no loss to tell.
      if (settled.sent > 0) parts.push(`loss ${lossText(settled)}`);
    }
    const left = this.#leftSeconds(clients, nowMs);
    if (left !== null) parts.push(`${formatDuration(left)} left`);
    return parts.join("  ");
  }

  /** What the tests themselves say is the better guess; what was asked for before the start is an upper bound. */
  #leftSeconds(clients: readonly PeerState[], nowMs: number): number | null {
    const running = clients.filter(({ outcome }) => outcome === "");
    const told = running.flatMap(({ progress }) =>
      progress !== null && progress.expectedNs > 0 ? [(progress.expectedNs - progress.elapsedNs) / 1e9] : []
    );
    if (told.length > 0 && told.length === running.length) return Math.max(0, ...told);
    if (this.#schedule === null || this.#schedule.expectedNs === null) return null;
    const endMs = this.#schedule.startedMs + this.#schedule.expectedNs / 1e6;
    return Math.max(0, (endMs - nowMs) / 1000);
  }

  /**
   * What to print for an event where lines stay: a line a phase, and a total now and then.
   *
   * @param event What happened, already taken.
   * @param nowMs The time, on the clock of {@linkcode take}.
   * @returns Lines to append, mostly none.
   */
  plain(event: ProgressEvent, nowMs: number): string[] {
    if (event.kind === "phase") return [plainText(event.text)];
    if (event.kind !== "progress" || nowMs - this.#lastPlainMs < PLAIN_INTERVAL_MS) return [];
    this.#lastPlainMs = nowMs;
    return [
      this.#totalLine(Array.from(this.#peers.values()).filter((s) => s.peer.role === "client"), 0, nowMs),
    ];
  }
}

function nameOf(peer: PeerName): string {
  return plainText(formatAddress(peer));
}

/** What comes back; of a test to which nothing does, what it sends. */
function rateOf({ rateBps, sentBps }: Pick<TestProgress, "rateBps" | "sentBps">): string {
  return rateBps > 0 || sentBps === 0 ? rateText(rateBps) : `sent ${rateText(sentBps)}`;
}

/**
 * The figures of a running test in one line.
 *
 * @param progress What the test says of itself.
 * @returns Elapsed of expected, rate, loss and percentiles, as far as known.
 */
export function figures(progress: TestProgress): string {
  const elapsed = secondsText(progress.elapsedNs);
  const parts = [
    progress.expectedNs > 0 ? `${elapsed}/${secondsText(progress.expectedNs)} s` : `${elapsed} s`,
  ];
  const settled = progress.ok + progress.lost + progress.bad;
  if (progress.rateBps > 0 || progress.sentBps > 0) parts.push(rateOf(progress));
  if (settled > 0) parts.push(`loss ${lossText({ sent: settled, ok: progress.ok })}`);
  if (progress.p50Ns > 0) parts.push(`p50 ${timeText(progress.p50Ns)}`, `p99 ${timeText(progress.p99Ns)}`);
  return parts.map((part) => "  " + part).join("");
}
