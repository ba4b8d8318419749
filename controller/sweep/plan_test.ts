import assert from "node:assert/strict";
import { testsOf } from "../../config/run_description.ts";
import { fakeDescription } from "../../tests/fixtures/fake_run.ts";
import type { Figures } from "./figures.ts";
import {
  branchOf,
  describePoint,
  executionOrder,
  parseAxis,
  planPoints,
  rankOf,
  SweepError,
  type SweepPlan,
} from "./plan.ts";
import { parseUntil } from "./until.ts";

const PLAN: SweepPlan = {
  axes: [parseAxis("bps=10M:20M:10M"), parseAxis("size=64,512")],
  repeat: 2,
  shuffleSeed: null,
  split: false,
};

Deno.test("an axis is a name and values", () => {
  assert.deepEqual(parseAxis("bps=10M:30M:10M"), {
    arg: "bps",
    values: ["10000000", "20000000", "30000000"],
  });
  assert.deepEqual(parseAxis("socktype=udp,tcp"), { arg: "socktype", values: ["udp", "tcp"] });
  for (const text of ["", "bps", "=1", "b p=1", "bps=", "bps=1:2", "bps=1,1"]) {
    assert.throws(() => parseAxis(text), SweepError, text);
  }
  assert.throws(() => parseAxis("bps=1:0:1"), /axis bps: the range "1:0:1" ends before it begins/);
});

Deno.test("points are every combination, the first axis fastest, repetition by repetition", () => {
  const points = planPoints(PLAN);
  assert.equal(points.length, 8);
  assert.deepEqual(points.slice(0, 4).map((point) => `${point.values["bps"]} ${point.values["size"]}`), [
    "10000000 64",
    "20000000 64",
    "10000000 512",
    "20000000 512",
  ]);
  assert.deepEqual(points.map((point) => point.repetition), [1, 1, 1, 1, 2, 2, 2, 2]);
  assert.deepEqual([points[0]?.id, points[7]?.id], ["point-0001", "point-0008"]);
  assert.deepEqual(Object.keys(points[0]?.values ?? {}), ["bps", "size"]);
});

Deno.test("plans that make no sense are refused", () => {
  assert.throws(() => planPoints({ ...PLAN, axes: [] }), SweepError);
  assert.throws(
    () => planPoints({ ...PLAN, axes: [parseAxis("a=1"), parseAxis("a=2")] }),
    /the axis a is given twice/,
  );
  assert.throws(() => planPoints({ ...PLAN, repeat: 100_000 }), /400000 points/);
  assert.throws(() => planPoints({ ...PLAN, repeat: 0 }), SweepError);
});

Deno.test("shuffling is a permutation, repeatable by its seed", () => {
  const points = planPoints(PLAN);
  const once = executionOrder(points, 7).map((point) => point.id);
  assert.deepEqual(executionOrder(points, 7).map((point) => point.id), once);
  assert.notDeepEqual(executionOrder(points, 8).map((point) => point.id), once);
  assert.deepEqual([...once].sort(), points.map((point) => point.id));
  assert.deepEqual(executionOrder(points, null), points);
});

Deno.test("branches hold everything but the first axis", () => {
  const points = planPoints(PLAN);
  assert.equal(branchOf(points[0]!, PLAN), "repetition 1, size=64");
  assert.equal(branchOf(points[1]!, PLAN), branchOf(points[0]!, PLAN));
  assert.deepEqual(points.slice(0, 2).map((point) => rankOf(point, PLAN)), [0, 1]);
});

Deno.test("a point is the configured run with its values in every client's arguments", () => {
  const base = fakeDescription("socktype=udp,Mbps=5", "size=9");
  const whole = describePoint(base, { bps: "1000", size: "64" }, false);
  assert.deepEqual(whole.clients.map((client) => client.args), [
    "socktype=udp,bps=1000,size=64",
    "size=64,bps=1000",
  ]);
  const split = describePoint(base, { bps: "1001" }, true);
  assert.deepEqual(split.clients.map((client) => client.args), ["socktype=udp,bps=501", "size=9,bps=500"]);
  const configured = describePoint(fakeDescription("bps=10M", "bps=10M"), { size: "64" }, true);
  assert.deepEqual(configured.clients.map((client) => client.args), [
    "bps=5000000,size=64",
    "bps=5000000,size=64",
  ]);
  assert.throws(
    () => describePoint(fakeDescription("size=1"), { size: "64" }, true),
    /no load \(bps, Mbps or rate\)/,
  );
  assert.throws(() => describePoint(base, { bps: "1" }, true), /bps=1 cannot be divided over 2 clients/);
});

Deno.test("conditions are read, and hold or not", () => {
  const figures: Figures = {
    requested_bps: 100,
    sent_bps: 100,
    received_bps: 80,
    loss_ratio: 0.02,
    mean_ns: 1e5,
    p50_ns: 1e5,
    p90_ns: 1e5,
    p99_ns: 2e6,
    p999_ns: null,
    max_ns: 3e6,
    cpu_percent: null,
  };
  const cases: [string, boolean][] = [
    ["loss>1%", true],
    ["loss>2%", false],
    ["loss>=2%", true],
    ["loss>0", true],
    ["received<90%", true],
    ["received<0.8", false],
    ["p99>1ms", true],
    ["p99 > 2ms", false],
    ["p50<=100us", true],
    ["p99.9>1ns", false],
    ["p999>1ns", false],
  ];
  for (const [text, expected] of cases) assert.equal(parseUntil(text).holds(figures), expected, text);
  assert.throws(() => parseUntil("p98>1ms"), /known: .*p99, p99\.9, max/);
  for (const text of ["", "loss", "loss>1ms", "p99>5", "p99>1%", "speed>1", "loss=1%", "loss>many"]) {
    assert.throws(() => parseUntil(text), SweepError, text);
  }
});

Deno.test("an axis of a class is put into the clients of that class alone", () => {
  const plain = fakeDescription("bps=1", "bps=2", "bps=3");
  const base = {
    ...plain,
    clients: plain.clients.map((client, n) => ({ ...client, class: n === 1 ? "victim" : "bulk" })),
    classes: ["victim", "bulk"].map((name) => ({ ...testsOf(plain)[0]!, name })),
  };
  const argsOf = (values: Record<string, string>, split = false) =>
    describePoint(base, values, split).clients.map(({ args }) => args);
  assert.deepEqual(argsOf({ "bulk.bps": "10", "victim.size": "64" }), ["bps=10", "bps=2,size=64", "bps=10"]);
  assert.deepEqual(argsOf({ "bulk.bps": "11" }, true), ["bps=6", "bps=2", "bps=5"]);
  assert.deepEqual(describePoint(base, { "bulk.bps": "1" }, false).classes, base.classes);
  assert.throws(() => argsOf({ bps: "1" }), /the axis bps: of which class\? write victim\.bps or bulk\.bps/);
  assert.throws(() => argsOf({ "blk.bps": "1" }), /there is no class "blk"; did you mean "bulk"\?/);
  assert.throws(() => argsOf({ "bulk.size": "1" }, true), /--split: no axis is a load/);
  assert.throws(() => describePoint(plain, { "bulk.bps": "1" }, false), /the run has none; write bps/);
  assert.deepEqual(parseAxis("bulk.bps=1M,2M"), { arg: "bulk.bps", values: ["1000000", "2000000"] });
});
