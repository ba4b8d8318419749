import assert from "node:assert/strict";
import fc from "fast-check";
import { makeDocument } from "../../tests/fixtures/documents.ts";
import { DOCUMENT_TEXT_LIMIT, DocumentError, parseDocument } from "./parse.ts";
import { parsePluginResults, PluginResultsError } from "./plugin_results.ts";

const good = makeDocument({ samples: 500, intervals: 5 });
const text = JSON.stringify(good);

/** The document with one value replaced, by its path. */
function spoiled(path: string, value: unknown): string {
  const copy = JSON.parse(text);
  const keys = path.split(".");
  const last = keys.pop()!;
  let at = copy;
  for (const key of keys) at = at[key];
  if (value === undefined) delete at[last];
  else at[last] = value;
  return JSON.stringify(copy);
}

Deno.test("a good document comes back as it was, unknown keys included", () => {
  assert.deepEqual(parseDocument(text), JSON.parse(text));
  const more = JSON.parse(spoiled("clients.0.later", { a: 1 }));
  assert.deepEqual(parseDocument(JSON.stringify(more)), more);
});

Deno.test("what an original peer could not tell is null and stays so", () => {
  const original = makeDocument({ samples: 100, original: true });
  const read = parseDocument(JSON.stringify(original));
  assert.equal(read.clients[0]!.latency, null);
  assert.equal(read.total.counts, null);
});

Deno.test("every wrong key is named, with what was expected and found", () => {
  const cases: [string, unknown, RegExp][] = [
    ["format", "ipbench-result/2", /format: this ipbench reads "ipbench-result\/1".*ipbench-result\/2/],
    ["format", "x", /not a result document: format is "x"/],
    ["format", undefined, /format is missing/],
    ["run.verdict", "GREAT", /run\.verdict: expected .*VALID.*found "GREAT"/],
    ["run", undefined, /run: is missing/],
    ["clients", {}, /clients: expected a list, found an object/],
    ["clients.1.counts.sent", "12", /clients\[1\]\.counts\.sent: expected a number, found "12"/],
    ["clients.1.counts.sent", -1, /clients\[1\]\.counts\.sent: expected at least 0, found -1/],
    ["clients.1.counts.sent", 1.5, /clients\[1\]\.counts\.sent: expected a whole number, found 1.5/],
    ["clients.0.series.3.ok", null, /clients\[0\]\.series.*interval 3: ok: expected a number/],
    [
      "clients.0.latency.response.p99_ns",
      [],
      /latency\.response\.p99_ns: expected a number, found a list of 0/,
    ],
    ["clients.0.histograms.response", 7, /histograms\.response: expected a text, found 7/],
    ["total.rates", 3, /total\.rates: expected an object, found 3/],
    ["csv", null, /csv: expected a text, found null/],
    [
      "test.name",
      "x".repeat(70_000),
      /test\.name: expected a length of at most 65536, found a text of 70000/,
    ],
  ];
  for (const [path, value, message] of cases) {
    assert.throws(() => parseDocument(spoiled(path, value)), (error) => {
      assert.ok(error instanceof DocumentError);
      assert.match(error.message, message, path);
      return true;
    });
  }
});

Deno.test("a truncated text, an empty one and one that is no JSON say so", () => {
  assert.throws(() => parseDocument(text.slice(0, text.length / 2)), /truncated after \d+ characters/);
  assert.throws(() => parseDocument(""), /the file is empty/);
  assert.throws(() => parseDocument("{bad}"), /not JSON/);
  assert.throws(() => parseDocument("[]"), /expected a JSON object/);
});

Deno.test("nesting that would overflow a stack is refused", () => {
  const deep = `${'{"a":'.repeat(5000)}1${"}".repeat(5000)}`;
  assert.throws(
    () => parseDocument(text.replace('"config":{', `"config":{"deep":${deep},`)),
    /nested deeper/,
  );
});

Deno.test("a text beyond the limit is refused before it is read", () => {
  const huge = { length: DOCUMENT_TEXT_LIMIT + 1 } as string;
  assert.throws(() => parseDocument(huge), /result document has at most/);
});

Deno.test("ten thousand clients are read", () => {
  const client = good.clients[0]!;
  const many = { ...good, clients: Array.from({ length: 10_000 }, (_, i) => ({ ...client, host: `h${i}` })) };
  assert.equal(parseDocument(JSON.stringify(many)).clients.length, 10_000);
});

Deno.test("any value anywhere is read or refused by name", () => {
  const paths = [
    "clients.0.rates",
    "clients.0.metrics",
    "targets.0",
    "total",
    "run.details",
    "clients.1.start",
  ];
  fc.assert(fc.property(fc.constantFrom(...paths), fc.jsonValue(), (path, value) => {
    try {
      parseDocument(spoiled(path, value));
    } catch (error) {
      assert.ok(error instanceof DocumentError, String(error));
    }
  }));
});

Deno.test("a plugin's results are checked key by key", () => {
  assert.deepEqual(parsePluginResults({}), {});
  const some = { metrics: [{ name: "cpu", value: 1, unit: "%" }], extra: [1] };
  assert.deepEqual(parsePluginResults(some), some);
  for (
    const [json, message] of [
      [null, /expected a JSON object/],
      [[], /expected a JSON object/],
      [
        { metrics: [{ name: "cpu", value: "1", unit: "%" }] },
        /metrics\[0\]\.value: expected a number, found "1"/,
      ],
      [{ counts: { sent: 1 } }, /counts\.ok: is missing/],
      [{ reasons: [{ level: "BAD", code: "x", text: "y" }] }, /reasons\[0\]\.level/],
      [
        { rates: { requested_bps: 1, sent_bps: -5, received_bps: null } },
        /rates\.sent_bps: expected at least 0/,
      ],
    ] as [unknown, RegExp][]
  ) {
    assert.throws(() => parsePluginResults(json), (error) => {
      assert.ok(error instanceof PluginResultsError);
      assert.match(error.message, message);
      return true;
    });
  }
});
