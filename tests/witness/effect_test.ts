/**
 * What one class does to another, against something that is not ours: the queue of a token bucket between two network
 * namespaces, as captures before and after it tell what each packet waited in it.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Bucket, BUCKET_BPS, meansOf } from "../fixtures/network/bucket.ts";
import { hasNamespaces, isInstalled } from "../util/mod.ts";

/**
 * Percentiles of single round trips, by Python: of a file with one a line, in us, in the order in which they were due, those
 * that were due from an instant to another, in ns after the first one, with so many ns between them.
 */
async function percentiles(file: string, stepNs: number, fromNs: number, toNs: number): Promise<number[]> {
  const script = "import sys, math\n" +
    "step, start, end = map(float, sys.argv[2:5])\n" +
    "times = [float(line) * 1e3 for line in open(sys.argv[1])]\n" +
    "part = sorted(t for i, t in enumerate(times) if start <= i * step < end)\n" +
    "print(len(part), *(part[math.ceil(p / 100 * len(part)) - 1] for p in (50, 99)))\n";
  const args = ["-c", script, file, String(stepNs), String(fromNs), String(toNs)];
  const { stdout, stderr, success } = await new Deno.Command("python3", { args }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout).trim().split(" ").map(Number);
}

Deno.test({
  name: "the percentiles of each phase, against the single round trips (python3, tc)",
  ignore: !hasNamespaces() || !isInstalled("tc") || !isInstalled("python3"),
  fn: async () => {
    // 24 Mbit/s for 2 s fill a megabyte of it, and nothing is lost.
    await using bucket = await Bucket.make("p", 4_000_000);
    if (bucket === null) return;
    const { folder } = bucket;
    const { document, stderr } = await bucket.run(
      "rtt=response,duration=8,drain=3",
      { begin: "3s", end: "5s", bps: "24M" },
      `dump_dir=${folder.path},dump_prefix=p`,
    );
    const told = `${stderr}${document.run.reasons.join("; ")}`;
    const { sent, ok } = document.total.counts!;
    assert.deepEqual([sent, ok], [3200, 3200], told);
    const { window } = document.clients[0]!;
    const [effect] = document.effect!;
    for (const phase of ["before", "during", "after"] as const) {
      const { start_ns, end_ns, ok, p50_ns, p99_ns } = effect![phase]!;
      const from = start_ns - window!.start_ns, to = end_ns - window!.start_ns;
      const [count = 0, ...truth] = await percentiles(`${folder.path}/p_0.dmp`, 2.5e6, from, to);
      assert.equal(count, ok);
      for (const [n, seen] of [p50_ns!, p99_ns!].entries()) {
        // A counter's upper end, and whole us in the file.
        assert.ok(
          seen >= truth[n]! - 1000 && seen <= truth[n]! * 1.01 + 2000,
          `${phase}: ${seen}, not ${truth[n]}: ${told}`,
        );
      }
    }
    assert.ok(effect!.during!.p50_ns! > 20 * effect!.before!.p50_ns!, JSON.stringify(effect));
    assert.match(stderr, /bulk changes victim's mean response time .*; p99 [\d.]+ [mµ]?s, then [\d.]+ m?s/);
  },
});

/** Runs that are VALID, after at most so many: one that says of itself that its tester stood still is no witness. */
const RUNS = 3, TRIES = 6;
/** In how many of them the interval may miss the truth: two of three do so once in 140 times. */
const MISSED = 1;
/** Less than the captures say it can hardly be: the tester's stamps are outside of the interface's. */
const STAMPS_NS = 100e3;

/** Of one run, whether the interval of the effect covers what the captures say, and both; `null`: it is not VALID. */
async function effectOf(bucket: Bucket): Promise<{ isCovered: boolean; shown: string } | null> {
  const { document, stderr, passages } = await bucket.captured("duration=11", {
    begin: "4s",
    end: "8s",
    bps: "100M",
  });
  const told = `${stderr}${document.run.reasons.join("; ")}`;
  assert.equal(document.run.failed, undefined, told);
  if (document.run.verdict !== "VALID") return null;
  const { before, during, after, added_ns } = document.effect![0]!;
  const idle = meansOf(passages, before!, document), loaded = meansOf(passages, during!, document);
  for (const [{ ok, mean_ns }, { packets, responseNs }] of [[before!, idle], [during!, loaded]] as const) {
    assert.equal(packets, ok, told);
    assert.ok(mean_ns! > responseNs - STAMPS_NS, `${mean_ns} ns, captured ${responseNs} ns: ${told}`);
  }
  const truth = loaded.queueNs - idle.queueNs;
  const { estimate, low, high } = added_ns!;
  const shown = `${[truth, estimate, low, high].map((ns) => (ns / 1e6).toFixed(2)).join(", ")} ms`;
  const isCovered = low <= truth && truth <= high;
  assert.ok(isCovered || Math.abs(estimate - truth) <= 0.05 * truth, `${shown}: ${told}`);
  assert.ok(before!.sent + during!.sent + after!.sent <= document.total.counts!.sent);
  const received = document.classes![1]!.metrics!.find(({ name }) => name === "received_rate")!.value;
  assert.ok(received < BUCKET_BPS, `the bucket let ${received} bit/s through`);
  return { isCovered, shown };
}

Deno.test({
  name: "what a full queue adds, against captures before and after it (tshark, tc)",
  ignore: !hasNamespaces() || !isInstalled("tc") || !isInstalled("tshark"),
  fn: async () => {
    await using bucket = await Bucket.make("e");
    if (bucket === null) return;
    const seen: { isCovered: boolean; shown: string }[] = [];
    for (let tries = 0; tries < TRIES && seen.length < RUNS; tries++) {
      const one = await effectOf(bucket);
      if (one !== null) seen.push(one);
    }
    if (seen.length < RUNS) {
      console.error(`skipped: of ${TRIES} runs ${seen.length} were VALID, which is too few`);
    }
    const missed = seen.filter(({ isCovered }) => !isCovered);
    assert.ok(missed.length <= MISSED, seen.map(({ shown }) => shown).join("; "));
  },
});
