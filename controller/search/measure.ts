/**
 * One trial as a run: the run description that offers a load for a while, and what its result document shows.
 *
 * @module
 */

import type { RunDescription } from "../../config/run_description.ts";
import type { ClientResult, Counts, ResultDocument } from "../../results/document/document.ts";
import { hostNames } from "../../results/document/host_names.ts";
import { sendersOf } from "../../base/senders.ts";
import { divide, getArg, removeArgs, setTestArg } from "../../base/args.ts";
import { isFaultOfTarget, isTargetFault } from "../outcome/target_fault.ts";
import { exceeds, type Trial } from "./classify.ts";
import type { SearchGoal } from "./goal.ts";

/** Which arguments of the test carry load and length. */
export interface TrialShape {
  /** Argument that carries the load, such as "bps"; divided over the testers. */
  loadArg: string;
  /** Argument that carries the length of the measured phase, such as "duration". */
  durationArg: string;
  /** Seconds of ramp-up, warm-up and cool-down around the measured phase; `null` leaves the argument as it is. */
  rampupSeconds: number | null;
  warmupSeconds: number | null;
  cooldownSeconds: number | null;
}

/** What became of a trial. */
export type Outcome =
  | { kind: "valid"; trial: Trial; counts: Counts }
  /** The tester's own fault, so that nothing is known of the target. */
  | { kind: "invalid"; reasons: string[] }
  /** The run did not come to its end. */
  | { kind: "failed"; reasons: string[] }
  | { kind: "interrupted" };

/**
 * Describes the run of one trial.
 *
 * @param base The run as configured: daemons, target, packet size and the rest.
 * @param shape Which arguments carry load and length.
 * @param load Offered by all testers together; a whole number.
 * @param seconds Length of the measured phase.
 * @throws {RangeError} when the load is too small to be divided over the testers, or the run has several tests.
 */
export function describeTrial(
  base: RunDescription,
  shape: TrialShape,
  load: number,
  seconds: number,
): RunDescription {
  if (base.classes !== undefined) throw new RangeError(oneTestOnly(base.classes));
  const senders = sendersOf(base.clients);
  const shares = divide(load, senders.length);
  const times: [string, number | null][] = [
    ["rampup", shape.rampupSeconds],
    ["warmup", shape.warmupSeconds],
    ["cooldown", shape.cooldownSeconds],
  ];
  const clients = base.clients.map((client) => {
    let args = removeArgs(client.args, "samples");
    const share = shares[senders.indexOf(client)];
    if (share !== undefined) args = setTestArg(args, shape.loadArg, String(share));
    args = setTestArg(args, shape.durationArg, secondsText(seconds));
    for (const [name, value] of times) if (value !== null) args = setTestArg(args, name, secondsText(value));
    return { ...client, args };
  });
  return { ...base, clients, untilCi: null };
}

/** Why no load can be searched for in a run of several tests. */
export function oneTestOnly(classes: readonly { name: string }[]): string {
  const names = classes.map(({ name }) => name);
  return `the load of one test is searched for, and the run has classes (${names.join(", ")}); ` +
    `ipbench sweep varies the load of one (--over ${names.at(-1)}.bps=…)`;
}

/** Whole seconds as digits, which every test understands; parts of them in whole milli- or microseconds. */
export function secondsText(seconds: number): string {
  if (Number.isInteger(seconds)) return String(seconds);
  const ms = Number((seconds * 1e3).toPrecision(12));
  return Number.isInteger(ms) ? `${ms}ms` : `${Math.round(seconds * 1e6)}us`;
}

/**
 * Reads the outcome of a trial from its document. Lost is what was sent in the measured phase and did not come back
 * well by the end of the drain: lost, late and corrupt packets alike.
 *
 * @param strict Take a SUSPECT run for an INVALID one.
 */
export function readOutcome(
  document: ResultDocument,
  load: number,
  seconds: number,
  strict = false,
): Outcome {
  const { run } = document;
  if (run.interrupted === true) return { kind: "interrupted" };
  if (run.failed === true || document.clients.some((client) => client.error !== undefined)) {
    return { kind: "failed", reasons: failures(document) };
  }
  const counts = totalCounts(document);
  if (counts === null) {
    const who = sendersOf(document.clients).find((client) => client.counts === null);
    const text = `${who === undefined ? "a tester" : hostNames(document)(who)} (${
      who?.peer ?? "unknown"
    }) does not count its packets, as a search needs`;
    return { kind: "failed", reasons: [text] };
  }
  const held = heldUp(document);
  if (held.length > 0) return { kind: "invalid", reasons: held };
  const gaveWay = run.verdict === "INVALID" && isTargetFault(document);
  if (run.verdict === "INVALID" && !gaveWay) return { kind: "invalid", reasons: run.reasons };
  if (strict && run.verdict === "SUSPECT") return { kind: "invalid", reasons: run.reasons };
  if (counts.sent === 0) return { kind: "invalid", reasons: ["nothing was sent"] };
  const due = counts.sent + unaccepted(document);
  const { response, service } = timesOf(document.total.latency);
  const share = receivedShare(document);
  const trial: Trial = {
    load,
    seconds,
    lossRatio: gaveWay ? lossAfterFault(document) : (due - counts.ok) / due,
    receivedLoad: share === null ? null : load * share,
    latency: { response, service },
  };
  return { kind: "valid", trial, counts };
}

