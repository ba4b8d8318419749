import assert from "node:assert/strict";
import { seededNormal } from "../../tests/util/mod.ts";
import { makeDocument } from "../../tests/fixtures/documents.ts";
import type { ResultDocument } from "../document/document.ts";
import { type ReportPoint, reportPoints } from "../report/point.ts";
import { compareSides, DEFAULT_REPETITIONS, type Row } from "./compare.ts";
import { blind, failures, missing, parseFailIf } from "./fail_if.ts";
import { compareHtml } from "./html.ts";
import { compareMarkdown } from "./markdown.ts";
import { MetricError, metricOf, metricsOf } from "./metrics.ts";
import { changeText, findingText, intervalText, isBlind, valueText } from "./words.ts";

const template = reportPoints(makeDocument({ samples: 200, intervals: 2 }), "a.json")[0]!;

/** A run whose latencies scatter from run to run, and percentiles a little more of their own. */
function simulated(normal: () => number, slowdown: number, spread: number): ReportPoint {
  const run = slowdown * Math.exp(spread * normal());
  const response = {
    ...template.response!,
    p50_ns: 10_000 * run * Math.exp(0.002 * normal()),
    p99_ns: 25_000 * run * Math.exp(0.01 * normal()),
    p999_ns: 90_000 * run * Math.exp(0.05 * normal()),
  };
  const ok = 200_000 - Math.max(0, Math.round(3 + 2 * normal()));
  return {
    ...template,
    response,
    receivedBps: 1e8 * (1 + 1e-5 * normal()),
    counts: { ...template.counts!, sent: 200_000, ok, lost: 200_000 - ok },
  };
}

function side(
  normal: () => number,
  slowdown: number,
  spread: number,
  count = DEFAULT_REPETITIONS,
): ReportPoint[] {
  return Array.from({ length: count }, () => simulated(normal, slowdown, spread));
}

Deno.test("A/A comparisons raise a false alarm in at most 5 % of 200", () => {
  const normal = seededNormal(41);
  let alarms = 0;
  for (let i = 0; i < 200; i++) {
    const { rows } = compareSides(side(normal, 1, 0.02), side(normal, 1, 0.02));
    assert.equal(rows.length, 5);
    if (rows.some((row) => row.finding !== "none")) alarms++;
  }
  assert.ok(alarms <= 10, `${alarms} of 200`);
});

Deno.test("a 5 % latency shift is found in at least 95 % of 200 with the default repetitions", () => {
  const normal = seededNormal(42);
  let found = 0;
  let inside = 0;
  for (let i = 0; i < 200; i++) {
    const { rows } = compareSides(side(normal, 1, 0.02), side(normal, 1.05, 0.02));
    const p50 = rows.find((row) => row.metric.name === "p50")!;
    if (rows.some((row) => row.metric.kind === "time" && row.finding === "worse")) found++;
    if (p50.interval!.low <= 0.05 && 0.05 <= p50.interval!.high) inside++;
  }
  assert.ok(found >= 190, `found in ${found} of 200`);
  assert.ok(inside >= 184, `interval holds 5 % in ${inside} of 200`);
});

Deno.test("no difference seen says what would have been", () => {
  const normal = seededNormal(7);
  const comparison = compareSides(side(normal, 1, 0.02), side(normal, 1, 0.02));
  const text = compareMarkdown(comparison, { a: "before", b: "after" });
  assert.match(
    text,
    /\*\*No difference seen; the least sensitive figure, response p\S+ at .*, would have shown \S+ % or more\.\*\*/,
  );
  assert.match(text, /no difference seen; \d+(\.\d+)? % would have been/);
  assert.match(text, /independent of each other/);
  assert.match(text, /Mann–Whitney/);
});

Deno.test("where only a large change could have been seen nothing is called no difference, and it is counted", () => {
  const normal = seededNormal(7);
  const comparison = compareSides(side(normal, 1, 0.02), side(normal, 1, 0.02));
  for (const row of comparison.rows) {
    if (row.metric.name === "p50") Object.assign(row, { finding: "none", change: 0.001, detectable: 0.49 });
    if (row.metric.name === "p99") Object.assign(row, { finding: "none", change: 0.001, detectable: 17.04 });
  }
  const [p50, p99] = ["p50", "p99"].map((name) => comparison.rows.find((row) => row.metric.name === name)!);
  assert.deepEqual([isBlind(p50!), isBlind(p99!)], [false, true]);
  const text = compareMarkdown(comparison, { a: "a", b: "b" });
  assert.match(text, /response p99 .*cannot tell: only tenfold or more would have been seen/);
  assert.match(text, /response p50 .*no difference seen; 49 % would have been/);
  assert.match(
    text,
    /No difference seen, but 1 of 5 figures cannot tell; the least sensitive figure, response p99/,
  );
  const page = compareHtml(comparison, { a: "a", b: "b" });
  assert.match(page, /class="quiet"><span class="tag">cannot tell<\/span> only tenfold or more/);
});

