/**
 * Follows a run of this process: events go in, states come out. Pure: the clock is the caller's.
 *
 * @module
 */

import { NO_PROGRESS, type TestProgress } from "../base/test_progress.ts";
import { formatAddress } from "../config/address.ts";
import type { PeerName, ProgressEvent } from "../controller/run/progress.ts";
import { groupReasons } from "../results/document/reason_groups.ts";
import type { ResultDocument } from "../results/document/document.ts";
import { MAX_CONSOLE, MAX_NOTES, MAX_PEERS, MAX_TEXT } from "./limits.ts";
import type { LivePeer, LiveState } from "./live_state.ts";

type Note = LiveState["notes"][number];

/** See the module. */
export class LiveRun {
  readonly #peers = new Map<string, LivePeer>();
  readonly #notes: Note[] = [];
  readonly #lines: NonNullable<LiveState["console"]> = [];
  /** Results whose reasons have been noted. */
  readonly #read = new Set<unknown>();
  #id = `run-${crypto.randomUUID()}`;
  #phase = "";
  #startMs: number | null = null;
  #expectedMs: number | null = null;
  #ended: LiveState["ended"] = null;

  /**
   * @param title What runs, in a few words.
   * @param beganMs When it began, milliseconds since 1970.
   */
  constructor(readonly title: string, readonly beganMs: number) {}

  /**
   * Takes note of an event.
   *
   * @param event What happened.
   * @param atMs When, milliseconds since 1970.
   */
  take(event: ProgressEvent, atMs: number): void {
    if (event.kind === "phase") this.#phase = cut(event.text);
    else if (event.kind === "schedule") {
      this.#startMs = atMs + event.leadNs / 1e6;
      this.#expectedMs = event.expectedNs === null ? null : event.expectedNs / 1e6;
    } else if (event.kind === "warning" || event.kind === "error") {
      const named = event.peer === null || event.text.includes(event.peer.host)
        ? event.text
        : `${formatAddress(event.peer)}: ${event.text}`;
      this.#note(event.kind, named, atMs);
    }
    if (!("peer" in event) || event.peer === null || event.kind === "warning") return;
    const peer = this.#peer(event.peer);
    if (event.kind === "peer") peer.phase = event.phase;
    else if (event.kind === "result") peer.outcome = event.valid ? "done" : "invalid";
    else if (event.kind === "error") peer.outcome = "failed";
    else {
      peer.progress = event.progress;
      peer.phase = event.progress.phase;
    }
  }

  /**
   * Takes a line of an attached console.
   *
   * @param name The console's.
   * @param text The line.
   * @param atMs When it came.
   */
  line(name: string, text: string, atMs: number): void {
    this.#lines.push({ atMs, name: cut(name), text: cut(text) });
    if (this.#lines.length > MAX_CONSOLE) this.#lines.shift();
  }

  /**
   * Takes the document as it is: reasons of results as they come in.
   *
   * @param document What has come in so far.
   * @param atMs When.
   */
  partial(document: ResultDocument, atMs: number): void {
    if (/^[0-9A-Za-z_-]{1,64}$/.test(document.run.id)) this.#id = document.run.id;
    for (const part of [...document.clients, ...document.targets]) {
      const { reasons } = part;
      if (reasons === undefined || this.#read.has(reasons)) continue;
      this.#read.add(reasons);
      for (const { level, text } of reasons) this.#note(level, `${formatAddress(part)}: ${text}`, atMs);
    }
  }

  /**
   * Takes the finished document.
   *
   * @param document The result.
   * @param figures Its main figures, in a line each.
   */
  end({ run }: ResultDocument, figures: readonly string[]): void {
    const reasons = groupReasons(run.details ?? run.reasons.map((text) => ({ text })));
    this.#phase = run.interrupted === true ? "interrupted" : run.failed === true ? "failed" : "ended";
    this.#ended = {
      verdict: run.verdict,
      reasons: reasons.slice(0, MAX_NOTES).map(cut),
      figures: figures.slice(0, MAX_NOTES).map(cut),
    };
  }

  /**
   * The state now.
   *
   * @param atMs The time, milliseconds since 1970.
   */
  state(atMs: number): LiveState {
    const all = [...this.#peers.values()];
    return {
      id: this.#id,
      title: cut(this.title),
      beganMs: this.beganMs,
      atMs,
      phase: this.#phase,
      startMs: this.#startMs,
      expectedMs: this.#expectedMs,
      peers: all.slice(0, MAX_PEERS).map((peer) => ({
        ...peer,
        progress: peer.progress && shownOf(peer.progress),
      })),
      more: Math.max(0, all.length - MAX_PEERS),
      notes: [...this.#notes],
      ...this.#lines.length === 0 ? {} : { console: [...this.#lines] },
      ended: this.#ended,
    };
  }

  #note(level: Note["level"], text: string, atMs: number): void {
    this.#notes.push({ atMs, level, text: cut(text) });
    if (this.#notes.length > MAX_NOTES) this.#notes.shift();
  }

  #peer(name: PeerName): LivePeer {
    const key = `${name.role} ${name.index}`;
    const found = this.#peers.get(key);
    if (found !== undefined) return found;
    const made: LivePeer = {
      role: name.role,
      name: cut(formatAddress(name)),
      class: cut(name.class ?? ""),
      phase: "connect",
      outcome: "",
      progress: null,
    };
    this.#peers.set(key, made);
    return made;
  }
}

function cut(text: string): string {
  return text.length <= MAX_TEXT ? text : `${text.slice(0, MAX_TEXT - 1)}…`;
}

/** What pages know of a report, whatever else its daemon sent. */
function shownOf(progress: TestProgress): TestProgress {
  const keys = Object.keys(NO_PROGRESS) as (keyof TestProgress)[];
  return Object.fromEntries(keys.map((key) => [key, progress[key]])) as unknown as TestProgress;
}
