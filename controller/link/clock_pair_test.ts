import assert from "node:assert/strict";
import fc from "fast-check";
import { combineProbes, MAX_DRIFT_PPM, type OffsetInterval } from "./clock_estimate.ts";
import { offsetBetween } from "./clock_pair.ts";

/** A clock that runs at a rate which changes: its offset to the controller's at an instant, in nanoseconds. */
type Clock = (atNs: number) => number;

/** A round of probes to it, over paths of these delays. */
function round(clock: Clock, atNs: number, delays: readonly [number, number][]): OffsetInterval {
  let at = atNs;
  return combineProbes(delays.map(([out, back]) => {
    const stamp = BigInt(Math.round(at + out + clock(at + out)));
    const probe = {
      sentNs: BigInt(at),
      rxNs: stamp,
      txNs: stamp,
      receivedNs: BigInt(at + out + back),
    };
    at += out + back + 1000;
    return probe;
  }));
}

/** Runs fast or slow within what is allowed, for half of the time each. */
function wandering(offset: number, ppm: number, turnNs: number): Clock {
  return (at) => offset + (at < turnNs ? at : 2 * turnNs - at) * ppm / 1e6;
}

const delays = fc.array(
  fc.tuple(fc.integer({ min: 1_000, max: 3_000_000 }), fc.integer({ min: 1_000, max: 3_000_000 })),
  {
    minLength: 1,
    maxLength: 8,
  },
);
// Both clocks may run at the limit, less what rounding to whole nanoseconds takes.
const ppm = fc.integer({ min: -499, max: 499 });
/** The steps of a clock: when, and by how much. */
const steps = fc.array(
  fc.tuple(
    fc.integer({ min: 0, max: 4_000_000_000 }),
    fc.oneof(
      fc.integer({ min: -1_000_000_000, max: 1_000_000_000 }),
      fc.integer({ min: -2_000_000, max: 2_000_000 }),
    ),
  ),
  { maxLength: 3 },
);

Deno.test("the bound holds at every instant of the span, however clocks wander and paths differ", () => {
  fc.assert(fc.property(
    fc.tuple(delays, delays, delays, delays),
    fc.tuple(ppm, ppm),
    fc.integer({ min: -1_000_000_000, max: 1_000_000_000 }),
    fc.integer({ min: 0, max: 4_000_000_000 }),
    (paths, [senderPpm, receiverPpm], offset, turn) => {
      const sender = wandering(0, senderPpm, turn), receiver = wandering(offset, receiverPpm, turn);
      const seen = (clock: Clock, [early, late]: [[number, number][], [number, number][]]) => [
        round(clock, 0, early),
        round(clock, 4_000_000_000, late),
      ];
      const found = offsetBetween(
        seen(sender, [paths[0], paths[1]]),
        seen(receiver, [paths[2], paths[3]]),
        { startNs: 500_000_000n, endNs: 3_500_000_000n },
      );
      assert.ok(found !== null);
      for (let at = 500_000_000; at <= 3_500_000_000; at += 50_000_000) {
        const truth = receiver(at) - sender(at);
        const off = Math.abs(truth - Number(found.offsetNs));
        assert.ok(off <= Number(found.errorNs) + 2, `off by ${off} at ${at}, bound ${found.errorNs}`);
      }
    },
  ));
});

Deno.test("the bound holds for clocks that are stepped, there and back too, wherever a comparison has seen it", () => {
  const quick: [number, number][] = [[20_000, 30_000]];
  const every = 250_000_000;
  fc.assert(fc.property(steps, steps, fc.tuple(ppm, ppm), (one, other, [senderPpm, receiverPpm]) => {
    const clock = (own: [number, number][], rate: number): Clock => (at) =>
      at * rate / 1e6 + own.reduce((sum, [when, by]) => at >= when ? sum + by : sum, 0);
    const sender = clock(one, senderPpm), receiver = clock(other, receiverPpm);
    const at = Array.from({ length: 17 }, (_, n) => n * every);
    const seen = (of: Clock) => at.map((each) => round(of, each, quick));
    const span = { startNs: 500_000_000n, endNs: 3_500_000_000n };
    const found = offsetBetween(seen(sender), seen(receiver), span)!;
    for (let now = 500_000_000; now <= 3_500_000_000; now += 10_000_000) {
      // What a clock did and took back between two comparisons nobody has seen.
      const unseen = (own: [number, number][]) =>
        own.filter(([when]) => Math.floor(when / every) === Math.floor(now / every)).length > 1;
      if (unseen(one) || unseen(other)) continue;
      const off = Math.abs(receiver(now) - sender(now) - Number(found.offsetNs));
      assert.ok(off <= Number(found.errorNs) + 10, `off by ${off} at ${now}, bound ${found.errorNs}`);
    }
  }));
});

Deno.test("the bound is half the round trips, and the drift up to where least is known", () => {
  const still: Clock = () => 0, shifted: Clock = () => 7_000_000;
  const seen = (clock: Clock, at: number[]) => at.map((each) => round(clock, each, [[20_000, 20_000]]));
  const at = [0, 2_000_000_000];
  const span = { startNs: 0n, endNs: 2_000_000_000n };
  const found = offsetBetween(seen(still, at), seen(shifted, at), span)!;
  assert.ok(Math.abs(Number(found.offsetNs) - 7_000_000) <= 1000, `${found.offsetNs}`);
  // A second from the nearest comparison, for each of the two clocks.
  const drift = 2 * 1e9 * Number(MAX_DRIFT_PPM) / 1e6;
  assert.ok(Math.abs(Number(found.errorNs) - (40_000 + drift)) < 1000, `${found.errorNs}`);
  // A comparison in the middle halves what may have drifted.
  const often = [0, 1_000_000_000, 2_000_000_000];
  const better = offsetBetween(seen(still, often), seen(shifted, often), span)!;
  assert.ok(Math.abs(Number(better.errorNs) - (40_000 + drift / 2)) < 1000, `${better.errorNs}`);
});

Deno.test("rounds that contradict each other leave everything that either allows", () => {
  const seen = { minRttNs: 10n, probes: 1, consistent: true };
  const still = [{ atNs: 0n, lowNs: 0n, highNs: 0n, ...seen }];
  const stepped = [
    { atNs: 0n, lowNs: 0n, highNs: 10n, ...seen },
    { atNs: 1000n, lowNs: 1_000_000n, highNs: 1_000_010n, ...seen },
  ];
  const { offsetNs, errorNs } = offsetBetween(still, stepped, { startNs: 0n, endNs: 1000n })!;
  assert.ok(offsetNs - errorNs <= 0n && offsetNs + errorNs >= 1_000_010n);
});

Deno.test("a clock that was never compared gives no offset", () => {
  assert.equal(offsetBetween([], [round(() => 0, 0, [[1, 1]])], { startNs: 0n, endNs: 1n }), null);
});