Deno.test("on a narrow terminal each figure has lines of its own, with every number of the table", () => {
  const normal = seededNormal(3);
  const comparison = compareSides(side(normal, 1, 0.02), side(normal, 1.3, 0.02));
  const names = { a: "before", b: "after" };
  const paint = (row: Row, finding: string) => `<${row.finding} ${finding}>`;
  const narrow = compareMarkdown(comparison, names, [], { width: 80, paint });
  assert.doesNotMatch(narrow, /^\|/m);
  for (const row of comparison.rows) {
    const lines = narrow.split("\n");
    const at = lines.findIndex((line) => line.startsWith(`  ${row.metric.label} `));
    const values = [row.a, row.b].map((value) => valueText(row.metric, value));
    for (const text of [...values, changeText(row.metric, row.change), intervalText(row)]) {
      assert.ok(lines[at]!.includes(text), `${lines[at]} lacks ${text}`);
    }
    assert.equal(lines[at + 1], `    <${row.finding} ${findingText(row)}>`);
  }
  const wide = compareMarkdown(comparison, names, [], { width: 200, paint: (_, finding) => finding });
  assert.equal(wide, compareMarkdown(comparison, names));
});

Deno.test("too few repetitions are not tested, and that is said", () => {
  const normal = seededNormal(8);
  const comparison = compareSides(side(normal, 1, 0.02, 2), side(normal, 1.5, 0.02, 2));
  assert.ok(comparison.rows.every((row) => row.finding === "untested" && row.p === null));
  assert.match(compareMarkdown(comparison, { a: "a", b: "b" }), /too few repetitions to say/);
  assert.match(compareMarkdown(comparison, { a: "a", b: "b" }), /10 are recommended/);
});

Deno.test("what no repetitions could have shown beside so many figures is not called no difference, and fails a gate", () => {
  const normal = seededNormal(8);
  const [before, after] = [side(normal, 1, 0.02, 4), side(normal, 2, 0.02, 4)];
  // Four a side give 0.029 at best: enough for one figure, not for two.
  const alone = compareSides(before, after, { metrics: ["p50"] });
  assert.deepEqual(alone.rows.map((row) => row.finding), ["worse"]);
  const both = compareSides(before, after, { metrics: ["p50", "loss"] });
  const p50 = both.rows.find((row) => row.metric.name === "p50")!;
  assert.ok(p50.adjusted! > 0.05 && isBlind(p50), `${p50.adjusted}`);
  assert.equal(findingText(p50), "cannot tell: too few repetitions to test so many figures");
  assert.doesNotMatch(compareMarkdown(both, { a: "a", b: "b" }), /no difference seen/i);
  assert.equal(failures(both, [parseFailIf("p50 +5%")]).length, 1);
  assert.equal(failures(both, [parseFailIf("p50 +500%")]).length, 0);
});

Deno.test("a figure that never varies is no difference, however few the repetitions", () => {
  const normal = seededNormal(8);
  const still = (count: number) =>
    side(normal, 1, 0.02, count).map((point) => ({ ...point, receivedBps: 1e8 }));
  const { rows } = compareSides(still(4), still(4));
  const findings = Object.fromEntries(rows.map((row) => [row.metric.name, row.finding]));
  assert.equal(findings["throughput"], "none");
  assert.equal(findings["p50"], "untested");
  const halved = still(4).map((point) => ({ ...point, response: { ...point.response!, p50_ns: 5000 } }));
  const text = compareMarkdown(compareSides(still(4), halved, { metrics: ["p50", "throughput"] }), {
    a: "a",
    b: "b",
  });
  assert.match(text, /\*\*No difference seen, but 1 of 2 figures cannot tell\.\*\*/);
});

