import assert from "node:assert/strict";
import { quickDocument, quickPhase, quickTrips } from "../../tests/fixtures/quick.ts";
import { findingsOf, formatTrips } from "./findings.ts";
import { plainFailure } from "./missing.ts";

const idle = quickPhase("idle", { rtt: quickTrips(0.21), rpm: 285_714 });

Deno.test("a queue is named with its direction, what it adds, and the round trips a minute", () => {
  const found = findingsOf(quickDocument().phases, "10.0.0.9");
  assert.deepEqual(found.map(({ code }) => code), ["queue-up", "udp-loss", "cpu"]);
  assert.equal(
    found[0]!.text,
    "The queue towards 10.0.0.9 adds 50 ms when full: 1304 round trips a minute.",
  );
  assert.equal(
    found[1]!.text,
    "Of UDP at 19.1 Mbit/s, 0.5 % gets lost: more than the path carries, or than the receiver reads.",
  );
  assert.equal(found[2]!.text, "The processors of 10.0.0.9 are at most 20 % busy, and not the limit.");
});

Deno.test("without a queue that is what is told", () => {
  const down = quickPhase("down", { rtt: quickTrips(0.3), full_ns: 90_000 });
  assert.deepEqual(findingsOf([idle, down], "h"), [{
    code: "no-queue",
    text: "No queue worth a word: under load a round trip takes at most 90 µs longer.",
  }]);
});

Deno.test("delay at the limit of processors is not called a queue", () => {
  const up = quickPhase("up", { rtt: quickTrips(8), full_ns: 9e6, processor_bound: true, cpu: 1 });
  const [delay, cpu] = findingsOf([idle, up], "h");
  assert.match(
    delay!.text,
    /^Under load a round trip takes up to 9 ms longer, with processors at their limit/,
  );
  assert.equal(cpu!.text, "The processors of h are the limit: 100 % busy.");
});

Deno.test("processors that are busy with something else are not called the limit", () => {
  const up = quickPhase("up", { rtt: quickTrips(50), full_ns: 50e6, cpu: 0.99 });
  assert.deepEqual(findingsOf([idle, up], "h").map(({ text }) => text), [
    "The queue towards h adds 50 ms when full.",
    "The processors of h are all in use: 99 % busy.",
  ]);
});

Deno.test("with an echo alone the round trip is the finding", () => {
  const [first] = findingsOf([idle], "h");
  assert.equal(first!.text, "A round trip to h takes 210 µs (median of 300).");
});

Deno.test("round trips a minute fit into a column", () => {
  assert.deepEqual([12.4, 1304, 99_999, 100_000, 999_499, 999_500, 2.44e6].map(formatTrips), [
    "12",
    "1304",
    "99999",
    "100k",
    "999k",
    "1.0M",
    "2.4M",
  ]);
});

Deno.test("what failed is said without the steps of a run that nobody described", () => {
  assert.equal(
    plainFailure(
      "127.0.0.1:41713: the run ended early: client 127.0.0.1:41713: setup: Client setup failed: stream: the iperf3 server " +
        "at 203.0.113.1 port 5201 did not answer within 10 s while taking the connection: restart it if it hangs",
    ),
    "the iperf3 server at 203.0.113.1 port 5201 did not answer within 10 s while taking the connection: restart it if it hangs",
  );
  assert.equal(plainFailure("no reason is known"), "no reason is known");
  assert.equal(plainFailure("10.0.0.9:8037: its key is another"), "its key is another");
});
