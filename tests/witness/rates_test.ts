/**
 * A whole run with `dist/` against the interface's counters, a capture of it, and a program in Python that reads the
 * single round trips: rates, series, row, percentiles, intervals of confidence and totals.
 *
 * @module
 */
import assert from "node:assert/strict";
import * as hdr from "hdr-histogram-js";
import type { ClientResult, ResultDocument } from "../../results/document/document.ts";
import { EchoProcess } from "../fixtures/peers/echo_process.ts";
import { realtimeAheadNs } from "../fixtures/network/monotonic.ts";
import { flowsOf, type Passage, passagesByNumber } from "../fixtures/network/passages.ts";
import { runConfig } from "../fixtures/run_config.ts";
import { BUCKET, checkSummary, figuresOf, near, within } from "../fixtures/samples.ts";
import { Veth } from "../fixtures/network/veth.ts";
import { Capture, nsBetween } from "../fixtures/network/wire.ts";
import { hasNamespaces, isInstalled, TestDaemon } from "../util/mod.ts";

const SIZE = 125;
const RATE_BPS = 1_000_000;
const INTERVAL_NS = SIZE * 8e9 / RATE_BPS;
const LENGTH_NS = 3e9;
/** Warm-up, and cool-down. */
const AROUND_NS = 0.2e9;
/** Bytes of a frame around a UDP packet's payload. */
const HEADERS = 14 + 20 + 8;

const ignore = !hasNamespaces() || !isInstalled("tshark") || !isInstalled("python3");

interface Run {
  document: ResultDocument;
  row: number[];
  /** Of each client, in the order in which they were captured. */
  passages: Passage[][];
  counters: ReturnType<Veth["counters"]>;
  files: string[];
  aheadNs: bigint;
}

/** A tester that stood still leaves packets out, and later ones are due at other times: such a run is made again. */
async function regularRun(link: Veth, folder: string): Promise<Run> {
  for (let left = 3;; left--) {
    const run = await watchedRun(link, folder);
    const packets = (LENGTH_NS + 2 * AROUND_NS) / INTERVAL_NS;
    const whole = run.document.clients.every((client) => engineOf(client).all_packets === packets);
    if (whole || left === 1) return run;
  }
}

/** Two testers, the second of which keeps response times; nothing else uses the link. */
async function watchedRun(link: Veth, folder: string): Promise<Run> {
  await using _echo = await EchoProcess.start({ ip: link.farAddress, wrap: link.wrap });
  await using first = await TestDaemon.start();
  await using second = await TestDaemon.start({ ip: "127.0.0.2" });
  await using capture = await Capture.start(link.near, "udp port 7");
  link.silence();
  const before = link.counters();
  const args = `socktype=udp,bps=${RATE_BPS},size=${SIZE},duration=${LENGTH_NS / 1e9},` +
    `warmup=${AROUND_NS / 1e9},cooldown=${AROUND_NS / 1e9},noise=0`;
  const { document, stdout, stderr } = await runConfig({
    test: "latency",
    args,
    controllerArgs: `dump_dir=${folder}`,
    testPort: 7,
    clients: [
      { host: first.host, port: first.port, testTarget: link.farAddress },
      { host: second.host, port: second.port, testTarget: link.farAddress, args: `${args},rtt=response` },
    ],
    targets: [],
  });
  assert.equal(document.run.failed, undefined, stderr);
  const aheadNs = await realtimeAheadNs();
  const frames = await capture.frames();
  const after = link.counters();
  return {
    document,
    row: stdout.trim().split(",").map(Number),
    passages: flowsOf(frames).map((flow) => passagesByNumber(flow, link.nearMac, SIZE)),
    counters: {
      rx_packets: after.rx_packets - before.rx_packets,
      tx_packets: after.tx_packets - before.tx_packets,
      rx_bytes: after.rx_bytes - before.rx_bytes,
      tx_bytes: after.tx_bytes - before.tx_bytes,
    },
    files: [0, 1].map((client) => `${folder}/latency_${client}.dmp`),
    aheadNs,
  };
}

/** What a client's engine says of itself. */
function engineOf(client: ClientResult): { first_packet: number; all_packets: number } {
  return client.engine as { first_packet: number; all_packets: number };
}

function checkCounters({ document, counters }: Run): void {
  const sent = document.clients.reduce((sum, client) => sum + engineOf(client).all_packets, 0);
  assert.deepEqual(
    counters,
    {
      rx_packets: sent,
      tx_packets: sent,
      rx_bytes: sent * (SIZE + HEADERS),
      tx_bytes: sent * (SIZE + HEADERS),
    },
  );
}

