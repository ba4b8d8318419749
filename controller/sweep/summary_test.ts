import assert from "node:assert/strict";
import { fakeDescription } from "../../tests/fixtures/fake_run.ts";
import { makeClassedDocument } from "../../tests/fixtures/classed_document.ts";
import { makeDocument } from "../../tests/fixtures/documents.ts";
import { figuresOf } from "./figures.ts";
import { parseAxis } from "./plan.ts";
import { sweepCsv } from "./summary.ts";
import { newIndex, parseIndex } from "./sweep_index.ts";

const ABOUT = {
  id: "x",
  started: "2026-01-01T00:00:00.000Z",
  ipbench: { version: "0", build: "test" },
  settings: { until: [], retry: 0, cooldownSeconds: 0 },
};

Deno.test("the summary has a row for each point, empty where nothing is known", () => {
  const plan = {
    axes: [parseAxis("bps=10M,20M"), parseAxis("engine==1")],
    repeat: 1,
    shuffleSeed: null,
    split: false,
  };
  const index = newIndex(plan, fakeDescription(""), ABOUT);
  const [first, second] = index.points;
  assert.ok(first && second);
  first.status = "done";
  first.verdict = "VALID";
  first.figures = {
    requested_bps: 1e7,
    sent_bps: 1e7,
    received_bps: 9.9e6,
    loss_ratio: 0.01,
    mean_ns: 12_345,
    p50_ns: 12_000,
    p90_ns: 13_000,
    p99_ns: 14_000.4,
    p999_ns: 15_000,
    max_ns: 16_000,
    cpu_percent: 100 / 7,
  };
  second.status = "skipped";
  assert.equal(
    sweepCsv(index),
    "bps,engine,repetition,verdict,requested_bps,sent_bps,received_bps,loss_ratio,mean_us,p50_us,p90_us,p99_us,p999_us," +
      "max_us,cpu_percent\n" +
      "10000000,'=1,1,VALID,10000000,10000000,9900000,0.01,12.345,12,13,14,15,16,14.285714\n" +
      "20000000,'=1,1,skipped,,,,,,,,,,,\n",
  );
});

Deno.test("what a class does to the first one has columns, and is in the index", () => {
  const plan = { axes: [parseAxis("bulk.bps=10M,20M")], repeat: 1, shuffleSeed: null, split: false };
  const index = newIndex(plan, fakeDescription(""), ABOUT);
  const documents = [5e6, 20e6].map((addedNs) => makeClassedDocument({ addedNs }));
  index.points.forEach((point, n) => {
    point.status = "done";
    point.figures = figuresOf(documents[n]!);
  });
  const [header, ...rows] = sweepCsv(index).trim().split("\n").map((line) => line.split(","));
  const column = (name: string) => rows.map((row) => Number(row[header!.indexOf(name)]));
  documents.forEach((document, n) => {
    const { estimate, low, high } = document.effect![0]!.added_ns!;
    assert.ok(Math.abs(column("bulk_added_us")[n]! - estimate / 1e3) < 0.001);
    assert.ok(Math.abs(column("bulk_added_low_us")[n]! - low / 1e3) < 0.001);
    assert.ok(Math.abs(column("bulk_added_high_us")[n]! - high / 1e3) < 0.001);
  });
  assert.ok(Math.abs(column("bulk_added_us")[0]! - 5000) < 100);
  assert.ok(Math.abs(column("bulk_added_us")[1]! - 20_000) < 100);
  assert.ok(header!.includes("bulk_received_change_bps"));
  const stored = parseIndex(JSON.stringify({ ...index, base: {} }));
  assert.deepEqual(stored.points[1]!.figures!.effects, index.points[1]!.figures!.effects);
});

Deno.test("the CPU use is a CPU meter's, whatever other percentages targets report", () => {
  const document = makeDocument({ samples: 10, intervals: 1 });
  const [target] = document.targets;
  assert.ok(target);
  target.metrics = [{ name: "loss", value: 3, unit: "%" }];
  assert.equal(figuresOf(document).cpu_percent, null);
  target.metrics.push({ name: "cpu", value: 42, unit: "%" }, { name: "cpu0", value: 84, unit: "%" });
  assert.equal(figuresOf(document).cpu_percent, 42);
});
