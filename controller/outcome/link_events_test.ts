import assert from "node:assert/strict";
import { combineProbes } from "../link/clock_estimate.ts";
import { linkEvents } from "./link_events.ts";

/** A daemon's clock that is 7 s ahead. */
const AHEAD = 7_000_000_000n;
const clock = combineProbes([{
  sentNs: 1_000n,
  rxNs: AHEAD + 1_500n,
  txNs: AHEAD + 1_500n,
  receivedNs: 2_000n,
}]);
const peer = { role: "tester", host: "10.0.0.2:8036" } as const;
const stamps = (...links: [iface: string, up: boolean, ms: number][]) => ({
  plannedNs: AHEAD,
  actualNs: AHEAD,
  endedNs: AHEAD + 5_000_000_000n,
  links: links.map(([iface, up, ms]) => ({ iface, up, atNs: AHEAD + BigInt(ms) * 1_000_000n })),
});

Deno.test("an interface that goes down and comes up is one event, on the controller's clock", () => {
  const events = linkEvents(
    stamps(["eth1", false, 500], ["eth2", false, 600], ["eth1", true, 1500], ["eth1", false, 2000]),
    clock,
    null,
    peer,
    null,
  );
  assert.deepEqual(
    events.map(({ iface, start_ns, end_ns }) => [
      iface,
      Math.round(start_ns / 1e6),
      end_ns === null ? null : Math.round(end_ns / 1e6),
    ]),
    [["eth1", 500, 1500], ["eth2", 600, null], ["eth1", 2000, null]],
  );
  assert.equal(events[0]!.text, "eth1 of tester 10.0.0.2:8036 was down");
});

Deno.test("one that only comes up was down from the test's start on", () => {
  const [event, ...more] = linkEvents(stamps(["eth1", true, 300]), clock, null, peer, null);
  assert.deepEqual(more, []);
  assert.deepEqual([event!.start_ns, event!.end_ns].map((ns) => Math.round(ns! / 1e6)), [0, 300]);
});

Deno.test("of a tester that says by which interface it sent, that one alone counts", () => {
  const links = stamps(["eth1", false, 500], ["br?0", false, 600]);
  assert.deepEqual(linkEvents(links, clock, null, peer, "br+0").map(({ iface }) => iface), ["br?0"]);
  assert.deepEqual(linkEvents(links, clock, null, peer, "lo"), []);
});

Deno.test("where the clock is not known, or nothing is told, there are no events", () => {
  assert.deepEqual(linkEvents(stamps(["eth1", false, 1]), null, null, peer, null), []);
  assert.deepEqual(linkEvents(null, clock, null, peer, null), []);
  assert.deepEqual(linkEvents(stamps(), clock, null, peer, null), []);
});
