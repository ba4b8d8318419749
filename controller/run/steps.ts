/**
 * A run's steps in their order, and its end, whichever way it comes.
 *
 * @module
 */

import { messageOf } from "../../base/errors.ts";
import { csvHeader } from "../../results/export/csv_row.ts";
import type { ResultDocument } from "../../results/document/document.ts";
import { collectAll } from "./collect.ts";
import { finishDocument } from "../outcome/run_document.ts";
import { type RunState, Stopped } from "./run_state.ts";
import { setUp } from "./set_up.ts";
import { startAll } from "./start.ts";

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
    await collectAll(state, agreement);
    await state.unlessStopped(printAll(state));
    state.phase("close", "closing");
    await Promise.all([...state.clients, ...state.targets].map((run) => run.peer.quit()));
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
  const { clientHalf, document } = state.parts;
  state.phase("output", "printing the result");
  const done = state.clients.filter((client) => client.done).map((client) => client.index);
  const texts = document.targets.map((target) => target.text ?? "").join("");
  try {
    const row = await clientHalf.output(done);
    document.csv = row + texts;
  } catch (error) {
    const failure = error instanceof Error ? error : new Error(messageOf(error));
    state.parts.emit({ kind: "error", peer: null, phase: "output", text: failure.message });
    state.end(failure);
    throw new Stopped("the row could not be printed");
  }
  document.csv_header = csvHeader(
    {
      test: clientHalf.info.name,
      text: document.csv.slice(0, document.csv.length - texts.length),
      names: clientHalf.info.csvHeader,
    },
    state.targets.map(({ index, half }) => ({
      test: half.info.name,
      text: document.targets[index]!.text ?? "",
      names: half.info.csvHeader,
    })),
  );
}

/** Ends every test that is still ours, and the controller's halves. Bounded; never throws. */
async function cleanUp(state: RunState): Promise<void> {
  const { clientHalf, targetHalves } = state.parts;
  const ending = [...state.clients, ...state.targets].map(async (run) => {
    run.side?.close();
    await run.peer.abort();
  });
  const closing = [clientHalf, ...targetHalves.values()].map((half) => half.close());
  await Promise.allSettled([...ending, ...closing, ...state.endings]);
}
