import assert from "node:assert/strict";
import { Histogram } from "../../results/document/histogram.ts";
import { roundTripsPerMinute, trimmedMean, trimmedMeanOf } from "./responsiveness.ts";

/** 100 probes of 10 to 59.5 ms and 40 round trips of TCP of 20 to 59 ms, each in a scrambled order, in ns. */
const FOREIGN = Array.from({ length: 100 }, (_, i) => 1e6 * (10 + (i * 37 % 100) * 0.5));
const SELF = Array.from({ length: 40 }, (_, i) => 1e6 * (20 + i * 7 % 40));

Deno.test("round trips a minute are the draft's for its TCP-only case", () => {
  // Worked out in Python from the draft's formulas: sum(sorted(x)[:95]) / 95 and so on, then 60000 / ms.
  const foreign = trimmedMeanOf(FOREIGN), self = trimmedMeanOf(SELF);
  assert.equal(foreign, 33.5e6);
  assert.equal(self, 38.5e6);
  const rpm = roundTripsPerMinute(foreign, self)!;
  assert.ok(Math.abs(rpm - (60000 / 33.5 + 60000 / 38.5) / 2) < 1e-9);
  assert.ok(Math.abs(rpm - 1674.7431672804807) < 1e-9, `${rpm}`);
});

Deno.test("a histogram's trimmed mean is that of its values, but for the width of its buckets", () => {
  const histogram = new Histogram();
  for (const time of FOREIGN) histogram.record(time);
  const mean = trimmedMean(histogram)!;
  assert.ok(Math.abs(mean - 33.5e6) < 0.001 * 33.5e6, `${mean}`);
});

Deno.test("the longest twentieth is left out, and no more", () => {
  const times = [...Array.from({ length: 19 }, () => 1000), 1e9];
  assert.equal(trimmedMeanOf(times), 1000);
  assert.equal(trimmedMeanOf([5]), 5);
  assert.equal(trimmedMeanOf([]), null);
  assert.equal(trimmedMean(new Histogram()), null);
});

Deno.test("one kind of probe alone gives its own figure, none gives none", () => {
  assert.equal(roundTripsPerMinute(60e6, null), 1000);
  assert.equal(roundTripsPerMinute(null, 30e6), 2000);
  assert.equal(roundTripsPerMinute(null, null), null);
});
