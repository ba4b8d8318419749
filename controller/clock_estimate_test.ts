import assert from "node:assert/strict";
import fc from "fast-check";
import { type ClockProbe, combineProbes, driftPpm, offsetAt } from "./clock_estimate.ts";

/** A probe of a daemon whose clock shows `offset + rate * t`, over a path with the given one-way delays. */
function probe(
  atNs: number,
  outNs: number,
  workNs: number,
  backNs: number,
  offset: number,
  ppm = 0,
): ClockProbe {
  const daemon = (t: number) => BigInt(Math.round(t + offset + (t * ppm) / 1e6));
  return {
    sentNs: BigInt(atNs),
    rxNs: daemon(atNs + outNs),
    txNs: daemon(atNs + outNs + workNs),
    receivedNs: BigInt(atNs + outNs + workNs + backNs),
  };
}

const delay = fc.integer({ min: 1_000, max: 5_000_000 });

Deno.test("the interval covers the true offset whatever the delays are", () => {
  fc.assert(fc.property(
    fc.array(fc.tuple(delay, delay, delay), { minLength: 1, maxLength: 24 }),
    fc.integer({ min: -3_000_000_000, max: 3_000_000_000 }),
    (delays, offset) => {
      let at = 10_000_000_000;
      const probes = delays.map(([out, work, back]) => {
        const made = probe(at, out, work, back, offset);
        at += out + work + back + 1000;
        return made;
      });
      const round = combineProbes(probes);
      assert.ok(round.consistent);
      const estimate = offsetAt(round.atNs, round, null);
      const wrong = Number(estimate.offsetNs) - offset;
      assert.ok(Math.abs(wrong) <= Number(estimate.errorNs), `${wrong} beyond ${estimate.errorNs}`);
    },
  ));
});

Deno.test("between two rounds of a drifting clock the bound holds at every instant, drift is found", () => {
  fc.assert(fc.property(
    delay,
    delay,
    fc.integer({ min: -400, max: 400 }),
    fc.integer({ min: 0, max: 60_000_000_000 }),
    (out, back, ppm, into) => {
      const start = 5_000_000_000, length = 60_000_000_000;
      const before = combineProbes([probe(start, out, 1000, back, 777, ppm)]);
      const after = combineProbes([probe(start + length, out, 1000, back, 777, ppm)]);
      const at = start + into;
      const estimate = offsetAt(BigInt(at), before, after);
      const truth = 777 + at * ppm / 1e6;
      assert.ok(Math.abs(Number(estimate.offsetNs) - truth) <= Number(estimate.errorNs) + 2);
      const drift = driftPpm(before, after);
      assert.ok(Math.abs(drift.ppm - ppm) <= drift.errorPpm + 0.01);
    },
  ));
});

Deno.test("the shortest round trip decides, so one quick probe makes a narrow bound", () => {
  const round = combineProbes([
    probe(1_000_000_000, 9_000_000, 1000, 1_000_000, 50),
    probe(1_020_000_000, 4_000, 1000, 4_000, 50),
  ]);
  assert.equal(round.minRttNs, 8000n);
  assert.ok(offsetAt(round.atNs, round, null).errorNs < 20_000n);
});

Deno.test("a clock that was stepped between probes is noticed and widens the bound to all of them", () => {
  const round = combineProbes([
    probe(1_000_000_000, 1000, 1000, 1000, 0),
    probe(1_001_000_000, 1000, 1000, 1000, 1_000_000_000),
  ]);
  assert.equal(round.consistent, false);
  assert.ok(round.lowNs <= 0n && round.highNs >= 1_000_000_000n);
});

Deno.test("stamps that run backwards are refused", () => {
  assert.throws(() => combineProbes([]), RangeError);
  assert.throws(() => combineProbes([{ sentNs: 0n, rxNs: 10n, txNs: 5n, receivedNs: 20n }]), RangeError);
  assert.throws(() => combineProbes([{ sentNs: 30n, rxNs: 10n, txNs: 15n, receivedNs: 20n }]), RangeError);
  assert.throws(() => combineProbes([{ sentNs: 10n, rxNs: 10n, txNs: 150n, receivedNs: 20n }]), RangeError);
});
