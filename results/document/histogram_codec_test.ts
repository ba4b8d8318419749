import assert from "node:assert/strict";
import { inflateSync } from "node:zlib";
import fc from "fast-check";
import * as hdr from "hdr-histogram-js";
import { Histogram } from "./histogram.ts";
import { decodeHistogram, encodeHistogram, HistogramError, mergeHistograms } from "./histogram_codec.ts";

/** Encoded by HdrHistogram's C and Java libraries (their test vectors), with what those record. */
const FOREIGN = [
  {
    text: "HISTFAAAACl4nJNpmSzMwMBgyAABzFCaEURcm7yEwf4DROA8/4I5jNM7mJgAlWkH9g==",
    total: 10_001,
    at: [[1000, 10_000], [100_000_000, 1]],
  },
  {
    text: "HISTFAAAACB4nJNpmSzMwMDAzAABMJoRQnEw2H+AsP7LMwEARZgDpQ==",
    total: 1,
    at: [[2048, 1]],
  },
  {
    text: "HISTFAAAACV4nJNpmSzMwMDAwQABzFCaEUrp2H+AsI4zMh1lZEpkAgBdIQSk",
    total: 3,
    at: [[100, 1], [200, 1], [250, 1]],
  },
  { text: "HISTFAAAAB14nJNpmSzMwMDAxIAKGCEU8wv7DxAWLxMASToDcw==", total: 1, at: [[64, 1]] },
] as const;

Deno.test("HdrHistogram's own encoded examples decode", () => {
  for (const { text, total, at } of FOREIGN) {
    const histogram = decodeHistogram(text);
    assert.equal(histogram.total, total);
    const found = [...histogram.buckets()].map((b) => b.count);
    assert.deepEqual(found, at.map(([, count]) => count));
    for (const [i, bucket] of [...histogram.buckets()].entries()) {
      const value = at[i]![0];
      assert.ok(bucket.from <= value && value <= bucket.to, `${value} in ${bucket.from}..${bucket.to}`);
    }
  }
});

Deno.test("a foreign example comes out byte for byte as it went in", () => {
  for (const { text } of FOREIGN.slice(1, 3)) {
    const theirs = inflateSync(Uint8Array.fromBase64(text).subarray(8));
    const ours = Uint8Array.fromBase64(encodeHistogram(decodeHistogram(text), { compressed: false }));
    assert.deepEqual([...ours], [...theirs]);
  }
});

Deno.test("both forms come back counter for counter, with any counts", () => {
  const entry = fc.tuple(
    fc.integer({ min: 0, max: 3_600_000_000_000 }),
    fc.integer({ min: 1, max: 2 ** 45 }),
  );
  fc.assert(fc.property(fc.array(entry), fc.boolean(), (entries, compressed) => {
    const histogram = new Histogram();
    for (const [value, count] of entries) histogram.record(value, count);
    const back = decodeHistogram(encodeHistogram(histogram, { compressed }));
    assert.deepEqual(back.counts, histogram.counts);
    assert.equal(back.total, histogram.total);
  }));
});

Deno.test("hdr-histogram-js reads what we write and we read what it writes", () => {
  const entry = fc.integer({ min: 1, max: 3_600_000_000_000 });
  fc.assert(
    fc.property(fc.array(entry, { minLength: 1, maxLength: 200 }), (values) => {
      const ours = new Histogram();
      const theirs = hdr.build({
        bitBucketSize: 64,
        lowestDiscernibleValue: 1,
        highestTrackableValue: 3.6e12,
        numberOfSignificantValueDigits: 3,
      });
      for (const value of values) {
        ours.record(value);
        theirs.recordValue(value);
      }
      const read = hdr.decodeFromCompressedBase64(encodeHistogram(ours), 64);
      assert.equal(read.totalCount, values.length);
      assert.equal(read.getValueAtPercentile(50), theirs.getValueAtPercentile(50));
      assert.deepEqual(decodeHistogram(hdr.encodeIntoCompressedBase64(theirs)).counts, ours.counts);
    }),
    { numRuns: 40 },
  );
});

