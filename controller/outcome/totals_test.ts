import assert from "node:assert/strict";
import type { ClientResult, Summary } from "../../results/document/document.ts";
import { DEFAULT_LAYOUT, Histogram, summarize } from "../../results/document/histogram.ts";
import { decodeHistogram, encodeHistogram } from "../../results/document/histogram_codec.ts";
import { packed } from "./parts.ts";
import { noFigures } from "./run_document.ts";
import { Merger } from "./totals.ts";

function client(part: Partial<ClientResult>): ClientResult {
  return { host: "h", port: 1, args: "", ...noFigures(), peer: "ipbenchd/1.0.0", ...part };
}

function histogramOf(values: number[]): Histogram {
  const histogram = new Histogram(DEFAULT_LAYOUT);
  for (const value of values) histogram.record(value);
  return histogram;
}

Deno.test("histograms are merged, counts added, and percentiles taken from the whole", () => {
  const fast = histogramOf(Array.from({ length: 900 }, (_, n) => 1000 + n));
  const slow = histogramOf(Array.from({ length: 100 }, (_, n) => 1_000_000 + n * 1000));
  const merger = new Merger();
  const counts = { sent: 10, ok: 8, lost: 1, late: 1, corrupt: 0, duplicate: 2, reordered: 3 };
  const clients = [fast, slow].map((histogram) => {
    const plain = encodeHistogram(histogram, { compressed: false });
    merger.add({ histograms: { response: plain, service: null } });
    return client({ counts, latency: { response: summarize(histogram), service: null } });
  });
  const total = merger.total(clients);
  assert.deepEqual(total.counts, {
    sent: 20,
    ok: 16,
    lost: 2,
    late: 2,
    corrupt: 0,
    duplicate: 4,
    reordered: 6,
  });
  assert.equal(total.latency.response?.count, 1000);
  assert.ok(total.latency.response!.p50_ns < 2000);
  assert.ok(total.latency.response!.p99_ns > 1_000_000);
  assert.equal(total.latency.service, null);
  assert.equal(decodeHistogram(total.histograms!.response!).total, 1000);
});

Deno.test("a client that cannot count leaves the sum unknown, a failed one is left out", () => {
  const counts = { sent: 1, ok: 1, lost: 0, late: 0, corrupt: 0, duplicate: 0, reordered: 0 };
  const merger = new Merger();
  assert.equal(merger.total([client({ counts }), client({})]).counts, null);
  assert.equal(merger.total([client({ counts }), client({ error: "gone" })]).counts?.sent, 1);
  assert.equal(merger.total([]).counts, null);
});

Deno.test("rates are added over the common window alone where the testers tell their course", () => {
  const rates = { requested_bps: 1000, sent_bps: 1000, received_bps: 1000 };
  const even = [0, 1, 2, 3].map((n) => ({ t_ns: n * 10, sent: 5, ok: 5, lost: 0 }));
  const first = client({ rates, window: { start_ns: 0, end_ns: 40 }, series: even });
  // The second received nothing in its first half, which the first tester did not share.
  const late = [0, 1, 2, 3].map((n) => ({ t_ns: n * 10, sent: 5, ok: n < 2 ? 0 : 10, lost: 0 }));
  const second = client({ rates, window: { start_ns: -20, end_ns: 20 }, series: late });
  const total = new Merger().total([first, second]);
  assert.deepEqual(total.window, { start_ns: 0, end_ns: 20 });
  assert.equal(total.rates?.requested_bps, 2000);
  assert.equal(total.rates?.sent_bps, 2000);
  assert.equal(total.rates?.received_bps, 3000);

  const after = client({ rates, window: { start_ns: 50, end_ns: 90 }, series: even });
  const apart = { requested_bps: 2000, sent_bps: null, received_bps: null };
  assert.deepEqual(new Merger().total([first, after]).rates, apart, "nothing is common");
});

Deno.test("the mean of several testers is weighted, and its interval no narrower than theirs", () => {
  const part = (count: number, estimate: number, half: number) =>
    client({
      latency: { response: { count } as Summary, service: null },
      confidence: {
        // The low end of the wide one was cut off at 0, which says nothing about its width.
        mean: {
          estimate_ns: estimate,
          low_ns: Math.max(0, estimate - half),
          high_ns: estimate + half,
          method: "m",
        },
        median: null,
      },
    });
  const total = new Merger().total([part(300, 100, 10), part(100, 20, 30)]);
  const { estimate_ns, low_ns, high_ns } = total.confidence!.mean!;
  assert.deepEqual([estimate_ns, low_ns, high_ns], [80, 65, 95]);
  assert.equal(total.confidence?.median, null);
  const single = part(300, 100, 10);
  assert.equal(new Merger().total([single]).confidence!.mean, single.confidence!.mean);
});

Deno.test("the median of several testers is the merged histogram's, its interval quantiles of it", () => {
  // Two thirds of all values are 1000 … 1999, the rest a million and more: the mean of the medians lies in the gap.
  const values = [
    Array.from({ length: 2000 }, (_, n) => 1000 + n % 1000),
    Array.from({ length: 1000 }, (_, n) => 1_000_000 + n),
  ];
  const merger = new Merger();
  const clients = values.map((all) => {
    const histogram = histogramOf(all);
    merger.add({
      histograms: { response: encodeHistogram(histogram, { compressed: false }), service: null },
    });
    const estimate_ns = histogram.valueAtPercentile(50);
    const median = { estimate_ns, low_ns: 0, high_ns: 1e9, half_share: 0.03, method: "m" };
    return client({
      latency: { response: summarize(histogram), service: null },
      confidence: { mean: null, median },
    });
  });
  const sorted = values.flat().sort((x, y) => x - y);
  const at = (share: number) => sorted[Math.ceil(share * sorted.length) - 1]!;
  const median = merger.total(clients).confidence!.median!;
  for (
    const [found, exact] of [[median.estimate_ns, at(0.5)], [median.low_ns, at(0.47)], [
      median.high_ns,
      at(0.53),
    ]] as const
  ) {
    assert.ok(found >= exact && found <= exact * 1.001, `${found} is not ${exact}`);
  }
  assert.ok(Math.abs(median.half_share! - 0.03) < 1e-12);
  delete clients[1]!.confidence!.median!.half_share;
  assert.equal(merger.total(clients).confidence!.median, null, "one tester cannot tell how sure it is");
});

Deno.test("packing keeps the counts, and leaves what is packed already", () => {
  const histogram = histogramOf([1, 5, 5, 1_000_000]);
  const plain = encodeHistogram(histogram, { compressed: false });
  const once = packed({ histograms: { response: plain, service: null } })!;
  assert.deepEqual(decodeHistogram(once.histograms!.response!).counts, histogram.counts);
  assert.notEqual(once.histograms!.response, plain);
  assert.deepEqual(packed(once), once);
  assert.deepEqual(packed({ metrics: [] }), { metrics: [] });
  assert.equal(packed(null), null);
});
