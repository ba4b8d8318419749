/**
 * From START to the last result: clients as they come in, then the targets.
 *
 * @module
 */

import { monotonicNowNs } from "../../ffi/mod.ts";
import { MAX_WATCH_MS, type ProgressReport, WATCH_PER_SECOND } from "../../protocol/mod.ts";
import type { PluginResults, Reason } from "../../results/document/document.ts";
import { combineProbes, offsetAt, type OffsetInterval, roundsAgree } from "../link/clock_estimate.ts";
import { noteLinks } from "./events.ts";
import { keepClocks } from "./keep_clocks.ts";
import { oneWayPart } from "../outcome/one_way.ts";
import { clientPart, packed, targetPart, timing, usedInterface } from "../outcome/parts.ts";
import { pause, withDeadline } from "../../base/deadline.ts";
import { wrongStamps, wrongWindow } from "../outcome/plausible.ts";
import type { Peer, RawResult, ResultHead } from "../link/peer.ts";
import { ResultStore } from "../store/result_store.ts";
import { eachInLane, inLane, Semaphore } from "../../base/semaphore.ts";
import { probesEach } from "./start.ts";
import type { ClientRun, TargetRun } from "./participants.ts";
import type { RunState } from "./run_state.ts";
import { type Agreement, asPlanned, beginOf, lastsNs, stopWithClass } from "./class_times.ts";

/** How long before its end a meter is sent the instant at which to stop. */
const STOP_NOTICE_MS = 2_000;
/** Reports of progress that a run takes from all testers together. */
const REPORTS_PER_SECOND = 2_000;
/** Results that are received at the same time, and after how long a slow one no longer counts as one of them. */
const TRANSFERS = 128;
const TRANSFER_LANE_MS = 250;
/** After this a tester is asked for its progress beside the others that are: nobody waits for it. */
const WATCH_LANE_MS = 50;
/** Phases of a test after the measured one. */
const AFTER_MEASURED = ["cooldown", "drain", "done"];

/**
 * Collects every client's result as it comes while watching the targets for errors; then stops the targets and
 * collects theirs.
 *
 * @param state the run, started
 * @param agreement when it was started
 * @throws {Stopped} when the run ends early
 */
export async function collectAll(state: RunState, agreement: Agreement): Promise<void> {
  const clients = state.clients.filter((client) => client.ready);
  announce(state, clients, agreement);
  await keepClocks(state);
  const store = new ResultStore(state.parts.limits);
  // At most one large result of a tester and one of a target are in memory as a whole; further ones wait. Small
  // ones come in handfuls: while the plugin reads one, the controller is done with the one before and has the next ready.
  const lanes = new Semaphore(TRANSFERS);
  const readers = { store, lanes, turn: new Semaphore(state.parts.limits.handBytes) };
  const shows = { store, lanes, turn: new Semaphore(state.parts.limits.handBytes) };
  const meters = state.targets.map((target) => collectTarget(state, target, agreement, shows));
  const everyMs = watchEveryMs(clients.length);
  void eachInLane(clients, state.parts.limits.parallel, WATCH_LANE_MS, async (client) => {
    await client.side?.watch((report) => passOn(state, client, report), everyMs);
  });
  const collected = clients.map((client) => collectClient(state, client, agreement, readers));
  state.halt = () => halt(state, clients, collected);
  await state.unlessStopped(Promise.all(collected));
  state.halt = null;
  // Everybody has given what there was: the end of the run is only moments away.
  if (state.interrupted) await state.unlessStopped(new Promise<void>(() => {}));
  state.check();
  if (state.targets.length > 0) state.phase("stop", `stopping ${state.targets.length} target(s)`);
  await Promise.all(state.targets.map((target) => state.targetStep(target, () => stopTarget(target))));
  await state.unlessStopped(Promise.all(meters));
  state.check();
  await makeOneWay(state);
}

/** Thousands of testers that reported their progress five times a second would keep the controller from all else. */
function watchEveryMs(testers: number): number | undefined {
  const ms = Math.ceil(1000 * testers / REPORTS_PER_SECOND);
  return ms <= 1000 / WATCH_PER_SECOND ? undefined : Math.min(ms, MAX_WATCH_MS);
}

