/**
 * Waiting for as many clients as the run requires, and a moment for the rest.
 *
 * @module
 */

import { pause } from "../../base/deadline.ts";
import type { ClientRun } from "./participants.ts";
import type { RunState } from "./run_state.ts";

/** How often to check whether enough clients are ready, when not all are needed. */
const POLL_MS = 20;

/**
 * Waits for all; or, when fewer are required (of each class), for these and `stragglerMs` for the rest, which are then left out.
 *
 * @param state the run
 * @param steps what every client is at; each settles, and never rejects
 * @param isReady whether a client has come through it
 * @throws {Stopped} when the run ends early
 */
export async function waitForEnough(
  state: RunState,
  steps: readonly Promise<void>[],
  isReady: (client: ClientRun) => boolean,
): Promise<void> {
  const { classes, clients, parts } = state;
  let settled = false;
  const all = Promise.all(steps).then(() => {
    settled = true;
  });
  if (classes.every((each) => each.required === each.clients.length)) return await all;
  const enough = () => classes.every((each) => each.clients.filter(isReady).length >= each.required);
  while (!settled && !enough()) {
    await pause(POLL_MS, state.signal);
    state.check();
  }
  if (settled) return;
  const { stragglerMs } = parts.limits;
  const moment = new AbortController();
  state.signal.addEventListener("abort", () => moment.abort(), { once: true, signal: moment.signal });
  await Promise.race([all, pause(stragglerMs, moment.signal)]);
  moment.abort();
  for (const client of clients) {
    if (isReady(client) || client.peer.error !== null) continue;
    const why = `not ready ${stragglerMs / 1000} s after ${client.class.required} other client(s) were`;
    await state.clientFailed(client, client.peer.fail("timeout", why, "the run went on without it"));
  }
}
