import assert from "node:assert/strict";
import { examineGate, type KnownTest } from "./beforehand.ts";

const NONE: ReadonlySet<string> = new Set();
const LATENCY: KnownTest = { test: "latency", metrics: [], open: false, lacks: NONE };
const DISCARD: KnownTest = {
  test: "discard",
  metrics: [{ name: "sent_packets", unit: "" }],
  open: false,
  lacks: new Set(["p99", "loss"]),
};
const SINK: KnownTest = {
  test: "sink",
  metrics: [{ name: "received_rate", unit: "bit/s" }, { name: "loss", unit: "%" }, {
    name: "wait",
    unit: "ms",
  }],
  open: false,
  lacks: NONE,
};
const METER: KnownTest = {
  test: "cpu_target",
  metrics: [{ name: "cpu_use", unit: "%" }, { name: "cpu*", unit: "%" }],
  open: true,
  lacks: NONE,
};
const WRAPPER: KnownTest = { ...LATENCY, test: "wrapper", metrics: [{ name: "sum_*", unit: "" }] };

function found(metric: string, limit: string, client = LATENCY, ...targets: KnownTest[]) {
  const finding = examineGate({ metric, operator: "<", limit }, client, targets, "this run");
  return finding === null ? null : `${finding.kind} ${finding.about}: ${finding.text}`;
}

Deno.test("a name that no test gives is wrong, and the nearest ones are named", () => {
  assert.equal(
    found("p98", "1ms"),
    'wrong metric: this run has no figure "p98"; did you mean "p90" or "p99"?',
  );
  assert.match(
    found("sent_packet", "1", DISCARD)!,
    /^wrong metric: this run has no figure "sent_packet"; did you mean "sent_packets"\?$/,
  );
  assert.match(
    found("zzzzzzzz", "1", DISCARD)!,
    /; there are min, .*p99\.9, .*dark, sent_packets$/,
    "those that the test lacks, and the CPU use of no target, are not offered",
  );
  assert.doesNotMatch(found("zzzzzzzz", "1", DISCARD)!, / p99,| loss,|cpu/);
  assert.equal(found("p99.99", "1ms"), null);
  assert.equal(found("P999", "1ms"), null, "as compare --metric has it");
});

Deno.test("what a test cannot give is wrong, and its own figure of that name is offered", () => {
  assert.equal(found("p99", "1ms", DISCARD), "wrong metric: the test discard has no response p99");
  assert.equal(
    found("loss", "1%", DISCARD, SINK),
    "wrong metric: the test discard has no loss; there is sink.loss",
  );
  assert.equal(found("sink.loss", "1%", DISCARD, SINK), null);
  assert.match(found("cpu", "50%")!, /^wrong metric: this run has no target .*--target-test cpu_target/);
  for (const name of ["cpu", "cpu_use", "cpu_target.cpu_use"]) {
    assert.equal(found(name, "50%", LATENCY, METER), null, name);
  }
});

Deno.test("a limit in a unit that the figure does not have is wrong", () => {
  for (
    const [metric, limit, wanted] of [
      ["p99", "5%", "response p99 is compared with a time, such as 200us, not with 5%"],
      ["loss", "1", "loss is compared with a share, such as 0.1%, not with 1"],
      ["throughput", "1ms", "throughput is compared with a number, not with 1ms"],
      ["received_rate", "5%", "received_rate is compared with a number, not with 5%"],
      ["sink.wait", "5", "wait is compared with a time, such as 200us, not with 5"],
    ] as const
  ) assert.equal(found(metric, limit, LATENCY, SINK), `wrong limit: ${wanted}`);
  for (const metric of ["p99", "loss", "throughput", "wait", "sink.wait"]) {
    assert.equal(found(metric, "0", LATENCY, SINK), null, `${metric}: nothing is nothing in every unit`);
  }
});

Deno.test("of a test that may give other figures only the run can tell", () => {
  assert.match(
    found("pd.eth.cycles", "5k", LATENCY, METER)!,
    /^open metric: only the run can tell whether there is a figure "pd.eth.cycles": cpu_target may report one/,
  );
  assert.match(found("p98", "1ms", LATENCY, METER)!, /^open metric: .*did you mean "p90" or "p99"\?$/);
  assert.match(found("p99", "5%", LATENCY, METER)!, /^wrong limit/, "that one is known");
});

Deno.test("a name with * stands for any ending, in any unit", () => {
  assert.equal(found("sum_forks", "5ms", WRAPPER), null);
  assert.equal(found("wrapper.sum_forks", "5", WRAPPER), null);
  assert.match(found("sum_", "5", WRAPPER)!, /^wrong metric/, "the ending is missing");
  assert.match(found("total_forks", "5", WRAPPER)!, /^wrong metric/);
});
