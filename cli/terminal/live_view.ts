/**
 * What a run looks like while it goes on: one line a client and a total. Pure: events and times go in, lines come out.
 *
 * @module
 */

import { formatRate, formatShare, formatTime } from "../../base/figures.ts";
import { formatAddress } from "../../config/address.ts";
import { formatDuration } from "../../base/values.ts";
import { lossOf, type TestProgress } from "../../base/test_progress.ts";
import type { PeerName, ProgressEvent, RunPhase } from "../../controller/run/progress.ts";
import { plainText } from "./text.ts";
import { joinParts, type LinePart, type LiveColumn, type LiveLine, LiveTable } from "./live_table.ts";

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
  readonly #table = new LiveTable();
  readonly #heading: readonly string[];

  /** @param heading What runs, in parts of which the last ones are left out where there is little room. */
  constructor(heading: readonly string[] = []) {
    this.#heading = heading;
  }

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
    const heading = joinParts(
      this.#heading.map((text, i) => ({ text: plainText(text), rank: -i })),
      columns,
    );
    const room = Math.max(1, rows - (heading === "" ? 1 : 2) - Math.max(1, classesOf(clients).length));
    const rank = ({ outcome }: PeerState) => outcome === "failed" ? 0 : outcome === "" ? 1 : 2;
    const shown = clients.length <= room
      ? clients
      : clients.toSorted((a, b) => rank(a) - rank(b)).slice(0, room);
    const name = LiveTable.nameWidth(shown.map(({ peer }) => nameOf(peer)), columns);
    const lines = this.#table.set(
      shown.sort((a, b) => a.peer.index - b.peer.index).map((state) => this.#clientLine(state, nowMs)),
      name,
      columns,
    );
    if (clients.length > shown.length) lines.push(`… and ${clients.length - shown.length} more`);
    return [
      ...heading === "" ? [] : [heading],
      ...lines,
      ...this.#totals(clients, name, nowMs).map((parts) => joinParts(parts, columns)),
    ];
  }

  #clientLine(state: PeerState, nowMs: number): LiveLine {
    const { peer, progress, outcome } = state;
    const name = nameOf(peer);
    if (outcome === "failed") return { name, content: `failed in ${state.phase}` };
    const phase = outcome !== "" ? outcome : progress?.phase ?? state.phase;
    return {
      name,
      content: progress === null ? { phase, ...this.#clock(nowMs) } : { phase, ...figures(progress) },
    };
  }

  /** Elapsed of expected, for testers that do not report it themselves. */
  #clock(nowMs: number): { time?: string } {
    if (this.#schedule === null || nowMs < this.#schedule.startedMs) return {};
    const elapsed = secondsText((nowMs - this.#schedule.startedMs) * 1e6);
    const { expectedNs } = this.#schedule;
    return { time: expectedNs === null ? `${elapsed} s` : `${elapsed}/${secondsText(expectedNs)} s` };
  }

  /** One line of sums; with classes one for each, because figures of different tests do not add up. */
  #totals(clients: readonly PeerState[], nameWidth: number, nowMs: number): LinePart[][] {
    const classes = classesOf(clients);
    if (classes.length === 0) return [this.#totalParts(clients, nameWidth, nowMs)];
    return classes.map((name) =>
      this.#totalParts(clients.filter(({ peer }) => peer.class === name), nameWidth, nowMs, name)
    );
  }

  #totalParts(
    clients: readonly PeerState[],
    nameWidth: number,
    nowMs: number,
    label = "total",
  ): LinePart[] {
    const done = clients.filter(({ outcome }) => outcome !== "").length;
    const known = clients.flatMap(({ progress }) => progress ?? []);
    const parts: LinePart[] = [
      { text: plainText(label).padEnd(nameWidth), rank: 5 },
      { text: `${done}/${clients.length} done`, rank: 1 },
    ];
    if (this.#schedule === null) parts.push({ text: plainText(this.#phase), rank: 0 });
    // What has ended sends no more, unless all has: then the last rate stays in the line.
    const running = clients.filter(({ outcome }) => outcome === "").flatMap(({ progress }) => progress ?? []);
    const rate = rateOf(running.length > 0 ? running : known);
    if (rate !== null && known.some((p) => (p.sent ?? p.rateBps ?? 0) > 0 || (p.sentBps ?? 0) > 0)) {
      parts.push({ text: rate, rank: 3 });
      // A test to which nothing comes back has no loss to report.
      const loss = lossOf(known);
      if (loss !== null) parts.push({ text: `loss ${formatShare(loss)}`, rank: 4 });
    }
    const dark = running.reduce((most, { darkNs }) => Math.max(most, darkNs), 0);
    if (dark > 0) parts.push({ text: darkText(dark), rank: 6 });
    const left = this.#leftSeconds(clients, nowMs);
    if (left !== null) parts.push({ text: `${formatDuration(left)} left`, rank: 2 });
    return parts;
  }

  /** What the tests themselves report is the better guess; what was asked for before the start is an upper bound. */
  #leftSeconds(clients: readonly PeerState[], nowMs: number): number | null {
    const running = clients.filter(({ outcome }) => outcome === "");
    if (clients.length > 0 && running.length === 0) return null;
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
    const clients = Array.from(this.#peers.values()).filter(({ peer }) => peer.role === "client");
    return this.#totals(clients, 0, nowMs).map((parts) => joinParts(parts, Infinity));
  }
}

/** Names of the classes, in the order of their first testers. */
function classesOf(clients: readonly PeerState[]): string[] {
  return [...new Set(clients.flatMap(({ peer }) => peer.class ?? []))];
}

function nameOf(peer: PeerName): string {
  return plainText(peer.class === undefined ? formatAddress(peer) : `${peer.class} ${formatAddress(peer)}`);
}

/** What comes back to tests; of those to which nothing does, what they send. `null`: they know neither. */
function rateOf(reports: readonly Pick<TestProgress, "rateBps" | "sentBps">[]): string | null {
  let back: number | null = null, sent: number | null = null;
  for (const { rateBps, sentBps } of reports) {
    if (rateBps !== null && (rateBps > 0 || !sentBps)) back = (back ?? 0) + rateBps;
    else if (sentBps !== null) sent = (sent ?? 0) + sentBps;
  }
  if (sent === null || (back !== null && sent === 0)) return back === null ? null : formatRate(back, 3);
  return `${back === null || back === 0 ? "" : `${formatRate(back, 3)}, `}sent ${formatRate(sent, 3)}`;
}

/**
 * The figures of a running test.
 *
 * @param progress The test's own report.
 * @returns Elapsed of expected, rate, loss and percentiles, as far as known.
 */
export function figures(progress: TestProgress): Partial<Record<LiveColumn, string>> {
  const elapsed = secondsText(progress.elapsedNs);
  const loss = lossOf([progress]);
  const rate = rateOf([progress]);
  return {
    time: progress.expectedNs > 0 ? `${elapsed}/${secondsText(progress.expectedNs)} s` : `${elapsed} s`,
    ...rate !== null && (progress.rateBps || progress.sentBps) ? { rate } : {},
    ...progress.darkNs > 0 ? { dark: darkText(progress.darkNs) } : {},
    ...loss !== null ? { loss: `loss ${formatShare(loss)}` } : {},
    ...progress.p50Ns && progress.p99Ns
      ? { p50: `p50 ${formatTime(progress.p50Ns)}`, p99: `p99 ${formatTime(progress.p99Ns)}` }
      : {},
  };
}

/** "dark for 230 ms": nothing comes back. */
function darkText(ns: number): string {
  return `dark for ${ns < 1e9 ? `${Math.round(ns / 1e6)} ms` : `${secondsText(ns)} s`}`;
}

/** Seconds with one digit, from nanoseconds. */
function secondsText(ns: number): string {
  return (ns / 1e9).toFixed(1);
}
