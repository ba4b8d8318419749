/**
 * Clock probes: the answer to CLOCK.
 *
 * @module
 */
import { MAX_CLOCK_NS, MAX_START_DISTANCE_NS } from "./limits.ts";
import { ProtocolError, quote } from "./error.ts";
import { formatReply, type Reply } from "./reply.ts";

/** The daemon's CLOCK_MONOTONIC when it had read the line, and when it wrote the answer; nanoseconds. */
export interface ClockStamps {
  readonly rxNs: bigint;
  readonly txNs: bigint;
}

/**
 * Writes the answer to CLOCK.
 *
 * @param stamps When the line was read and when this is written.
 * @returns The line with its line end.
 */
export function formatClock(stamps: ClockStamps): string {
  return formatReply(200, `rx=${stamps.rxNs} tx=${stamps.txNs}`);
}

/**
 * Reads the answer to CLOCK.
 *
 * @param reply A reply with code 200.
 * @returns The stamps.
 * @throws {ProtocolError} when they are missing, the second is before the first, or no clock can show them.
 */
export function parseClock(reply: Reply): ClockStamps {
  const match = /^rx=([0-9]{1,19}) tx=([0-9]{1,19})$/.exec(reply.message ?? "");
  if (match === null) {
    throw new ProtocolError(
      "syntax",
      `expected rx=NS tx=NS after CLOCK, got ${quote(reply.message ?? reply.text)}`,
    );
  }
  const stamps = { rxNs: BigInt(match[1] as string), txNs: BigInt(match[2] as string) };
  if (stamps.txNs < stamps.rxNs) {
    throw new ProtocolError(
      "syntax",
      `the daemon's clock ran backwards: rx=${stamps.rxNs} tx=${stamps.txNs}`,
    );
  }
  if (stamps.txNs > MAX_CLOCK_NS) {
    throw new ProtocolError("syntax", `no machine has run for so long: rx=${stamps.rxNs} tx=${stamps.txNs}`);
  }
  return stamps;
}

/**
 * Whether an instant given with `at::` can be meant: not more than a minute away, in the past or in the future.
 *
 * @param atNs The instant, in the daemon's clock.
 * @param nowNs The daemon's clock now.
 */
export function isNear(atNs: bigint, nowNs: bigint): boolean {
  const distance = atNs > nowNs ? atNs - nowNs : nowNs - atNs;
  return distance <= MAX_START_DISTANCE_NS;
}
