import assert from "node:assert/strict";
import type { Metric } from "./document.ts";
import { describeMetrics, totalMetrics } from "./metrics.ts";

const TABLE = [
  { name: "rate", total: "sum", better: "more" },
  { name: "load", total: "mean", better: "less" },
  { name: "worst", total: "max", better: "less" },
  { name: "room", total: "min", better: "more" },
  { name: "cpu_use", total: "mean", better: "less" },
  { name: "cpu*", total: "none", better: "less" },
] as const;

function part(figures: Record<string, number>, unit = "1/s"): { metrics: Metric[] } {
  const metrics = Object.entries(figures).map(([name, value]) => ({ name, value, unit }));
  return { metrics: describeMetrics(metrics, TABLE) };
}

Deno.test("figures of several testers become one as their test says", () => {
  const clients = [
    part({ rate: 116_241.6, load: 10, worst: 3, room: 5, cpu_use: 50, cpu0: 40, own: 1 }),
    part({ rate: 98_648.9, load: 30, worst: 7, room: 4, cpu_use: 70, cpu0: 60, own: 2 }),
  ];
  const totals = totalMetrics("mine", clients, []);
  assert.deepEqual(totals.map(({ name, value }) => [name, value]), [
    ["rate", 214_890.5],
    ["load", 20],
    ["worst", 7],
    ["room", 4],
    ["cpu_use", 60],
  ]);
  assert.deepEqual(totals[0], {
    name: "rate",
    value: 214_890.5,
    unit: "1/s",
    total: "sum",
    better: "more",
    test: "mine",
    of: 2,
  });
});

Deno.test("a share of several testers is that of all their packets together", () => {
  const of = (lost: number, sent: number, weight: number | undefined = sent): { metrics: Metric[] } => ({
    metrics: [{
      name: "loss",
      value: 100 * lost / sent,
      unit: "%",
      total: "mean",
      ...weight >= 0 && { weight },
    }],
  });
  const loss = (...parts: { metrics: Metric[] }[]) => {
    const [total] = totalMetrics("mine", parts, []);
    assert.equal(total?.weight, undefined);
    return total?.value;
  };
  assert.equal(loss(of(90, 9_000), of(50, 1_000)), 100 * 140 / 10_000);
  assert.equal(loss(of(90, 9_000), of(50, 1_000), of(0, 90_000)), 100 * 140 / 100_000);
  assert.equal(loss(of(90, 9_000), of(50, 1_000, -1)), 3, "a weight that one of them lacks is none");
  assert.equal(loss(of(1, 4)), 25);
  assert.equal(loss(of(1, 4, 0), of(1, 2, 0)), undefined);
});

Deno.test("a single tester's figures are the run's, described or not", () => {
  const [first, second] = totalMetrics("mine", [part({ rate: 5, own: 6 })], []);
  assert.deepEqual([first?.value, second?.value, second?.total], [5, 6, undefined]);
});

Deno.test("a figure that one tester lacks, or gives in another unit, is no figure of the run", () => {
  assert.deepEqual(totalMetrics("mine", [part({ rate: 5 }), part({})], []), []);
  assert.deepEqual(totalMetrics("mine", [part({ rate: 5 }), part({ rate: 5 }, "bit/s")], []), []);
});

Deno.test("targets add up by their test, those that failed are left out", () => {
  const target = (test: string, figures: Record<string, number>) => ({ test, ...part(figures) });
  const totals = totalMetrics("mine", [], [
    target("meter", { cpu_use: 10 }),
    target("sink", { rate: 1 }),
    target("meter", { cpu_use: 20 }),
    { ...target("sink", { rate: 100 }), error: "it died" },
  ]);
  assert.deepEqual(totals.map(({ test, name, value, of }) => [test, name, value, of]), [
    ["meter", "cpu_use", 15, 2],
    ["sink", "rate", 1, 1],
  ]);
});
