/**
 * What has to be true after a cell of the fault matrix.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { ClientResult, ResultDocument, TargetResult } from "../../results/document.ts";
import { afterStart, type Cell, culpritOf, outcomeOf } from "./cells.ts";

/** `--timeout` of the runs, in seconds: the stated deadline of each step. */
export const TIMEOUT_S = 3;
/** What the run may still take when nothing waits for a deadline: the rest of the test, and five seconds to end all. */
const SEEN_AT_ONCE_MS = 3_000 + 5_000;

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
  if (!("victim" in cell && cell.victim === "controller")) {
    assert.ok(run.tookMs <= boundMs(cell), `ended after ${run.tookMs.toFixed(0)} ms; ${said}`);
  }
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

/** What breaks is seen at once; what falls silent or slow at the stated deadline. */
function boundMs(cell: Cell): number {
  const quiet = "link" in cell ? cell.fault === "silent" || cell.fault === "slow" : cell.signal === "SIGSTOP";
  return SEEN_AT_ONCE_MS + (quiet ? TIMEOUT_S * 1000 : 0);
}

/** The results of the others, which had come in or could still come, are in the document. */
function checkKept(cell: Cell, document: ResultDocument, said: string): void {
  const culprit = culpritOf(cell);
  const [first, second] = document.clients;
  const late = cell.moment === "marshall" || cell.moment === "transfer" || cell.moment === "output";
  if (culprit === "target" && late) {
    assert.ok(isComplete(first) && isComplete(second), `the testers' results were not kept; ${said}`);
  }
  const quiet = "link" in cell ? cell.fault === "silent" || cell.fault === "slow" : true;
  if (culprit === "tester" && afterStart(cell.moment) && quiet) {
    assert.ok(isComplete(second), `the other tester's result was not kept; ${said}`);
  }
}

function checkRecovered(cell: Cell, run: CellRun, said: string): void {
  assert.equal(run.code, 137, said);
  const clients = run.document?.clients ?? [];
  if (cell.moment === "output") {
    assert.ok(clients.length === 2 && clients.every(isComplete), `results could not be recovered; ${said}`);
  }
  if (run.document !== null) assert.equal(run.document.run.verdict, "INVALID", said);
}

function isComplete(part: ClientResult | TargetResult | undefined): boolean {
  return part !== undefined && part.peer !== null && part.error === undefined;
}
