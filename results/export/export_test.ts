import assert from "node:assert/strict";
import { parseXml } from "@rgrove/parse-xml";
import * as hdr from "hdr-histogram-js";
import { makeDocument } from "../../tests/fixtures/documents.ts";
import { histogramLog } from "./histogram_log.ts";
import { junitXml } from "./junit.ts";
import { cpuCharts } from "../report/charts/cpu.ts";
import { ReportBuilder } from "../report/model.ts";
import { originalHeader, originalRow } from "./original_csv.ts";
import { prometheusText } from "./prometheus.ts";

const documents = [
  makeDocument({ samples: 2000, intervals: 3 }),
  makeDocument({ samples: 2000, intervals: 3, at: 30, seed: 2 }),
];

function sources(of: typeof documents) {
  return of.map((document, n) => ({ file: `${n}.json`, document }));
}

Deno.test("HdrHistogram's log reader reads the log", () => {
  const log = histogramLog(documents);
  const reader = new hdr.HistogramLogReader(log);
  let count = 0;
  for (let h = reader.nextIntervalHistogram(); h !== null; h = reader.nextIntervalHistogram()) {
    count++;
    const one = h as hdr.Histogram;
    if (one.tag === "response") {
      assert.equal(one.totalCount, 4000);
      const expected = documents[0]!.total.latency.response!.p99_ns;
      const other = documents[1]!.total.latency.response!.p99_ns;
      const p99 = one.getValueAtPercentile(99);
      assert.ok([expected, other].some((ns) => Math.abs(p99 - ns) / ns < 0.002), `${p99}`);
    }
  }
  assert.equal(count, 2 * (2 + 4));
  assert.match(log, /^Tag=service:tester2\.lab\.example,30\.000,/m);
});

Deno.test("a damaged histogram is left out of the log", () => {
  const broken = makeDocument({ samples: 100, intervals: 2 });
  broken.total.histograms!.response = "AAAA";
  assert.doesNotMatch(histogramLog([broken]), /^Tag=response,/m);
});

Deno.test("Prometheus' text is well formed whatever the names", () => {
  const evil = makeDocument({ samples: 100, intervals: 2, seed: 3 });
  evil.targets[0]!.host = 'a"b\\c\nd';
  const text = prometheusText(sources([evil, ...documents]), true);
  for (const line of text.trim().split("\n")) {
    assert.match(
      line,
      /^(# (HELP|TYPE) ipbench_\w+ .+|ipbench_\w+\{(\w+="([^"\\\n]|\\["\\n])*",?)+\} -?[0-9.e+-]+)$/,
    );
  }
  assert.match(text, /ipbench_response_time_seconds\{.*quantile="0\.99"\} 0\.0000/);
  assert.match(text, /ipbench_response_time_seconds_count\{.*\} 4000/);
  assert.equal(text.match(/# TYPE ipbench_rate_bps/g)?.length, 1);
  const names = text.split("\n").map((line) => line.replace(/ [^ ]*$/, ""));
  assert.equal(new Set(names).size, names.length, "a line came twice");
});

Deno.test("Prometheus' labels tell every run apart, and two that they cannot are an error", () => {
  const made = (args: string, defaults = {}) => {
    const document = makeDocument({ samples: 100, intervals: 2 });
    for (const client of document.clients) client.args = args;
    document.test.defaults = defaults;
    return document;
  };
  const udp = made("socktype=udp,bps=50M");
  const tcp = made("bps=50M", { socktype: "tcp", size: "64" });
  const text = prometheusText(sources([udp, tcp]));
  assert.match(text, /ipbench_verdict\{[^}]*size="64",socktype="tcp",testers="2",under_test="10\.0\.0\.9"\}/);
  assert.match(text, /ipbench_verdict\{[^}]*socktype="udp"/);
  const long = "x".repeat(200); // what differs behind that is cut off
  assert.throws(
    () => prometheusText(sources([made(`start=${long}1`), made(`start=${long}2`)])),
    /^SameSeriesError/,
  );
  assert.throws(
    () => prometheusText(sources([udp, tcp, made("socktype=udp,bps=50M")])),
    /^SameSeriesError: 0\.json and 2\.json have the same test/,
  );
  const repeated = made("socktype=udp,bps=50M");
  repeated.run.id = "another";
  assert.equal(prometheusText(sources([udp, repeated]), true).match(/^ipbench_verdict\{/gm)?.length, 2);
});

Deno.test("two targets of one host are two samples, and two rows and bars of a report", () => {
  const document = makeDocument({ samples: 100, intervals: 2 });
  const [target] = document.targets;
  document.targets = [8037, 9037].map((port, n) => ({
    ...target!,
    ...{ host: "board.lab", port },
    metrics: [{ name: "cpu_use", value: 10 + n, unit: "%" }, { name: "cpu0_use", value: 10 + n, unit: "%" }],
  }));
  const text = prometheusText(sources([document]));
  assert.match(text, /^ipbench_target_cpu_percent\{[^}]*target="board\.lab:8037"\} 10$/m);
  assert.match(text, /^ipbench_target_cpu_percent\{[^}]*target="board\.lab:9037"\} 11$/m);
  const builder = new ReportBuilder();
  builder.add(document, "a.json");
  const charts = cpuCharts(builder.build("a")).map(({ title, data }) => [title, data.rows]);
  assert.deepEqual(
    charts,
    [8037, 9037].map((port, n) => {
      const name = `board.lab:${port}`;
      return [`Use of each CPU: ${name}`, [[name, 0, 10 + n]]];
    }),
  );
  document.targets = document.targets.slice(0, 1);
  assert.match(prometheusText(sources([document])), /target="board\.lab"\} 10$/m);
});

