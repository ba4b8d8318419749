/**
 * What happens while a run goes on: commands that are run on this machine, such as what resets a device or pulls a link, and
 * the daemons' links that were down.
 *
 * @module
 */

import { messageOf } from "../../base/errors.ts";
import { pause, within } from "../../base/deadline.ts";
import type { RunEventDescription } from "../../config/run_description.ts";
import { monotonicNowNs } from "../../ffi/mod.ts";
import type { CommandEvent } from "../../results/document/document.ts";
import type { ResultStamps } from "../../protocol/mod.ts";
import type { OffsetInterval } from "../link/clock_estimate.ts";
import { linkEvents } from "../outcome/link_events.ts";
import type { ClientRun, TargetRun } from "./participants.ts";
import type { Agreement } from "./class_times.ts";
import type { RunState } from "./run_state.ts";

/** How much of what a command wrote to its standard error is kept, in bytes. */
const OUTPUT_BYTES = 2000;
/** How long the standard error of a command that has ended is still read: programs that it has left behind may hold it open. */
const OUTPUT_MS = 200;

/** Most times in which links were down that a run reports. */
const LINK_EVENTS = 100;

/** Commands that wait for their time, or run. */
export interface RunningEvents {
  /** The run is over: what has not begun will not, and what runs gets a while to end. Never rejects. */
  end(): Promise<void>;
}

/**
 * Runs each command of a run's description at its time.
 *
 * @param state the run; each command is added to its document
 * @param agreement when the measured phase begins
 */
export function startEvents(state: RunState, { startNs, windows }: Agreement): RunningEvents {
  const { events = [] } = state.parts.description;
  const over = new AbortController();
  const signal = AbortSignal.any([over.signal, state.signal]);
  const measureNs = startNs + BigInt(windows[0]?.startNs ?? 0);
  const all = events.map(async (event) => {
    const plannedNs = Math.round(event.seconds * 1e9);
    await pause(Number(measureNs + BigInt(plannedNs) - monotonicNowNs()) / 1e6, signal);
    if (!signal.aborted) await runOne(state, event, plannedNs, over.signal);
    else if (!state.signal.aborted) {
      const text = `the run was over before the command of ${event.seconds} s was due: "${event.command}"`;
      state.reasons.push({ level: "SUSPECT", code: "event-missed", text });
    }
  });
  return {
    end: async () => {
      over.abort();
      await Promise.all(all);
    },
  };
}

/**
 * Adds the times in which a daemon's links were down.
 *
 * @param state the run, to whose document they are added
 * @param run whose
 * @param stamps of its result
 * @param after its clock after the run, if it was asked
 * @param used the interface by which its test sent; `null`: not known
 */
export function noteLinks(
  state: RunState,
  { peer, before }: ClientRun | TargetRun,
  stamps: ResultStamps | null,
  after: OffsetInterval | null,
  used: string | null,
): void {
  const { document } = state.parts;
  const role = peer.name.role === "client" ? "tester" : "target";
  const found = linkEvents(stamps, before, after, { role, host: state.hostOf(peer) }, used);
  if (found.length === 0) return;
  const { events = [] } = document;
  const room = LINK_EVENTS - events.filter(({ kind }) => kind === "link").length;
  document.events = [...events, ...found.slice(0, Math.max(0, room))].toSorted((a, b) =>
    a.start_ns - b.start_ns
  );
}

async function runOne(
  state: RunState,
  { command }: RunEventDescription,
  planned_ns: number,
  over: AbortSignal,
): Promise<void> {
  const { document, limits } = state.parts;
  const at = new Date().toISOString(), start_ns = Number(monotonicNowNs());
  state.phase("run", `event: ${command}`);
  let event: CommandEvent = {
    kind: "command",
    text: command,
    planned_ns,
    at,
    start_ns,
    end_ns: null,
    status: null,
  };
  try {
    using child = new Child(command);
    const isOver = new Promise<void>((resolve) => {
      over.addEventListener("abort", () => resolve(), { once: true });
      if (over.aborted) resolve();
    });
    await Promise.race([child.status, isOver.then(() => within(child.status, limits.eventMs))]);
    const end_ns = Number(monotonicNowNs());
    const code = child.code;
    const output = await child.output();
    event = { ...event, ...code !== null && { end_ns, status: code }, ...output !== "" && { output } };
  } catch (error) {
    event = { ...event, output: messageOf(error) };
  }
  document.events = [...document.events ?? [], event];
  if (event.status === 0) return;
  const what = event.status === null ? "did not end" : `ended with status ${event.status}`;
  const said = event.output === undefined ? "" : `: ${event.output.trim().split("\n").at(-1)}`;
  state.reasons.push({
    level: "SUSPECT",
    code: "event-failed",
    text: `the command "${command}" ${what}${said}`,
  });
}

/** A shell with a command. */
class Child implements Disposable {
  readonly #child: Deno.ChildProcess;
  readonly #said: Promise<void>;
  #output = "";
  /** Its exit status; `null`: it runs. */
  code: number | null = null;
  readonly status: Promise<void>;

  constructor(command: string) {
    this.#child = new Deno.Command("/bin/sh", {
      args: ["-c", command],
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    this.status = this.#child.status.then(({ code }) => {
      this.code = code;
    });
    this.#said = this.#listen().catch(() => {});
  }

  /** The end of what it has written to its standard error. */
  async output(): Promise<string> {
    await within(this.#said, OUTPUT_MS);
    return this.#output;
  }

  async #listen(): Promise<void> {
    const decoder = new TextDecoder();
    for await (const bytes of this.#child.stderr) {
      this.#output = (this.#output + decoder.decode(bytes, { stream: true })).slice(-OUTPUT_BYTES);
    }
  }

  [Symbol.dispose](): void {
    if (this.code !== null) return;
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended meanwhile.
    }
  }
}
