import assert from "node:assert/strict";
import { seededRandom } from "../../base/random.ts";
import type { MeshHost, MeshPair } from "./document.ts";
import { findOutliers } from "./findings.ts";
import { binomialTail, median, medianPolish } from "./median_polish.ts";

const TRIALS = 40;

function hostsOf(count: number): MeshHost[] {
  return Array.from({ length: count }, (_, n) => ({
    name: `h${n}`,
    host: `h${n}`,
    port: 8036,
    targetPort: 8037,
    address: `h${n}`,
  }));
}

interface Planted {
  /** Round trip in µs, and loss, of a direction; rate as a factor. */
  delay?: (from: number, to: number) => number;
  loss?: (from: number, to: number) => number;
  rate?: (from: number, to: number) => number;
  noise?: () => number;
  random: () => number;
}

/** A mesh whose hosts differ by up to 40 µs, and whose links scatter. */
function meshOf(count: number, { delay, loss, rate, noise, random }: Planted): MeshPair[] {
  const own = Array.from({ length: count }, () => [20 * random(), 20 * random()] as const);
  const pairs: MeshPair[] = [];
  for (let from = 0; from < count; from++) {
    for (let to = 0; to < count; to++) {
      if (from === to) continue;
      const us = 100 + own[from]![0] + own[to]![1] + (noise?.() ?? 0) + (delay?.(from, to) ?? 0);
      const ns = Math.max(1, us) * 1000;
      let lost = 0;
      for (let n = 0; n < 500; n++) if (random() < (loss?.(from, to) ?? 0)) lost++;
      pairs.push({
        from,
        to,
        round: 1,
        delay: { min_ns: ns, p50_ns: ns, p99_ns: 2 * ns, max_ns: 3 * ns },
        sent: 500,
        lost,
        rate_bps: 1e9 * (rate?.(from, to) ?? 1) * Math.exp((noise?.() ?? 0) / 300),
        verdict: "VALID",
        reason: null,
      });
    }
  }
  return pairs;
}

function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

const isLink = (a: number, b: number) => (from: number, to: number) =>
  Math.min(from, to) === a && Math.max(from, to) === b;

Deno.test("medians and the tail of the binomial distribution are those of printed tables", () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 2, 3]), 2.5);
  // n = 10, p = 0.1: P(X >= 3) = 0.0702; n = 20, p = 0.05: P(X >= 4) = 0.0159.
  assert.ok(Math.abs(binomialTail(3, 10, 0.1) - 0.0702) < 5e-5);
  assert.ok(Math.abs(binomialTail(4, 20, 0.05) - 0.0159) < 5e-5);
  assert.equal(binomialTail(0, 10, 0.1), 1);
  assert.ok(binomialTail(50, 500, 0.0005) < 1e-60);
});

Deno.test("a table that is a sum is taken apart exactly", () => {
  const rows = [0, 3, -2, 5], columns = [1, 0, -4, 2];
  const { common, rows: r, columns: c, rest } = medianPolish(rows.map((a) => columns.map((b) => 10 + a + b)));
  for (const [i, a] of rows.entries()) {
    for (const [j, b] of columns.entries()) {
      assert.ok(Math.abs(common + r[i]! + c[j]! + rest[i]![j]! - (10 + a + b)) < 1e-9);
      assert.ok(Math.abs(rest[i]![j]!) < 1e-9);
    }
  }
});

Deno.test("a planted slow link is named alone, whatever the scatter, and nothing where nothing is planted", () => {
  const random = seededRandom(7);
  const kinds: Record<string, () => number> = {
    normal: () => 10 * normal(random),
    exponential: () => -10 * Math.log(1 - random()),
    mixed: () => 5 * normal(random) + (random() < 0.1 ? 60 * random() : 0),
  };
  for (const count of [4, 6, 9, 16]) {
    for (const [kind, noise] of Object.entries(kinds)) {
      let alone = 0, named = 0;
      for (let n = 0; n < TRIALS; n++) {
        const slow = meshOf(count, { random, noise, delay: (a, b) => isLink(1, 2)(a, b) ? 2000 : 0 });
        const delays = findOutliers(hostsOf(count), slow).findings.filter(({ what }) => what === "delay");
        assert.deepEqual(delays[0]?.hosts, [1, 2], `${count} hosts, ${kind}`);
        assert.equal(delays[0]!.subject, "link");
        assert.ok(Math.abs(delays[0]!.value - delays[0]!.expected - 2e6) < 0.15e6);
        if (delays.length === 1) alone++;
        if (findOutliers(hostsOf(count), meshOf(count, { random, noise })).findings.length > 0) named++;
      }
      // What is named is looked at again before it is said; long tails take that.
      const wrong = kind === "mixed" ? 0.25 : 0.05;
      assert.ok(
        alone >= (1 - wrong) * TRIALS && named <= wrong * TRIALS,
        `${count} ${kind}: ${alone} alone, ${named} named`,
      );
    }
  }
});

