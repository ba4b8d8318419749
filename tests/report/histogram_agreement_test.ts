/**
 * The plugins' histogram (C) and the controller's (TypeScript) are the same thing: each reads what the other writes,
 * and both read what HdrHistogram's own library writes.
 *
 * @module
 */
import assert from "node:assert/strict";
import { inflateSync } from "node:zlib";
import * as hdr from "hdr-histogram-js";
import { Histogram } from "../../results/document/histogram.ts";
import { decodeHistogram, encodeHistogram } from "../../results/document/histogram_codec.ts";

const TOOL = new URL("../../build/hist_tool", import.meta.url).pathname;

/** Has C decode a histogram and encode it again. */
async function throughC(bytes: Uint8Array): Promise<{ bytes: Uint8Array; figures: number[] } | null> {
  const child = new Deno.Command(TOOL, { stdin: "piped", stdout: "piped", stderr: "piped" }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(bytes);
  await writer.close();
  const output = await child.output();
  if (!output.success) return null;
  const figures = new TextDecoder().decode(output.stderr).trim().split("\n").map(Number);
  return { bytes: output.stdout, figures };
}

/** Values from 1 ns to an hour, the same ones every time. */
function* values(): Generator<number> {
  let state = 12345;
  for (let i = 0; i < 20_000; i++) {
    state = (state * 1103515245 + 12345) % 2147483648;
    yield Math.floor(Math.exp((state / 2147483648) ** 2 * 28.9)) + 1;
  }
}

Deno.test("C writes the same bytes as TypeScript, and both give the same percentiles", async () => {
  const histogram = new Histogram();
  for (const value of values()) histogram.record(Math.min(value, 3.6e12), 1 + (value % 3));
  const bytes = Uint8Array.fromBase64(encodeHistogram(histogram, { compressed: false }));
  const back = await throughC(bytes);
  assert.ok(back !== null);
  assert.deepEqual(back.bytes, bytes);
  assert.equal(back.figures[0], histogram.total);
  const percentiles = [50, 90, 99, 99.9, 99.99].map((p) => histogram.valueAtPercentile(p));
  for (const [i, value] of percentiles.entries()) {
    assert.ok(
      Math.abs((back.figures[i + 3] ?? NaN) / value - 1) <= 0.001,
      `${back.figures[i + 3]} and ${value}`,
    );
  }
});

Deno.test("C reads what HdrHistogram's library writes, and the library reads what C writes", async () => {
  const theirs = hdr.build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: 3.6e12,
    numberOfSignificantValueDigits: 3,
    bitBucketSize: 64,
  });
  for (const value of values()) theirs.recordValue(Math.min(value, 3.6e12));
  const whole = Uint8Array.fromBase64(hdr.encodeIntoCompressedBase64(theirs));
  const plain = new Uint8Array(inflateSync(whole.subarray(8)));
  const back = await throughC(plain);
  assert.ok(back !== null);
  assert.equal(back.figures[0], theirs.totalCount);
  assert.equal(decodeHistogram(back.bytes.toBase64()).total, theirs.totalCount);
  for (const [i, p] of [50, 90, 99, 99.9, 99.99].entries()) {
    const value = theirs.getValueAtPercentile(p);
    assert.ok(
      Math.abs((back.figures[i + 3] ?? NaN) / value - 1) <= 0.002,
      `${back.figures[i + 3]} and ${value}`,
    );
  }
});

Deno.test("HdrHistogram's own encoded examples decode, to their values", async () => {
  // Text, how many values, the smallest, the median, p90, the largest: 10,000 times 1000 and one 100,000,000; 2048 or
  // 2049; 100, 200 and 250; with no digit kept, one value from 64 to 127.
  const examples = [
    ["HISTFAAAACl4nJNpmSzMwMBgyAABzFCaEURcm7yEwf4DROA8/4I5jNM7mJgAlWkH9g==", 10_001, 1000, 1000, 1000, 1e8],
    ["HISTFAAAACB4nJNpmSzMwMDAzAABMJoRQnEw2H+AsP7LMwEARZgDpQ==", 1, 2048, 2048, 2048, 2048],
    ["HISTFAAAACV4nJNpmSzMwMDAwQABzFCaEUrp2H+AsI4zMh1lZEpkAgBdIQSk", 3, 100, 200, 250, 250],
    ["HISTFAAAAB14nJNpmSzMwMDAxIAKGCEU8wv7DxAWLxMASToDcw==", 1, 64, 64, 64, 64],
  ] as const;
  for (const [n, [text, total, ...values]] of examples.entries()) {
    const back = await throughC(new Uint8Array(inflateSync(Uint8Array.fromBase64(text).subarray(8))));
    assert.ok(back !== null);
    const ours = decodeHistogram(text);
    assert.deepEqual([back.figures[0], ours.total], [total, total]);
    const [, min, max, p50, p90] = back.figures;
    const found = {
      C: [min!, p50!, p90!, max!],
      TypeScript: [ours.min, ours.valueAtPercentile(50), ours.valueAtPercentile(90), ours.max],
    };
    const width = n === 3 ? 1 : 0.001; // of what is told apart: the digits that the example keeps
    for (const [who, figures] of Object.entries(found)) {
      for (const [i, value] of values.entries()) {
        const off = figures[i]! / value - 1;
        assert.ok(off >= -width && off <= width, `example ${n}, ${who}: ${figures[i]} is not ${value}`);
      }
    }
  }
  assert.equal(await throughC(new Uint8Array(39)), null);
});
