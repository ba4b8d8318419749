import assert from "node:assert/strict";
import { makeDocument } from "../../tests/fixtures/documents.ts";
import type { ResultDocument } from "./document.ts";
import { judge, judgeClasses, verdictOf } from "./verdict.ts";

function document(change: (d: ResultDocument) => void): ResultDocument {
  const made = makeDocument({ samples: 1000, intervals: 2 });
  change(made);
  return made;
}

/** The first client, as one that gives no reasons of its own. */
function unjudged(d: ResultDocument): ResultDocument["clients"][number] {
  delete d.clients[0]!.reasons;
  return d.clients[0]!;
}

Deno.test("an original's few samples take an interval less than there are packets, which is no rate exceeded", () => {
  for (const [samples, verdict] of [[10, "VALID"], [1000, "INVALID"]] as const) {
    const document = makeDocument({ samples: 200, intervals: 2 });
    for (const client of document.clients) {
      delete client.reasons;
      client.rates!.sent_bps = client.rates!.requested_bps! * 10 / 9;
      client.latency!.service!.count = samples;
    }
    const { details } = judge(document);
    const found = details.filter(({ code }) => code === "rate-exceeded");
    assert.deepEqual([...new Set(found.map(({ level }) => level))], verdict === "VALID" ? [] : [verdict]);
  }
});

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
      (d) => {
        const client = d.clients[0]!;
        client.counts = { sent: 0, ok: 0, lost: 0, late: 0, corrupt: 0, duplicate: 0, reordered: 0 };
        client.metrics = [{
          name: "requested_rate",
          value: 0.5,
          unit: "1/s",
          total: "sum",
          better: "unknown",
        }];
        client.window = { start_ns: 1e9, end_ns: 1.5e9 };
        client.reasons = [];
        client.pacing = null;
      },
      "nothing-sent",
      /sent nothing in the measured phase: it took 500 ms, .* every 2 s: ask for a longer duration or a higher rate/,
      "INVALID",
    ],
    [
      (d) => d.clients[0]!.counts!.lost += 1,
      "accounting",
      /sent 1000 packets but accounts for 1001/,
      "INVALID",
    ],
    [
      (d) => unjudged(d).rates!.sent_bps! *= 0.95,
      "rate-not-reached",
      /9[45]\.\d % of the requested/,
      "SUSPECT",
    ],
    [(d) => unjudged(d).rates!.sent_bps! *= 0.5, "rate-not-reached", /% of the requested rate/, "INVALID"],
    [
      (d) => unjudged(d).rates!.sent_bps! *= 1.05,
      "rate-exceeded",
      /10[45]\.\d % of the requested/,
      "SUSPECT",
    ],
    [(d) => unjudged(d).rates!.sent_bps! *= 2, "rate-exceeded", /% of the requested rate/, "INVALID"],
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
      (d) => {
        d.total.window = { ...d.clients[0]!.window!, end_ns: d.clients[0]!.window!.start_ns + 1000 };
        delete d.clients[0]!.series;
      },
      "common-window",
      /^tester1.* together during \d+ % of its time/,
      "SUSPECT",
    ],
    [(d) => d.total.window = { start_ns: 9, end_ns: 9 }, "common-window", /at no time/, "INVALID"],
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
  const lenient = document((d) => unjudged(d).rates!.sent_bps! *= 0.95);
  assert.equal(judge(lenient, { sentShareSuspect: 0.9 }).verdict, "VALID");
  assert.equal(verdictOf([]), "VALID");
});

/** A run of discard: what each tester sent, and what the sink says. */
function discarded(sent: number[], sink: Record<string, number>): ResultDocument {
  const metrics = (values: Record<string, number>) =>
    Object.entries(values).map(([name, value]) => ({ name, value, unit: "" }));
  return document((d) => {
    d.clients = sent.map((sent_packets) => ({
      ...d.clients[0]!,
      counts: null,
      rates: null,
      reasons: [],
      metrics: metrics({ sent_packets }),
    }));
    d.targets = [{ ...d.targets[0]!, host: "sut", test: "sink", metrics: metrics(sink) }];
    d.total.window = null;
  });
}

Deno.test("a loss that the sink cannot see is computed from what the testers sent", () => {
  const judged = (sent: number[], sink: Record<string, number>) => judge(discarded(sent, sink));
  const all = { packets: 210, senders: 2, measured_sent: 200, measured_received: 190 };
  assert.equal(judged([100, 100], all).verdict, "VALID", "a loss that the sink sees is a result");
  const half = judged([100, 100], { packets: 101, senders: 1, measured_sent: 100, measured_received: 100 });
  assert.equal(half.verdict, "SUSPECT");
  assert.match(
    half.reasons[0]!,
    /^sut: knows of 100 of the 200 packets .*from 1 senders.* 50\.00 % were lost$/,
  );
  const none = judged([100], { packets: 0, senders: 0, measured_sent: 0, measured_received: 0 });
  assert.equal(none.verdict, "INVALID");
  assert.match(none.reasons[0]!, /none of the 100 packets/);
  const foreign = judged([100], all);
  assert.deepEqual(foreign.details.map((reason) => reason.code), ["foreign-packets"]);
});

Deno.test("a tester that judges itself is not judged by its rate again", () => {
  // Poisson arrivals, IMIX and bursts miss the rate by chance, which the plugin allows for, and limit_rate is its own.
  const content = document((d) => {
    d.clients[0]!.reasons = [];
    d.clients[0]!.rates!.sent_bps! *= 0.5;
  });
  assert.equal(judge(content).verdict, "VALID");
});

Deno.test("testers that stop one after another are no reason where their rates can be cut", () => {
  const made = document((d) => {
    const { start_ns, end_ns } = d.clients[0]!.window!;
    d.total.window = { start_ns, end_ns: start_ns + 0.6 * (end_ns - start_ns) };
  });
  assert.equal(judge(made).verdict, "VALID");
});

Deno.test("testers of one host are told apart by their ports, each with its own reasons", () => {
  const { reasons } = judge(document((d) => {
    for (const [n, client] of d.clients.entries()) {
      Object.assign(client, { host: "127.0.0.1", port: 8036 + n, error: "it is gone" });
    }
  }));
  const gone = reasons.filter((reason) => reason.endsWith("it is gone"));
  assert.deepEqual(gone.sort(), ["127.0.0.1:8036: it is gone", "127.0.0.1:8037: it is gone"]);
});

Deno.test("of a run that ended early a class without a result is INVALID, whoever's fault that was", () => {
  const made = makeDocument({ samples: 1000, intervals: 2, clients: 1 });
  const [client] = made.clients;
  const empty = {
    ...client!,
    host: "b",
    counts: null,
    rates: null,
    start: null,
    latency: null,
    metrics: [],
    reasons: [],
  };
  const run = { ...made, clients: [client!, empty], run: { interrupted: true } };
  const classes = [[client!], [empty]].map((clients, n) => ({
    name: ["victim", "bulk"][n]!,
    clients,
    targets: [],
    total: made.total,
  }));
  const { whole, classes: judged } = judgeClasses(run, classes, []);
  assert.deepEqual(judged.map(({ verdict }) => verdict), ["VALID", "INVALID"]);
  assert.deepEqual(whole.reasons, [
    "the run was interrupted",
    "class bulk: the run ended before its testers had a result",
  ]);
});