Deno.test("the tests' own figures are exported, those of all testers together", () => {
  const document = makeDocument({ samples: 100, intervals: 2 });
  document.total.metrics = [
    { name: "tries", value: 100 / 3, unit: "", total: "sum", better: "unknown", test: "forks", of: 2 },
    { name: "forks", value: 214_890.5, unit: "1/s", total: "sum", better: "more", test: "forks", of: 2 },
  ];
  assert.match(
    prometheusText(sources([document])),
    /^ipbench_metric\{.*of="forks",metric="forks",unit="1\/s"\} 214890\.5$/m,
  );
  assert.match(prometheusText(sources([document])), /metric="tries",unit=""\} 33\.333333$/m);
  assert.match(junitXml([{ file: "a.json", document }]), /forks\.forks 214891 1\/s/);
});

Deno.test("outages are exported, where somebody tells them", () => {
  const document = makeDocument({ samples: 100, intervals: 2 });
  assert.doesNotMatch(prometheusText(sources([document])), /ipbench_outages/);
  document.total.outages = {
    ...{ count: 2, packets: 5000, sum_ns: 0.6e9, longest_ns: 0.5e9 },
    ...{ stalls: 1, stall_sum_ns: 1e8, stall_longest_ns: 1e8 },
  };
  const text = prometheusText(sources([document]));
  assert.match(text, /^ipbench_outages\{[^}]*\} 2$/m);
  assert.match(text, /^ipbench_outage_packets\{[^}]*\} 5000$/m);
  assert.match(text, /^ipbench_dark_seconds\{[^}]*kind="outage_longest"\} 0\.5$/m);
  assert.match(text, /^ipbench_dark_seconds\{[^}]*kind="outage_sum"\} 0\.6$/m);
  assert.match(text, /^ipbench_dark_seconds\{[^}]*kind="stall_longest"\} 0\.1$/m);
  assert.match(text, /^ipbench_stalls\{[^}]*\} 1$/m);
});

Deno.test("JUnit counts failures and errors, and is XML whatever the texts", () => {
  const invalid = makeDocument({ samples: 100, intervals: 2 });
  invalid.run.verdict = "INVALID";
  invalid.run.reasons = ['<b>"&]]>\u0000'];
  const suspect = makeDocument({ samples: 100, intervals: 2 });
  suspect.run.verdict = "SUSPECT";
  const cases = [
    { file: "a.json", document: documents[0]! },
    { file: "b.json", document: invalid },
    { file: "c.json", document: suspect },
    { file: "d.json", error: "truncated" },
  ];
  for (const [strict, failures] of [[false, 1], [true, 2]] as const) {
    const suite = parseXml(junitXml(cases, strict)).root!;
    assert.deepEqual(
      [suite.attributes["tests"], suite.attributes["failures"], suite.attributes["errors"]],
      ["4", String(failures), "1"],
    );
  }
});

Deno.test("rows are what the plugins printed, else made from the totals", () => {
  const [document] = documents;
  assert.equal(originalRow(document!), document!.csv.trim().replaceAll(/CPU\d+: /g, ""));
  assert.match(originalHeader(document!)!, /^Requested_Throughput,.*CPU$/);
  const broken = { ...document!, csv: "", csv_header: null };
  const row = originalRow(broken)!.split(",");
  assert.equal(row.length, 9);
  assert.equal(row[3], "64");
  assert.equal(originalHeader(broken)!.split(",").length, 9);
  assert.equal(originalRow({ ...broken, test: { name: "dummy", args: "" } }), null);
});

Deno.test("testers of one host have tags of their own in the log", () => {
  const twins = makeDocument({ samples: 100, intervals: 2 });
  twins.clients.forEach((client, n) => Object.assign(client, { host: "10.0.0.1", port: 8036 + n }));
  const tags = [...histogramLog([twins]).matchAll(/^Tag=([^,]+)/gm)].map((match) => match[1]);
  assert.equal(new Set(tags).size, tags.length, tags.join(" "));
  assert.ok(tags.includes("response:10.0.0.1:8037"));
});
