/**
 * A run from beginning to end.
 *
 * @module
 */

import { ConfigError } from "../../config/config_error.ts";
import { type RunDescription, testsOf } from "../../config/run_description.ts";
import { PluginError } from "../../ffi/mod.ts";
import type { ResultDocument } from "../../results/document/document.ts";
import { LIMITS, type Limits, MANY_TESTERS, MORE_MS_EACH } from "../limits.ts";
import type { Log } from "../log.ts";
import { closeHalves, type Halves, makeHalves } from "../halves/halves.ts";
import { findMistakes } from "../halves/mistakes.ts";
import type { ProgressEvent } from "./progress.ts";
import { openReception } from "../join/open_reception.ts";
import { readAccess } from "../link/read_access.ts";
import { requiredClients } from "./require.ts";
import { newDocument } from "../outcome/run_document.ts";
import { runSteps } from "./steps.ts";
import type { RunParts } from "./participants.ts";
import { RunState } from "./run_state.ts";
import { KeptParts } from "../store/kept_parts.ts";
import { withCommas } from "../../base/args.ts";

/** How a run is watched, steered and ended early. */
export interface RunOptions {
  /** Aborting ends the test on every daemon and gives the document with what came in, `run.interrupted` set. */
  signal?: AbortSignal;
  /** Called for each event; must not throw, must return quickly. */
  onProgress?: (event: ProgressEvent) => void;
  /**
   * Called with the document as it is when the run begins and each time a result has come in, and awaited before the run
   * goes on.
   */
  onDocument?: (partial: ResultDocument) => Promise<void>;
  log?: Log;
  /** Deadlines and sizes that differ from the defaults. */
  limits?: Partial<Limits>;
}

/**
 * Runs one benchmark on the daemons that the description names.
 *
 * @param description what to run, validated, with all defaults applied
 * @param options how to watch and end it
 * @returns the result document; also of a run that failed, was interrupted or is not valid
 * @throws {ConfigError} with every wrong argument of a test, a test that is not there and a target that a test needs,
 * before anybody is contacted
 * @throws {TypeError} when the description cannot be run at all (no client, an unreadable secret file)
 * @throws {PluginError} "not-built" when ipbench runs from sources that are not built and has no tests
 */
export async function runBenchmark(
  description: RunDescription,
  options: RunOptions = {},
): Promise<ResultDocument> {
  const given = inOurSpelling(description);
  const halves = makeHalves(given, { ...LIMITS, ...options.limits }, options.log ?? (() => {}));
  let state: RunState | null = null;
  try {
    state = await openRun(given, halves, options);
    const { parts } = state;
    await refuseMistakes(given, halves, options);
    parts.reception = await openReception(given, parts.access, (text) => state?.warn(null, text));
    await state.begin();
    const document = await runSteps(state, options.signal);
    const { cause } = state.failure ?? {};
    if (cause instanceof PluginError && cause.code === "not-built") throw cause;
    return document;
  } finally {
    await state?.parts.reception?.close();
    await closeHalves(halves);
  }
}

/** Whoever does not want the run any more does not wait for what is wrong with it. */
async function refuseMistakes(
  description: RunDescription,
  halves: Halves,
  { signal, log }: RunOptions,
): Promise<void> {
  const aborted = new Promise<null>((resolve) => {
    if (signal?.aborted === true) resolve(null);
    signal?.addEventListener("abort", () => resolve(null), { once: true });
  });
  const mistakes = await Promise.race([findMistakes(description, halves), aborted]);
  if (mistakes === null) return;
  if (mistakes.problems.length > 0) throw new ConfigError(mistakes.problems);
  for (const remark of mistakes.remarks) log?.("warning", remark);
}

/** In the original's spelling blanks separate arguments, too; everything below knows commas alone. */
function inOurSpelling(description: RunDescription): RunDescription {
  if (description.originalSpelling !== true) return description;
  const clients = description.clients.map((client) => ({ ...client, args: withCommas(client.args) }));
  const targets = description.targets.map((target) => ({ ...target, args: withCommas(target.args) }));
  return { ...description, clients, targets };
}

async function openRun(
  description: RunDescription,
  { clients: clientHalves, targets: targetHalves }: Halves,
  options: RunOptions,
): Promise<RunState> {
  if (description.clients.length === 0) throw new TypeError("a run needs at least one client");
  const lengthened = lengthen({ ...LIMITS, ...options.limits }, description.clients.length);
  const limits = shorten(lengthened, description.timeoutSeconds);
  const log = options.log ?? (() => {});
  const tests = testsOf(description).map((test, n) => {
    const own = description.clients.filter((client) => test.name === "" || client.class === test.name);
    if (own.length === 0) throw new TypeError(`the class "${test.name}" needs at least one client`);
    return { description: test, half: clientHalves[n]!, required: requiredClients(test.require, own.length) };
  });
  const access = await readAccess(description, limits);
  const runId = crypto.getRandomValues(new BigUint64Array(1))[0]!;
  const parts: RunParts = {
    description,
    limits,
    access: {
      ...access,
      joined: async (role, index) => {
        if (parts.reception === null) throw new TypeError(`nobody listens to ${role} ${index}`);
        return await parts.reception.open(role, index);
      },
    },
    reception: null,
    tests,
    targetHalves,
    runId,
    document: newDocument(description, runId, new Date()),
    kept: await KeptParts.open(description.clients.length),
    emit: options.onProgress ?? (() => {}),
    save: options.onDocument ?? (() => Promise.resolve()),
    debug: (message) => log("debug", message),
  };
  return new RunState(parts);
}

/** What thousands of testers send at one time takes this machine a while to read, which is none of their faults. */
function lengthen(limits: Limits, testers: number): Limits {
  const ms = Math.max(0, testers - MANY_TESTERS) * MORE_MS_EACH;
  const { greetingMs, replyMs, finishMs, graceMs, transferStallMs } = limits;
  return {
    ...limits,
    greetingMs: greetingMs + ms,
    replyMs: replyMs + ms,
    finishMs: finishMs + ms,
    graceMs: graceMs + ms,
    transferStallMs: transferStallMs + ms,
  };
}

/** A time-out given by the user bounds the steps of set-up too. */
function shorten(limits: Limits, timeoutSeconds: number | null): Limits {
  if (timeoutSeconds === null) return limits;
  const ms = timeoutSeconds * 1000;
  const { connectMs, greetingMs, clockMs, finishMs, replyMs, loadMs, setupMs, stopMs, transferMs } = limits;
  return {
    ...limits,
    connectMs: Math.min(connectMs, ms),
    greetingMs: Math.min(greetingMs, ms),
    clockMs: Math.min(clockMs, ms),
    finishMs: Math.min(finishMs, ms),
    replyMs: Math.min(replyMs, ms),
    loadMs: Math.min(loadMs, ms),
    setupMs: Math.min(setupMs, ms),
    stopMs: Math.min(stopMs, ms),
    transferMs: Math.min(transferMs, ms),
  };
}
