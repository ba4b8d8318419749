import assert from "node:assert/strict";
import { makeDocument } from "../../tests/fixtures/documents.ts";
import { FRAMES } from "./chart.ts";
import { timelineCharts } from "./charts/timeline.ts";
import { ReportBuilder } from "./model.ts";

function chartOf(unit: string | null) {
  const document = makeDocument({ samples: 100, intervals: 4 });
  for (const client of document.clients) {
    if (unit !== null) client.engine = { series_unit: unit };
    // 125 MB in each interval.
    for (const point of client.series!) point.sent = point.ok = 125e6;
  }
  const builder = new ReportBuilder();
  builder.add(document, "run.json");
  const [chart] = timelineCharts(builder.build("run"));
  return chart!;
}

Deno.test("the course of a bulk transfer is in bits, that of packets in packets", () => {
  const bulk = chartOf("byte"), packets = chartOf(null);
  assert.deepEqual(bulk.legend.map(({ label }) => label), ["sent", "received", "lost"]);
  assert.deepEqual(packets.legend.map(({ label }) => label), ["sent", "answered", "lost"]);
  const unitOf = (chart: typeof bulk) => JSON.stringify(chart.options(FRAMES.wide).yAxis);
  assert.match(unitOf(bulk), /"Gbit\/s"/);
  assert.match(unitOf(packets), /"million packets\/s"/);
});
