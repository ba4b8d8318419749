/**
 * A run's steps in their order, and its end, whichever way it comes.
 *
 * @module
 */

import { messageOf } from "../../base/errors.ts";
import { csvHeader } from "../../results/export/csv_row.ts";
import type { ResultDocument } from "../../results/document/document.ts";
import { collectAll } from "./collect.ts";
import { eachInLane } from "../../base/semaphore.ts";
import type { ClassRun, ClientRun, TargetRun } from "./participants.ts";
import { startEvents } from "./events.ts";
import { finishDocument } from "../outcome/run_document.ts";
import { type RunState, Stopped } from "./run_state.ts";
import { setUp } from "./set_up.ts";
import { startAll } from "./start.ts";

/** After this a daemon is taken leave of beside the others: what it waits for is no work of this machine. */
const END_LANE_MS = 50;

/**
 * Takes a run through its steps, to its end.
 *
 * @param state who takes part, and what has come in
 * @param signal ends it early
 * @returns the finished document; never throws for a run that fails
 */
export async function runSteps(state: RunState, signal?: AbortSignal): Promise<ResultDocument> {
  const interrupt = () => void state.interrupt();
  signal?.addEventListener("abort", interrupt, { once: true });
  if (signal?.aborted === true) interrupt();
  try {
    await setUp(state);
    const agreement = await startAll(state);
    const events = startEvents(state, agreement);
    try {
      await collectAll(state, agreement);
    } finally {
      await events.end();
    }
    await state.unlessStopped(printAll(state));
    state.phase("close", "closing");
    await eachPeer(state, (run) => run.peer.quit());
  } catch (error) {
    if (!(error instanceof Stopped)) {
      state.end(error instanceof Error ? error : new Error(messageOf(error)));
    }
  } finally {
    signal?.removeEventListener("abort", interrupt);
    await cleanUp(state);
  }
  return finishDocument(state);
}

/** Has the plugins print: the client row first, then what each target printed. */
async function printAll(state: RunState): Promise<void> {
  const { document } = state.parts;
  state.phase("output", "printing the result");
  const rows: { csv: string; csv_header: string | null }[] = [];
  for (const each of state.classes) rows.push(await rowOf(state, each));
  document.csv = rows.map(({ csv }) => csv).join("");
  // Rows of several tests have no columns in common.
  document.csv_header = rows.length === 1 ? rows[0]!.csv_header : null;
  document.classes?.forEach((part, n) => {
    document.classes![n] = { ...part, ...rows[n] };
  });
}

/** What the plugins of one test print, and the names of the columns; targets of the whole run follow the first test. */
async function rowOf(
  state: RunState,
  { clients, half, ...own }: ClassRun,
): Promise<{ csv: string; csv_header: string | null }> {
  const { document } = state.parts;
  const targets = state.targets.filter((target) => target.class.index === own.index);
  const printed = targets.map(({ index, half }) => ({
    test: half.info.name,
    text: document.targets[index]!.text ?? "",
    names: half.info.csvHeader,
  }));
  const done = clients.filter((client) => client.done).map((client) => client.place);
  let text: string;
  try {
    text = await half.output(done);
  } catch (error) {
    const failure = error instanceof Error ? error : new Error(messageOf(error));
    state.parts.emit({ kind: "error", peer: null, phase: "output", text: failure.message });
    state.end(failure);
    throw new Stopped("the row could not be printed");
  }
  return {
    csv: [text, ...printed.map((target) => target.text)].join(""),
    csv_header: csvHeader({ test: half.info.name, text, names: half.info.csvHeader }, printed),
  };
}

/** What it takes to end a thousand dialogues at once is not little. */
function eachPeer(state: RunState, end: (run: ClientRun | TargetRun) => Promise<void>): Promise<void> {
  return eachInLane([...state.clients, ...state.targets], state.parts.limits.parallel, END_LANE_MS, end);
}

/** Ends every test that is still ours, and the controller's halves. Bounded; never throws. */
async function cleanUp(state: RunState): Promise<void> {
  const { tests, targetHalves } = state.parts;
  const ending = eachPeer(state, async (run) => {
    run.side?.close();
    await run.keeper?.close();
    await run.peer.abort();
  });
  const closing = [...tests.map(({ half }) => half), ...targetHalves.values()].map((half) => half.close());
  await Promise.allSettled([ending, ...closing, ...state.endings]);
}
