import assert from "node:assert/strict";
import { makeDocument } from "../tests/fixtures/documents.ts";
import { TemporaryFolder } from "../tests/fixtures/folders.ts";
import {
  bencherJson,
  benchstatText,
  History,
  historyRun,
  otavaConfig,
  otavaCsv,
  type SeriesWithRuns,
} from "./mod.ts";

/** Three runs of one series, the last two repetitions of one sweep, and an INVALID one. */
function withSeries(work: (all: SeriesWithRuns[], history: History) => void): void {
  using folder = TemporaryFolder.make();
  using history = History.open(`${folder.path}/h.sqlite`, "write");
  for (let n = 0; n < 4; n++) {
    const document = makeDocument({ samples: 500, intervals: 2, seed: n + 1, at: 60 * n });
    document.run.verdict = n === 3 ? "INVALID" : "VALID";
    const commit = { id: `${n}`.repeat(40), tag: n === 0 ? 'v"1, 0' : null, dirty: false };
    history.add(historyRun(document, { commit, ...n > 0 && { batch: "sweep" } }));
  }
  work(history.series().map((series) => ({ series, runs: history.runsOf(series.id) })), history);
}

Deno.test("Otava's CSV has a row for each usable run, all of one width, and a configuration that names its columns", () => {
  withSeries((all, history) => {
    const [one] = all;
    const lines = otavaCsv(one!).trimEnd().split("\n");
    assert.equal(lines.length, 1 + 3);
    const header = lines[0]!.split(",");
    assert.deepEqual(header.slice(0, 6), ["time", "commit", "tag", "run", "verdict", "min"]);
    assert.match(lines[1]!, /^2026-11-22T22:00:00\.000Z,0{40},"v""1, 0",/);
    const values = lines[2]!.split(",");
    assert.equal(values.length, header.length);
    assert.equal(Number(values[header.indexOf("p99")]), one!.runs[1]!.figures["p99"]);
    for (const value of values.slice(5)) assert.ok(Number.isFinite(Number(value)), value);
    const config = otavaConfig([{ ...one!, file: "a.csv" }], history.metrics());
    assert.match(config, /"p99": \{ column: "p99", direction: -1 \}/);
    assert.match(config, /"throughput": \{ column: "throughput", direction: 1 \}/);
  });
});

Deno.test("Bencher gets the newest observation, of repetitions with their range", () => {
  withSeries((all) => {
    const [[name, measures], ...others] = Object.entries(JSON.parse(bencherJson(all))) as [
      [string, Record<string, { value: number; lower_value: number; upper_value: number }>],
    ];
    assert.equal(others.length, 0);
    assert.match(name, /^latency .*size=64.* testers=2 [0-9a-f]{10}$/);
    const values = all[0]!.runs.slice(1, 3).map(({ figures }) => figures["p50"]!);
    assert.deepEqual(measures["p50"], {
      value: (values[0]! + values[1]!) / 2,
      lower_value: Math.min(...values),
      upper_value: Math.max(...values),
    });
  });
});

Deno.test("benchstat's text is Go's benchmark format: a name with a capital, iterations, pairs of value and unit", () => {
  withSeries((all, history) => {
    const text = benchstatText(all, history.metrics()).trimEnd().split("\n");
    const units = text.filter((line) => line.startsWith("Unit "));
    assert.ok(
      units.includes("Unit p99-ns better=lower") && units.includes("Unit throughput-bit/s better=higher"),
    );
    const lines = text.slice(units.length);
    assert.deepEqual(lines.map((line) => line.split(" ")[0]!.replace(/\/.*/, "")), [
      "commit:",
      "BenchmarkLatency",
      "commit:",
      "BenchmarkLatency",
      "commit:",
      "BenchmarkLatency",
    ]);
    assert.equal(lines[0], 'commit: v"1,_0');
    const [name, iterations, ...pairs] = lines[1]!.split(" ");
    assert.match(name!, /^BenchmarkLatency(\/\S+=\S+|\/\S+)+$/);
    assert.equal(iterations, "1");
    assert.equal(pairs.length % 2, 0);
    for (let n = 0; n < pairs.length; n += 2) assert.ok(Number.isFinite(Number(pairs[n])), pairs[n]);
    assert.ok(pairs.includes("p99-ns") && pairs.includes("throughput-bit/s"));
  });
});
