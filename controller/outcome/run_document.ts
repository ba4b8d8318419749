/**
 * The document of a run: as it is at the beginning, and as it is at the end.
 *
 * @module
 */

import type { ClassDescription, RunDescription } from "../../config/run_description.ts";
import { buildInfo } from "../../ffi/self/self.ts";
import {
  type ClassResult,
  type ClientResult,
  RESULT_FORMAT,
  type ResultDocument,
} from "../../results/document/document.ts";
import { judgeGates } from "../../results/gates/gates.ts";
import type { HostReason } from "../../results/document/verdict.ts";
import { hostPort, RunError } from "../run/run_error.ts";
import type { RunState } from "../run/run_state.ts";
import type { OffsetEstimate } from "../link/clock_estimate.ts";
import { offsetBetween } from "../link/clock_pair.ts";
import { joinForwarded } from "./forwarded.ts";
import { withPart } from "../store/kept_parts.ts";
import { judgeRun, sumUp } from "./sums.ts";

/** How far begin and end of a meter's window may be from the testers' common one in all, as a share of the latter. */
const TARGET_WINDOW_SHARE = 0.02;

/** What a client's part has before anything is known of it. */
export function noFigures() {
  return {
    peer: null,
    clock: null,
    start: null,
    counts: null,
    rates: null,
    pacing: null,
    latency: null,
    histograms: null,
    metrics: [],
  };
}

/**
 * Makes the document of a run that has not begun.
 *
 * @param description what will be run
 * @param runId number of the run
 * @param now the time
 * @returns the document, every client and target with nothing known
 */
export function newDocument(description: RunDescription, runId: bigint, now: Date): ResultDocument {
  const { version, kind, deno, platform } = buildInfo();
  return {
    format: RESULT_FORMAT,
    ipbench: { version, build: `${kind}, Deno ${deno}, ${platform}` },
    run: {
      id: runId.toString(16).padStart(16, "0"),
      started: now.toISOString(),
      ended: now.toISOString(),
      verdict: "INVALID",
      reasons: ["the run has not come to its end"],
      failed: true,
    },
    config: description,
    test: { name: description.test, args: description.clients[0]?.args ?? "" },
    clients: description.clients.map(({ host, port, args, class: of, name, to }) => ({
      host,
      port,
      args,
      ...classKey(of),
      ...name === undefined ? {} : { name },
      ...to === undefined ? {} : { to },
      ...noFigures(),
    })),
    targets: description.targets.map(({ host, port, test, args, class: of }) => ({
      host,
      port,
      test,
      args,
      ...classKey(of),
      peer: null,
      metrics: [],
      text: null,
      environment: null,
    })),
    total: { ...NOTHING },
    ...description.classes === undefined ? {} : {
      classes: description.classes.map((each) => classPart(each, description)),
      effect: [],
    },
    csv: "",
    csv_header: null,
  };
}

/** Totals of a run of which nothing is known. */
const NOTHING = { counts: null, rates: null, latency: { response: null, service: null } };

/** A class of which nothing is known. */
function classPart(
  { name, test, beginSeconds, endSeconds }: ClassDescription,
  { clients }: RunDescription,
): ClassResult {
  return {
    name,
    test,
    args: clients.find((client) => client.class === name)?.args ?? "",
    begin_ns: Math.round(beginSeconds * 1e9),
    end_ns: endSeconds === null ? null : Math.round(endSeconds * 1e9),
    active: null,
    ...NOTHING,
    csv: "",
    csv_header: null,
    verdict: "INVALID",
    reasons: ["the run has not come to its end"],
  };
}

/**
 * Completes the document of a run that is over, in whichever way.
 *
 * @param state the run
 * @returns its document, judged
 */