/**
 * A rate is what the wire carried of the packets that were due in the phase, until its end. When that was on the
 * capture's clock is known within the clock estimate's error, and one packet may be under way.
 */
function checkRates({ document, passages, aheadNs }: Run): void {
  const total = { least: 0, most: 0 };
  for (const [i, client] of document.clients.entries()) {
    const { start_ns, end_ns } = client.window!, seconds = LENGTH_NS / 1e9, errorNs = client.clock!.error_ns;
    const first = engineOf(client).first_packet;
    const until = (ns: number) => {
      const end = BigInt(Math.round(ns)) + aheadNs;
      return passages[i]!.filter(({ index, outNs }) => index >= first && outNs < end).length;
    };
    const least = until(end_ns - errorNs) - 1, most = until(end_ns + errorNs) + 1;
    const one = 8 * SIZE / seconds;
    within(client.rates?.sent_bps, least * one, most * one, "sent_bps");
    within(client.rates?.received_bps, least * one, most * one, "received_bps");
    within(Number(client.pacing?.achieved_pps), least / seconds, most / seconds, "achieved_pps");
    const due = LENGTH_NS / INTERVAL_NS;
    within(Number(client.pacing?.missing_share), 1 - most / due, 1 - least / due, "missing_share");
    assert.equal(client.rates?.requested_bps, RATE_BPS);
    assert.equal(client.pacing?.requested_pps, RATE_BPS / 8 / SIZE);
    // The tester's clock is this machine's: what the window is off by is the estimate's error, of either end.
    within(end_ns - start_ns, LENGTH_NS - 2 * errorNs, LENGTH_NS + 2 * errorNs, "length of the window");
    total.least += least * one;
    total.most += most * one;
  }
  // The testers begin and end some time apart: the window that they share may cut off a packet of each at both ends.
  const spare = 4 * 8 * SIZE / (LENGTH_NS / 1e9);
  assert.equal(document.total.rates?.requested_bps, 2 * RATE_BPS);
  within(document.total.rates?.sent_bps, total.least - spare, total.most + spare, "total sent_bps");
  within(document.total.rates?.received_bps, total.least - spare, total.most + spare, "total received_bps");
}

/** Every interval holds the packets that were due in it, and times no shorter than theirs on the wire. */
function checkSeries({ document, passages }: Run): void {
  for (const [i, client] of document.clients.entries()) {
    // All packets are in one interval or another: their means come to the mean of all, which Python has checked.
    const { sum, ok } = client.series!.reduce(
      (all, point) => ({ sum: all.sum + point.mean_ns! * point.ok, ok: all.ok + point.ok }),
      { sum: 0, ok: 0 },
    );
    near(sum / ok, client.latency!.response!.mean_ns, 1, "mean of the series");
    const first = engineOf(client).first_packet, series = client.series!;
    for (const [at, point] of series.entries()) {
      const end = series[at + 1]?.t_ns ?? LENGTH_NS;
      const due = passages[i]!.filter(({ index }) => {
        const t = (index - first) * INTERVAL_NS;
        return t >= point.t_ns && t < end;
      });
      const wire = due.map(({ outNs, backNs }) => nsBetween(outNs, backNs)).toSorted((a, b) => a - b);
      assert.deepEqual([point.sent, point.ok, point.lost], [due.length, due.length, 0], `interval ${at}`);
      const mean = wire.reduce((all, ns) => all + ns, 0) / wire.length;
      assert.ok(point.mean_ns! >= mean, `interval ${at}: mean ${point.mean_ns}, on the wire ${mean}`);
      assert.ok(point.mean_ns! <= point.max_ns!, `interval ${at}: mean ${point.mean_ns}`);
      // To 0.8 % of the value, see docs/measurement.md.
      for (const [key, share] of [["p50_ns", 0.5], ["p99_ns", 0.99], ["max_ns", 1]] as const) {
        const least = wire[Math.ceil(wire.length * share) - 1]!;
        assert.ok(point[key]! >= least * 0.992, `interval ${at}: ${key} ${point[key]}, on the wire ${least}`);
      }
    }
  }
}

