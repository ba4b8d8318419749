/**
 * What has to be true after a cell of the fault matrix.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { ClientResult, ResultDocument, TargetResult } from "../../../results/document/document.ts";
import { afterStart, type Cell, culpritOf, outcomeOf } from "./cells.ts";
import { boundMs, isQuiet } from "./times.ts";

/** How a run of the matrix ended. */
export interface CellRun {
  code: number;
  stderr: string;
  /** What was written, or recovered. `null`: neither. */
  document: ResultDocument | null;
  /** From the fault to the controller's end, in ms. */
  tookMs: number;
  /** ":PORT" of each, as messages name it. */
  ports: Record<"tester" | "target", string>;
}

/** What a tester says of an echo that misbehaves. */
const SAID_OF_ECHO = {
  reset: /the target reset the connection/,
  rubbish: /this is no echo|the target stopped answering/,
};

/**
 * Compares a run with what is to come of its cell.
 *
 * @throws {assert.AssertionError} that says what the run said.
 */
export function checkCell(cell: Cell, run: CellRun): void {
  const { code, document, stderr } = run;
  const said = `exit ${code}, ${document?.run.verdict}: ${document?.run.reasons.join("; ")} | ${
    stderr.slice(-400)
  }`;
  const outcome = outcomeOf(cell);
  if (outcome === "recovered") return checkRecovered(cell, run, said);
  assert.ok(document !== null, `no document; ${said}`);
  const bound = boundMs(cell);
  assert.ok(run.tookMs <= bound, `ended after ${run.tookMs.toFixed(0)} ms, at most ${bound}; ${said}`);
  checkKept(cell, document, said);
  const parts = [...document.clients, ...document.targets];
  if (outcome === "well" || outcome === "either" && document.run.failed !== true) {
    assert.ok(parts.every(isComplete), `a result is missing; ${said}`);
    if (outcome === "well") assert.equal(document.run.failed, undefined, said);
    return;
  }
  const culprit = culpritOf(cell);
  if (outcome === "without") {
    assert.notEqual(document.run.failed, true, said);
  } else {
    assert.equal(code, 1, said);
    assert.equal(document.run.verdict, "INVALID", said);
  }
  if ("echo" in cell) assert.match(document.run.reasons.join("; "), SAID_OF_ECHO[cell.echo], said);
  if (culprit === null) return;
  const place = run.ports[culprit];
  const told = [...document.run.reasons, ...parts.flatMap((part) => part.error ?? [])];
  if (outcome !== "without") assert.equal(document.run.failed, true, said);
  assert.ok(told.some((text) => text.includes(place)), `culprit ${place} not named; ${said}`);
  assert.ok(stderr.includes(place), `culprit ${place} not on stderr; ${said}`);
  const blamed = parts.filter((part) => part.error !== undefined);
  assert.ok(
    blamed.every((part) => `:${part.port}` === place),
    `blamed ${blamed.map((part) => part.port)}, too; ${said}`,
  );
}

/** The results of the others, which had come in or could still come, are in the document. */
function checkKept(cell: Cell, document: ResultDocument, said: string): void {
  const culprit = culpritOf(cell);
  const [first, second] = document.clients;
  const late = isLate(cell);
  if (culprit === "target" && late) {
    assert.ok(isComplete(first) && isComplete(second), `the testers' results were not kept; ${said}`);
  }
  // A run that needs all ends at once when one breaks: then what had come in by that time is kept.
  const quiet = !("link" in cell) || isQuiet(cell);
  if (culprit === "tester" && (late || afterStart(cell.moment) && quiet)) {
    assert.ok(isComplete(second), `the other tester's result was not kept; ${said}`);
  }
}

/** Whether the other tester's result was in when the fault came: it marshalls quickly, and its result is not held. */
function isLate({ moment }: Cell): boolean {
  return moment === "marshall" || moment === "transfer" || moment === "output";
}

/** A controller that was killed leaves the results that had come in by then, and nothing that had not. */
function checkRecovered(cell: Cell, run: CellRun, said: string): void {
  assert.equal(run.code, 137, said);
  const { document } = run;
  if (!isLate(cell)) {
    // The journal begins with the run itself: what is recovered then has no result in it.
    const nothing = document === null || !document.clients.some((client) => isComplete(client));
    return assert.ok(nothing, `a result was recovered before there was any; ${said}`);
  }
  assert.ok(document !== null, `nothing could be recovered; ${said}`);
  assert.equal(document.run.verdict, "INVALID", said);
  const [first, second] = document.clients;
  assert.ok(isComplete(second), `the other tester's result could not be recovered; ${said}`);
  const all = cell.moment === "output";
  assert.equal(isComplete(first), all, `the first tester's result; ${said}`);
  assert.equal(isComplete(document.targets[0]), all, `the target's result; ${said}`);
}

function isComplete(part: ClientResult | TargetResult | undefined): boolean {
  return part !== undefined && part.peer !== null && part.error === undefined;
}
