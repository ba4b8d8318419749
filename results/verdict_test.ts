import assert from "node:assert/strict";
import { makeDocument } from "../tests/fixtures/documents.ts";
import type { ResultDocument } from "./document.ts";
import { judge, verdictOf } from "./verdict.ts";

function document(change: (d: ResultDocument) => void): ResultDocument {
  const made = makeDocument({ samples: 1000, intervals: 2 });
  change(made);
  return made;
}

Deno.test("a run without reasons is VALID, with losses at the target too", () => {
  assert.deepEqual(judge(document(() => {})), { verdict: "VALID", reasons: [], details: [] });
  assert.equal(judge(makeDocument({ samples: 2000, bps: 2e9 })).verdict, "VALID");
});

Deno.test("each cause gives its verdict and a sentence that names the host", () => {
  const cases: [(d: ResultDocument) => void, string, RegExp, ("SUSPECT" | "INVALID")][] = [
    [
      (d) => d.clients[1]!.error = "SETUP: port 7 refused",
      "missing-client",
      /^tester2.*port 7 refused/,
      "SUSPECT",
    ],
    [(d) => d.targets[0]!.error = "stop timed out", "target-error", /^sut.*timed out/, "INVALID"],
    [
      (d) => d.clients[0]!.counts!.lost += 1,
      "accounting",
      /sent 1000 packets but accounts for 1001/,
      "INVALID",
    ],
    [
      (d) => d.clients[0]!.rates!.sent_bps! *= 0.95,
      "rate-not-reached",
      /9[45]\.\d % of the requested/,
      "SUSPECT",
    ],
    [(d) => d.clients[0]!.rates!.sent_bps! *= 0.5, "rate-not-reached", /% of the requested rate/, "INVALID"],
    [(d) => d.clients[0]!.clock!.error_ns = 6e6, "clock-error", /± 6\.0 ms/, "SUSPECT"],
    [(d) => d.clients[0]!.start!.actual_ns += 60e6, "start-skew", /60\.0 ms away/, "SUSPECT"],
    [(d) => d.run.interrupted = true, "interrupted", /interrupted/, "INVALID"],
    [(d) => d.run.failed = true, "failed", /did not come to its end/, "INVALID"],
    [(d) => d.clients = [], "no-clients", /no tester/, "INVALID"],
    [
      (d) => {
        d.clients[0]!.counts = { sent: 5, ok: 0, lost: 5, late: 0, corrupt: 0, duplicate: 0, reordered: 0 };
      },
      "no-answers",
      /no good answer/,
      "INVALID",
    ],
    [
      (d) => d.total.window = { start_ns: 0, end_ns: 1000 },
      "common-window",
      /together for \d+ % of the time/,
      "SUSPECT",
    ],
  ];
  for (const [change, code, text, verdict] of cases) {
    const found = judge(document(change));
    assert.equal(found.verdict, verdict, code);
    assert.equal(found.details[0]!.code, code);
    assert.match(found.reasons[0]!, text);
  }
});

Deno.test("the gravest comes first, a plugin's own word is not repeated, thresholds can be set", () => {
  const made = document((d) => {
    d.run.failed = true;
    d.clients[0]!.reasons = [{ level: "SUSPECT", code: "rate-not-reached", text: "own words" }];
    d.clients[0]!.rates!.sent_bps! *= 0.95;
    d.clients[1]!.error = "gone";
  });
  const found = judge(made);
  assert.deepEqual(found.details.map((r) => r.code), ["failed", "client-error", "rate-not-reached"]);
  assert.equal(found.details[2]!.text, "own words");
  const lenient = document((d) => d.clients[0]!.rates!.sent_bps! *= 0.95);
  assert.equal(judge(lenient, { sentShareSuspect: 0.9 }).verdict, "VALID");
  assert.equal(verdictOf([]), "VALID");
});