function checkRow({ document, row, files }: Run): void {
  const python = figuresOf({ files });
  const sum = (key: "sent_bps" | "received_bps") =>
    document.clients.reduce((all, { rates }) => all + Math.trunc(rates![key]!), 0);
  assert.deepEqual(row.slice(0, 4), [2 * RATE_BPS, sum("received_bps"), sum("sent_bps"), SIZE]);
  const [min, mean, max, stdev, median] = row.slice(4);
  assert.deepEqual({ min, max, median }, { min: python.min, max: python.max, median: python.median });
  near(mean, python.mean, 1, "mean of the row"); // both cut to whole microseconds
  near(stdev, python.stdev, 0.5, "standard deviation of the row");
  assert.equal(document.csv.trim(), row.map((value, i) => i === 7 ? value.toFixed(2) : String(value)).join());
}

/** Batch means over the series' intervals, thirty of them. */
function checkConfidence(client: ClientResult, file: string): void {
  const { mean, median } = client.confidence!;
  const all = client.counts!.ok;
  const batches: number[] = Array(30).fill(0);
  let seen = 0;
  for (const { ok } of client.series!) {
    batches[Math.min(29, Math.floor(seen * 30 / all))]! += ok;
    seen += ok;
  }
  const python = figuresOf({ files: [file], batches, half_share: median!.half_share! });
  const [middle, half] = python.mean_interval;
  near(mean!.estimate_ns / 1000, middle + 0.5, 0.5, "estimate of the mean");
  near((mean!.high_ns - mean!.low_ns) / 2000, half, half * 0.02 + 0.1, "half-width of the mean's interval");
  near(
    median!.estimate_ns / 1000,
    python.ranks[0.5]! + 0.5,
    0.5 + python.ranks[0.5]! * BUCKET,
    "estimate of the median",
  );
  const [least, most] = python.half_share;
  within(median!.half_share, 0.9 * least, 1.1 * most, "half of the median's share");
  const [low, high] = python.median_interval;
  near(median!.low_ns / 1000, low + 0.5, 0.5 + low * 2 * BUCKET, "lower end of the median's interval");
  near(median!.high_ns / 1000, high + 0.5, 0.5 + high * 2 * BUCKET, "upper end of the median's interval");
}

/** What all testers saw together, read by HdrHistogram's own library. */
function checkTotal({ document }: Run): void {
  const { total, clients } = document;
  for (const key of ["sent", "ok", "lost", "late", "corrupt", "duplicate", "reordered"] as const) {
    assert.equal(total.counts![key], clients.reduce((sum, client) => sum + client.counts![key], 0), key);
  }
  for (const kind of ["response", "service"] as const) {
    const parts = clients.map((client) => client.latency![kind]!), found = total.latency[kind]!;
    const theirs = hdr.decodeFromCompressedBase64(clients[0]!.histograms![kind]!);
    theirs.add(hdr.decodeFromCompressedBase64(clients[1]!.histograms![kind]!));
    assert.equal(found.count, theirs.totalCount);
    assert.equal(found.min_ns, Math.min(...parts.map(({ min_ns }) => min_ns)));
    assert.equal(found.max_ns, Math.max(...parts.map(({ max_ns }) => max_ns)));
    near(found.mean_ns, theirs.mean, theirs.mean * BUCKET, `total ${kind} mean`);
    near(
      found.stddev_ns,
      theirs.stdDeviation,
      theirs.stdDeviation * 0.01,
      `total ${kind} standard deviation`,
    );
    for (
      const [name, percentile] of [["p50_ns", 50], ["p90_ns", 90], ["p99_ns", 99], ["p999_ns", 99.9]] as const
    ) {
      const value = theirs.getValueAtPercentile(percentile);
      near(found[name], value, value * 2 * BUCKET, `total ${kind} ${name}`);
    }
  }
}

Deno.test(
  { name: "a run's figures against the wire and against Python (tshark, python3)", ignore },
  async (t) => {
    using link = Veth.make("b");
    assert.ok(link !== null);
    const folder = await Deno.makeTempDir({ prefix: "ipbench-witness-" });
    try {
      const run = await regularRun(link, folder);
      const [first, second] = run.document.clients;
      await t.step("packets against the interface's counters", () => checkCounters(run));
      await t.step("rates against the packets in the window", () => checkRates(run));
      await t.step("the series against the packets due in each interval", () => checkSeries(run));
      await t.step("service and response against the single round trips", () => {
        checkSummary(first!.latency!.service!, figuresOf({ files: [run.files[0]!] }));
        checkSummary(second!.latency!.response!, figuresOf({ files: [run.files[1]!] }));
      });
      await t.step("the row against the single round trips of both", () => checkRow(run));
      await t.step(
        "intervals of confidence against batch means",
        () => checkConfidence(second!, run.files[1]!),
      );
      await t.step("totals against HdrHistogram's library", () => checkTotal(run));
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
);
