/**
 * The states of a run as server-sent events (HTML Living Standard, 9.2). A reader gets the latest state when it has taken
 * the one before, so that nothing piles up for one that is slow; one that takes nothing is dropped.
 *
 * @module
 */

import { pause } from "../base/deadline.ts";
import { EVERY_MANY_MS, EVERY_MS, KEEPALIVE_MS, MANY_PEERS, READER_STALL_MS } from "./limits.ts";
import type { LiveRuns } from "./live_runs.ts";

/**
 * The events of a run.
 *
 * @param runs Where its states are.
 * @param id The run.
 * @param onEnd Called once, when the reader has gone, was dropped, or has got the end of the run.
 * @param stallMs A reader that takes nothing for so long is dropped.
 * @returns Bytes of events; the first one holds the curves until now, the last one has how the run ended.
 */
export function liveEvents(
  runs: LiveRuns,
  id: string,
  onEnd: () => void,
  stallMs = READER_STALL_MS,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let version = -1, first = true, over = false, sentMs = -Infinity;
  let stall: ReturnType<typeof setTimeout> | undefined;
  const end = () => {
    clearTimeout(stall);
    if (!over) onEnd();
    over = true;
  };
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      clearTimeout(stall);
      const known = runs.get(id);
      const every = (known?.state.peers.length ?? 0) > MANY_PEERS ? EVERY_MANY_MS : EVERY_MS;
      await pause(sentMs + every - performance.now());
      await runs.changed(id, version, KEEPALIVE_MS);
      if (over) return;
      const now = runs.get(id, first);
      if (now === null) {
        end();
        return controller.close();
      }
      const isNew = now.version !== version;
      controller.enqueue(
        encoder.encode(isNew ? `retry: 2000\ndata: ${JSON.stringify(now.state)}\n\n` : ": still here\n\n"),
      );
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
