/**
 * How long what takes in a run of the fault matrix, and with it how long after the fault the run may end.
 *
 * @module
 */
import { LIMITS } from "../../../controller/limits.ts";
import type { Moment } from "../../fixtures/peers/fault_proxy.ts";
import { afterStart, type Cell, culpritOf, goesOn, isEcho } from "./cells.ts";

/** `--timeout` of the runs, in seconds. */
export const TIMEOUT_S = 3;
const TIMEOUT_MS = TIMEOUT_S * 1000;

/** From each cause to its moment, in ms; see `FaultPlan.delaysMs`. */
export const DELAYS_MS = { warmup: 250, measured: 600, marshall: 500, transfer: 300, output: 700 };

/** From START to the agreed instant: 100 ms and what the telling takes, generously. */
const LEAD_MS = 300;
/** Warm-up, measured phase and cool-down of the latency test; its drain, which a test whose echo is silent waits for. */
const LATENCY_MS = 800, DRAIN_MS = 1_500;
/** What the slow plugins sleep. */
const SLOW_MS = 1_200;

/** Promised: from the detection, or from the deadline of what was waited for, to the controller's end. */
export const EXIT_MS = 5_000;

/** From the fault to the controller's end at most, in ms. */
export function boundMs(cell: Cell): number {
  return Math.max(deadlineMs(cell), goesOn(cell) ? leftMs(cell) : 0) + EXIT_MS;
}

/** Whether nobody can see it before a deadline passes. */
export function isQuiet(cell: Cell): boolean {
  if ("link" in cell) return ["silent", "slow", "interface down"].includes(cell.fault);
  return "victim" in cell && cell.signal === "SIGSTOP";
}

/** From the fault to the deadline that uncovers it; 0 for what shows itself. `docs/faults.md` has these deadlines. */
function deadlineMs(cell: Cell): number {
  // The test counts what the echo does not answer.
  if (!isQuiet(cell) || isEcho(cell)) return 0;
  const least = (ms: number) => Math.min(ms, TIMEOUT_MS);
  if ("victim" in cell) {
    // It is stopped for a second longer than the deadline, then finds that everything is late, or goes on.
    if (cell.victim === "controller") return TIMEOUT_MS + 1_000;
    // LOAD is the first that needs the child.
    if (cell.victim.endsWith("child") && !afterStart(cell.moment)) return least(LIMITS.loadMs);
  }
  switch (cell.moment) {
    case "connect":
      return least(LIMITS.greetingMs);
    case "HELLO":
      return least(LIMITS.replyMs);
    case "LOAD":
      return least(LIMITS.loadMs);
    case "SETUP":
      return least(LIMITS.setupMs);
    case "transfer":
      return least(LIMITS.transferStallMs);
    case "output":
      // Its clock may still be asked.
      return least(LIMITS.finishMs);
    default:
      return startedDeadlineMs(cell, cell.moment);
  }
}

/** Of a test that has been started: a tester's result is awaited from START, a target's from the testers' end. */
function startedDeadlineMs(cell: Cell, moment: Moment): number {
  if (culpritOf(cell) === "target") {
    const stop = Math.min(LIMITS.stopMs, TIMEOUT_MS);
    return moment === "marshall" ? stop - DELAYS_MS.marshall : leftMs(cell) + stop;
  }
  return LEAD_MS + TIMEOUT_MS - sinceStartMs(moment);
}

function sinceStartMs(moment: Moment): number {
  return moment === "warmup" || moment === "measured" || moment === "marshall" ? DELAYS_MS[moment] : 0;
}

/** What is left of a run that nothing stops. */
function leftMs(cell: Cell): number {
  const { moment } = cell;
  const echo = isEcho(cell) ? DRAIN_MS : 0;
  if (moment === "output") return SLOW_MS;
  if (moment === "transfer") return 0;
  if (moment === "marshall") return LEAD_MS + SLOW_MS;
  return LEAD_MS + LATENCY_MS + echo - sinceStartMs(moment);
}
