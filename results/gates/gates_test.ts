import assert from "node:assert/strict";
import { parseXml } from "@rgrove/parse-xml";
import { makeClassedDocument } from "../../tests/fixtures/classed_document.ts";
import { makeDocument } from "../../tests/fixtures/documents.ts";
import { parseDocument } from "../document/parse.ts";
import { junitXml } from "../export/junit.ts";
import { gateLine, judgeGates } from "./gates.ts";
import type { Gate } from "./limit.ts";

const gate = (metric: string, operator: Gate["operator"], limit: string): Gate => ({
  metric,
  operator,
  limit,
});

Deno.test("figures are compared in their own units, and what is not there is not as expected", () => {
  const document = makeDocument({ samples: 2000, intervals: 2 });
  const p99 = document.total.latency.response!.p99_ns;
  document.total.metrics = [
    { name: "wait", value: 3, unit: "ms", total: "max", better: "less", test: "forks", of: 1 },
    { name: "forks", value: 1500, unit: "1/s", total: "sum", better: "more", test: "forks", of: 1 },
  ];
  const cases: [Gate, boolean, RegExp][] = [
    [gate("p99", "<", `${p99 + 1}ns`), true, /^response p99 .*s$/],
    [gate("p99", "<", `${p99}ns`), false, /^response p99/],
    [gate("p99", "<=", `${p99}ns`), true, /^response p99/],
    [gate("loss", "<=", "0%"), true, /^loss 0 %$/],
    [gate("throughput", ">", "90M"), true, /bit\/s$/],
    [gate("throughput", ">=", "2G"), false, /bit\/s$/],
    [gate("wait", "<", "4ms"), true, /^wait 3 ms$/],
    [gate("wait", "<", "2999us"), false, /^wait 3 ms$/],
    [gate("forks", ">", "1k"), true, /^forks 1\s?500 1\/s$/u],
    [gate("forks", ">", "1ms"), false, /compared with a number, not with 1ms/],
    [gate("longest-outage", "<", "1s"), false, /longest outage is not known/],
    [gate("trhoughput", ">", "1"), false, /no figure of that name.*throughput/],
  ];
  const results = judgeGates(document, cases.map(([each]) => each));
  for (const [n, [{ metric }, met, text]] of cases.entries()) {
    assert.equal(results[n]!.met, met, metric);
    assert.match(results[n]!.text, text);
  }
  assert.match(gateLine(results[1]!), /^NOT as expected: p99<\d+ns \(response p99 .*\)$/);
});

Deno.test("a figure is found under all its names, and its result has the one that tables have", () => {
  const document = makeDocument({ samples: 2000, intervals: 2 });
  document.total.metrics = [
    { name: "loss", value: 3, unit: "%", total: "max", better: "less", test: "sink", of: 1 },
    { name: "Packets", value: 5, unit: "", total: "sum", better: "more", test: "sink", of: 1 },
  ];
  const typed = ["p999", "P99", "sink.loss", "sink.packets", "packets"];
  const results = judgeGates(document, typed.map((name) => gate(name, ">", "0")));
  assert.deepEqual(results.map(({ metric }) => metric), ["p99.9", "p99", "sink.loss", "packets", "packets"]);
  assert.deepEqual(results.slice(2).map(({ value, met }) => [value, met]), [[3, true], [5, true], [5, true]]);
});

Deno.test("in JUnit each gate is a case named after its point; a document keeps its gates", () => {
  const document = makeDocument({ samples: 2000, intervals: 2 });
  document.gates = judgeGates(document, [gate("loss", "<=", "0%"), gate("p99", "<", "1ns")]);
  const kept = parseDocument(JSON.stringify(document));
  const suite = parseXml(junitXml([{ file: "a.json", document: kept }])).root!;
  assert.deepEqual([suite.attributes["tests"], suite.attributes["failures"]], ["3", "1"]);
  const names = [
    ...junitXml([{ file: "a.json", document: kept }]).matchAll(/testcase classname="(\S+)" name="([^"]+)"/g),
  ];
  assert.deepEqual(names.map(([, of, name]) => [of, name]), [
    ["ipbench.latency", "a.json"],
    ["ipbench.latency", "64 B, 100 Mbit/s: loss &lt;= 0%"],
    ["ipbench.latency", "64 B, 100 Mbit/s: p99 &lt; 1ns"],
  ]);
});

Deno.test("a gate without a class is about each, one with a class about that", () => {
  const document = makeClassedDocument();
  const names = document.classes!.map(({ name }) => name);
  const all = judgeGates(document, [gate("throughput", ">", "0")]);
  assert.deepEqual(all.map((result) => result.class), names);
  const one = judgeGates(document, [{ ...gate("throughput", ">", "0"), class: names[1]! }]);
  assert.deepEqual(one.map((result) => result.class), [names[1]]);
  document.classes![1]!.test = "stream";
  document.gates = all;
  const cases = junitXml([{ file: "a.json", document }]).matchAll(
    /classname="(\S+)" name="(\w+), [^"]* &gt; 0"/g,
  );
  assert.deepEqual([...cases].map(([, of, name]) => [of, name]), [
    ["ipbench.latency", names[0]],
    ["ipbench.stream", names[1]],
  ]);
});
