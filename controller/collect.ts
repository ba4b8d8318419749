/**
 * From START to the last result: clients as they come in, then the targets.
 *
 * @module
 */

import { monotonicNowNs } from "../ffi/clock.ts";
import type { ProgressReport } from "../protocol/progress.ts";
import { combineProbes, offsetAt } from "./clock_estimate.ts";
import { clientPart, targetPart } from "./result_parts.ts";
import { pause, withDeadline } from "./deadline.ts";
import type { ResultHead } from "./peer.ts";
import { Semaphore } from "./semaphore.ts";
import type { ClientRun, TargetRun } from "./run_parts.ts";
import type { Session } from "./session.ts";
import type { Agreement } from "./start.ts";

/** Bytes of results that are on their way at the same time; a single larger one goes alone. */
const BYTES_IN_FLIGHT = 8 * 1024 * 1024;
/** How long before its end a meter is told when to stop. */
const STOP_NOTICE_MS = 2_000;
/** Phases of a test after the measured one. */
const AFTER_MEASURED = ["cooldown", "drain", "done"];

/**
 * Collects every client's result as it comes while watching the targets for errors; then stops the targets and
 * collects theirs.
 *
 * @param session the run, started
 * @param agreement when it was started
 * @throws {Stopped} when the run ends early
 */
export async function collectAll(session: Session, agreement: Agreement): Promise<void> {
  const clients = session.clients.filter((client) => client.ready);
  announce(session, clients, agreement);
  const bytes = new Semaphore(BYTES_IN_FLIGHT);
  const meters = session.targets.map((target) => collectTarget(session, target, agreement));
  for (const client of clients) client.side?.watch((report) => hear(session, client, report));
  await session.unlessStopped(
    Promise.all(
      clients.map((client) =>
        session.clientStep(client, () => collectClient(session, client, agreement, bytes))
      ),
    ),
  );
  session.check();
  if (session.targets.length > 0) session.phase("stop", `stopping ${session.targets.length} target(s)`);
  await Promise.all(session.targets.map((target) => session.targetStep(target, () => stopTarget(target))));
  await session.unlessStopped(Promise.all(meters));
  session.check();
}

function announce(session: Session, clients: readonly ClientRun[], agreement: Agreement): void {
  const expected = clients.map((client) => client.expectedNs);
  const known = expected.every((ns) => ns !== null && ns > 0);
  const longest = Math.max(...clients.map((client) => deadlineMs(session, client, agreement)));
  session.parts.emit({
    kind: "schedule",
    leadNs: Math.max(0, Number(agreement.startNs - monotonicNowNs())),
    expectedNs: known ? Math.max(...expected.map((ns) => ns ?? 0)) : null,
    deadlineNs: longest * 1e6,
  });
  session.phase("run", `running ${session.parts.description.test}`);
}

/** Milliseconds from now until a client is given up. */
function deadlineMs(session: Session, client: ClientRun, agreement: Agreement): number {
  const { description, limits } = session.parts;
  const leadMs = Math.max(0, Number(agreement.startNs - monotonicNowNs()) / 1e6);
  if (description.timeoutSeconds !== null) return leadMs + description.timeoutSeconds * 1000;
  const { expectedNs } = client;
  if (expectedNs === null || expectedNs === 0) return leadMs + limits.unknownDurationMs;
  return leadMs + expectedNs / 1e6 + limits.graceMs;
}

async function collectClient(
  session: Session,
  client: ClientRun,
  agreement: Agreement,
  bytes: Semaphore,
): Promise<void> {
  const { peer } = client;
  peer.phase = "run";
  const ms = deadlineMs(session, client, agreement);
  const head = await withDeadline(peer.resultHead(), ms, () => noResult(session, client, ms));
  const size = Math.max(1, head.length);
  const part = await bytes.run(async () => {
    const raw = await peer.resultBody(head);
    peer.phase = "unmarshall";
    const results = await session.parts.clientHalf.unmarshall(client.index, raw);
    session.merger.add(results);
    return { results, valid: raw.valid, stamps: raw.stamps, bytes: raw.data.length };
  }, size);
  const after = client.side === null ? [] : await client.side.finish(probesAfter(session));
  const interval = after.length === 0 ? null : combineProbes(after);
  client.done = true;
  if (!part.valid && part.results?.reasons?.some((reason) => reason.level === "INVALID") !== true) {
    session.reasons.push({
      level: "INVALID",
      code: "invalid-data",
      text: "the tester said that its data is not valid (221)",
      host: session.hostOf(peer),
    });
  }
  await session.setClient(client.index, clientPart(session, client, part, agreement, interval));
  session.parts.emit({ kind: "result", peer: peer.name, valid: part.valid, bytes: part.bytes });
}

