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

/** What a round of probes shows: at `atNs` of the controller's clock the offset lay between low and high. */
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

/**
 * Largest difference of two machines' clock rates that the bound allows for, in parts per million. CLOCK_MONOTONIC runs
 * at the rate of the machine's crystal (off by 100 ppm at most, and mostly by less than 20) as NTP corrects it, which the
 * kernel allows by 500 ppm (MAXFREQ in Linux's timex.h): clocks that are corrected are closer to each other than that,
 * and clocks that are not, too. A daemon that slews beyond it while the run goes on is noticed by {@linkcode roundsAgree}.
 */
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
    // The daemon's stamps were taken somewhere between the probe's two ends; the farther one counts.
    const toSent = absolute(probe.sentNs - atNs), toReceived = absolute(probe.receivedNs - atNs);
    const slack = driftOver(toSent > toReceived ? toSent : toReceived);
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
 * The offset at an instant, from a round before it and, when there is one, a round after it: from each the offset can have
 * moved by {@linkcode MAX_DRIFT_PPM} at most, however its rate wandered, and it lies in what both leave. Of that the
 * point on the straight line between the rounds is the best guess, because rates mostly do not wander.
 *
 * @param atNs the instant, on the controller's clock
 * @param before the round before the run
 * @param after the round after it
 * @returns offset and error
 */
export function offsetAt(atNs: bigint, before: OffsetInterval, after: OffsetInterval | null): OffsetEstimate {
  const from = reach(atNs, before);
  if (after === null) return centre(from.low, from.high);
  const to = reach(atNs, after);
  const low = from.low > to.low ? from.low : to.low;
  const high = from.high < to.high ? from.high : to.high;
  if (low <= high) return around(lineAt(atNs, before, after), low, high);
  // The rounds contradict each other: either may be wrong, so that the offset may be anywhere that one of them allows.
  return centre(from.low < to.low ? from.low : to.low, from.high > to.high ? from.high : to.high);
}

/**
 * Whether the offsets of two rounds can be those of one clock that nobody stepped.
 *
 * @param before a round
 * @param after a later one
 * @returns false when the clock moved by more than {@linkcode MAX_DRIFT_PPM} allows
 */
export function roundsAgree(before: OffsetInterval, after: OffsetInterval): boolean {
  const { low, high } = reach(after.atNs, before);
  return low <= after.highNs && after.lowNs <= high;
}

/**
 * Where the offset can be at an instant, as far as one round knows.
 *
 * @param atNs the instant, on the controller's clock
 * @param round the round
 * @returns both ends
 */
export function reach(
  atNs: bigint,
  { atNs: seenNs, lowNs, highNs }: OffsetInterval,
): { low: bigint; high: bigint } {
  const slack = driftOver(absolute(atNs - seenNs));
  return { low: lowNs - slack, high: highNs + slack };
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

function lineAt(atNs: bigint, before: OffsetInterval, after: OffsetInterval): bigint {
  const from = (before.lowNs + before.highNs) / 2n, to = (after.lowNs + after.highNs) / 2n;
  const span = after.atNs - before.atNs;
  return span <= 0n ? from : from + ((to - from) * (atNs - before.atNs)) / span;
}

function centre(low: bigint, high: bigint): OffsetEstimate {
  return around((low + high) / 2n, low, high);
}

/** The value of the interval that is nearest to a guess, with an error that covers the whole interval. */
function around(guess: bigint, low: bigint, high: bigint): OffsetEstimate {
  const offsetNs = guess < low ? low : guess > high ? high : guess;
  const up = high - offsetNs, down = offsetNs - low;
  return { offsetNs, errorNs: (up > down ? up : down) + 1n };
}

function driftOver(ns: bigint): bigint {
  return (ns * MAX_DRIFT_PPM + 999_999n) / 1_000_000n;
}

function absolute(ns: bigint): bigint {
  return ns < 0n ? -ns : ns;
}
