/**
 * From nothing to "everybody is ready to start".
 *
 * @module
 */

import { messageOf } from "../../base/errors.ts";
import { NO_TARGET } from "../../config/run_description.ts";
import type { Extension } from "../../protocol/mod.ts";
import type { TestSetup } from "../../base/test_setup.ts";
import { accessTo } from "../link/daemon_access.ts";
import { ORIGINAL_LOSS_FACTOR } from "../limits.ts";
import { originalNames, plainArgs } from "../halves/plain_args.ts";
import { argumentsOf, withSuggestion } from "../halves/misspelt.ts";
import type { Half } from "../halves/plugin_half.ts";
import { RunError } from "./run_error.ts";
import { within } from "../../base/deadline.ts";
import { inLane, Semaphore } from "../../base/semaphore.ts";
import type { ClientRun, TargetRun } from "./participants.ts";
import type { RunState } from "./run_state.ts";
import { Stopped } from "./run_state.ts";
import { SideChannel } from "../link/side_channel.ts";
import { arrived, gather, withComeback } from "./gather.ts";
import { waitForEnough } from "./stragglers.ts";
import { argValues, getArg } from "../../base/args.ts";
import { endsByItself, isMeter, plannedWindow, sampledNs, timedArgs } from "../outcome/window_plan.ts";

/** After so long a client's step goes on beside the others, which wait for it no longer. */
const STEP_LANE_MS = 5_000;
/** What a second connection is good for. */
const SIDE_EXTENSIONS: readonly Extension[] = ["env", "watch", "clock"];

/**
 * Loads the controller's halves, connects to everybody, and sets up each target and then each client, side by side.
 *
 * @param state the run
 * @throws {Stopped} when the run ends early
 */
export async function setUp(state: RunState): Promise<void> {
  const { clients, targets, parts } = state;
  const network = new Semaphore(parts.limits.parallel);
  state.phase("connect", `connecting to ${state.everybody()}`);
  const halves = openHalves(state);
  const gathered = gather(state);
  // A step is begun when it is its turn: of thousands that were all under way each would take memory.
  const inTurn = (client: ClientRun, step: () => Promise<void>, again: () => Promise<void>) =>
    inLane(
      network,
      STEP_LANE_MS,
      () => state.clientStep(client, () => withComeback(state, client, step, again)),
    );
  const greeted = clients.map(async (client) => {
    if (client.peer.name.joins === undefined) {
      return await state.clientStep(client, () => greet(state, client, network));
    }
    if (!await arrived(state, client)) return;
    await inTurn(client, () => meet(state, client), () => Promise.resolve());
  });
  const called = Promise.allSettled(greeted.filter((_, n) => clients[n]!.peer.name.joins === undefined));
  const readyTargets = targets.map((target) =>
    state.targetStep(target, async () => {
      await withComeback(state, target, () => greet(state, target, network), () => Promise.resolve());
      await halves.catch(() => {
        throw new Stopped("the controller's half of a test failed");
      });
      await within(called, parts.limits.stragglerMs);
      const ready = () => network.run(() => setUpTarget(state, target));
      await withComeback(state, target, ready, () => meet(state, target));
    })
  );
  await state.unlessStopped(halves).catch(endOn(state));
  warnOfNoTarget(state);
  await state.unlessStopped(Promise.all(readyTargets));
  state.phase("setup", `setting up ${clients.length} client(s)`);
  const readyClients = clients.map(async (client, n) => {
    await greeted[n];
    if (client.peer.error !== null) return;
    await inTurn(client, () => setUpClient(state, client), () => meet(state, client));
  });
  await gathered;
  await state.unlessStopped(waitForEnough(state, readyClients, (client) => client.ready));
  await state.unlessStopped(Promise.all([...clients, ...targets].map((run) => run.described)));
  state.check();
  for (const { peer, undescribed } of [...clients, ...targets]) {
    // Of a daemon whose test failed that is a consequence, and no news.
    if (undescribed !== null && peer.error === null) state.warn(peer.name, undescribed);
  }
}

/** A test of the original's kind does not declare whether it can do without. */
function warnOfNoTarget(state: RunState): void {
  for (const { clients, half } of state.classes) {
    const none = clients.some(({ description }) => description.target === NO_TARGET);
    if (!none || half.info.needsTarget !== null) continue;
    state.warn(
      null,
      'no machine to test is named (--test-target, or target="…" in <test>); most tests need one',
    );
    return;
  }
}

function endOn(state: RunState): (error: unknown) => void {
  return (error) => {
    if (error instanceof Stopped) throw error;
    const failure = error instanceof Error ? error : new Error(messageOf(error));
    state.parts.emit({ kind: "error", peer: null, phase: "load", text: failure.message });
    state.end(failure);
    throw new Stopped("the run has ended early");
  };
}