function probesAfter(session: Session): number {
  return Math.min(session.parts.limits.clockProbes, session.clients.length > 64 ? 8 : Infinity);
}

function noResult(session: Session, client: ClientRun, ms: number): Error {
  const { timeoutSeconds } = session.parts.description;
  const { expectedNs, peer } = client;
  const says = expectedNs === null || expectedNs === 0
    ? ""
    : `, the test takes ${(expectedNs / 1e9).toFixed(1)} s at most`;
  const remedy = timeoutSeconds === null
    ? "is the daemon, its network or its test stuck? --timeout sets another bound"
    : "is --timeout too short, or the daemon, its network or its test stuck?";
  return peer.fail("timeout", `no result ${(ms / 1000).toFixed(1)} s after START${says}`, remedy);
}

function hear(session: Session, client: ClientRun, report: ProgressReport): void {
  const { sentRateBps, test: _test, pid: _pid, ...rest } = report;
  session.parts.emit({
    kind: "progress",
    peer: client.peer.name,
    progress: { ...rest, sentBps: sentRateBps },
  });
  if (!AFTER_MEASURED.includes(report.phase)) return;
  // The first tester that leaves its measured phase ends the common one.
  for (const target of session.targets) {
    if (target.meter && !target.stopped && target.peer.has("at")) {
      void session.targetStep(target, () => stopTarget(target));
    }
  }
}

async function stopTarget(target: TargetRun, atNs: bigint | null = null): Promise<void> {
  if (target.stopped) return;
  target.stopped = true;
  target.stopSent.resolve();
  await target.peer.stop(atNs);
}

/** From START of one target until its result has come; any end before STOP is an error. */
async function collectTarget(session: Session, target: TargetRun, agreement: Agreement): Promise<void> {
  await session.targetStep(target, async () => {
    const { peer, half } = target;
    const timely = stopMeterInTime(session, target, agreement);
    timely.catch(() => {});
    const head = await headAfterStop(session, target);
    await timely;
    const raw = await peer.resultBody(head);
    const shown = await half.show(raw);
    target.stamps = raw.stamps;
    const after = target.side === null ? [] : await target.side.finish(probesAfter(session));
    const interval = after.length === 0 ? null : combineProbes(after);
    if (!raw.valid && shown.results?.reasons?.some((reason) => reason.level === "INVALID") !== true) {
      session.reasons.push({
        level: "INVALID",
        code: "invalid-data",
        text: "the target said that its data is not valid (221)",
        host: session.hostOf(peer),
      });
    }
    await session.setTarget(target.index, targetPart(target, shown, agreement, interval));
    session.parts.emit({ kind: "result", peer: peer.name, valid: raw.valid, bytes: raw.data.length });
  });
}

async function headAfterStop(session: Session, target: TargetRun): Promise<ResultHead> {
  const { stopMs } = session.parts.limits;
  const head = target.head!;
  const early = await Promise.race([head, target.stopSent.promise.then(() => null)]);
  if (early !== null) {
    throw target.peer.fail("protocol", "the target ended its test before STOP", "see the daemon's log");
  }
  return await withDeadline(
    head,
    stopMs + STOP_NOTICE_MS,
    () => target.peer.fail("timeout", `no result ${stopMs / 1000} s after STOP`, "see the daemon's log"),
  );
}

/** Tells a meter, a little ahead, when the measured phase ends. */
async function stopMeterInTime(session: Session, target: TargetRun, agreement: Agreement): Promise<void> {
  const { window, startNs } = agreement;
  const { before, peer } = target;
  if (!target.meter || before === null || !peer.has("at") || window === null || window.endNs === null) return;
  const endNs = startNs + BigInt(Math.round(window.endNs));
  await pause(Number(endNs - monotonicNowNs()) / 1e6 - STOP_NOTICE_MS, session.signal);
  session.check();
  await stopTarget(target, endNs + offsetAt(endNs, before, null).offsetNs);
}
