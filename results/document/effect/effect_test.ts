import assert from "node:assert/strict";
import { seededNormal } from "../../../tests/util/random.ts";
import type { ClientResult, SeriesPoint } from "../document.ts";
import { effectsOn } from "./effect.ts";
import { effectSentence } from "./words.ts";
import { Histogram } from "../histogram.ts";
import { encodeHistogram } from "../histogram_codec.ts";
import { phaseRows } from "../../report/sections/effect.ts";

const MS = 1e6, STEP = 100 * MS;

/** A tester of the victim's: its response time at each interval, 100 packets each, from an instant on. */
function tester(times: readonly number[], startNs = 0, part: Partial<ClientResult> = {}): ClientResult {
  const series: SeriesPoint[] = times.map((mean_ns, n) => ({
    t_ns: n * STEP,
    sent: 100,
    ok: 100,
    lost: 0,
    mean_ns,
    p50_ns: mean_ns,
    p99_ns: 2 * mean_ns,
    max_ns: 3 * mean_ns,
  }));
  return {
    host: "h",
    port: 1,
    args: "",
    peer: "ipbenchd/1.0.0",
    clock: null,
    start: null,
    counts: null,
    rates: { requested_bps: 1e6, sent_bps: 1e6, received_bps: 1e6 },
    pacing: null,
    latency: null,
    histograms: null,
    metrics: [],
    series,
    window: { start_ns: startNs, end_ns: startNs + times.length * STEP },
    ...part,
  };
}

const filled = (...parts: [count: number, value: number][]) =>
  parts.flatMap(([count, value]) => new Array<number>(count).fill(value));

Deno.test("intervals are sorted by when the other class was active, those that it cuts into by none", () => {
  const client = tester(filled([20, 1 * MS], [20, 21 * MS], [20, 2 * MS]));
  const active = { start_ns: 2e9 - 0.5 * STEP, end_ns: 4e9 };
  const [effect, ...more] = effectsOn("victim", [client], [{ name: "bulk", active }]);
  assert.equal(more.length, 0);
  const { before, during, after, added_ns, left_ns, received_bps } = effect!;
  assert.deepEqual([before?.intervals, during?.intervals, after?.intervals], [19, 20, 20]);
  assert.deepEqual([before?.mean_ns, during?.mean_ns, after?.mean_ns], [1 * MS, 21 * MS, 2 * MS]);
  assert.deepEqual([before?.sent, before?.ok, during?.sent, during?.max_ns], [1900, 1900, 2000, 63 * MS]);
  assert.deepEqual([added_ns?.estimate, left_ns?.estimate], [20 * MS, 1 * MS]);
  assert.equal(received_bps?.estimate, 0);
  assert.equal(before?.received_bps, 1e6);
  assert.match(
    effectSentence(effect!)!,
    /^bulk changes victim's mean response time by \+20 ms .*, from 1 ms to 21 ms$/,
  );
});

Deno.test("percentiles of a phase are those of all its response times, of all testers", () => {
  const LAYOUT = { lowest: 1, highest: 3.6e12, digits: 2 };
  const normal = seededNormal(7);
  const drawn: Record<string, number[]> = { before: [], during: [], after: [] };
  const from = 0.9 * MS;
  const timed = (phaseOf: (n: number) => string, factor: number) => {
    const client = tester(filled([60, 1 * MS]));
    for (const [n, point] of client.series!.entries()) {
      const histogram = new Histogram(LAYOUT);
      const times = Array.from({ length: 100 }, () => Math.round(from + factor * MS * Math.exp(normal())));
      for (const time of times) histogram.record(time - from);
      drawn[phaseOf(n)]!.push(...times);
      Object.assign(point, {
        times: encodeHistogram(histogram),
        times_from_ns: from,
        max_ns: Math.max(...times),
      });
    }
    return client;
  };
  const names = (n: number) => n < 20 ? "before" : n < 40 ? "during" : "after";
  const clients = [timed(names, 1), timed(names, 3)];
  const others = [{ name: "bulk", active: { start_ns: 2e9, end_ns: 4e9 } }];
  const [effect] = effectsOn("victim", clients, others);
  for (const name of ["before", "during", "after"] as const) {
    const sorted = drawn[name]!.toSorted((a, b) => a - b);
    for (const [share, told] of [[0.5, effect![name]!.p50_ns], [0.99, effect![name]!.p99_ns]] as const) {
      const truth = sorted[Math.ceil(share * sorted.length) - 1]!;
      assert.ok(told! >= truth && told! <= truth * 1.009, `${name} ${share}: ${told}, not ${truth}`);
    }
  }
  assert.match(effectSentence(effect!)!, /; p99 [\d.]+ ms, then [\d.]+ ms$/);
  // An interval whose times are not there, are of others, or nobody can read.
  for (const times of [null, encodeHistogram(new Histogram(LAYOUT)), "nonsense", "AAAA"]) {
    Object.assign(clients[0]!.series![25]!, { times });
    const [{ before, during } = assert.fail()] = effectsOn("victim", clients, others);
    assert.equal(typeof before!.p99_ns, "number");
    assert.deepEqual([during!.p50_ns, during!.p99_ns], [null, null]);
  }
});

