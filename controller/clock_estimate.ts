/**
 * Offset of a daemon's clock to the controller's, from probes, with a bound that holds.
 *
 * One probe: the controller reads its clock (sent), writes CLOCK, the daemon stamps the line's arrival (rx) and its
 * answer (tx), the controller reads its clock again (received). The daemon's stamps were taken between the
 * controller's two, so `tx - received <= offset <= rx - sent` whatever the network did. Every probe gives such an
 * interval, and the offset lies in all of them.
 *
 * @module
 */

/** One question to a daemon's clock; all four in nanoseconds, each on its own side's monotonic clock. */
export interface ClockProbe {
  sentNs: bigint;
  rxNs: bigint;
  txNs: bigint;
  receivedNs: bigint;
}

/** What a round of probes says: at `atNs` of the controller's clock the offset lay between low and high. */
export interface OffsetInterval {
  atNs: bigint;
  lowNs: bigint;
  highNs: bigint;
  /** Shortest round trip of the round, the daemon's own time taken off. */
  minRttNs: bigint;
  probes: number;
  /** False when the probes contradict each other: a clock was stepped, or a stamp is wrong. */
  consistent: boolean;
}

/** Largest difference of two machines' clock rates that the bound allows for: NTP slews by at most 500 ppm. */
export const MAX_DRIFT_PPM = 500n;

/** An offset (daemon's clock minus controller's), true within ± error. */
export interface OffsetEstimate {
  offsetNs: bigint;
  errorNs: bigint;
}

/**
 * Combines the probes of one round.
 *
 * @param probes at least one, in the order in which they were made
 * @returns the interval in which the offset lay at the round's middle
 * @throws {RangeError} when there is no probe, or a stamp runs backwards
 */
export function combineProbes(probes: readonly ClockProbe[]): OffsetInterval {
  const first = probes[0];
  const last = probes.at(-1);
  if (first === undefined || last === undefined) throw new RangeError("no clock probe to combine");
  const atNs = (first.sentNs + last.receivedNs) / 2n;
  let low: bigint | null = null, high: bigint | null = null, minRtt: bigint | null = null;
  let hullLow: bigint | null = null, hullHigh: bigint | null = null;
  for (const probe of probes) {
    const rtt = (probe.receivedNs - probe.sentNs) - (probe.txNs - probe.rxNs);
    if (probe.txNs < probe.rxNs || probe.receivedNs < probe.sentNs || rtt < 0n) {
      throw new RangeError(
        `clock probe runs backwards: sent ${probe.sentNs}, received ${probe.receivedNs}, rx ${probe.rxNs}, tx ${probe.txNs}`,
      );
    }
    const away = absolute((probe.sentNs + probe.receivedNs) / 2n - atNs);
    const slack = driftOver(away);
    const probeLow = probe.txNs - probe.receivedNs - slack;
    const probeHigh = probe.rxNs - probe.sentNs + slack;
    low = low === null || probeLow > low ? probeLow : low;
    high = high === null || probeHigh < high ? probeHigh : high;
    hullLow = hullLow === null || probeLow < hullLow ? probeLow : hullLow;
    hullHigh = hullHigh === null || probeHigh > hullHigh ? probeHigh : hullHigh;
    minRtt = minRtt === null || rtt < minRtt ? rtt : minRtt;
  }
  const consistent = low! <= high!;
  return {
    atNs,
    lowNs: consistent ? low! : hullLow!,
    highNs: consistent ? high! : hullHigh!,
    minRttNs: minRtt!,
    probes: probes.length,
    consistent,
  };
}

/**
 * The offset at an instant, from a round before it and, when there is one, a round after it.
 *
 * @param atNs the instant, on the controller's clock
 * @param before the round before the run
 * @param after the round after it; without one the error grows by {@linkcode MAX_DRIFT_PPM} from `before`
 * @returns offset and error
 */
export function offsetAt(atNs: bigint, before: OffsetInterval, after: OffsetInterval | null): OffsetEstimate {
  if (after === null || after.atNs <= before.atNs) {
    const slack = driftOver(absolute(atNs - before.atNs));
    return centre(before.lowNs - slack, before.highNs + slack);
  }
  const span = after.atNs - before.atNs;
  const into = atNs < before.atNs ? 0n : atNs > after.atNs ? span : atNs - before.atNs;
  const beyond = driftOver(absolute(atNs - (before.atNs + into)));
  const low = before.lowNs + ((after.lowNs - before.lowNs) * into) / span;
  const high = before.highNs + ((after.highNs - before.highNs) * into) / span;
  // A straight line between the rounds: the rate of a clock may wander, but never by more than the allowed drift.
  const loose = offsetAt(atNs, before, null);
  const line = centre(low - beyond, high + beyond);
  return line.errorNs <= loose.errorNs ? line : loose;
}

/**
 * How far the two clocks ran apart between the rounds.
 *
 * @param before the round before the run
 * @param after the round after it
 * @returns parts per million, positive when the daemon's clock is the faster one, with its error
 */
export function driftPpm(before: OffsetInterval, after: OffsetInterval): { ppm: number; errorPpm: number } {
  const span = Number(after.atNs - before.atNs);
  if (span <= 0) return { ppm: 0, errorPpm: Infinity };
  const from = centre(before.lowNs, before.highNs), to = centre(after.lowNs, after.highNs);
  return {
    ppm: Number(to.offsetNs - from.offsetNs) / span * 1e6,
    errorPpm: Number(to.errorNs + from.errorNs) / span * 1e6,
  };
}

function centre(low: bigint, high: bigint): OffsetEstimate {
  const offsetNs = (low + high) / 2n;
  const up = high - offsetNs, down = offsetNs - low;
  return { offsetNs, errorNs: (up > down ? up : down) + 1n };
}

function driftOver(ns: bigint): bigint {
  return (ns * MAX_DRIFT_PPM) / 1_000_000n;
}

function absolute(ns: bigint): bigint {
  return ns < 0n ? -ns : ns;
}
