import assert from "node:assert/strict";
import { makeDocument } from "../../../tests/fixtures/documents.ts";
import { ReportBuilder } from "../model.ts";
import { reportHtml } from "../html.ts";
import { reportMarkdown } from "../formats.ts";
import type { ResultDocument } from "../../document/document.ts";

/** A document of two testers: the way out is known of both, the way back of one. */
function document(): ResultDocument {
  const made = makeDocument({ clients: 2 });
  const summary = {
    ...made.clients[0]!.latency!.response!,
    min_ns: 4_900_000,
    p50_ns: 5_010_000,
    p99_ns: 5_500_000,
    max_ns: 9_000_000,
  };
  const about = { offset_ns: "7000000", error_ns: 260_000, reason: null };
  made.clients = made.clients.map((client, n) => ({
    ...client,
    latency: { ...client.latency!, forward: summary, backward: n === 0 ? summary : null },
    one_way: {
      clocks: "compared" as const,
      forward: about,
      backward: n === 0 ? about : { ...about, reason: "the clocks are <compared> to 260 µs only" },
    },
  }));
  made.total.latency = { ...made.total.latency, forward: summary, backward: null };
  made.total.one_way_error_ns = 260_000;
  return made;
}

Deno.test("page and Markdown show each way with its error, or why it is not known", () => {
  const builder = new ReportBuilder();
  builder.add(document(), "one.json");
  const model = builder.build("Ways");
  const page = reportHtml(model), text = reportMarkdown(model);
  assert.match(page, /Each way/);
  assert.match(page, /the clocks are &lt;compared&gt; to 260 µs only/);
  for (const whole of [page, text]) {
    assert.match(whole, /5\.01 ms/);
    assert.match(whole, /± 260 µs/);
    assert.match(whole, /not known of every tester/);
  }
  assert.equal(text.split("\n").filter((line) => / (forward|backward) /.test(line)).length, 6);
});

Deno.test("a run without ways has no such table", () => {
  const builder = new ReportBuilder();
  builder.add(makeDocument({}), "one.json");
  const model = builder.build("Ways");
  assert.doesNotMatch(reportHtml(model), /Each way/);
  assert.doesNotMatch(reportMarkdown(model), /forward/);
});