Deno.test("counts and rates of several testers are added, times weighted by their packets", () => {
  const slow = tester(filled([20, 3 * MS], [20, 9 * MS]));
  const quick = tester(filled([20, 1 * MS], [20, 2 * MS]), 5 * MS);
  for (const point of quick.series!) Object.assign(point, { sent: 300, ok: 299, lost: 1 });
  const active = { start_ns: 2.05e9, end_ns: 9e9 };
  const [effect] = effectsOn("victim", [slow, quick], [{ name: "bulk", active }]);
  const { before, during, after } = effect!;
  assert.equal(after, null);
  assert.deepEqual([before?.sent, before?.ok, before?.lost], [20 * 400, 20 * 399, 20]);
  assert.equal(before?.received_bps, 2e6);
  const weighted = (a: number, b: number) => (100 * a + 299 * b) / 399;
  assert.ok(Math.abs(before!.mean_ns! - weighted(3 * MS, 1 * MS)) < 1);
  assert.ok(Math.abs(during!.mean_ns! - weighted(9 * MS, 2 * MS)) < 1);
});

Deno.test("a third class that comes or goes is in no phase, one that is always there is named", () => {
  const client = tester(filled([60, 1 * MS]));
  const effects = effectsOn("victim", [client], [
    { name: "bulk", active: { start_ns: 2e9, end_ns: 3e9 } },
    { name: "web", active: { start_ns: 4e9, end_ns: 5e9 } },
    { name: "noise", active: { start_ns: -1e9, end_ns: 7e9 } },
    { name: "unknown", active: null },
  ]);
  assert.deepEqual(effects.map(({ of }) => of), ["bulk", "web", "noise"]);
  const [bulk, web, noise] = effects;
  assert.deepEqual([bulk?.before?.intervals, bulk?.during?.intervals, bulk?.after?.intervals], [20, 10, 20]);
  assert.deepEqual([web?.before?.intervals, web?.during?.intervals, web?.after?.intervals], [30, 10, 10]);
  assert.deepEqual(bulk?.background, ["noise"]);
  assert.deepEqual(
    [noise?.before, noise?.after, noise?.added_ns],
    [null, null, null],
    "nothing to compare it with",
  );
});

Deno.test("a class within another's time is compared with what that one alone did", () => {
  // "asks" from 1 s to 5 s adds 2 ms, "bulk" from 2 s to 4 s another 8 ms.
  const client = tester(filled([10, 1 * MS], [10, 3 * MS], [20, 11 * MS], [10, 3 * MS], [10, 1 * MS]));
  const [bulk, asks] = effectsOn("victim", [client], [
    { name: "bulk", active: { start_ns: 2e9, end_ns: 4e9 } },
    { name: "asks", active: { start_ns: 1e9, end_ns: 5e9 } },
  ]);
  assert.deepEqual(bulk?.background, ["asks"]);
  assert.deepEqual([bulk?.before?.intervals, bulk?.during?.intervals, bulk?.after?.intervals], [10, 20, 10]);
  assert.equal(bulk?.added_ns?.estimate, 8 * MS);
  assert.deepEqual(asks?.background, []);
  assert.deepEqual([asks?.before?.intervals, asks?.during?.intervals, asks?.after?.intervals], [10, 20, 10]);
  assert.equal(asks?.added_ns?.estimate, 2 * MS);
});

Deno.test("without a before the change is from what came after", () => {
  const client = tester(filled([20, 5 * MS], [20, 1 * MS]));
  const [effect] = effectsOn("victim", [client], [{ name: "bulk", active: { start_ns: -1e9, end_ns: 2e9 } }]);
  assert.equal(effect?.before, null);
  assert.equal(effect?.added_ns?.estimate, 4 * MS);
  assert.equal(effect?.left_ns, null);
});

Deno.test("what is not known is not made up", () => {
  const active = { start_ns: 2e9, end_ns: 4e9 };
  const others = [{ name: "bulk", active }];
  const times = filled([60, 1 * MS]);
  const { window: _, ...without } = tester(times);
  assert.deepEqual(effectsOn("v", [without], others), [], "no window: nobody knows when it was");
  assert.deepEqual(effectsOn("v", [], others), []);
  const old = tester(times);
  for (const point of old.series!) delete point.mean_ns;
  const [effect] = effectsOn("v", [old], others);
  assert.deepEqual([effect?.before?.mean_ns, effect?.added_ns], [null, null]);
  assert.match(effectSentence(effect!)!, /changes what v receives/);
  const silent = tester(times, 0, { rates: null });
  const [quiet] = effectsOn("v", [silent], others);
  assert.deepEqual([quiet?.during?.received_bps, quiet?.received_bps], [null, null]);
  const few = tester(filled([25, 1 * MS]));
  assert.equal(effectsOn("v", [few], others)[0]?.added_ns, null, "five intervals have no spread");
});

