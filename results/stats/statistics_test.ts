import assert from "node:assert/strict";
import fc from "fast-check";
import { seededNormal } from "../../tests/util/mod.ts";
import { logGamma, normalCdf, normalQuantile, studentTQuantile } from "./distributions.ts";
import { minimalDetectableChange, relativeShift } from "./effect.ts";
import { holm, mannWhitney, mannWhitneyCdf, wilcoxonSignedRank } from "./rank_statistics.ts";
import { describe } from "./welford.ts";

function close(found: number, expected: number, tolerance = 1e-9): void {
  assert.ok(Math.abs(found - expected) <= tolerance, `${found}, expected ${expected} ± ${tolerance}`);
}

Deno.test("Welford's mean and variance, merged or not, are those of two passes", () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 2 }), (values) => {
      const at = Math.floor(values.length / 2);
      const merged = describe(values.slice(0, at));
      merged.merge(describe(values.slice(at)));
      const mean = values.reduce((a, b) => a + b) / values.length;
      const variance = values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / (values.length - 1);
      for (const one of [merged, describe(values)]) {
        close(one.mean, mean, 1e-6);
        close(one.variance, variance, 1e-6 * (1 + variance));
      }
    }),
  );
});

Deno.test("a large offset does not eat the variance", () => {
  close(describe([1e12 + 1, 1e12 + 2, 1e12 + 3]).variance, 1, 1e-3);
});

Deno.test("quantiles are those of printed tables", () => {
  close(normalQuantile(0.975), 1.959963984540054);
  close(normalQuantile(0.001), -3.090232306167813);
  close(normalCdf(1), 0.841344746068543, 1e-12);
  close(normalCdf(-6) / 9.865876450376946e-10, 1, 1e-9);
  close(studentTQuantile(0.975, 1), 12.706204736432095, 1e-8);
  close(studentTQuantile(0.975, 29), 2.045229642132703);
  close(studentTQuantile(0.995, 5), 4.032142983557536);
  close(studentTQuantile(0.025, 10), -2.228138851964939);
  close(logGamma(0.5), Math.log(Math.sqrt(Math.PI)), 1e-12);
  close(logGamma(10), Math.log(362880), 1e-12);
});

Deno.test("the exact Mann–Whitney distribution is that of all orderings", () => {
  for (const [n, m] of [[1, 1], [2, 3], [4, 4], [5, 3]] as const) {
    const counts = new Array<number>(n * m + 1).fill(0);
    for (let bits = 0; bits < 2 ** (n + m); bits++) {
      const chosen = [...Array(n + m).keys()].filter((i) => (bits >> i) & 1);
      if (chosen.length !== n) continue;
      counts[chosen.reduce((u, rank, k) => u + rank - k, 0)]!++;
    }
    const total = counts.reduce((a, b) => a + b);
    let sum = 0;
    const expected = counts.map((c) => (sum += c) / total);
    const cdf = mannWhitneyCdf(n, m);
    for (const [u, value] of expected.entries()) close(cdf[u]!, value, 1e-12);
  }
});

Deno.test("the rank test gives known probabilities", () => {
  // R: wilcox.test(c(1.1,2.2,3.3,4.4), c(5.5,6.6,7.7,8.8)) gives p = 0.02857.
  close(mannWhitney([1.1, 2.2, 3.3, 4.4], [5.5, 6.6, 7.7, 8.8]).p, 2 / 70, 1e-12);
  close(mannWhitney([1, 2, 3], [1, 2, 3]).p, 1, 0.01);
  assert.equal(mannWhitney([5, 5], [5, 5]).p, 1);
  // All six ways to choose two of the ranks 1, 2.5, 2.5, 4: four are as far from the middle as (2.5, 4).
  const tied = mannWhitney([1, 2], [2, 3]);
  assert.match(tied.method, /exact with ties/);
  close(tied.p, 4 / 6, 1e-12);
  // Without ties both exact ways agree; the shared value 9 on both sides leaves the rest as it was.
  const many = Array.from({ length: 30 }, (_, i) => i % 3);
  assert.match(mannWhitney(many, many).method, /normal approximation/);
  // R: wilcox.test(1:6 with signs + + + + + -, exact): V = 20, p = 0.0625 for ranks 1..6 with only rank 1 negative.
  close(wilcoxonSignedRank([-1, 2, 3, 4, 5, 6]).p, 0.0625, 1e-12);
  assert.equal(wilcoxonSignedRank([0, 0]).p, 1);
});

Deno.test("the normal approximation is near the exact probability", () => {
  const normal = seededNormal(5);
  const a = Array.from({ length: 30 }, () => normal());
  const b = Array.from({ length: 30 }, () => normal() + 0.6);
  const exact = mannWhitney(a, b).p;
  const tied = mannWhitney([...a, 9, 9], [...b, 9, 9]).p;
  assert.ok(Math.abs(exact - tied) < 0.05);
});

Deno.test("swapping the sides changes the sign of the effect and nothing of the probability", () => {
  const list = fc.array(fc.integer({ min: 1, max: 1000 }), { minLength: 2, maxLength: 12 });
  fc.assert(fc.property(list, list, (a, b) => {
    close(mannWhitney(a, b).p, mannWhitney(b, a).p, 1e-12);
    const there = relativeShift(a, b);
    const back = relativeShift(b, a);
    close((1 + there.change) * (1 + back.change), 1, 1e-9);
    if (there.interval !== null) close((1 + there.interval.low) * (1 + back.interval!.high), 1, 1e-9);
  }));
});

Deno.test("the interval of the effect covers a known shift about as often as it says", () => {
  const normal = seededNormal(77);
  let covered = 0;
  for (let run = 0; run < 1000; run++) {
    const a = Array.from({ length: 8 }, () => 100 * Math.exp(0.03 * normal()));
    const b = Array.from({ length: 8 }, () => 105 * Math.exp(0.03 * normal()));
    const { interval } = relativeShift(a, b);
    if (interval !== null && interval.low <= 0.05 && 0.05 <= interval.high) covered++;
  }
  assert.ok(covered >= 940 && covered <= 980, `${covered} of 1,000`);
});

Deno.test("three repetitions a side have no 95 % interval, and that is said", () => {
  assert.equal(relativeShift([1, 2, 3], [4, 5, 6]).interval, null);
  assert.equal(minimalDetectableChange([1], [2]), null);
});

Deno.test("a change of the minimal detectable size is found about as often as promised", () => {
  const normal = seededNormal(99);
  let found = 0;
  for (let run = 0; run < 500; run++) {
    const side = (scale: number) => Array.from({ length: 10 }, () => scale * Math.exp(0.02 * normal()));
    const mde = minimalDetectableChange(side(100), side(100))!;
    if (mannWhitney(side(100), side(100 * (1 + mde))).p <= 0.05) found++;
  }
  assert.ok(found >= 340 && found <= 470, `${found} of 500`);
});

Deno.test("Holm's correction keeps order and never lowers a probability", () => {
  assert.deepEqual(holm([0.01, 0.04, 0.03]).map((p) => Number(p.toFixed(3))), [0.03, 0.06, 0.06]);
  fc.assert(fc.property(fc.array(fc.double({ min: 0, max: 1, noNaN: true })), (list) => {
    for (const [i, p] of holm(list).entries()) assert.ok(p >= list[i]! && p <= 1);
  }));
});
