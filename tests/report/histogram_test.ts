/**
 * The histogram of the plugins (C) and that of the controller (TypeScript) are one.
 *
 * @module
 */
import assert from "node:assert/strict";
import { seededRandom } from "../../base/random.ts";
import { Histogram, summarize } from "../../results/document/histogram.ts";
import { decodeHistogram, encodeHistogram } from "../../results/document/histogram_codec.ts";
import { TemporaryFolder } from "../fixtures/folders.ts";
import { projectRoot } from "../util/mod.ts";

/** Values of the large comparison. */
const MANY = 10_000_000;

/** Builds the C program of the test from the plugins' own source. */
async function buildPeer(folder: string): Promise<string> {
  const root = projectRoot();
  const peer = `${folder}/peer`;
  const { success, stderr } = await new Deno.Command("cc", {
    args: [
      "-std=gnu11",
      "-O2",
      "-D_GNU_SOURCE",
      `-I${root}/tests_c/include`,
      `-I${root}/tests_c/lib/data`,
      `-I${root}/tests_c/lib/sys`,
      "-o",
      peer,
      `${root}/tests/fixtures/histogram_peer.c`,
      `${root}/tests_c/lib/data/ipb_hist.c`,
      `${root}/tests_c/lib/data/ipb_hist_codec.c`,
      "-lm",
    ],
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return peer;
}

async function run(
  peer: string,
  mode: "encode" | "summary",
  input: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array> {
  const child = new Deno.Command(peer, { args: [mode], stdin: "piped", stdout: "piped" }).spawn();
  const writing = new Blob([input]).stream().pipeTo(child.stdin);
  const [{ code, stdout }] = await Promise.all([child.output(), writing]);
  assert.equal(code, 0, mode);
  return stdout;
}

/** Times as networks have them: a body, a tail over decades, and now and then the ends of the range. */
function times(count: number, seed: number): Float64Array {
  const uniform = seededRandom(seed);
  const values = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    const kind = uniform();
    values[i] = Math.floor(
      kind < 0.9
        ? 5000 - 20_000 * Math.log(1 - uniform())
        : kind < 0.9999
        ? 10 ** (3 + 6 * uniform())
        : 3.6e12 * uniform(),
    );
  }
  return values;
}

Deno.test("the plugins' encoding decodes counter for counter, and they read ours", async () => {
  using folder = TemporaryFolder.make();
  const peer = await buildPeer(folder.path);
  for (const count of [0, 1, 2, 1000, 300_000]) {
    const values = times(count, count + 1);
    const ours = new Histogram();
    for (const value of values) ours.record(value);
    const bytes = await run(peer, "encode", new Uint8Array(BigUint64Array.from(values, BigInt).buffer));
    const theirs = decodeHistogram(bytes.toBase64());
    assert.deepEqual(theirs.counts, ours.counts, `${count} values`);
    assert.equal(theirs.total, count);
    const plain = Uint8Array.fromBase64(encodeHistogram(ours, { compressed: false }));
    const said = new TextDecoder().decode(await run(peer, "summary", plain)).trim().split(" ").map(Number);
    const s = summarize(theirs);
    const expected = s === null
      ? [0, 0, 0, 0, 0, 0, 0]
      : [s.count, s.p50_ns, s.p90_ns, s.p99_ns, s.p999_ns, s.p9999_ns, s.p99999_ns];
    // A decoded histogram knows its values to a counter: C names its middle at the ends, we name its top.
    const counters = (list: number[]) => list.map((value, i) => i === 0 ? value : theirs.indexOf(value));
    assert.deepEqual(counters(said), counters(expected), `${count} values`);
  }
});

Deno.test("percentiles of ten million values are within 0.1 % of the exact ones", () => {
  const values = times(MANY, 7);
  const histogram = new Histogram();
  for (const value of values) histogram.record(value);
  values.sort();
  for (const p of [1, 10, 25, 50, 75, 90, 95, 99, 99.9, 99.99, 99.999, 100]) {
    const exact = values[Math.max(0, Math.ceil((p / 100) * MANY - 1e-6) - 1)]!;
    const found = histogram.valueAtPercentile(p);
    assert.ok(Math.abs(found - exact) <= exact * 0.001, `p${p}: ${found}, exactly ${exact}`);
  }
  const mean = values.reduce((sum, value) => sum + value, 0) / MANY;
  assert.ok(Math.abs(histogram.mean() - mean) <= mean * 0.001);
});