Deno.test("the interval of the change covers the truth in 19 of 20 runs, whatever disturbs both testers alike", () => {
  const normal = seededNormal(77);
  const runs = 200;
  let covered = 0, seen = 0;
  for (let run = 0; run < runs; run++) {
    let shared = 0;
    const load = Array.from({ length: 180 }, () => (shared = 0.7 * shared + 0.2 * MS * normal()));
    const truth = 4 * MS;
    const times = () =>
      load.map((disturbance, n) => {
        const isActive = n >= 60 && n < 120;
        return 5 * MS + (isActive ? truth + 2 * disturbance : disturbance) + 0.1 * MS * normal();
      });
    const [effect] = effectsOn("v", [tester(times()), tester(times())], [
      { name: "bulk", active: { start_ns: 6e9, end_ns: 12e9 } },
    ]);
    const { low, high } = effect!.added_ns!;
    if (low <= truth && truth <= high) covered++;
    if (low > 0) seen++;
  }
  assert.ok(covered >= 0.93 * runs, `${covered} of ${runs}`);
  assert.equal(seen, runs, "and it is narrow enough to see the change");
});

Deno.test("bytes of a stream are not packets: none is lost in between, and each has 8 bits", () => {
  const bytes = [1_000_000, 1_100_000, 900_000];
  const series: SeriesPoint[] = new Array(60).fill(0).map((_, n) => ({
    t_ns: n * STEP,
    sent: bytes[(n + 1) % 3]!,
    ok: bytes[n % 3]!,
    lost: 0,
  }));
  // What the test itself says of the whole phase is not exactly what the intervals add up to.
  const rates = { requested_bps: null, sent_bps: 81e6, received_bps: 81e6 };
  const part = { series, rates, engine: { series_unit: "byte" } };
  const active = { start_ns: 2e9, end_ns: 4e9 };
  const [effect] = effectsOn("victim", [tester(new Array(60).fill(0), 0, part)], [{ name: "bulk", active }]);
  assert.equal(effect!.unit, "byte");
  assert.ok(effect!.before!.ok > effect!.before!.sent);
  assert.equal(effect!.before!.lost, null);
  assert.equal(effect!.before!.received_bps, effect!.before!.ok * 8 / 2);
  const [first] = phaseRows(effect!);
  assert.deepEqual(first!.slice(-3, -1), ["–", "80.4 Mbit/s"]);
  assert.match(first!.at(-1)!, /^20\s100\s000\sB$/);
  const counts = { sent: 9, ok: 9, lost: 0, late: 0, corrupt: 0, duplicate: 0, reordered: 0 };
  const datagrams = tester(new Array(60).fill(0), 0, { ...part, counts });
  const [ofUdp] = effectsOn("victim", [datagrams], [{ name: "bulk", active }]);
  assert.equal(phaseRows(ofUdp!)[0]!.at(-3), "0 %");
});

Deno.test("rates that are alike have not changed, not even by the last bits of a number", () => {
  const rates = { requested_bps: 4e5, sent_bps: 399_466.6666666667, received_bps: 399_377.77777777775 };
  const series = tester(new Array(90).fill(1 * MS)).series!.map((point) => ({ ...point, sent: 50, ok: 50 }));
  const window = { start_ns: 3_474_512_053_654, end_ns: 3_483_512_065_870 };
  const client = tester([], 0, { rates, series, window });
  const active = { start_ns: client.window!.start_ns + 3.05e9, end_ns: client.window!.start_ns + 6.05e9 };
  const [effect] = effectsOn("victim", [client], [{ name: "bulk", active }]);
  const { estimate, low, high } = effect!.received_bps!;
  assert.deepEqual([estimate, low, high], [0, 0, 0]);
});

Deno.test("what is due in a phase is what was received in it, though the last packets of the run left late", () => {
  // 50 answers of 100 bytes in each 100 ms, as tshark would count them; the last two came when the measured phase was over.
  const series = tester(new Array(90).fill(1 * MS)).series!.map((point) => ({ ...point, sent: 50, ok: 50 }));
  const rates = { requested_bps: 4e5, sent_bps: 4498 * 800 / 9, received_bps: 4498 * 800 / 9 };
  const active = { start_ns: 3e9, end_ns: 6e9 };
  const metrics = [{ name: "completed_rate", value: 4498 / 9, unit: "1/s" }];
  const pacing = { lateness: null, achieved_pps: 4498 / 9 };
  for (const part of [{ metrics }, { pacing }]) {
    const client = tester(new Array(90).fill(1 * MS), 0, { rates, series, ...part });
    const [effect] = effectsOn("victim", [client], [{ name: "bulk", active }]);
    for (const phase of [effect!.before!, effect!.during!]) {
      assert.ok(Math.abs(phase.received_bps! - 400_000) < 1e-3, `${phase.received_bps}`);
    }
  }
});
