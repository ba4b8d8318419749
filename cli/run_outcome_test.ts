import assert from "node:assert/strict";
import { RESULT_FORMAT, type ResultDocument } from "../results/document/document.ts";
import { exitStatus, figuresLine, outcomeLines } from "./run_outcome.ts";

function documentWith(
  run: Partial<ResultDocument["run"]>,
  total: Partial<ResultDocument["total"]> = {},
): ResultDocument {
  return {
    format: RESULT_FORMAT,
    ipbench: { version: "1.0.0", build: "test" },
    run: { id: "1", started: "", ended: "", verdict: "VALID", reasons: [], ...run },
    config: {},
    test: { name: "latency", args: "" },
    clients: [],
    targets: [],
    total: { counts: null, rates: null, latency: { response: null, service: null }, ...total },
    csv: "",
  };
}

Deno.test("exit statuses", () => {
  assert.equal(exitStatus(documentWith({}), true), 0);
  assert.equal(exitStatus(documentWith({ verdict: "SUSPECT" }), false), 0);
  assert.equal(exitStatus(documentWith({ verdict: "SUSPECT" }), true), 3);
  assert.equal(exitStatus(documentWith({ verdict: "INVALID" }), false), 1);
  assert.equal(exitStatus(documentWith({ failed: true }), false), 1);
  assert.equal(exitStatus(documentWith({ verdict: "INVALID", failed: true, interrupted: true }), false), 130);
});

Deno.test("in the original's spelling a row is success, unless the run is asked to be strict", () => {
  const invalid = { ...documentWith({ verdict: "INVALID" }), csv: "1,2,3\n" };
  assert.equal(exitStatus(invalid, false, true), 0);
  assert.equal(exitStatus(invalid, true, true), 1);
  assert.equal(exitStatus({ ...documentWith({ verdict: "SUSPECT" }), csv: "1\n" }, true, true), 3);
  assert.equal(exitStatus({ ...invalid, csv: "" }, false, true), 1);
  assert.equal(
    exitStatus({ ...documentWith({ verdict: "INVALID", failed: true }), csv: "1\n" }, false, true),
    1,
  );
  assert.equal(exitStatus({ ...documentWith({ interrupted: true }), csv: "1\n" }, false, true), 130);
});

Deno.test("the verdict comes first, then the reasons, without control characters", () => {
  assert.deepEqual(
    outcomeLines(documentWith({ verdict: "SUSPECT", reasons: ["late", "bad\x1b[2J\nname"] })),
    [
      "SUSPECT",
      "  late",
      "  bad?[2J name",
    ],
  );
  assert.equal(outcomeLines(documentWith({ verdict: "INVALID", failed: true }))[0], "INVALID (failed)");
  const failed = documentWith({
    verdict: "INVALID",
    reasons: ["the run ended early: a: gone", "a: gone", "late"],
  });
  assert.deepEqual(outcomeLines(failed, ["a: gone"]), ["INVALID", "  late"]);
  const many = outcomeLines(documentWith({ reasons: Array.from({ length: 30 }, (_, i) => `r${i}`) }));
  assert.equal(many.length, 22);
  assert.equal(many.at(-1), "  … and 10 more");
});

Deno.test("figures are shown as far as they are known", () => {
  assert.equal(figuresLine(documentWith({})), null);
  const counts = { sent: 1000, ok: 990, lost: 10, late: 0, corrupt: 0, duplicate: 0, reordered: 0 };
  const rates = { requested_bps: 1e7, sent_bps: 1e7, received_bps: 9_900_000 };
  assert.equal(
    figuresLine(documentWith({}, { counts, rates })),
    "sent 1000, ok 990, loss 1 %, received 9.9 Mbit/s",
  );
  const metrics = [
    { name: "received_rate", value: 979e6, unit: "bit/s", better: "more", test: "sink", of: 1 },
    { name: "senders", value: 2, unit: "", better: "unknown", test: "sink", of: 1 },
    { name: "loss", value: 0.25, unit: "%", better: "less", test: "sink", of: 1 },
  ] as const;
  assert.equal(
    figuresLine(documentWith({}, { metrics: [...metrics] })),
    "received_rate 979 Mbit/s, loss 0.25 %",
  );
});
