import assert from "node:assert/strict";
import { seededNormal } from "../../tests/util/random.ts";
import { LEAST_VALUES, meanChange, phaseMean } from "./mean_change.ts";

const weighted = (values: readonly number[], weight = 1) => values.map((value) => ({ value, weight }));

/** A process whose neighbours are correlated by rho. */
function autoregressive(normal: () => number, n: number, rho: number): number[] {
  let value = normal() / Math.sqrt(1 - rho * rho);
  return Array.from({ length: n }, () => {
    const now = value;
    value = rho * value + normal();
    return now;
  });
}

Deno.test("the mean is the weighted one, and equal weights of any size change nothing", () => {
  const values = [1, 4, 2, 8, 5, 7, 3, 6];
  const once = phaseMean(weighted(values))!;
  assert.deepEqual(phaseMean(weighted(values, 250)), once);
  assert.equal(once.mean, 4.5);
  const uneven = values.map((value, n) => ({ value, weight: n === 0 ? 9 : 1 }));
  assert.equal(phaseMean(uneven)!.mean, (9 + 35) / 16);
});

Deno.test("too few values have no mean with an error, and alike ones have none", () => {
  assert.equal(phaseMean(weighted(new Array(LEAST_VALUES - 1).fill(3))), null);
  const [a, b] = [3, 5].map((value) => phaseMean(weighted(new Array(20).fill(value)))!);
  assert.deepEqual(meanChange(a!, b!), { estimate: 2, low: 2, high: 2 });
});

Deno.test("of independent values the interval is about Welch's", () => {
  const normal = seededNormal(11);
  const a = Array.from({ length: 400 }, () => 10 + normal()),
    b = Array.from({ length: 400 }, () => 8 + 2 * normal());
  const change = meanChange(phaseMean(weighted(a))!, phaseMean(weighted(b))!);
  const plain = 1.966 /* Student, about 590 degrees of freedom */ * Math.sqrt((1 + 4) / 400);
  const half = (change.high - change.low) / 2;
  assert.ok(half > 0.85 * plain && half < 1.6 * plain, `${half} of ${plain}`);
  assert.ok(change.low < -2 && -2 < change.high);
});

for (const [rho, values] of [[0, 40], [0.5, 100], [0.8, 100], [0.9, 200]] as const) {
  Deno.test(`the interval covers the truth in 19 of 20: ${values} values, neighbours alike by ${rho}`, () => {
    const normal = seededNormal(1000 + values + rho * 100);
    let covered = 0, naive = 0;
    const rounds = 400;
    for (let round = 0; round < rounds; round++) {
      const before = autoregressive(normal, values, rho).map((x) => 10 + x);
      const during = autoregressive(normal, values, rho).map((x) => 30 + 3 * x);
      const [a, b] = [phaseMean(weighted(before))!, phaseMean(weighted(during))!];
      const { low, high } = meanChange(a, b);
      if (low <= 20 && 20 <= high) covered++;
      if (Math.abs(b.mean - a.mean - 20) <= 1.97 * Math.sqrt(10 / (1 - rho * rho) / values)) naive++;
    }
    assert.ok(covered >= 0.935 * rounds, `${covered} of ${rounds}`); // 0.95 less twice its own error and a half
    if (rho >= 0.5) assert.ok(naive < 0.9 * rounds, `taken for independent: ${naive} of ${rounds}`);
  });
}