function points(change: (d: ResultDocument) => void, options = {}): ReportPoint[] {
  return [1, 2, 3].map((seed) => {
    const made = makeDocument({ samples: 300, intervals: 2, seed, ...options });
    change(made);
    return reportPoints(made, `${seed}.json`)[0]!;
  });
}

Deno.test("what is not comparable is refused, with the reason, unless told otherwise", () => {
  const base = points(() => {});
  const cases: [ReportPoint[], string, RegExp][] = [
    [points(() => {}, { kernel: "6.12.1" }), "kernel", /kernel is 6\.18\.5-amd64 in A and 6\.12\.1 in B/],
    [points(() => {}, { size: 512 }), "size", /size is 64 in A and 512 in B/],
    [points((d) => d.run.verdict = "INVALID"), "invalid", /3 of 3 runs of B are INVALID/],
    [points((d) => d.test.name = "latency-check"), "test", /test is latency in A and latency-check in B/],
    [points(() => {}, { clients: 3, bps: 100e6 }), "testers", /2 tester\(s\) in A and 3 in B/],
  ];
  const words = cases.map(([, what]) => what);
  for (const [other, what, message] of cases) {
    for (const allow of [new Set<string>(), new Set(words.filter((word) => word !== what))]) {
      const refused = compareSides(base, other, { allow });
      assert.equal(refused.rows.length, 0, `${message}, allowed: ${[...allow].join()}`);
      assert.deepEqual(refused.pairing.refusals.map((refusal) => refusal.what), [what]);
      assert.match(refused.pairing.refusals[0]!.text, message);
    }
    const allowed = compareSides(base, other, { allow: new Set([what]) });
    assert.ok(allowed.rows.length > 0, `${message}: allowed`);
    assert.match(compareMarkdown(allowed, { a: "a", b: "b" }), /Compared all the same/);
  }
});

Deno.test("a SUSPECT repetition is compared with VALID ones", () => {
  const base = points(() => {});
  const one = [...base.slice(0, 2), ...points((d) => d.run.verdict = "SUSPECT").slice(2)];
  assert.equal(compareSides(base, one).rows.length, 5);
});

Deno.test("a gate says what only A has, and what it could not have seen", () => {
  const a = [...points(() => {}), ...points(() => {}, { bps: 300e6 })];
  const p99 = [parseFailIf("p99 +5%")];
  assert.deepEqual(missing(compareSides(a, points(() => {})), p99), [
    "only A has the point 64 B, 300 Mbit/s",
  ]);
  const without = a.map((point) => ({ ...point, response: null }));
  assert.deepEqual(missing(compareSides(a, without), p99), [
    "only A has response p99 at 64 B, 100 Mbit/s",
    "only A has response p99 at 64 B, 300 Mbit/s",
  ]);
  assert.deepEqual(missing(compareSides(points(() => {}), a), p99), []);
  const normal = seededNormal(11);
  const noisy = compareSides(side(normal, 1, 0.3, 5), side(normal, 1.02, 0.3, 5));
  assert.match(
    blind(noisy, p99)[0]!,
    /"p99 \+5%" could not have seen such a change at .*: only \d+(\.\d+)? % or more/,
  );
  const quiet = compareSides(side(normal, 1, 0.001), side(normal, 1, 0.001));
  assert.deepEqual(blind(quiet, p99), []);
});

Deno.test("a large change that could be chance is not called no difference, on the page it is grey", () => {
  const normal = seededNormal(12);
  const comparison = compareSides(side(normal, 1, 0.5, 5), side(normal, 1.3, 0.5, 5));
  const p50 = comparison.rows.find((row) => row.metric.name === "p50")!;
  assert.equal(p50.finding, "none");
  assert.ok(Math.abs(p50.change) > 0.05 && p50.detectable! > Math.abs(p50.change));
  const text = compareMarkdown(comparison, { a: "a", b: "b" });
  assert.match(text, /cannot tell: only \d+ % or more would have been seen/);
  assert.match(
    text,
    /\*\*(Cannot tell: no figure would have shown less than a large change|No difference seen, but \d of 5 figures cannot tell); the least sensitive figure, response p\S+ at .*, would have shown \d+ % or more\.\*\*/,
  );
  const page = compareHtml(comparison, { a: "a", b: "b" });
  assert.match(page, /class="verdict neutral"/);
  assert.doesNotMatch(page, /class="(verdict|tag) VALID"/);
});

