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
  /** What the links of its machine did meanwhile, in order; not there when nothing happened. */
  readonly links?: readonly LinkChange[];
}

/** A network interface went down, or came up. */
export interface LinkChange {
  readonly iface: string;
  readonly up: boolean;
  readonly atNs: bigint;
}

/** Its form on the wire, `eth1-123` or `eth1+456`; several are separated by commas. */
const LINK_CHANGE = /^([\w.?-]{1,15})([-+])([0-9]{1,19})$/;
const LINK_CHANGES = /links=([\w.?,+-]{1,4096}) planned=/;

/**
 * Writes what comes before the bytes of a result.
 *
 * @param valid Whether the plugin reports that the data is valid: 220, else 221.
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
    : `, ${linksWord(stamps)}planned=${stamps.plannedNs} actual=${stamps.actualNs} ended=${stamps.endedNs}`;
  return `${formatReply(valid ? 220 : 221, `Data to follow${times}`)}Content-length: ${length}\n`;
}

function linksWord({ links = [] }: ResultStamps): string {
  if (links.length === 0) return "";
  return `links=${links.map(({ iface, up, atNs }) => `${iface}${up ? "+" : "-"}${atNs}`).join(",")} `;
}

/**
 * Reads what links did.
 *
 * @param text Such as `eth1-123,eth1+456`; empty for nothing.
 * @returns The changes, in their order.
 * @throws {ProtocolError} when it is something else, or no clock can show the times.
 */
export function parseLinkChanges(text: string): LinkChange[] {
  if (text === "") return [];
  return text.split(",").map((word) => {
    const [, iface = "", sign, at = "0"] = LINK_CHANGE.exec(word) ?? [];
    const atNs = BigInt(at);
    if (sign === undefined || atNs > MAX_CLOCK_NS) {
      throw new ProtocolError("syntax", `what a link did makes no sense: ${quote(word)}`);
    }
    return { iface, up: sign === "+", atNs };
  });
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
  const links = parseLinkChanges(LINK_CHANGES.exec(reply.message ?? "")?.[1] ?? "");
  return { plannedNs, actualNs, endedNs, ...links.length > 0 && { links } };
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
