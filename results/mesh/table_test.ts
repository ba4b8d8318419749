import assert from "node:assert/strict";
import type { MeshDocument } from "./document.ts";
import { parseMesh } from "./document.ts";
import { meshPage } from "./page.ts";
import { meshLines, meshRows, meshSentences, threeCharacters } from "./table.ts";

function documentOf(count: number): MeshDocument {
  const hosts = Array.from({ length: count }, (_, n) => ({
    name: `a-host-with-a-long-name-${n}.example.org`,
    host: `h${n}`,
    port: 8036,
    targetPort: 8037,
    address: `h${n}`,
  }));
  const pairs = hosts.flatMap((_, from) =>
    hosts.flatMap((_, to) =>
      from === to ? [] : [{
        from,
        to,
        round: 1,
        delay: {
          min_ns: 20_000,
          p50_ns: from + to === 3 ? 2_310_000 : 31_000 + 1_000 * from,
          p99_ns: 9e6,
          max_ns: 9e6,
        },
        sent: 500,
        lost: from === 2 && to === 1 ? 26 : 0,
        rate_bps: from === 0 && to === 1 ? null : 9.41e9,
        verdict: "VALID" as const,
        reason: null,
      }]
    )
  );
  return {
    format: "ipbench-mesh/1",
    ipbench: { version: "1.0.0", build: "test" },
    started: "2026-11-29T12:00:00.000Z",
    ended: "2026-11-29T12:01:00.000Z",
    interrupted: false,
    hosts,
    rounds: count - 1,
    delay_args: "socktype=udp",
    rate_args: "direction=up",
    both: true,
    pairs,
    findings: [{
      subject: "link",
      hosts: [1, 2],
      what: "delay",
      value: 2_310_000,
      expected: 31_000,
      deviations: 900,
      chance: null,
      sentence: "the link <1 – 2> is slow",
    }],
    summary: [],
  };
}

Deno.test("sixteen hosts fit into 80 columns, and no value is wider than its cell", () => {
  const lines = meshLines(documentOf(16), 80);
  assert.ok(lines.every((line) => line.length <= 80), lines.find((line) => line.length > 80));
  assert.equal(lines.filter((line) => /^\d+ a-host/.test(line)).length, 4 * 16);
  const seconds = lines.filter((line) => line.startsWith("2 a-host"));
  assert.ok(seconds.some((line) => /\*2\.3/.test(line)));
});

Deno.test("three characters hold a value of any size", () => {
  assert.deepEqual(
    [0, 0.004, 0.05, 0.996, 1, 9.94, 9.96, 99.4, 999.4, 999.6].map(threeCharacters),
    ["0", "0", ".05", "1.0", "1.0", "9.9", "10", "99", "999", "big"],
  );
});

Deno.test("a document is read back, and one that names hosts it does not have is refused", () => {
  const document = documentOf(4);
  assert.deepEqual(parseMesh(JSON.stringify(document)), document);
  assert.throws(() => parseMesh("{"), /cut short/);
  assert.throws(() => parseMesh(JSON.stringify({ ...document, rounds: -1 })), /rounds/);
  document.pairs[0]!.to = 9;
  assert.throws(() => parseMesh(JSON.stringify(document)), /a host that it does not have/);
});

Deno.test("the page escapes names, marks what was named, and shows what is missing", () => {
  const page = meshPage(documentOf(4), "A <mesh>");
  assert.ok(page.includes("A &lt;mesh&gt;") && page.includes("the link &lt;1 – 2&gt; is slow"));
  assert.equal(page.match(/class="h\d named"/g)?.length, 4);
  assert.ok(page.includes("not measured"));
  assert.ok(!/<script/.test(page));
});

Deno.test("that testers could not measure is told, on the page in its colour, too", () => {
  const mesh = documentOf(4);
  mesh.findings = [];
  assert.match(meshPage(mesh, "mesh"), /class="verdict VALID"/);
  mesh.pairs[1]!.verdict = "INVALID";
  Object.assign(mesh.pairs[2]!, { verdict: "INVALID", delay: null, rate_bps: null });
  assert.deepEqual(meshSentences(mesh).slice(-2), [
    "1 of 12 directions are INVALID: their testers could not measure them well",
    "1 of 12 directions were not measured",
  ]);
  assert.match(meshPage(mesh, "mesh"), /class="verdict SUSPECT"/);
});

Deno.test("one row a direction", () => {
  const rows = meshRows(documentOf(4));
  assert.equal(rows.length, 1 + 12);
  assert.equal(rows[0]!.length, rows[1]!.length);
});
