import assert from "node:assert/strict";
import { deflateSync } from "node:zlib";
import { seededRandom } from "../../base/random.ts";
import { Histogram } from "../../results/document/histogram.ts";
import { encodeHistogram } from "../../results/document/histogram_codec.ts";
import { makeDocument } from "../../tests/fixtures/documents.ts";
import { codeDocument, documentText } from "./document.ts";

const SEEDS = Deno.env.get("IPBENCH_TEST_QUICK") === "1" ? 60 : 400;

/** A histogram of so many values, spread as the exponent says. */
function histogram(random: () => number, count: number, times = 1): Histogram {
  const made = new Histogram();
  const reach = 3 + 30 * random();
  for (let n = 0; n < count; n++) made.record(Math.floor(2 ** (reach * random())), times);
  return made;
}

/** Texts as they stand in documents, and others that only look so. */
function textOf(random: () => number): string {
  const few = Math.floor(2 ** (12 * random()));
  const large = random() < 0.2 ? 2 ** Math.floor(40 * random()) : 1;
  const text = encodeHistogram(histogram(random, few, large));
  const pick = random();
  if (pick < 0.7) return text;
  if (pick < 0.75) return encodeHistogram(histogram(random, few), { compressed: false });
  if (pick < 0.8) return text.slice(0, Math.floor(text.length * random()));
  if (pick < 0.85) return `${text}=`;
  if (pick < 0.9) return `HISTF ${text}`;
  // Another compressor's stream, behind the right cookie.
  const plain = Uint8Array.fromBase64(encodeHistogram(histogram(random, few), { compressed: false }));
  const stream = deflateSync(plain, { level: Math.floor(10 * random()) });
  const bytes = new Uint8Array(8 + stream.length);
  new DataView(bytes.buffer).setInt32(0, 0x1c849314);
  new DataView(bytes.buffer).setInt32(4, stream.length);
  bytes.set(stream, 8);
  return bytes.toBase64();
}

/** Any JSON: keys that collide, empty and deep parts, numbers of all sizes. */
function anything(random: () => number, depth: number): unknown {
  const pick = Math.floor(random() * (depth > 0 ? 9 : 6));
  const some = <T>(make: () => T) => Array.from({ length: Math.floor(4 * random()) }, make);
  const keys = ["a", "a.b", "b", "[]", "", "__proto__", "10", "length", "keys", "own", "ä\u2028", "series"];
  switch (pick) {
    case 0:
      return null;
    case 1:
      return random() < 0.5;
    case 2:
      return (random() - 0.5) * 10 ** Math.floor(40 * random() - 20);
    case 3:
      return Math.floor(1000 * random());
    case 4:
      return ["", "x", "\ud800", '"\\', "HISTF", "é".repeat(9)][Math.floor(6 * random())];
    case 5:
      return textOf(random);
    case 6:
      return some(() => anything(random, depth - 1));
    default: {
      const made = {};
      for (const key of some(() => keys[Math.floor(keys.length * random())]!)) {
        Object.defineProperty(made, key, {
          value: anything(random, depth - 1),
          enumerable: true,
          configurable: true,
        });
      }
      return made;
    }
  }
}

Deno.test("whatever JSON is coded, with whatever base, comes back byte for byte", () => {
  let columns = 0;
  let base: Uint8Array | null = null;
  for (let seed = 1; seed <= SEEDS; seed++) {
    const text = JSON.stringify(anything(seededRandom(seed), 4));
    const stored = codeDocument(text, base);
    assert.equal(documentText(stored), text, `seed ${seed}`);
    if (stored.base !== null) columns++;
    base = stored.base;
  }
  assert.ok(columns > 0.9 * SEEDS, `${columns} of ${SEEDS} were more than their text`);
});

Deno.test("text that JSON would write otherwise comes back as it was", () => {
  for (const text of ['{"a": 1}', "1.0", '{"2":1,"1":2}', '{"a":1,"a":2}', '"\\u0041"', "[1,\n2]", "-0"]) {
    const stored = codeDocument(text, null);
    assert.deepEqual([documentText(stored), stored.base], [text, null]);
  }
});

Deno.test("documents of a series are a base and what differs; other machines' begin another base", () => {
  const texts = Array.from(
    { length: 6 },
    (_, n) => JSON.stringify(makeDocument({ seed: n + 1, at: 60 * n, samples: 2_000, intervals: 20 - n })),
  );
  const first = codeDocument(texts[0]!, null);
  assert.ok(first.base !== null);
  for (const text of texts.slice(1)) {
    const next = codeDocument(text, first.base);
    assert.equal(next.base, first.base);
    assert.equal(documentText(next), text);
    const alone = codeDocument(text, null);
    assert.ok(next.body.length < 0.8 * (alone.body.length + alone.base!.length), "smaller than alone");
  }
  const other = codeDocument('{"format":"other","values":[1,2,3]}', first.base);
  assert.notEqual(other.base, first.base);
});

Deno.test("the sum of testers' histograms takes no room", () => {
  const random = seededRandom(5);
  const testers = Array.from({ length: 8 }, () => histogram(random, 5_000));
  const total = new Histogram();
  for (const tester of testers) total.add(tester);
  const other = histogram(seededRandom(6), 40_000);
  const size = (sum: Histogram, key: string) =>
    codeDocument(
      JSON.stringify({
        clients: testers.map((each) => ({ a: encodeHistogram(each) })),
        [key]: { a: encodeHistogram(sum) },
      }),
      null,
    ).body.length;
  const [none, with_, without] = [size(new Histogram(), "total"), size(total, "total"), size(other, "total")];
  assert.ok(with_ - none < 0.2 * (without - none), `${none}, ${with_}, ${without}`);
});

Deno.test("a damaged body is an error, never another document", () => {
  const text = JSON.stringify(makeDocument({ samples: 500, intervals: 3 }));
  const stored = codeDocument(text, null);
  const random = seededRandom(3);
  for (let n = 0; n < 300; n++) {
    const body = stored.body.slice(0, random() < 0.5 ? Math.floor(stored.body.length * random()) : undefined);
    if (body.length === stored.body.length) {
      body[Math.floor(body.length * random())]! ^= 1 << Math.floor(8 * random());
    }
    assert.throws(() => documentText({ ...stored, body }));
  }
});
