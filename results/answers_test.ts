import assert from "node:assert/strict";
import { makeDocument } from "../tests/fixtures/documents.ts";
import { compareResults, exportResults, makeReport, type NamedResult } from "./answers.ts";
import { MetricError } from "./compare/metrics.ts";
import { SameSeriesError } from "./export/prometheus.ts";

function side(name: string, repetitions: number, slower = 1): NamedResult[] {
  return Array.from({ length: repetitions }, (_, n) => {
    const document = makeDocument({ samples: 1000, intervals: 1 });
    const { response } = document.total.latency;
    assert.ok(response);
    for (const key of ["p50_ns", "p99_ns"] as const) response[key] *= slower * (1 + n / 1000);
    document.run.id = `${name}-${n}`;
    return { file: `${name}-${n}.json`, document };
  });
}

Deno.test("a report in each of its formats, with what could not be read", async () => {
  const results = [...side("a", 2), { file: "b.json", error: "no such file" }];
  assert.match(await makeReport(results, { title: "Mine" }), /^<!doctype html>[^]*Mine[^]*b\.json/i);
  assert.match(
    await makeReport(results, { format: "markdown" }),
    /^# Results\n[^]*Not read: b\.json: no such file/,
  );
  const rows = (await makeReport(results, { format: "csv" })).trimEnd().split("\n");
  assert.equal(rows.length, 3);
  await assert.rejects(makeReport([{ file: "b.json", error: "x" }]), TypeError);
});

Deno.test("a comparison tells what got worse, what is missing, and what it could not have seen", async () => {
  const [a, b] = [side("a", 10), side("b", 10, 1.3)];
  const worse = await compareResults(a, b, { failIf: ["p99 +5%"] });
  assert.deepEqual(worse.failures.map(({ condition }) => condition.text), ["p99 +5%"]);
  assert.deepEqual([...new Set(worse.comparison.rows.map(({ metric }) => metric.name))], ["p99"]);
  assert.match(worse.markdown, /p99/);
  const same = await compareResults(a, a, { metrics: ["p50"], failIf: ["p999 +5%"] });
  assert.deepEqual([same.failures, same.missing], [[], []]);
  assert.deepEqual(same.comparison.rows.map(({ metric }) => metric.name), ["p50", "p99.9"]);
  const gone = side("b", 10);
  for (const { document } of gone) document.total.latency.response = null;
  assert.match((await compareResults(a, gone, { failIf: ["p99 +5%"] })).missing[0] ?? "", /^only A has /);
  assert.deepEqual((await compareResults(a, gone, { failIf: ["p99 +5%"], allow: ["missing"] })).missing, []);
  await assert.rejects(compareResults(a, b, { metrics: ["p98"] }), MetricError);
  await assert.rejects(compareResults(a, []), TypeError);
});

Deno.test("an export in each of its formats", async () => {
  const results = side("a", 2);
  assert.match(await exportResults(results, "hlog"), /HistogramLogVersion|Histogram log format/i);
  assert.match(
    await exportResults([...results, { file: "b.json", error: "x" }], "junit"),
    /tests="3" failures="\d" errors="1"/,
  );
  assert.match(await exportResults(results, "prometheus", { runLabel: true }), /^ipbench_packets\{/m);
  await assert.rejects(exportResults(results, "prometheus"), SameSeriesError);
});
