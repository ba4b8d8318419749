/**
 * The states of a run as server-sent events (HTML Living Standard, 9.2). A reader gets the latest state when it has taken
 * the one before, so that nothing piles up for one that is slow; one that takes nothing is dropped.
 *
 * @module
 */

import { pause } from "../base/deadline.ts";
import { EVERY_MS, KEEPALIVE_MS, READER_STALL_MS } from "./limits.ts";
import type { LiveState } from "./live_state.ts";
import type { LiveRuns } from "./live_runs.ts";

const encoder = new TextEncoder();
/** States that have been made into events: all readers get the same one. */
const events = new WeakMap<LiveState, Uint8Array>();

function eventOf(state: LiveState): Uint8Array {
  const event = events.get(state) ?? encoder.encode(`retry: 2000\ndata: ${JSON.stringify(state)}\n\n`);
  events.set(state, event);
  return event;
}

/**
 * The events of a run.
 *
 * @param runs Where its states are.
 * @param id The run.
 * @param onEnd Called once, when the reader has gone, was dropped, or has got the end of the run.
 * @param signal Ends the events, to be asked for again.
 * @param stallMs A reader that takes nothing for so long is dropped.
 * @returns Bytes of events; the first one holds the curves until now, the last one has how the run ended.
 */
export function liveEvents(
  runs: LiveRuns,
  id: string,
  onEnd: () => void,
  signal: AbortSignal,
  stallMs = READER_STALL_MS,
): ReadableStream<Uint8Array> {
  let version = -1, first = true, over = false, sentMs = -Infinity;
  let stall: ReturnType<typeof setTimeout> | undefined;
  const end = () => {
    clearTimeout(stall);
    if (!over) onEnd();
    over = true;
  };
  return new ReadableStream<Uint8Array>({
    start(controller) {
      signal.addEventListener("abort", () => {
        if (over) return;
        end();
        controller.close();
      });
    },
    async pull(controller) {
      clearTimeout(stall);
      // Shorter than the pace of states, so that none that comes early has to wait.
      await pause(sentMs + EVERY_MS / 2 - performance.now());
      await runs.changed(id, version, KEEPALIVE_MS);
      if (over) return;
      const now = runs.get(id, first);
      if (now === null) {
        end();
        return controller.close();
      }
      const isNew = now.version !== version;
      controller.enqueue(isNew ? eventOf(now.state) : encoder.encode(": still here\n\n"));
      first = false;
      version = now.version;
      sentMs = performance.now();
      if (now.state.ended !== null) {
        end();
        return controller.close();
      }
      stall = setTimeout(() => {
        end();
        controller.error(new Error("the reader is too slow"));
      }, stallMs);
    },
    cancel: end,
  }, { highWaterMark: 0 });
}