Deno.test("a thousand testers' histograms merge into one", () => {
  const texts: string[] = [];
  let seed = 1;
  for (let i = 0; i < 4; i++) {
    const histogram = new Histogram();
    for (let n = 0; n < 20_000; n++) {
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
      histogram.record(8000 + Math.floor(-Math.log((seed + 1) / 2 ** 31) * 20_000));
    }
    texts.push(encodeHistogram(histogram, { compressed: i % 2 === 0 }));
  }
  const started = performance.now();
  const merged = mergeHistograms(Array.from({ length: 1000 }, (_, i) => i % 7 === 0 ? null : texts[i % 4]!));
  const elapsed = performance.now() - started;
  assert.equal(merged?.total, 20_000 * (1000 - 143));
  assert.ok(elapsed < 5000, `took ${elapsed} ms`);
  assert.equal(mergeHistograms([null, undefined]), null);
});

Deno.test("damaged text is an error that says what is wrong, and adds nothing", () => {
  const histogram = new Histogram();
  for (let v = 1; v < 1000; v++) histogram.record(v * 1000);
  const good = encodeHistogram(histogram, { compressed: false });
  const cases: [string, RegExp][] = [
    ["", /no header/],
    ["!!!", /not base64/],
    ["AAAAAAAAAAAAAAAA", /V2 cookie/],
    [good.slice(0, 400), /truncated/],
    [encodeHistogram(histogram).slice(0, 40), /compressed bytes/],
  ];
  for (const [text, message] of cases) {
    const into = new Histogram();
    assert.throws(() => decodeHistogram(text, into), (error) => {
      assert.ok(error instanceof HistogramError);
      assert.match(error.message, message);
      return true;
    });
    assert.equal(into.total, 0);
  }
});

Deno.test("a text that is damaged at its end adds nothing, and nothing of it to the next one", () => {
  const histogram = new Histogram();
  for (let v = 1; v < 1000; v++) histogram.record(v * 1000);
  const bytes = Uint8Array.fromBase64(encodeHistogram(histogram, { compressed: false }));
  const damaged = bytes.slice();
  damaged[damaged.length - 1]! |= 0x80; // its last count goes on beyond the end
  const into = new Histogram();
  assert.throws(() => decodeHistogram(damaged.toBase64(), into), /inside a count/);
  assert.equal(into.total, 0);
  assert.deepEqual(decodeHistogram(bytes.toBase64(), into).counts, histogram.counts);
});

Deno.test("a histogram with every counter in use comes back, and a small one after it", () => {
  const layout = { lowest: 1, highest: 3.6e12, digits: 3 };
  const full = new Histogram(layout);
  full.counts.forEach((_, index) => full.record(full.lowestAt(index), 1 + index % 3));
  const back = decodeHistogram(encodeHistogram(full), new Histogram(layout));
  assert.deepEqual(back.counts, full.counts);
  assert.equal(back.total, full.total);
  const small = new Histogram(layout);
  small.record(5);
  assert.deepEqual(decodeHistogram(encodeHistogram(small)).counts, small.counts);
});

Deno.test("random bytes never do anything but decode or fail by name", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (noise, header) => {
    const bytes = new Uint8Array(noise);
    if (header && bytes.length > 40) {
      const view = new DataView(bytes.buffer);
      view.setInt32(0, 0x1c849313);
      view.setInt32(4, bytes.length - 40);
      view.setInt32(8, 0);
      view.setInt32(12, 3);
      view.setBigInt64(16, 1n);
      view.setBigInt64(24, 3_600_000_000_000n);
    }
    try {
      assert.ok(decodeHistogram(bytes.toBase64()).total >= 0);
    } catch (error) {
      assert.ok(error instanceof HistogramError, String(error));
    }
  }));
});

Deno.test("a small text that unfolds to much is refused", () => {
  const bytes = new Uint8Array(48);
  const view = new DataView(bytes.buffer);
  view.setInt32(0, 0x1c849313);
  view.setInt32(4, 8);
  view.setInt32(12, 5);
  view.setBigInt64(16, 1n);
  view.setBigInt64(24, 2n ** 63n - 1n);
  assert.throws(() => decodeHistogram(bytes.toBase64()), /too large|counters/);
});
