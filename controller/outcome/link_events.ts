/**
 * When a daemon's network interfaces were down while its test ran, as events of the run.
 *
 * @module
 */
import { monotonicNowNs } from "../../ffi/mod.ts";
import type { LinkChange, ResultStamps } from "../../protocol/mod.ts";
import type { LinkEvent } from "../../results/document/document.ts";
import type { OffsetInterval } from "../link/clock_estimate.ts";
import { inOurClock } from "./parts.ts";

/** From when to when an interface was down, on its daemon's clock; no end: it still was when the test ended. */
interface Down {
  iface: string;
  fromNs: bigint;
  toNs: bigint | null;
}

/**
 * Makes the events.
 *
 * @param stamps of the daemon's result; `null`: it told nothing
 * @param before its clock before the run; `null`: not known, and so are the times
 * @param after the same after it
 * @param peer the daemon
 * @param used the interface by which its test sent: others are none of its; `null`: not known, and all count
 * @returns one for each time in which an interface was down, in the order in which they began
 */
export function linkEvents(
  stamps: ResultStamps | null,
  before: OffsetInterval | null,
  after: OffsetInterval | null,
  peer: Pick<LinkEvent, "role" | "host">,
  used: string | null,
): LinkEvent[] {
  if (stamps === null || before === null) return [];
  const name = used?.replaceAll(/[^\w.-]/g, "?"); // as it is on the wire
  const own = downsOf(stamps).filter(({ iface }) => name === undefined || iface === name);
  return own.map(({ iface, fromNs, toNs }) => {
    const found = inOurClock({ start_ns: Number(fromNs), end_ns: Number(toNs ?? fromNs) }, before, after)!;
    const agoMs = (Number(monotonicNowNs()) - found.start_ns) / 1e6;
    return {
      kind: "link",
      text: `${iface} of ${peer.role} ${peer.host} was down`,
      ...peer,
      iface,
      at: new Date(Date.now() - agoMs).toISOString(),
      start_ns: found.start_ns,
      end_ns: toNs === null ? null : found.end_ns,
    };
  });
}

function downsOf({ links = [], actualNs }: ResultStamps): Down[] {
  const downs: Down[] = [], open = new Map<LinkChange["iface"], Down>();
  for (const { iface, up, atNs } of links) {
    const own = open.get(iface);
    if (up && own !== undefined) own.toNs = atNs;
    else if (up) downs.push({ iface, fromNs: actualNs < atNs ? actualNs : atNs, toNs: atNs }); // from before the test on
    else if (own === undefined) downs.push({ iface, fromNs: atNs, toNs: null });
    if (up) open.delete(iface);
    else if (own === undefined) open.set(iface, downs.at(-1)!);
  }
  return downs.toSorted((a, b) => a.fromNs < b.fromNs ? -1 : a.fromNs > b.fromNs ? 1 : 0);
}