Deno.test("points pair by arguments and load; the rest is listed", () => {
  const a = [...points(() => {}), ...points(() => {}, { bps: 300e6 })];
  const b = [...points(() => {}, { bps: 300e6 }), ...points(() => {}, { bps: 500e6 })];
  const { pairing } = compareSides(a, b);
  assert.deepEqual(pairing.pairs.map((pair) => [pair.label, pair.a.length, pair.b.length]), [[
    "64 B, 300 Mbit/s",
    3,
    3,
  ]]);
  assert.deepEqual(pairing.unmatched.map((cell) => `${cell.side} ${cell.label}`), [
    "A 64 B, 100 Mbit/s",
    "B 64 B, 500 Mbit/s",
  ]);
});

Deno.test("points that have one size and load are told apart by the argument in which they differ", () => {
  const of = (direction: string) => {
    const document = makeDocument({ samples: 200 });
    for (const client of document.clients) client.args += `,direction=${direction}`;
    return reportPoints(document, "x.json")[0]!;
  };
  const both = ["up", "down", "both"].map(of);
  const { pairing } = compareSides(both, both);
  assert.deepEqual(pairing.pairs.map(({ label }) => label).sort(), [
    "64 B, 100 Mbit/s, direction both",
    "64 B, 100 Mbit/s, direction down",
    "64 B, 100 Mbit/s, direction up",
  ]);
});

Deno.test("many points are tested together as well", () => {
  const at = (bps: number, slowdown: number, seed: number) =>
    reportPoints(
      makeDocument({ bps, slowdown, seed, samples: 2000, intervals: 2, spread: 0.001 }),
      "x.json",
    )[0]!;
  const loads = [50e6, 100e6, 150e6, 200e6, 250e6, 300e6, 350e6];
  const { overall, rows } = compareSides(
    loads.map((bps, i) => at(bps, 1, i + 1)),
    loads.map((bps, i) => at(bps, 1.05, i + 101)),
  );
  assert.ok(rows.every((row) => row.finding === "untested"));
  const p50 = overall.find((one) => one.metric.name === "p50")!;
  assert.equal(p50.points, 7);
  assert.ok(p50.change > 0.03 && p50.change < 0.07, String(p50.change));
  assert.ok(p50.p < 0.05);
});

Deno.test("fail conditions are met by real changes in their direction only", () => {
  const normal = seededNormal(9);
  const slower = compareSides(side(normal, 1, 0.01), side(normal, 1.1, 0.01));
  const faster = compareSides(side(normal, 1.1, 0.01), side(normal, 1, 0.01));
  const same = compareSides(side(normal, 1, 0.05), side(normal, 1, 0.05));
  const p99 = [parseFailIf("p99 +5%")];
  assert.equal(failures(slower, p99).length, 1);
  assert.equal(failures(slower, [parseFailIf("p99 +20%")]).length, 0);
  assert.equal(failures(faster, p99).length, 0);
  assert.equal(failures(faster, [parseFailIf("p99 -5%")]).length, 1);
  assert.equal(failures(same, [parseFailIf("p99 +0%")]).length, 0);
  for (const wrong of ["p99", "p99 5%", "p98 +5%", "+5%", "p99 +x%"]) {
    assert.throws(() => parseFailIf(wrong), /expected a metric|no metric/, wrong);
  }
  assert.equal(parseFailIf("loss +0.1%").limit, 0.1);
  assert.equal(parseFailIf("throughput -2%").limit, -0.02);
});

Deno.test("the page escapes what users wrote and has no script", () => {
  const evil = points((d) => d.run.reasons = []);
  for (const point of evil) point.params.set("size", '<script>alert("x")</script>');
  const page = compareHtml(compareSides(evil, evil), { a: "<img src=x onerror=1>", b: "</title><script>" });
  assert.doesNotMatch(page, /<script|<img/i);
  assert.match(page, /&lt;script&gt;/);
});

/** Runs of a test that reports a rate of its own and no round trip. */
function ownRuns(rates: readonly number[], better: "more" | "unknown" = "more"): ReportPoint[] {
  return rates.map((value, n) => {
    const made = makeDocument({ samples: 100, intervals: 2 });
    made.test.name = "forks";
    made.total = { counts: null, rates: null, latency: { response: null, service: null } };
    made.total.metrics = [{ name: "forks", value, unit: "1/s", total: "sum", better, test: "forks", of: 2 }];
    return reportPoints(made, `${n}.json`)[0]!;
  });
}

