/**
 * Results: a status line, a length line, and exactly that many bytes.
 *
 * @module
 */
import { MAX_CLOCK_NS, MAX_RESULT_BYTES } from "./limits.ts";
import { ProtocolError, quote } from "./error.ts";
import { formatReply, type Reply } from "./reply.ts";

/** When a test was to start, started, and ended: nanoseconds of the daemon's CLOCK_MONOTONIC. */
export interface ResultStamps {
  readonly plannedNs: bigint;
  readonly actualNs: bigint;
  readonly endedNs: bigint;
}

/**
 * Writes what comes before the bytes of a result.
 *
 * @param valid Whether the plugin says that the data is valid: 220, else 221.
 * @param length How many bytes follow.
 * @param stamps Given after `START at::` alone: an original controller never asked for them.
 * @returns Two lines with their line ends.
 */
export function formatResultHeader(
  valid: boolean,
  length: number,
  stamps: ResultStamps | null = null,
): string {
  const times = stamps === null
    ? ""
    : `, planned=${stamps.plannedNs} actual=${stamps.actualNs} ended=${stamps.endedNs}`;
  return `${formatReply(valid ? 220 : 221, `Data to follow${times}`)}Content-length: ${length}\n`;
}

/**
 * Reads the stamps in a result's status line.
 *
 * @param reply The reply with code 220 or 221.
 * @returns The stamps, or `null` when there are none.
 * @throws {ProtocolError} when the end is before the start, or no clock can show them.
 */
export function parseResultStamps(reply: Reply): ResultStamps | null {
  const match = /planned=([0-9]{1,19}) actual=([0-9]{1,19}) ended=([0-9]{1,19})$/.exec(reply.message ?? "");
  if (match === null) return null;
  const [plannedNs = 0n, actualNs = 0n, endedNs = 0n] = match.slice(1).map(BigInt);
  if (plannedNs > MAX_CLOCK_NS || endedNs > MAX_CLOCK_NS || actualNs > endedNs) {
    throw new ProtocolError("syntax", `the stamps of the result make no sense: ${quote(match[0])}`);
  }
  return { plannedNs, actualNs, endedNs };
}

/**
 * Reads the length line.
 *
 * @param line The line after a 220 or 221.
 * @param limit Largest length accepted, in bytes.
 * @returns How many bytes follow.
 * @throws {ProtocolError} when the line is another one, or the length is over the limit.
 */
export function parseContentLength(line: string, limit: number = MAX_RESULT_BYTES): number {
  const match = /^Content-length: *([0-9]{1,15}) *$/i.exec(line);
  if (match === null) throw new ProtocolError("syntax", `expected Content-length: N, got ${quote(line)}`);
  const length = Number(match[1]);
  if (length > limit) {
    throw new ProtocolError("limit", `a result of ${length} bytes is over the limit of ${limit} bytes`);
  }
  return length;
}