/**
 * The times that a search examines: round trips, or the one-way delays of a test without them, which stand for both kinds.
 *
 * @param all Figures or histograms of a document.
 */
export function timesOf<T>(
  all: { response?: T | null; service?: T | null; forward?: T | null } | undefined,
): { response: T | null; service: T | null } {
  const { response = null, service = null, forward = null } = all ?? {};
  if (response === null && service === null) return { response: forward, service: forward };
  return { response, service };
}

/** Whether the times of a run's packets are one way: what one client sends another one receives. */
export function isOneWay(base: RunDescription): boolean {
  return base.clients.some(({ to }) => to !== undefined);
}

function failures(document: ResultDocument): string[] {
  if (document.run.reasons.length > 0) return document.run.reasons;
  const nameOf = hostNames(document);
  return document.clients.flatMap((client) =>
    client.error === undefined ? [] : [`${nameOf(client)}: ${client.error}`]
  );
}

/**
 * True when a trial misses a limit only because its packets left late: response times hold the tester's own lateness,
 * service times do not. With TCP a slow target holds up the sends, so there lateness is the target's.
 *
 * @param trial A valid trial that exceeds the goal.
 * @param document Where it came from.
 */
export function isTesterLate(trial: Trial, goal: SearchGoal, document: ResultDocument): boolean {
  const late = (document.run.details ?? []).some((reason) => reason.code === "send-lateness");
  const tcp = document.clients.some((client) => (getArg(client.args, "socktype") ?? "tcp") === "tcp");
  if (!late || tcp || trial.lossRatio > goal.lossRatio || !exceeds(trial, goal)) return false;
  const latency = goal.latency.map((limit) => ({ ...limit, time: "service" as const }));
  return !exceeds(trial, { ...goal, latency });
}

/** Sums the testers' counts; `null` when one of them has none. */
export function totalCounts(document: ResultDocument): Counts | null {
  const total: Counts = { sent: 0, ok: 0, lost: 0, late: 0, corrupt: 0, duplicate: 0, reordered: 0 };
  for (const client of sendersOf(document.clients)) {
    if (client.counts === null) return null;
    for (const key of Object.keys(total) as (keyof Counts)[]) total[key] += client.counts[key];
  }
  return document.clients.length === 0 ? null : total;
}

/** What testers report of their own links, where these did not carry the load: what came back later does not count. */
function heldUp(document: ResultDocument): string[] {
  const reasons = (document.run.details ?? []).filter((reason) => reason.code === "link-full");
  return reasons.map(({ host, text }) => host === undefined ? text : `${host}: ${text}`);
}

/**
 * The loss of a trial in which the target gave way, which ended it early for those testers that noticed. To them everything that they
 * were to send was lost: what came back until then is no point in its favour. The others have counted what they lost.
 */
function lossAfterFault(document: ResultDocument): number {
  let asked = 0, lost = 0, anyFault = false;
  for (const { rates, counts, reasons, pacing } of sendersOf(document.clients)) {
    const share = rates?.requested_bps ?? null;
    if (share === null || counts === null) return 1;
    const due = counts.sent + Number(pacing?.["unaccepted"] ?? 0);
    const isFault = reasons?.some(({ level, code }) => level === "INVALID" && isFaultOfTarget(code)) ?? false;
    anyFault ||= isFault;
    asked += share;
    lost += isFault || due === 0 ? share : share * (due - counts.ok) / due;
  }
  return anyFault && asked > 0 ? lost / asked : 1;
}

/** Packets that never left because the target's TCP window was full: it did not carry them. */
function unaccepted(document: ResultDocument): number {
  const counts = document.clients.map((client) => client.pacing?.["unaccepted"]);
  return counts.reduce<number>((sum, count) => sum + (typeof count === "number" ? count : 0), 0);
}

/** How much of what was asked came back while the trial ran, by the testers' rates. */
function receivedShare(document: ResultDocument): number | null {
  const sum = (pick: (client: ClientResult) => number | null | undefined) =>
    sendersOf(document.clients).reduce<number | null>((total, client) => {
      const value = pick(client);
      return total === null || value === null || value === undefined ? null : total + value;
    }, 0);
  const requested = sum((client) => client.rates?.requested_bps);
  const received = sum((client) => client.rates?.received_bps);
  return requested === null || received === null || requested <= 0 ? null : received / requested;
}