/** One-way delays, which need the results and the clocks of both ends. */
async function makeOneWay(state: RunState): Promise<void> {
  const { clients, targets } = state.parts.document;
  const far = state.targets.map((run) => ({ run, part: targets[run.index]! }));
  for (const client of state.clients.filter(({ done }) => done)) {
    const part = oneWayPart(client, clients[client.index]!, far);
    if (part === null) continue;
    client.class.merger.addOneWay(part.histograms ?? null);
    await state.setClient(client.index, part);
    delete clients[client.index]!.one_way_record;
  }
}

/** Asks testers that can for what they have measured so far. Originals know no such question. */
async function halt(
  state: RunState,
  clients: readonly ClientRun[],
  collected: readonly Promise<void>[],
): Promise<void> {
  const asked = clients.flatMap((client, n) =>
    client.ready && !client.done && client.peer.startSentNs > 0n && client.peer.has("stop")
      ? [{ client, result: collected[n] }]
      : []
  );
  state.phase("stop", `asking ${asked.length} client(s) for what they have measured`);
  await Promise.all(asked.map(({ client }) => client.peer.stop(null).catch(() => {})));
  const all = Promise.all(asked.map(({ result }) => result));
  await withDeadline(all, state.parts.limits.haltMs, () => new Error("late")).catch(() => {});
}

function announce(state: RunState, clients: readonly ClientRun[], agreement: Agreement): void {
  const expected = clients.map(lastsNs);
  const known = expected.every((ns) => ns !== null && ns > 0);
  const longest = Math.max(...clients.map((client) => deadlineMs(state, client, agreement)));
  state.parts.emit({
    kind: "schedule",
    leadNs: Math.max(0, Number(agreement.startNs - monotonicNowNs())),
    expectedNs: known ? Math.max(...expected.map((ns) => ns ?? 0)) : null,
    deadlineNs: longest * 1e6,
  });
  const tests = state.classes.map(({ description: { name, test } }) =>
    name === "" ? test : `${name} (${test})`
  );
  state.phase("run", `running ${tests.join(", ")}`);
}

/** Milliseconds from now until a client is given up. */
function deadlineMs(state: RunState, client: ClientRun, agreement: Agreement): number {
  const { limits } = state.parts;
  const { timeoutSeconds } = client.class.description;
  const leadMs = Math.max(0, Number(beginOf(client.class, agreement) - monotonicNowNs()) / 1e6);
  if (timeoutSeconds !== null) return leadMs + timeoutSeconds * 1000;
  const { beginNs, endNs } = client.class;
  if (client.toStop && endNs !== null) return leadMs + (endNs - beginNs) / 1e6 + limits.graceMs;
  const { expectedNs } = client;
  if (expectedNs === null || expectedNs === 0) return leadMs + limits.unknownDurationMs;
  return leadMs + (expectedNs + client.patienceNs) / 1e6 + limits.graceMs;
}

/** Where results wait, and whose turn it is to be read by the plugin. */
interface Readers {
  store: ResultStore;
  /** For results on their way: each has a buffer. */
  lanes: Semaphore;
  turn: Semaphore;
}

/** Waits for a client's result and receives it; its failure is noted. While tests run, all clients wait here. */
async function collectClient(
  state: RunState,
  client: ClientRun,
  agreement: Agreement,
  readers: Readers,
): Promise<void> {
  const { peer } = client;
  const over = client.toStop ? new AbortController() : null;
  let remark: ReturnType<typeof setTimeout> | undefined;
  let head: ResultHead;
  try {
    await client.started;
    peer.phase = "run";
    const ms = deadlineMs(state, client, agreement);
    remark = remarkOnPatience(state, client, ms);
    // A lost connection is reported with the result.
    if (over !== null) stopWithClass(state, client, agreement, over.signal).catch(() => {});
    head = await withDeadline(peer.resultHead(), ms, () => noResult(client, ms));
  } catch (error) {
    return await state.clientStep(client, () => Promise.reject(error));
  } finally {
    clearTimeout(remark);
    over?.abort();
  }
  await state.clientStep(client, async () => {
    const times = await takeResult(state, client, head, agreement, readers);
    // The result is safe; one more reading of the clocks makes its times more exact.
    const after = await clockAfter(state, client);
    noteLinks(state, client, times.stamps, after, times.used);
    if (after !== null) await state.setClient(client.index, timing(client, times, agreement, after));
    // Thousands of dialogues that are over are not to be kept to the end. Those of originals end in the original's order.
    if (client.peer.has("form")) await client.peer.quit();
  });
}