export function finishDocument(state: RunState): ResultDocument {
  const { document } = state.parts;
  const failed = state.failure !== null;
  for (const run of [...state.clients, ...state.targets]) {
    const place = "done" in run ? document.clients[run.index]! : document.targets[run.index]!;
    const peer = place.peer ?? run.peer.greeting?.peer ?? null;
    if (peer === place.peer) continue;
    // A new object: whoever keeps a journal sees by that what is new.
    if ("done" in run) document.clients[run.index] = withPart(document.clients[run.index]!, { peer });
    else document.targets[run.index] = { ...document.targets[run.index]!, peer };
  }
  document.run.ended = new Date().toISOString();
  delete document.run.failed;
  if (failed) document.run.failed = true;
  if (state.interrupted) document.run.interrupted = true;
  joinForwarded(document, (sender, receiver) => betweenClients(state, sender, receiver));
  const clients = document.clients.filter((_, index) => state.clients[index]!.done);
  mergeForwarded(state, clients);
  const mergers = new Map(state.classes.map(({ description, merger }) => [description.name, merger]));
  sumUp(document, clients, (name) => mergers.get(name)!);
  judgeRun(document, [...failureReasons(state), ...state.reasons, ...windowReasons(state)]);
  const { gates = [] } = state.parts.description;
  if (gates.length > 0) document.gates = judgeGates(document, gates);
  return document;
}

/** What the comparisons of two clients' clocks with the controller's give, over the sender's measured phase. */
function betweenClients(state: RunState, sender: number, receiver: number): OffsetEstimate | null {
  const { window } = state.parts.document.clients[sender]!;
  if (window === undefined) return null;
  const rounds = [sender, receiver].map((n) => {
    const { before, during, after } = state.clients[n]!;
    return [before, ...during, after].filter((round) => round !== null);
  });
  const span = { startNs: BigInt(Math.floor(window.start_ns)), endNs: BigInt(Math.ceil(window.end_ns)) };
  return offsetBetween(rounds[0]!, rounds[1]!, span);
}

/** One-way delays come with the receiver's result, and are the sender's: they are known when both are put together. */
function mergeForwarded(state: RunState, clients: readonly ClientResult[]): void {
  for (const client of clients) {
    // The histograms of many testers are read from disk: only where they are wanted.
    const { to, class: of } = client;
    if (to === undefined || client.histograms === null) continue;
    state.classes.find(({ description }) => description.name === (of ?? ""))
      ?.merger.addOneWay(client.histograms);
  }
}

/** Why the run ended early, unless a client's or target's own error has it already. */
function failureReasons(state: RunState): HostReason[] {
  const { failure, interrupted } = state;
  if (failure === null || interrupted) return [];
  if (failure instanceof RunError && failure.peer !== null) {
    const host = hostPort(failure.peer.host, failure.peer.port);
    return [{
      level: "INVALID",
      code: `${failure.peer.role}-${failure.code}`,
      text: `the run ended early: ${failure.message}`,
      host,
      ...classKey(failure.peer.class),
    }];
  }
  return [{ level: "INVALID", code: "failed", text: `the run ended early: ${failure.message}` }];
}

/**
 * Reports of each meter how far its window is from the testers' common one, and gives a reason where that is much: a figure
 * for another time means little for them.
 */
function windowReasons(state: RunState): HostReason[] {
  const { document } = state.parts;
  const reasons: HostReason[] = [];
  for (const target of state.targets) {
    const part = document.targets[target.index]!;
    const common = (document.classes?.[target.class.index] ?? document.total).window ?? null;
    if (common === null || common.end_ns <= common.start_ns) continue;
    if (!target.meter || part.window === undefined) continue;
    const off = Math.abs(part.window.start_ns - common.start_ns) +
      Math.abs(part.window.end_ns - common.end_ns);
    document.targets[target.index] = { ...part, window_off_ns: off };
    const share = off / (common.end_ns - common.start_ns);
    if (share <= TARGET_WINDOW_SHARE) continue;
    reasons.push({
      level: "SUSPECT",
      code: "target-window",
      text: `it did not measure when the testers did: ` +
        `its begin and end are ${(off / 1e6).toFixed(0)} ms away in all, ${
          (100 * share).toFixed(1)
        } % of their time`,
      host: state.hostOf(target.peer),
      ...classKey(part.class),
    });
  }
  return reasons;
}

/** The class of a reason, where there is one. */
function classKey(name: string | undefined): { class?: string } {
  return name === undefined ? {} : { class: name };
}
