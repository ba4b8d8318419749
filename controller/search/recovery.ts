/**
 * How long a device is not what it was: system recovery after an overload (RFC 2544, 26.5), and reset (26.6, RFC 6201). How
 * a trial of each is described, and read from its document.
 *
 * @module
 */

import { setTestArg } from "../../base/args.ts";
import { sendersOf } from "../../base/senders.ts";
import type { RunDescription } from "../../config/run_description.ts";
import type { ClientResult, CommandEvent, Outages, ResultDocument } from "../../results/document/document.ts";
import type { RecoveryRecord, ResetRecord } from "../../results/search/rfc2544_document.ts";
import { describeTrial, isOneWay, type Outcome, secondsText, type TrialShape } from "./measure.ts";

/** Overload, as a share of the throughput, and what is offered then, as a share of the overload. */
const OVERLOAD = 1.1, REDUCED = 0.5;
/** A device that loses packets in so much of the end of a trial has not recovered in it. */
const END_SHARE = 0.1;
/** When a device is reset, in seconds and as a share of the trial, whichever is earlier. */
const RESET_AT_SECONDS = 5, RESET_AT_SHARE = 0.25;

type RecoveryTrial = RecoveryRecord["trials"][number];
type ResetTrial = ResetRecord["trials"][number];

/**
 * What is offered to see a recovery.
 *
 * @param throughput Load of the throughput.
 * @param full Load that fills the line.
 */
export function planRecovery(throughput: number, full: number): Pick<RecoveryRecord, "overload" | "load"> {
  const load = Math.floor(REDUCED * Math.min(OVERLOAD * throughput, full));
  return { overload: load / REDUCED, load };
}

/** Overload for a while, and from the first packet of the measured phase on half of it. */
export function describeRecovery(
  run: RunDescription,
  shape: TrialShape,
  { load }: Pick<RecoveryRecord, "load">,
  overloadSeconds: number,
  seconds: number,
): RunDescription {
  const overloaded = { ...shape, rampupSeconds: overloadSeconds, warmupSeconds: 0 };
  const description = describeTrial(run, overloaded, load, seconds);
  return withArgs(description, [["overload", String(1 / REDUCED)]]);
}

/** The throughput's load, and the command in the midst of it. */
export function describeReset(
  run: RunDescription,
  shape: TrialShape,
  load: number,
  seconds: number,
  command: string,
): RunDescription {
  const description = describeTrial(run, shape, load, seconds);
  const at = Math.min(RESET_AT_SECONDS, RESET_AT_SHARE * seconds);
  // A test of round trips takes a target that is dark for long for dead.
  const patient = isOneWay(run) ? description : withArgs(description, [["max_outage", secondsText(seconds)]]);
  return { ...patient, events: [{ seconds: at, command }] };
}

function withArgs(run: RunDescription, values: readonly [string, string][]): RunDescription {
  const clients = run.clients.map((client) => ({
    ...client,
    args: values.reduce((args, [name, value]) => setTestArg(args, name, value), client.args),
  }));
  return { ...run, clients };
}

/** The one command of a trial; `undefined`: it was not run. */
function commandOf({ events = [] }: ResultDocument): CommandEvent | undefined {
  return events.find((event) => event.kind === "command");
}

/** A command that failed has not reset anything; `null`: it did its work. */
export function failedReset(document: ResultDocument): Outcome | null {
  const { run } = document;
  if (run.interrupted === true || run.failed === true) return null; // which is reported elsewhere
  if (commandOf(document)?.status === 0) return null;
  const why = (run.details ?? []).filter(({ code }) => code?.startsWith("event-")).map(({ text }) => text);
  return { kind: "failed", reasons: why.length > 0 ? why : ["the command was not run"] };
}

/** A sender with its outages. */
interface Reporter {
  client: ClientResult;
  outages: Outages & { interval_ns: number };
}

/** Those that send; `null` where one does not report when packets were lost. */
function reportersOf(document: ResultDocument): Reporter[] | null {
  const all = sendersOf(document.clients).flatMap((client): Reporter[] => {
    const { outages } = client, interval_ns = outages?.interval_ns;
    return outages === undefined || interval_ns === undefined
      ? []
      : [{ client, outages: { ...outages, interval_ns } }];
  });
  return all.length === 0 || all.length < sendersOf(document.clients).length ? null : all;
}

/** What one trial of a recovery shows; `null`: nothing. */
export function recoveryOf(document: ResultDocument, seconds: number): RecoveryTrial | null {
  const reporters = reportersOf(document);
  if (reporters === null) return null;
  const recovery_ns = Math.max(...reporters.map(({ outages }) => outages.last_lost_ns ?? 0));
  const lost = reporters.reduce((sum, { outages }) => sum + outages.runs.packets, 0);
  return { recovery_ns, lost, recovered: recovery_ns < (1 - END_SHARE) * seconds * 1e9 };
}

/** What one trial of a reset shows, by the sender that was dark longest; `null`: nothing. */
export function resetOf(document: ResultDocument): ResetTrial | null {
  const reporters = reportersOf(document), at = commandOf(document)?.start_ns;
  if (reporters === null || at === undefined) return null;
  const trials = reporters.map((reporter) => resetOfSender(reporter, at));
  return trials.reduce((worst, trial) => trial.outage_ns > worst.outage_ns ? trial : worst);
}

function resetOfSender({ client: { window }, outages }: Reporter, at_ns: number): ResetTrial {
  const { interval_ns, list = [], runs } = outages;
  const begin = window === undefined ? 0 : at_ns - window.start_ns;
  const after = list.filter(({ t_ns, length_ns }) => t_ns + length_ns >= begin);
  const longest = after.reduce<typeof after[number] | null>(
    (best, one) => best === null || one.length_ns > best.length_ns ? one : best,
    null,
  );
  return {
    outage_ns: longest?.length_ns ?? 0,
    error_ns: longest?.error_ns ?? interval_ns,
    after_ns: longest === null ? null : longest.t_ns - begin,
    lost: runs.packets,
    loss_ns: runs.packets * interval_ns,
    came_back: longest?.open_end !== true,
  };
}

/** The mean; `null` of nothing. */
export function meanOf(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
}
