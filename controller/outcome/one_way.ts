/**
 * One-way delays of a run: what the testers recorded between two clocks, corrected by what is known of those clocks when
 * everybody's result and everybody's clock has come in.
 *
 * Two sources of the clocks' offset: the controller's comparisons of both daemons' CLOCK_MONOTONIC, before the run and after
 * it, with the anchors that both ends report for their stamps; or both ends' claim to be near UTC (NTP, PTP), each with its
 * error. The one with the smaller error is taken.
 *
 * @module
 */
import type { ClientResult, OneWay, RawOneWay, TargetResult } from "../../results/document/document.ts";
import { type OneWayDelay, oneWayDelay } from "./one_way_delay.ts";
import { type ComparedClock, offsetBetween } from "../link/clock_pair.ts";
import type { OffsetEstimate } from "../link/clock_estimate.ts";
import type { ClientRun, TargetRun } from "../run/participants.ts";

/** What is known of the two clocks of a tester's delays. */
interface Known {
  clocks: OneWay["clocks"];
  /** By how much the far end's stamps are ahead of the tester's; `null`: not known. */
  estimate: OffsetEstimate | null;
  /** Why it is not known. */
  reason: string;
}

/** A target and its part of the document. */
export interface FarEnd {
  run: TargetRun;
  part: TargetResult;
}

/**
 * Makes a tester's one-way delays of what it recorded.
 *
 * @param client the tester
 * @param part its part of the document
 * @param targets the run's targets
 * @returns what to put into its part; `null` when its test records nothing of the kind
 */
export function oneWayPart(
  client: ClientRun,
  part: ClientResult,
  targets: readonly FarEnd[],
): Partial<ClientResult> | null {
  const record = part.one_way_record;
  if (record === undefined) return null;
  const compared = byComparison(client, part, targets), synchronized = bySynchronization(record);
  const known = smaller(compared, synchronized);
  const ways = [
    direction(record.forward ?? null, known, 1n),
    direction(record.backward ?? null, known, -1n),
  ] as const;
  // What one way shows the offset not to be, it is not for the other way either.
  const wrong = ways.find(({ delay }) => delay?.known === false && delay.contradiction === true);
  const [forward, backward] = wrong === undefined
    ? ways
    : ways.map((way) => refused(way, wrong)) as [Direction, Direction];
  return {
    one_way: { clocks: known.clocks, forward: forward.about, backward: backward.about },
    latency: { response: null, service: null, ...part.latency, ...both("summary", forward, backward) },
    histograms: {
      response: null,
      service: null,
      ...part.histograms,
      ...both("histogram", forward, backward),
    },
  };
}

interface Direction {
  about: OneWay["forward"];
  delay: OneWayDelay | null;
}

function both<Key extends "summary" | "histogram">(key: Key, forward: Direction, backward: Direction) {
  const of = ({ delay }: Direction) => delay?.known === true ? delay[key] : null;
  return { forward: of(forward), backward: of(backward) };
}

function direction(raw: RawOneWay | null, { estimate, reason }: Known, sign: bigint): Direction {
  if (raw === null) return { about: null, delay: null };
  if (estimate === null) return { about: { offset_ns: null, error_ns: null, reason }, delay: null };
  const offsetNs = sign * estimate.offsetNs;
  const delay = oneWayDelay(raw, offsetNs, estimate.errorNs);
  return {
    delay,
    about: {
      offset_ns: String(offsetNs),
      error_ns: Number(estimate.errorNs),
      reason: delay.known ? null : delay.reason,
    },
  };
}

/** The same without delays, because of what another way has shown. */
function refused(way: Direction, { about }: Direction): Direction {
  if (way.about === null) return way;
  return { about: { ...way.about, reason: way.about.reason ?? about?.reason ?? null }, delay: null };
}

/** The estimate with the smaller error; of two that contradict each other the controller's, which takes nobody's word. */
function smaller(compared: Known, synchronized: Known): Known {
  if (synchronized.estimate === null) {
    if (compared.estimate !== null) return compared;
    return { clocks: null, estimate: null, reason: `${compared.reason}; ${synchronized.reason}` };
  }
  if (compared.estimate === null) return synchronized;
  const apart = compared.estimate.offsetNs - synchronized.estimate.offsetNs;
  if ((apart < 0n ? -apart : apart) > compared.estimate.errorNs + synchronized.estimate.errorNs) {
    return compared;
  }
  return compared.estimate.errorNs <= synchronized.estimate.errorNs ? compared : synchronized;
}

function unknown(reason: string): Known {
  return { clocks: null, estimate: null, reason };
}

/** By the controller's comparisons of the tester's clock and of that of the target whose session it was. */
function byComparison(client: ClientRun, part: ClientResult, targets: readonly FarEnd[]): Known {
  const record = part.one_way_record!;
  const answered = part.counts?.ok ?? 0;
  // A session's number may be another's by chance; that other one has not answered as much.
  const far = targets.filter(({ part: { stamp_clock } }) => {
    const own = stamp_clock?.sessions.filter(({ session }) => session === record.session) ?? [];
    return own.length > 0 && own.reduce((sum, { packets }) => sum + packets, 0) >= answered;
  });
  const [only] = far;
  if (only === undefined) {
    return unknown("the far end is no target of this run, so that its clock was not compared");
  }
  if (far.length > 1) return unknown("several targets have seen this tester's session");
  const { window } = part;
  if (window === undefined) return unknown("the tester's clock was not compared");
  const span = { startNs: BigInt(Math.floor(window.start_ns)), endNs: BigInt(Math.ceil(window.end_ns)) };
  const offset = offsetBetween(roundsOf(client), roundsOf(only.run), span);
  if (offset === null) return unknown("a clock was not compared");
  const clock = only.part.stamp_clock!;
  const anchorErrors = Math.ceil(record.anchor_error_ns + clock.anchor_error_ns);
  return {
    clocks: "compared",
    estimate: {
      offsetNs: offset.offsetNs + BigInt(clock.anchor_ns) - BigInt(record.anchor_ns),
      errorNs: offset.errorNs + BigInt(anchorErrors),
    },
    reason: "",
  };
}

function roundsOf({ before, during, after }: ClientRun | TargetRun): ComparedClock {
  return [before, ...during, after].filter((round) => round !== null);
}

/** By what both ends report of their distance from UTC. */
function bySynchronization(
  { own_error_ns, far_error_ns }: { own_error_ns?: number | null; far_error_ns?: number | null },
): Known {
  const own = own_error_ns ?? null, far = far_error_ns ?? null;
  if (own === null || far === null) {
    const whose = own === null && far === null
      ? "neither end's clock is"
      : `${own === null ? "the tester" : "the far end"}'s clock is not`;
    return unknown(`${whose} synchronized (NTP or PTP)`);
  }
  return {
    clocks: "synchronized",
    estimate: { offsetNs: 0n, errorNs: BigInt(Math.ceil(own + far)) },
    reason: "",
  };
}
