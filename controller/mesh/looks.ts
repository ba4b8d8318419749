/**
 * What two measurements of one direction come to.
 *
 * @module
 */
import type { MeshPair } from "../../results/mesh/document.ts";

/** The better of two measurements of a direction, figure by figure: a disturbance in only one of them is no property of the link. */
export function better(a: MeshPair, b: MeshPair): MeshPair {
  const share = ({ sent, lost }: MeshPair) =>
    sent === null || lost === null || sent === 0 ? Infinity : lost / sent;
  const { sent, lost } = share(b) < share(a) ? b : a;
  const delay = a.delay === null || b.delay === null ? a.delay ?? b.delay : {
    min_ns: Math.min(a.delay.min_ns, b.delay.min_ns),
    p50_ns: Math.min(a.delay.p50_ns, b.delay.p50_ns),
    p99_ns: Math.min(a.delay.p99_ns, b.delay.p99_ns),
    max_ns: Math.min(a.delay.max_ns, b.delay.max_ns),
  };
  const rate = a.rate_bps === null || b.rate_bps === null
    ? a.rate_bps ?? b.rate_bps
    : Math.max(a.rate_bps, b.rate_bps);
  return { ...a, sent, lost, delay, rate_bps: rate };
}