Deno.test("a test's own figures are compared, and fail a gate", () => {
  const a = ownRuns([100, 101, 99, 100.5, 99.5]);
  const b = ownRuns([80, 81, 79, 80.5, 79.5]);
  const comparison = compareSides(a, b);
  assert.deepEqual(comparison.rows.map(({ metric, finding }) => [metric.name, finding]), [[
    "forks",
    "worse",
  ]]);
  assert.match(compareMarkdown(comparison, { a: "a", b: "b" }), /\| forks +\| 100 1\/s \| 80 1\/s \| −20 %/);
  const known = metricsOf([...a, ...b]);
  assert.equal(failures(comparison, [parseFailIf("forks -5%", known)]).length, 1);
  assert.equal(failures(comparison, [parseFailIf("forks -50%", known)]).length, 0);
  assert.throws(() => parseFailIf("spoons -5%", known), /no metric "spoons"; there are .*, forks/);
  const unsure = compareSides(
    ownRuns([100, 101, 99, 100.5, 99.5], "unknown"),
    ownRuns([80, 81, 79, 80.5, 79.5], "unknown"),
    {
      metrics: ["forks"],
    },
  );
  assert.equal(unsure.rows[0]!.finding, "changed");
});

Deno.test("a figure whose name every test has is known by its test's, too", () => {
  const [point] = ownRuns([1]);
  const lossy = { ...point!, metrics: [{ name: "loss", value: 3, unit: "%", test: "sink", of: 1 }] };
  const known = metricsOf([lossy]);
  assert.equal(known.find(({ name }) => name === "sink.loss")?.pick(lossy), 3);
  assert.notEqual(known.find(({ name }) => name === "loss")?.pick(lossy), 3);
});

Deno.test("metrics have one name, and are found by the keys of documents and columns, too", () => {
  const names = [
    "p999",
    "p99.9",
    "service-p9999",
    "service.p99.99",
    "cpu_percent",
    "CPU",
    "cpu_target.cpu_use",
  ].map((name) => metricOf(name).name);
  assert.deepEqual(names, ["p99.9", "p99.9", "service-p99.99", "service-p99.99", "cpu", "cpu", "cpu"]);
  assert.throws(
    () => metricOf("p98"),
    (error) => error instanceof MetricError && error.typed?.name === "p98",
  );
});

/** A run that was dark for so long at the most; 0: not at all. */
function darkFor(longest_ns: number): ReportPoint {
  const count = longest_ns > 0 ? 1 : 0;
  const stalls = { stalls: 0, stall_sum_ns: 0, stall_longest_ns: 0 };
  const total = { count, packets: 10 * count, sum_ns: longest_ns, longest_ns, ...stalls };
  return { ...template, outages: { ...template.outages, total } };
}

Deno.test("an outage where there was none is compared by its length, and gates as it should", () => {
  const none = Array.from({ length: 10 }, () => darkFor(0));
  const dark = Array.from({ length: 10 }, (_, n) => darkFor(500e6 + n * 1e6));
  const options = { metrics: ["longest-outage"] };
  const condition = parseFailIf("longest-outage +10%");
  const worse = compareSides(none, dark, options);
  const [row] = worse.rows;
  assert.ok(row);
  assert.deepEqual(
    [valueText(row.metric, row.a), changeText(row.metric, row.change), row.finding],
    ["no outage", "+505 ms", "worse"],
  );
  assert.equal(failures(worse, [condition]).length, 1);
  assert.deepEqual(blind(worse, [condition]), []);
  const better = compareSides(dark, none, options);
  assert.deepEqual([better.rows[0]!.finding, changeText(row.metric, better.rows[0]!.change)], [
    "better",
    "−505 ms",
  ]);
  assert.equal(failures(better, [condition]).length, 0);
  const [same] = compareSides(none, none, options).rows;
  assert.deepEqual([same!.finding, findingText(same!)], ["none", "no difference seen (runs do not scatter)"]);
  assert.match(
    compareMarkdown(worse, { a: "A", b: "B" }),
    /longest outage \| no outage \| 50\d ms \| \+505 ms/,
  );
  assert.match(compareHtml(worse, { a: "A", b: "B" }), /no outage/);
});
