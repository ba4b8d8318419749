import assert from "node:assert/strict";
import { makeDocument } from "../../../tests/fixtures/documents.ts";
import { chartSections } from "../charts/all.ts";
import { reportCsv, reportMarkdown } from "../formats.ts";
import { ReportBuilder } from "../model.ts";
import { allFigures, ownFigures } from "./own_figures.ts";
import { cards } from "./summary_cards.ts";

/** A run of two testers, each with a rate of its own, and a sink. */
function run(sleep: string, rates: [number, number]) {
  const document = makeDocument({ samples: 100, intervals: 2 });
  document.test.name = "forks";
  document.total = { counts: null, rates: null, latency: { response: null, service: null } };
  for (const [n, client] of document.clients.entries()) {
    client.args = `sleep=${sleep}`;
    client.rates =
      client.latency =
      client.counts =
      client.histograms =
        null;
    client.metrics = [
      { name: "forks", value: rates[n]!, unit: "1/s", total: "sum", better: "more" },
      { name: "tries", value: 1, unit: "", total: "sum", better: "unknown" },
    ];
  }
  document.targets[0]!.test = "sink";
  document.targets[0]!.metrics = [
    { name: "received_rate", value: 5e6, unit: "bit/s", total: "sum", better: "more" },
    { name: "cpu_use", value: 12, unit: "%", total: "mean", better: "less" },
  ];
  return document;
}

function model(...documents: ReturnType<typeof run>[]) {
  const builder = new ReportBuilder();
  for (const [n, document] of documents.entries()) builder.add(document, `${n}.json`);
  return builder.build("Forks");
}

Deno.test("the headline is of all testers, and says how it was put together", () => {
  const shown = cards(model(run("1ms", [116_241.6, 98_648.9])));
  const forks = shown.find((card) => card.name === "forks");
  assert.deepEqual([forks?.value, forks?.note], ["214891 1/s", "forks, sum of 2"]);
  const received = shown.find((card) => card.name === "received rate");
  assert.deepEqual([received?.value, received?.note], ["5 Mbit/s", "sink"]);
  assert.equal(shown.some((card) => card.name === "tries"), false);
});

Deno.test("two documents have a column, a row in Markdown and a curve for each figure", () => {
  const two = model(run("1ms", [10, 20 / 3]), run("2ms", [5, 10]), run("2ms", [6, 10]));
  const [header, first] = reportCsv(two).split("\n").map((line) => line.split(","));
  assert.equal(first![header!.indexOf("forks.forks")], "16.666667");
  assert.equal(first![header!.indexOf("forks.tries")], "2");
  assert.equal(first![header!.indexOf("sink.received_rate")], "5000000");
  assert.deepEqual(header!.filter((name) => /cpu/.test(name)), ["cpu_percent"]);
  assert.equal(first![header!.indexOf("cpu_percent")], "12");
  assert.match(reportMarkdown(two), /\| CPU \| forks \| received\\_rate \| runs \|/);
  const [chart] = chartSections(two).find((section) => section.id === "own")!.charts;
  assert.deepEqual(chart!.data, {
    columns: ["curve", "sleep, ms", "forks.forks", "lowest", "highest"],
    rows: [["forks", 1, 10 + 20 / 3, 10 + 20 / 3, 10 + 20 / 3], ["forks", 2, 15.5, 15, 16]],
  });
});

Deno.test("a meter's figures have places of their own", () => {
  const { points } = model(run("1", [1, 2]));
  assert.deepEqual(ownFigures(points).map(({ key }) => key), ["forks.forks", "sink.received_rate"]);
  assert.ok(allFigures(points).some(({ key }) => key === "sink.cpu_use"));
});
