import assert from "node:assert/strict";
import { makeClassedDocument } from "../../../tests/fixtures/classed_document.ts";
import { makeReport } from "../../answers.ts";
import { reportSvgs } from "../formats.ts";
import { ReportBuilder } from "../model.ts";
import { effectCurves } from "./effect_curves.ts";

/** Three loads, twice each; each adds 1 ms for 5 Mbit/s. */
const RUNS = [10, 20, 40].flatMap((mbit) =>
  [1, 2].map((seed) => ({
    file: `${mbit}-${seed}.json`,
    document: makeClassedDocument({ seed: 10 * mbit + seed, bulkBps: `${mbit}M`, addedNs: mbit * 0.2e6 }),
  }))
);

function model(runs = RUNS) {
  const builder = new ReportBuilder();
  for (const { document, file } of runs) builder.add(document, file);
  return builder.build("t");
}

Deno.test("the effect of a class is drawn against its own argument, with every run's interval", () => {
  const [chart, ...more] = effectCurves(model());
  assert.deepEqual(more, []);
  assert.equal(chart!.title, "What bulk does to victim, against bulk.bps");
  const { columns, rows } = chart!.data;
  assert.deepEqual(columns, [
    "bulk.bps",
    "curve",
    "file",
    "estimate_ns",
    "low_ns",
    "high_ns",
    "without_ns",
    "with_ns",
  ]);
  assert.deepEqual(rows.map(([x]) => x), [10e6, 10e6, 20e6, 20e6, 40e6, 40e6]);
  for (const [x, , file, estimate, low, high, without, during] of rows as (number & string)[][]) {
    const { document } = RUNS.find((run) => run.file === file)!;
    const truth = x! / 5;
    assert.ok(Math.abs(estimate! / truth - 1) < 0.05, `${estimate} of ${truth}`);
    assert.deepEqual([estimate, low, high], [
      ...(["estimate", "low", "high"] as const).map((key) => document.effect![0]!.added_ns![key]),
    ]);
    assert.ok(Math.abs(during! - without! - estimate!) < 0.1 * estimate!);
  }
});

Deno.test("the page, the SVGs and the CSV have it", async () => {
  const page = await makeReport(RUNS);
  const chart = page.indexOf("chart-effect-of-bulk");
  assert.ok(chart > page.indexOf('id="effect"') && chart < page.indexOf('id="glance"'));
  assert.ok(reportSvgs(model()).some(({ name }) => name === "effect-of-bulk.svg"));
  const csv = await makeReport(RUNS, { format: "csv" });
  const [header, ...rows] = csv.trim().split("\n").map((line) => line.split(","));
  const column = (name: string) => rows.map((row) => row[header!.indexOf(name)]!);
  const kinds = column("class"), added = column("bulk_added_ns"), high = column("bulk_added_high_ns");
  assert.equal(rows.length, 12);
  kinds.forEach((kind, n) => {
    if (kind === "bulk") return assert.equal(added[n], "");
    assert.ok(Number(high[n]) > Number(added[n]) && Number(added[n]) > 1e6, `${added[n]}`);
  });
});

Deno.test("no curve where nothing varies", () => {
  assert.deepEqual(effectCurves(model(RUNS.slice(0, 2))), []);
});
