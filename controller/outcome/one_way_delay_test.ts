import assert from "node:assert/strict";
import fc from "fast-check";
import type { RawOneWay } from "../../results/document/document.ts";
import { Histogram } from "../../results/document/histogram.ts";
import { decodeHistogram, encodeHistogram } from "../../results/document/histogram_codec.ts";
import { oneWayDelay } from "./one_way_delay.ts";

/** What a plugin records of these values, with a base that it learned before. */
function recorded(values: readonly bigint[], base: bigint): RawOneWay {
  const above = new Histogram(), below = new Histogram();
  const distances = values.map((value) => Number(value - base));
  for (const distance of distances) (distance >= 0 ? above : below).record(Math.abs(distance));
  const mean = distances.reduce((sum, each) => sum + each, 0) / distances.length;
  const squares = distances.reduce((sum, each) => sum + (each - mean) ** 2, 0);
  const text = (of: Histogram) => of.total === 0 ? null : encodeHistogram(of, { compressed: false });
  return {
    count: values.length,
    base_ns: String(base),
    min_ns: Math.min(...distances),
    max_ns: Math.max(...distances),
    mean_ns: mean,
    stddev_ns: Math.sqrt(squares / values.length),
    above: text(above),
    below: text(below),
  };
}

const OFFSET = 1_764_417_265_123_456_789n; // more digits than a number keeps

Deno.test("delays come out of an offset of fifty years to a histogram's resolution, and their least and greatest to the nanosecond", () => {
  fc.assert(fc.property(
    fc.array(fc.integer({ min: 10_000, max: 40_000_000 }), { minLength: 1, maxLength: 200 }),
    fc.integer({ min: 5_000, max: 50_000 }),
    (delays, base) => {
      const raw = recorded(delays.map((delay) => BigInt(delay) + OFFSET), BigInt(base) + OFFSET);
      const made = oneWayDelay(raw, OFFSET, 0n);
      assert.ok(made.known);
      const sorted = delays.toSorted((a, b) => a - b);
      assert.equal(made.summary.min_ns, sorted[0]);
      assert.equal(made.summary.max_ns, sorted.at(-1));
      const mean = delays.reduce((sum, each) => sum + each, 0) / delays.length;
      assert.ok(Math.abs(made.summary.mean_ns - mean) < 1);
      const median = sorted[Math.ceil(delays.length / 2) - 1]!;
      // The middle of a bucket of 0.1 % of the distance that was recorded, then the end of one of the delay.
      const most = 1 + 0.0005 * Math.abs(median - base) + 0.001 * median;
      assert.ok(
        Math.abs(made.summary.p50_ns - median) <= most,
        `${made.summary.p50_ns}, ${median} ± ${most}`,
      );
      assert.equal(decodeHistogram(made.histogram).total, delays.length);
    },
  ));
});

Deno.test("no number where the error is larger than the median", () => {
  const raw = recorded([90_000n, 100_000n, 110_000n].map((each) => each + OFFSET), OFFSET + 90_000n);
  assert.ok(oneWayDelay(raw, OFFSET, 99_000n).known);
  const made = oneWayDelay(raw, OFFSET, 101_000n);
  assert.ok(!made.known);
  assert.match(made.reason, /101 µs only, which is more than the median delay/);
});

Deno.test("a delay below nothing by more than the error shows that the clocks are not what they were taken for", () => {
  const raw = recorded([-30_000n, 5_000_000n, 6_000_000n].map((each) => each + OFFSET), OFFSET);
  assert.ok(oneWayDelay(raw, OFFSET, 30_001n).known);
  const made = oneWayDelay(raw, OFFSET, 29_000n);
  assert.ok(!made.known);
  assert.match(made.reason, /below nothing/);
});

Deno.test("a delay that the error makes less than nothing is nothing", () => {
  const raw = recorded([-30n, 1_000_000n, 1_000_000n].map((each) => each + OFFSET), OFFSET);
  const made = oneWayDelay(raw, OFFSET, 50n);
  assert.ok(made.known);
  assert.equal(made.summary.min_ns, 0);
});