Deno.test("a slow host is told from a slow link", () => {
  const random = seededRandom(8);
  const noise = () => 10 * normal(random);
  for (const count of [4, 8, 16]) {
    const pairs = meshOf(count, { random, noise, delay: (a, b) => a === 3 || b === 3 ? 400 : 0 });
    const { findings } = findOutliers(hostsOf(count), pairs);
    assert.deepEqual(findings.map(({ subject, hosts, what }) => [subject, hosts, what]), [[
      "host",
      [3],
      "delay",
    ]]);
    assert.match(
      findings[0]!.sentence,
      /^the host h3 is slow with everybody: shortest round trip about [34]\d\d µs more/,
    );
  }
});

Deno.test("a lossy link and a lossy host are told apart, and random losses are none", () => {
  const random = seededRandom(9);
  const lossy = (loss: (a: number, b: number) => number) =>
    findOutliers(hostsOf(8), meshOf(8, { random, loss, noise: () => normal(random) }))
      .findings.filter(({ what }) => what === "loss").map(({ subject, hosts }) => [subject, hosts]);
  for (let n = 0; n < TRIALS; n++) {
    assert.deepEqual(lossy((a, b) => isLink(0, 5)(a, b) ? 0.05 : 0), [["link", [0, 5]]]);
    assert.deepEqual(lossy((a, b) => a === 2 || b === 2 ? 0.05 : 0.001), [["host", [2]]]);
    assert.deepEqual(lossy(() => 0.002), []);
  }
});

Deno.test("a link that carries little is named by its factor", () => {
  const random = seededRandom(10);
  const noise = () => 10 * normal(random);
  const pairs = meshOf(8, { random, noise, rate: (a, b) => isLink(4, 6)(a, b) ? 0.1 : a === 1 ? 0.9 : 1 });
  const { findings } = findOutliers(hostsOf(8), pairs);
  assert.deepEqual(findings.map(({ subject, hosts, what }) => [subject, hosts, what]), [[
    "link",
    [4, 6],
    "rate",
  ]]);
  assert.match(findings[0]!.sentence, /carries little: [\d.]+ Mbit\/s, 9\d(\.\d)? % less/);
});

Deno.test("a link that carried nothing is named, and the others have their usual scatter", () => {
  const random = seededRandom(12);
  const noise = () => 10 * normal(random);
  const pairs = meshOf(6, {
    random,
    noise,
    rate: (a, b) => a === 1 && b === 2 || isLink(0, 3)(a, b) ? 0 : 1,
  });
  const { findings, summary } = findOutliers(hostsOf(6), pairs);
  assert.deepEqual(findings.map(({ sentence }) => sentence), [
    "the link h0 – h3 carried nothing in both directions",
    "the link h1 – h2 carried nothing from h1",
  ]);
  assert.ok(!summary.join().includes("rate"), summary.join());
  const all = findOutliers(hostsOf(6), meshOf(6, { random, noise, rate: () => 0 }));
  assert.equal(all.findings.length, 5);
  assert.ok(all.summary.includes("10 more links carried nothing in a direction"));
});

Deno.test("three hosts tell no link from a host, and that is said", () => {
  const random = seededRandom(11);
  const { findings, summary } = findOutliers(hostsOf(3), meshOf(3, { random }));
  assert.deepEqual([findings, summary], [[], [
    "with 3 hosts a slow link cannot be told from a slow host; 4 are needed",
  ]]);
});