/** Returns only times and the interface that was used: the plugin's part is large, and a thousand clients may be waiting for their clocks. */
async function takeResult(
  state: RunState,
  client: ClientRun,
  head: ResultHead,
  agreement: Agreement,
  readers: Readers,
): Promise<Parameters<typeof timing>[1] & { used: string | null }> {
  const { peer } = client;
  checkStamps(peer, head);
  client.side?.endWatch().catch(() => {}); // `finish` gets the same error, and does without
  const results = await receive(peer, head, readers, async (raw) => {
    const read = asPlanned(client, await client.class.half.unmarshall(client.place, raw));
    checkWindow(peer, read, raw, client.expectedNs);
    client.class.merger.add(read);
    return packed(read);
  });
  client.done = true;
  noteInvalid(state, peer, head.valid, results?.reasons);
  const part = clientPart(client, { results, stamps: head.stamps }, agreement);
  client.environment = null; // It is in the part.
  await state.setClient(client.index, state.parts.kept.keep(part));
  state.parts.emit({ kind: "result", peer: peer.name, valid: head.valid, bytes: head.length });
  return { stamps: head.stamps, window: results?.window, used: usedInterface(results?.environment) };
}

/** Receives a result as fast as it comes, however slow others are, and has the plugin read it when it is its turn. */
async function receive<T>(
  peer: Peer,
  head: ResultHead,
  { store, lanes, turn }: Readers,
  read: (raw: RawResult) => Promise<T>,
): Promise<T> {
  const stored = await store.open(head.length);
  try {
    await inLane(lanes, TRANSFER_LANE_MS, () => peer.resultBody(head, (chunk) => stored.write(chunk)));
    return await turn.run(async () => {
      peer.phase = "unmarshall";
      return await read({ valid: head.valid, stamps: head.stamps, data: await stored.bytes() });
    }, Math.max(1, head.length));
  } finally {
    stored.close();
  }
}

/** @throws {RunError} when the test cannot have run at the time that its daemon reports */
function checkStamps(peer: Peer, { stamps }: ResultHead): void {
  const sinceStartNs = monotonicNowNs() - peer.startSentNs;
  const wrong = wrongStamps(stamps, { toldNs: peer.toldNs, sinceStartNs });
  if (wrong !== null) throw peer.fail("protocol", wrong, "see the daemon's log");
}

/** @throws {RunError} when the measured phase that a plugin reports cannot be one of this run */
function checkWindow(
  peer: Peer,
  results: PluginResults | null,
  { stamps }: Pick<RawResult, "stamps">,
  expectedNs: number | null,
): void {
  const wrong = wrongWindow(results?.window, stamps, expectedNs);
  if (wrong !== null) throw peer.fail("protocol", wrong, "see the daemon's log");
}

function noteInvalid(state: RunState, peer: Peer, valid: boolean, reasons: readonly Reason[] = []): void {
  if (valid || reasons.some((reason) => reason.level === "INVALID")) return;
  state.reasons.push({
    level: "INVALID",
    code: "invalid-data",
    text: `the ${
      peer.name.role === "client" ? "tester" : "target"
    } reported that its data are not valid (221)`,
    host: state.hostOf(peer),
  });
}

/** The clock after the run; whatever is wrong with it costs figures, never the run. */
async function clockAfter(state: RunState, run: ClientRun | TargetRun): Promise<OffsetInterval | null> {
  run.during = await run.keeper?.close() ?? [];
  run.keeper = null;
  const probes = run.side === null ? [] : await run.side.finish(probesAfter(state));
  run.side = null;
  let after: OffsetInterval | null = null, sound = true;
  try {
    after = probes.length === 0 ? null : combineProbes(probes);
    run.after = after;
  } catch {
    sound = false;
  }
  const rounds = [run.before, ...run.during, after].filter((round) => round !== null);
  sound &&= rounds.every((round, n) => round.consistent && (n === 0 || roundsAgree(rounds[n - 1]!, round)));
  if (!sound) {
    state.reasons.push({
      level: "SUSPECT",
      code: "clock-inconsistent",
      text: "its clock was stepped, or its answers contradict each other",
      host: state.hostOf(run.peer),
    });
  }
  return after;
}

function probesAfter(state: RunState): number {
  return probesEach(state.clients.length, state.parts.limits.clockProbes);
}

