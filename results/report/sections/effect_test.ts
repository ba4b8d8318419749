import assert from "node:assert/strict";
import { makeClassedDocument } from "../../../tests/fixtures/classed_document.ts";
import { compareResults, exportResults, makeReport } from "../../answers.ts";
import { chartSections } from "../charts/all.ts";
import { effectChart } from "../charts/classes.ts";
import { ReportBuilder } from "../model.ts";

const named = (document: ReturnType<typeof makeClassedDocument>, file = "a.json") => [{ file, document }];

Deno.test("a report of a run with classes begins with the effect, and counts one run", async () => {
  const page = await makeReport(named(makeClassedDocument()));
  const effect = page.indexOf('id="effect"'), glance = page.indexOf('id="glance"');
  assert.ok(effect > 0 && effect < glance, "before the figures");
  assert.match(page, /bulk changes victim(&#39;|')s mean response time by \+20(\.\d+)? ms/);
  assert.match(page, /before bulk[\s\S]*during bulk[\s\S]*after bulk/);
  assert.match(page, /victim: latency, bulk: discard/);
  assert.doesNotMatch(page, /runs? of different tests|and others|Runs<\/h2>/);
  const markdown = await makeReport(named(makeClassedDocument()), { format: "markdown" });
  assert.match(markdown, /\*\*bulk changes victim's mean response time/);
  assert.match(markdown, /\| during bulk \| 4\.0 s \| 21/);
});

Deno.test("the chart has one time axis from the begin of the run, with the other class's time shaded", () => {
  const builder = new ReportBuilder();
  builder.add(makeClassedDocument(), "a.json");
  const model = builder.build("t");
  assert.deepEqual([model.runs.length, model.points.length], [1, 2]);
  const chart = effectChart(model.points[0]!, [model.points[1]!])!;
  assert.deepEqual(chart.legend.map(({ label }) => label), [
    "victim: mean",
    "victim: p99 of the slowest tester",
    "bulk active",
  ]);
  const active = chart.data.rows.filter((row) => row.at(-1) === "bulk").map(([from]) => from as number);
  assert.deepEqual([active[0], active.at(-1), active.length], [4, 7.9, 40]);
  assert.deepEqual(chartSections(model).map(({ id }) => id).includes("own"), false, "nothing was swept");
});

Deno.test("the CSV has a row a class, with what the others did", async () => {
  const csv = await makeReport(named(makeClassedDocument()), { format: "csv" });
  const [header, ...rows] = csv.trim().split("\n").map((line) => line.split(","));
  const column = (name: string) => rows.map((row) => row[header!.indexOf(name)]);
  assert.deepEqual(column("class"), ["victim", "bulk"]);
  assert.deepEqual(column("test"), ["latency", "discard"]);
  assert.equal(column("arg_bulk.bps")[0], "50M");
});

Deno.test("runs are compared class by class, and another load of another class is another thing", async () => {
  const runs = (seed: number, slowdown: number, bulkBps = "50M") =>
    Array.from({ length: 8 }, (_, n) => ({
      file: `${seed + n}.json`,
      document: makeClassedDocument({ seed: seed + n, slowdown: slowdown * (1 + 0.001 * n), bulkBps }),
    }));
  const found = await compareResults(runs(1, 1), runs(100, 1.5), { failIf: ["p50 +5%"] });
  assert.deepEqual(found.comparison.pairing.refusals, []);
  assert.deepEqual(found.comparison.pairing.pairs.map(({ label }) => label.split(",")[0]), [
    "bulk",
    "victim",
  ]);
  assert.equal(found.failures.length, 1);
  assert.match(found.markdown, /victim/);
  const other = await compareResults(runs(1, 1), runs(100, 1, "10M"));
  assert.match(
    other.comparison.pairing.refusals.map(({ text }) => text).join(),
    /bulk\.bps is 50M in A and 10M in B/,
  );
});

Deno.test("exports say which class a figure is of", async () => {
  const documents = named(makeClassedDocument());
  const prometheus = await exportResults(documents, "prometheus");
  assert.match(prometheus, /ipbench_verdict\{test="latency",class="victim",.*\} 0\n/);
  assert.match(prometheus, /ipbench_verdict\{test="discard",class="bulk",.*\} 0\n/);
  assert.match(
    prometheus,
    /ipbench_effect_seconds\{test="latency",class="victim",.*of="bulk",bound="estimate"\} 0\.0[12]\d*\n/,
  );
  const junit = await exportResults(documents, "junit");
  assert.match(junit, /tests="1"/);
  assert.match(junit, /class victim, VALID[\s\S]*class bulk, VALID[\s\S]*bulk changes victim/);
  const log = await exportResults(documents, "hlog");
  assert.match(log, /^Tag=response:victim,/m);
});
