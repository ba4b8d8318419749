import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type ClockProbe,
  combineProbes,
  driftPpm,
  MAX_DRIFT_PPM,
  offsetAt,
  roundsAgree,
} from "./clock_estimate.ts";

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

/** A clock whose rate changes from piece to piece: its offset at an instant of the run. */
function wanderingOffset(startNs: number, first: number, pieces: readonly { ms: number; ppm: number }[]) {
  return (t: number): number => {
    let offset = first, at = startNs;
    for (const { ms, ppm } of pieces) {
      const length = Math.min(Math.max(0, t - at), ms * 1e6);
      offset += length * ppm / 1e6;
      at += ms * 1e6;
    }
    return offset;
  };
}

Deno.test("the bound holds at every instant, however the rate wanders between the rounds", () => {
  const most = Number(MAX_DRIFT_PPM);
  const pieces = fc.array(
    fc.record({
      ms: fc.integer({ min: 1, max: 30_000 }),
      ppm: fc.oneof(fc.constantFrom(-most, most), fc.integer({ min: -most, max: most })),
    }),
    { minLength: 1, maxLength: 8 },
  );
  fc.assert(
    fc.property(
      delay,
      delay,
      pieces,
      fc.double({ min: 0, max: 1, noNaN: true }),
      (out, back, rates, share) => {
        const start = 5_000_000_000;
        const length = rates.reduce((sum, { ms }) => sum + ms * 1e6, 0);
        const truth = wanderingOffset(start, -1234, rates);
        const ask = (t: number): ClockProbe => ({
          sentNs: BigInt(t - out),
          rxNs: BigInt(t) + BigInt(Math.round(truth(t))),
          txNs: BigInt(t) + BigInt(Math.round(truth(t))),
          receivedNs: BigInt(t + back),
        });
        const before = combineProbes([ask(start)]), after = combineProbes([ask(start + length)]);
        const at = Math.round(start + share * length);
        const estimate = offsetAt(BigInt(at), before, after);
        const wrong = Math.abs(Number(estimate.offsetNs) - truth(at));
        assert.ok(wrong <= Number(estimate.errorNs) + 2, `${wrong} beyond ${estimate.errorNs}`);
        assert.ok(roundsAgree(before, after));
        assert.ok(
          estimate.errorNs <= offsetAt(BigInt(at), before, null).errorNs * 2n,
          "the second round only helps",
        );
      },
    ),
  );
});

Deno.test("a clock that is stepped between the rounds is noticed, and the bound covers both", () => {
  const before = combineProbes([probe(1_000_000_000, 1000, 1000, 1000, 0)]);
  const after = combineProbes([probe(2_000_000_000, 1000, 1000, 1000, 5_000_000)]);
  assert.equal(roundsAgree(before, after), false);
  const { offsetNs, errorNs } = offsetAt(1_500_000_000n, before, after);
  assert.ok(offsetNs - errorNs <= 0n && offsetNs + errorNs >= 5_000_000n);
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