async function openHalves(state: RunState): Promise<void> {
  const { document, targetHalves } = state.parts;
  const halves: Half[] = [...state.classes.map(({ half }) => half), ...targetHalves.values()];
  await Promise.all(halves.map((half) => half.open()));
  const [first] = state.classes;
  if (first !== undefined) document.test.defaults = defaultsOf(first.half);
  document.classes?.forEach((part, n) => {
    document.classes![n] = { ...part, defaults: defaultsOf(state.classes[n]!.half) };
  });
}

function defaultsOf({ info }: Half): Record<string, string> {
  return Object.fromEntries(
    (info.options ?? []).filter((option) => !option.controller && option.default !== "")
      .map((option) => [option.name, option.default]),
  );
}

async function greet(state: RunState, run: ClientRun | TargetRun, network: Semaphore): Promise<void> {
  if (run.peer.name.joins !== undefined) {
    await arrived(state, run);
    return await meet(state, run);
  }
  await run.peer.connect((task) => network.run(task));
  await network.run(() => introduce(state, run));
}

/** Greets one that has dialled in. */
async function meet(state: RunState, run: ClientRun | TargetRun): Promise<void> {
  await run.peer.connect();
  await introduce(state, run);
}

/**
 * Sets up, from the beginning, a daemon that has dialled in again.
 *
 * @param state the run
 * @param run which one
 */
export async function setUpAgain(state: RunState, run: ClientRun | TargetRun): Promise<void> {
  await meet(state, run);
  if ("done" in run) await setUpClient(state, run);
  else await setUpTarget(state, run);
}

async function introduce(state: RunState, run: ClientRun | TargetRun): Promise<void> {
  const { peer } = run;
  // A daemon that has dialled in runs no other controller's test.
  const reset = state.parts.description.reset && peer.name.joins === undefined;
  if (peer.name.joins !== undefined) {
    // It has proved what there is to prove.
  } else if (accessTo(state.parts.access, peer.name).prover !== null && peer.greeting?.authNonce === null) {
    state.warn(
      peer.name,
      "the daemon asks for no secret: anyone who reaches its port can use it, and it may be somebody else " +
        "(--require-secret refuses it)",
    );
  }
  if (reset) await peer.reset();
  const side = await openSide(state, run);
  // Asked before HELLO, because a daemon whose test slot is taken describes its machine to the owner alone.
  if (side !== null) run.described = describe(state, run, side);
  await peer.hello(reset);
}

/** Opens the second connection, for what goes on beside the dialogue; `null` when there is nothing to do on it. */
async function openSide(state: RunState, run: ClientRun | TargetRun): Promise<SideChannel | null> {
  const { peer } = run;
  if (!SIDE_EXTENSIONS.some((name) => peer.has(name))) return null;
  const side = await SideChannel.open(peer.name, state.parts.access);
  if (side === null) {
    state.warn(peer.name, "the daemon takes no second connection: there is no live progress of it");
  } else if (state.signal.aborted) {
    side.close();
  } else {
    run.side = side;
  }
  return run.side;
}

/**
 * Asks a machine what it is like: it takes a while, and nothing else waits for it. What goes wrong costs the record,
 * not the run.
 */
async function describe(state: RunState, run: ClientRun | TargetRun, side: SideChannel): Promise<void> {
  const { peer } = run;
  if (!peer.has("env")) return;
  const isClient = "done" in run;
  const args = argValues(isClient ? run.description.args : "");
  const iface = args.get("iface") ?? args.get("if") ?? args.get("device") ?? null;
  try {
    const record = await side.environment(iface, isClient ? run.description.target : null);
    run.environment = state.parts.kept.keepText(record);
  } catch (error) {
    // The daemon that has come in its place describes its own.
    if (state.signal.aborted || run.side !== side) return;
    run.undescribed = `the daemon does not describe its machine: ${messageOf(error)}`;
    if (side.usable) return;
    side.close();
    run.side = null;
  }
}

async function setUpTarget(state: RunState, target: TargetRun): Promise<void> {
  const { peer, description } = target;
  target.meter = isMeter(target.half.info, description.args);
  if (state.parts.description.originalSpelling === true) {
    // A daemon that passes over an argument warns in its own log; the half here warns the user. What is wrong, the daemon
    // refuses, or not: that is its own.
    await target.half.expectedNs(description.args).catch(() => {});
  }
  await peer.load(description.test);
  const fields = {
    ...common(state, target.half, peer.has("form")),
    runId: runOfTargets(state),
    args: understood(target, target.half, description.args),
  };
  await askSetUp(target, fields, target.half, description.args);
}

/** For a target, which may count the run's own packets alone; 0 where a tester is an original, or may be: its packets have no run. */
function runOfTargets({ clients, parts }: RunState): bigint {
  const ours = ({ peer }: ClientRun) =>
    peer.name.joins !== undefined || peer.error !== null || peer.has("form");
  return clients.every(ours) ? parts.runId : 0n;
}

