import assert from "node:assert/strict";
import { viewsOf } from "../../results/document/class_view.ts";
import { parseDocument } from "../../results/document/parse.ts";
import { makeClassedDocument } from "../../tests/fixtures/classed_document.ts";
import { makeDocument } from "../../tests/fixtures/documents.ts";

Deno.test("each class has the sums of its own testers, and total is the first one's", () => {
  const document = makeClassedDocument();
  const [victim, bulk] = document.classes!;
  const own = document.clients.filter((client) => client.class === "victim");
  for (const key of ["sent", "ok", "lost"] as const) {
    assert.equal(victim!.counts![key], own.reduce((sum, { counts }) => sum + counts![key], 0));
  }
  assert.equal(
    victim!.latency.response!.count,
    own.reduce((sum, each) => sum + each.latency!.response!.count, 0),
  );
  assert.deepEqual([bulk!.counts, bulk!.latency.response, bulk!.rates?.sent_bps], [null, null, 50e6]);
  assert.deepEqual(document.total.counts, victim!.counts);
  assert.deepEqual(document.total.latency, victim!.latency);
  assert.deepEqual(document.total.histograms, victim!.histograms);
});

Deno.test("a class is active from its first start to its planned end, and the effect is found", () => {
  const document = makeClassedDocument({ addedNs: 20e6 });
  assert.deepEqual(document.classes!.map(({ active }) => active), [
    { start_ns: 5e9, end_ns: 17e9 },
    { start_ns: 9e9, end_ns: 13e9 },
  ]);
  const [effect, ...more] = document.effect!;
  assert.equal(more.length, 0);
  assert.deepEqual([effect!.before?.intervals, effect!.during?.intervals, effect!.after?.intervals], [
    80,
    80,
    80,
  ]);
  const { low, high } = effect!.added_ns!;
  assert.ok(low <= 20e6 && 20e6 <= high && high - low < 0.2e6, `${low} to ${high}`);
  const { low: least, high: most } = effect!.left_ns!;
  assert.ok(least <= 0 && 0 <= most, "nothing is left afterwards");
});

Deno.test("the run is as good as its worst class, and says which one that is", () => {
  const text = "the tester could not send as asked";
  const document = makeClassedDocument({ reason: { level: "INVALID", code: "rate-not-reached", text } });
  assert.deepEqual(document.classes!.map(({ verdict }) => verdict), ["VALID", "INVALID"]);
  assert.equal(document.run.verdict, "INVALID");
  assert.deepEqual(document.run.reasons, [`class bulk, 10.0.0.4: ${text}`]);
  assert.deepEqual(document.classes![1]!.reasons, [`10.0.0.4: ${text}`]);
  assert.deepEqual(document.run.details?.map((reason) => [reason.class, reason.host]), [[
    "bulk",
    "10.0.0.4",
  ]]);
});

Deno.test("a document with classes is read back whole, and taken apart class by class", () => {
  const document = makeClassedDocument();
  const read = parseDocument(JSON.stringify(document));
  assert.deepEqual(JSON.parse(JSON.stringify(read)), JSON.parse(JSON.stringify(document)));
  const views = viewsOf(read);
  assert.deepEqual(views.map((view) => view.class), ["victim", "bulk"]);
  assert.deepEqual(views.map((view) => view.document.test.name), ["latency", "discard"]);
  assert.deepEqual(views.map((view) => view.document.clients.length), [2, 2]);
  assert.equal(views[1]!.document.csv, document.classes![1]!.csv);
  const plain = makeDocument();
  assert.deepEqual(viewsOf(plain), [{ class: null, document: plain }]);
});
