import assert from "node:assert/strict";
import fc from "fast-check";
import * as hdr from "hdr-histogram-js";
import { DEFAULT_LAYOUT, Histogram, summarize, summarizeMerged } from "./histogram.ts";

Deno.test("a value lies inside the counter that holds it, and the counter is at most 0.1 % wide", () => {
  const histogram = new Histogram();
  fc.assert(fc.property(fc.integer({ min: 0, max: 3_600_000_000_000 }), (value) => {
    const index = histogram.indexOf(value);
    const low = histogram.lowestAt(index);
    const width = histogram.widthAt(index);
    assert.ok(low <= value && value < low + width, `${value} in ${low}+${width}`);
    assert.ok(width === 1 || (width - 1) / low <= 0.001);
  }));
});

Deno.test("counters are the ones hdr-histogram-js uses", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 3_600_000_000_000 }), { maxLength: 60 }), (values) => {
      const theirs = hdr.build({
        bitBucketSize: 64,
        lowestDiscernibleValue: 1,
        highestTrackableValue: 3.6e12,
        numberOfSignificantValueDigits: 3,
      });
      const ours = new Histogram();
      for (const value of values) {
        theirs.recordValue(value);
        ours.record(value);
      }
      for (const p of [0, 10, 50, 90, 99, 99.9, 100]) {
        const top = ours.indexOf(ours.valueAtPercentile(p));
        assert.equal(top, ours.indexOf(theirs.getValueAtPercentile(p)), `p${p} of ${values}`);
      }
    }),
    { numRuns: 60 },
  );
});

Deno.test("counts above 2^32 stay exact", () => {
  const histogram = new Histogram();
  histogram.record(1000, 2 ** 33);
  histogram.record(2_000_000_000_000, 2 ** 33);
  const other = new Histogram();
  other.add(histogram);
  other.add(histogram);
  assert.equal(other.total, 2 ** 35);
  assert.equal(other.valueAtPercentile(50), 1000);
  assert.deepEqual([...other.buckets()].map(({ count }) => count), [2 ** 34, 2 ** 34]);
});

Deno.test("a merged histogram is the histogram of the pooled values, counter for counter", () => {
  const value = fc.integer({ min: 0, max: 5_000_000_000 });
  fc.assert(fc.property(fc.array(fc.array(value)), (clients) => {
    const pooled = new Histogram();
    const merged = new Histogram();
    for (const values of clients) {
      const one = new Histogram();
      for (const v of values) {
        one.record(v);
        pooled.record(v);
      }
      merged.add(one);
    }
    assert.deepEqual(merged.counts, pooled.counts);
    assert.equal(merged.total, pooled.total);
    assert.equal(merged.min, pooled.min);
    assert.equal(merged.max, pooled.max);
  }));
});

Deno.test("histograms of another layout are added by value", () => {
  const coarse = new Histogram({ lowest: 1, highest: 1e9, digits: 2 });
  coarse.record(123_456, 7);
  const fine = new Histogram();
  fine.add(coarse);
  assert.equal(fine.total, 7);
  assert.ok(Math.abs(fine.valueAtPercentile(50) - 123_456) / 123_456 < 0.01);
});

Deno.test("the summary of nothing is null, that of known values is right", () => {
  assert.equal(summarize(new Histogram()), null);
  const histogram = new Histogram();
  for (let v = 1; v <= 1000; v++) histogram.record(v);
  const summary = summarize(histogram);
  assert.deepEqual(summary, {
    count: 1000,
    min_ns: 1,
    mean_ns: 500.5,
    stddev_ns: Math.sqrt((1000 ** 2 - 1) / 12),
    p50_ns: 500,
    p90_ns: 900,
    p99_ns: 990,
    p999_ns: 999,
    p9999_ns: 1000,
    p99999_ns: 1000,
    max_ns: 1000,
  });
});

Deno.test("a merged summary keeps the exact smallest, largest, mean and deviation", () => {
  const values = [[10_001, 20_003], [1_000_001, 30_007, 30_007]];
  const histograms = values.map((list) => {
    const histogram = new Histogram();
    for (const v of list) histogram.record(v);
    return histogram;
  });
  const parts = values.map((list, i) => {
    const mean = list.reduce((a, b) => a + b) / list.length;
    const squares = list.reduce((sum, v) => sum + (v - mean) ** 2, 0);
    const own = summarize(histograms[i]!)!;
    return { ...own, mean_ns: mean, stddev_ns: Math.sqrt(squares / list.length) };
  });
  const merged = new Histogram(DEFAULT_LAYOUT);
  for (const histogram of histograms) merged.add(histogram);
  const all = values.flat();
  const mean = all.reduce((a, b) => a + b) / all.length;
  const summary = summarizeMerged(merged, parts)!;
  assert.equal(summary.min_ns, 10_001);
  assert.equal(summary.max_ns, 1_000_001);
  assert.ok(Math.abs(summary.mean_ns - mean) < 1e-6);
  const deviation = Math.sqrt(all.reduce((sum, v) => sum + (v - mean) ** 2, 0) / all.length);
  assert.ok(Math.abs(summary.stddev_ns - deviation) < 1e-6);
});

Deno.test("refuses what cannot be recorded", () => {
  assert.throws(() => new Histogram().record(-1), RangeError);
  assert.throws(() => new Histogram().record(NaN), RangeError);
  assert.throws(() => new Histogram({ lowest: 1, highest: 1, digits: 3 }), RangeError);
  assert.throws(() => new Histogram({ lowest: 1, highest: 1e9, digits: 9 }), RangeError);
});
