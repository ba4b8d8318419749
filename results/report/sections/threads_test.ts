import assert from "node:assert/strict";
import { makeDocument } from "../../../tests/fixtures/documents.ts";
import { reportHtml } from "../html.ts";
import { ReportBuilder } from "../model.ts";

Deno.test("a page shows each thread, and which was at its limit", () => {
  const made = makeDocument({ clients: 1 });
  const counts = made.clients[0]!.counts!;
  made.clients = made.clients.map((client) => ({
    ...client,
    threads: [{ thread: 0, cpu: 2, counts, at_limit: false }, {
      thread: 1,
      cpu: null,
      counts,
      at_limit: true,
    }],
  }));
  const builder = new ReportBuilder();
  builder.add(made, "one.json");
  const page = reportHtml(builder.build("Threads"));
  assert.match(page, /<h3>Threads<\/h3>/);
  assert.match(page, /0 on processor 2</);
  assert.match(page, />1, at its limit</);
  assert.doesNotMatch(page, />Running</);
});

Deno.test("a page shows the threads of both ends of a transfer, and how busy they were", () => {
  const made = makeDocument({ clients: 1 });
  const rates = { requested_bps: null, sent_bps: 2e9, received_bps: 1e9 };
  made.clients = made.clients.map((client) => ({
    ...client,
    threads: [{ thread: 0, cpu: 2, rates, running_share: 0.5, waiting_share: 0.25, at_limit: false }],
    target_threads: [{ thread: 0, cpu: 7, rates, running_share: 0.96, waiting_share: 0, at_limit: true }],
  }));
  const builder = new ReportBuilder();
  builder.add(made, "one.json");
  const page = reportHtml(builder.build("Threads"));
  const rows = page.slice(page.indexOf("<h3>Threads")).split("<tr>").slice(1, 4).map((row) =>
    [...row.matchAll(/<t[hd][^>]*>([^<]*)</g)].map(([, cell]) => cell)
  );
  const host = rows[1]![0]!;
  assert.equal(host, made.clients[0]!.host);
  assert.deepEqual(rows, [
    ["Tester", "Thread", "Sent", "Received", "Running", "Waiting"],
    [host, "0 on processor 2", "2 Gbit/s", "1 Gbit/s", "50 %", "25 %"],
    [`${host}&#39;s target`, "0 on processor 7, at its limit", "2 Gbit/s", "1 Gbit/s", "96 %", "0 %"],
  ]);
});

Deno.test("a run of one thread has no such table", () => {
  const builder = new ReportBuilder();
  builder.add(makeDocument({}), "one.json");
  assert.doesNotMatch(reportHtml(builder.build("Threads")), /<h3>Threads/);
});