/** Reports, when a test of an original tester should be over, why it is not yet given up. */
function remarkOnPatience(
  state: RunState,
  { patienceNs, peer, class: own }: ClientRun,
  ms: number,
): ReturnType<typeof setTimeout> | undefined {
  if (patienceNs === 0 || own.description.timeoutSeconds !== null) return undefined;
  const text =
    "no result yet: an original tester waits until all its samples are in, so its target may be losing " +
    `packets; it is given up in ${(patienceNs / 1e9).toFixed(0)} s (--timeout sets another bound)`;
  return setTimeout(() => state.warn(peer.name, text), ms - patienceNs / 1e6);
}

function noResult(client: ClientRun, ms: number): Error {
  const { timeoutSeconds } = client.class.description;
  const { expectedNs, peer } = client;
  const expected = expectedNs === null || expectedNs === 0
    ? ""
    : `, the test takes ${(expectedNs / 1e9).toFixed(1)} s at most${
      client.patienceNs === 0 ? "" : " where nothing is lost"
    }`;
  const remedy = timeoutSeconds === null
    ? "is the daemon, its network or its test stuck? --timeout sets another bound"
    : "is --timeout too short, or the daemon, its network or its test stuck?";
  return peer.fail("timeout", `no result ${(ms / 1000).toFixed(1)} s after START${expected}`, remedy);
}

function passOn(state: RunState, client: ClientRun, report: ProgressReport): void {
  state.parts.emit({ kind: "progress", peer: client.peer.name, progress: report });
  if (!AFTER_MEASURED.includes(report.phase)) return;
  // The first tester that leaves its measured phase ends the common one.
  for (const target of state.targets) {
    if (target.class === client.class && target.meter && !target.stopped && target.peer.has("at")) {
      void state.targetStep(target, () => stopTarget(target));
    }
  }
}

async function stopTarget(target: TargetRun, atNs: bigint | null = null, noticeMs = 0): Promise<void> {
  if (target.stopped) return;
  target.stopped = true;
  target.stopSent.resolve(noticeMs);
  await target.peer.stop(atNs);
}

/** From START of one target until its result has come; any end before STOP is an error. */
async function collectTarget(
  state: RunState,
  target: TargetRun,
  agreement: Agreement,
  shows: Readers,
): Promise<void> {
  await state.targetStep(target, async () => {
    const { peer, half } = target;
    const timely = stopMeterInTime(state, target, agreement);
    timely.catch(() => {});
    const head = await headAfterStop(state, target);
    checkStamps(peer, head);
    await timely;
    const shown = await receive(peer, head, shows, (raw) => half.show(raw));
    checkWindow(peer, shown.results, head, null);
    target.stamps = head.stamps;
    noteInvalid(state, peer, head.valid, shown.results?.reasons);
    await state.setTarget(target.index, targetPart(target, shown, agreement));
    state.parts.emit({ kind: "result", peer: peer.name, valid: head.valid, bytes: head.length });
    const after = await clockAfter(state, target);
    noteLinks(state, target, head.stamps, after, null);
    if (after === null) return;
    await state.setTarget(
      target.index,
      timing(target, { stamps: head.stamps, window: shown.results?.window }, agreement, after),
    );
  });
}

async function headAfterStop(state: RunState, target: TargetRun): Promise<ResultHead> {
  const { stopMs } = state.parts.limits;
  const head = target.head!;
  const noticeMs = await Promise.race([head.then(() => null), target.stopSent.promise]);
  if (noticeMs === null) {
    throw target.peer.fail("protocol", "the target ended its test before STOP", "see the daemon's log");
  }
  return await withDeadline(
    head,
    stopMs + noticeMs,
    () => target.peer.fail("timeout", `no result ${stopMs / 1000} s after STOP`, "see the daemon's log"),
  );
}

/** Announces to a meter, a little ahead, when the measured phase ends. */
async function stopMeterInTime(state: RunState, target: TargetRun, agreement: Agreement): Promise<void> {
  const { startNs } = agreement;
  const window = agreement.windows[target.class.index] ?? null;
  const { before, peer } = target;
  if (!target.meter || before === null || !peer.has("at") || window === null || window.endNs === null) return;
  const endNs = startNs + BigInt(Math.round(window.endNs));
  await pause(Number(endNs - monotonicNowNs()) / 1e6 - STOP_NOTICE_MS, state.signal);
  state.check();
  const noticeMs = Math.max(0, Number(endNs - monotonicNowNs()) / 1e6);
  await stopTarget(target, endNs + offsetAt(endNs, before, null).offsetNs, noticeMs);
}