async function setUpClient(state: RunState, client: ClientRun): Promise<void> {
  const { peer } = client;
  const { half } = client.class;
  const args = await clientArgs(state, client);
  client.expectedNs = await half.expectedNs(args);
  client.toStop = mustStop(state, client, args);
  client.window = plannedWindow(half.info.options, args);
  if (peer.greeting?.extensions.size === 0) {
    const longestNs = state.parts.limits.unknownDurationMs * 1e6;
    client.patienceNs = Math.min(sampledNs(half.info.options, args) * ORIGINAL_LOSS_FACTOR, longestNs);
  }
  await peer.load(client.class.description.test);
  const fields = {
    ...common(state, half, peer.has("form")),
    ...destination(state, client),
    args: understood(client, half, args),
    flowBase: client.index,
  };
  await askSetUp(client, fields, half, args);
  client.ready = true;
}

/**
 * Where a client's packets go. One that sends to another client, and names no machine, sends to that one's host (raw: to the
 * address that the test makes up), and to the port that it listens on.
 */
function destination(state: RunState, { description, class: { half } }: ClientRun) {
  const { target, targetPort, to, args } = description;
  const other = to === undefined ? undefined : state.clients[to]?.description;
  const port = targetPort ?? other?.targetPort ?? half.info.defaultPort;
  const isNamed = target !== NO_TARGET || other === undefined || getArg(args, "socktype") === "raw";
  return { target: isNamed ? target : other.host, port };
}

/** Sets up a daemon's test; where an argument is refused, the error suggests the one that may have been meant. */
async function askSetUp(
  run: ClientRun | TargetRun,
  fields: TestSetup,
  half: Half,
  args: string,
): Promise<void> {
  try {
    await run.peer.setup(fields);
  } catch (error) {
    const suggesting = withSuggestion(error, args, argumentsOf(half.info));
    if (run.peer.error === error && suggesting instanceof RunError) run.peer.error = suggesting; // the run reports this one
    throw suggesting;
  }
}

/** The arguments as the daemon reads them: an original knows no units, and other names. */
function understood({ peer }: ClientRun | TargetRun, half: Half, args: string): string {
  return peer.has("form") ? args : originalNames(half.info.name, plainArgs(args, half.info.options));
}

function common(state: RunState, half: Half, form: boolean): TestSetup {
  const extended = form && half.info.interface !== null;
  const { runId, description } = state.parts;
  const originalSpelling = description.originalSpelling ?? false;
  return { target: null, port: null, args: "", form: extended ? 1 : 0, runId, flowBase: 0, originalSpelling };
}

/** The client's arguments, and what the run's own options ask of a test that knows them. */
async function clientArgs(state: RunState, client: ClientRun): Promise<string> {
  const { description, half, endNs, beginNs } = client.class;
  const { options, name } = half.info;
  const knows = (option: string) => options?.some((item) => item.name === option) === true;
  const given = argValues(client.description.args);
  const wanted: string[] = [];
  if (description.untilCi !== null && !given.has("until_ci")) {
    if (knows("until_ci")) wanted.push(`until_ci=${description.untilCi}`);
    else if (client.place === 0) {
      state.warn(null, `the test ${name} cannot stop early at a confidence interval`);
    }
  }
  const dumps = argValues(description.controllerArgs).has("dump_dir");
  if (dumps && client.peer.has("form") && knows("keep_samples") && !given.has("keep_samples")) {
    wanted.push("keep_samples=1"); // single round trips travel only where somebody writes them down
  }
  const compared = state.classes.length > 1 && client.class === state.classes[0];
  if (compared && client.peer.has("form") && knows("series_times") && !given.has("series_times")) {
    wanted.push("series_times=1"); // of the victim: its percentiles before, during and after the others
  }
  const all = [client.description.args, ...wanted, ...await pairArgs(state, client)]
    .filter((part) => part !== "").join(",");
  if (endNs === null) return all;
  const timed = timedArgs(options, all, (endNs - beginNs) / 1e9);
  if (timed.problem !== null) throw client.peer.fail("refused", timed.problem);
  return timed.args;
}

/** Whom a client sends to, whom it receives from, and how long those send. */
async function pairArgs(
  state: RunState,
  { index, description, class: { half } }: ClientRun,
): Promise<string[]> {
  const senders = state.senders.get(index) ?? [];
  const wanted = description.to === undefined ? [] : [`to=${description.to}`];
  if (senders.length === 0) return wanted;
  const lengths = await Promise.all(senders.map((other) => half.expectedNs(other.description.args)));
  const longest = Math.max(0, ...lengths.map((ns) => ns ?? 0));
  return [
    ...wanted,
    `from=${senders.map((other) => other.index).join("+")}`,
    `listen=${Math.ceil(longest)}ns`,
  ];
}

/** Whether a tester has to be stopped at the end of its class; one that cannot be goes on, and the user gets a warning. */
function mustStop(state: RunState, client: ClientRun, args: string): boolean {
  const { half, endNs, beginNs } = client.class;
  if (endNs === null || endsByItself(half.info.options, args)) return false;
  if (client.expectedNs !== null && client.expectedNs > 0 && client.expectedNs <= endNs - beginNs) {
    return false;
  }
  if (client.peer.has("stop")) return true;
  state.warn(
    client.peer.name,
    "the daemon cannot end its test early: it goes on beyond the end of its class",
  );
  return false;
}
