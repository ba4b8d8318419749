/**
 * What a quick look cannot measure, and how it could.
 *
 * @module
 */
import type { FoundDaemon, Offer } from "./discover.ts";
import type { Cast } from "./phases.ts";
import type { PhaseName } from "./quick_document.ts";

/** Nothing could be measured; the message says why and what to do. */
export class QuickError extends Error {
  override readonly name = "QuickError";
}

/** How phases are called in sentences and tables. */
export const PHASE_WORDS: Readonly<Record<PhaseName, string>> = {
  idle: "idle",
  up: "TCP up",
  down: "TCP down",
  both: "TCP both",
  udp: "UDP up",
};

/** Where in a run something failed is of no use to somebody who has not described one: what failed is. */
const COURSE = /^(?:\S+:\d+: )?(?:the run ended early: )?(?:(?:client|target) \S+:\d+: )?/;
const STEP = /^(?:setup|start|run|result): (?:(?:Client|Target) setup failed: )?(?:[a-z_]+: )?/;

/**
 * A run's reason without the daemons and steps that it begins with.
 *
 * @param reason as the document has it
 */
export function plainFailure(reason: string): string {
  const text = reason.replace(COURSE, "").replace(STEP, "");
  return text === "" ? reason : text;
}

const REMEDY = 'start "ipbenchd --target" there';

/**
 * Finds the target daemons that can be used.
 *
 * @param offer what the host offers
 * @returns those without a test
 * @throws {QuickError} when there is nothing else to measure against and they are busy, or there are none
 */
export function usableTargets(offer: Offer): FoundDaemon[] {
  const targets = offer.daemons.filter((each) => each.role === "target");
  const free = targets.filter((each) => !each.busy);
  if (free.length > 0 || offer.iperf3 || offer.udp_echo || offer.tcp_echo) return free;
  const { host } = offer;
  const [busy] = targets;
  if (busy !== undefined) {
    throw new QuickError(
      `the daemon ${host}:${busy.port} runs a test of somebody else: wait for its end ("ipbench watch --target ${host}" shows it)`,
    );
  }
  const [tester] = offer.daemons;
  throw new QuickError(
    `${host} runs ipbenchd as a tester (port ${tester?.port}), which sends and does not answer: ${REMEDY}, too`,
  );
}

/**
 * Reports what was left out because of what the host offers and who measured.
 *
 * @param offer what the host offers; `null`: all was ours
 * @param cast who took part
 * @returns a sentence each
 */
export function missingOf(
  offer: Offer | null,
  { target, iperf3, echo, udpEcho, probe, loads, host }: Cast,
): string[] {
  if (offer === null) return [];
  if (iperf3) {
    const idle = echo ? "" : "the idle round trip, what load adds to it, and ";
    return [`Not measured: ${idle}the processors of ${host}, where an iperf3 server answered; ${REMEDY}.`];
  }
  if (target === null) {
    const loss = udpEcho ? "" : ", UDP loss";
    return [`Not measured: TCP rates, delay under load${loss}, CPU. ${host} has an echo alone; ${REMEDY}.`];
  }
  if (loads.includes(probe)) {
    return [
      "Delay under load is TCP's own round trip: name a second tester with --from for probes beside it.",
    ];
  }
  return [];
}
