/**
 * Counts against the wire: what an echo that loses, repeats, delays, swaps and damages packets leaves of a run, as a
 * capture of the tester's interface counts it, is what the tester counts, exactly.
 *
 * @module
 */
import assert from "node:assert/strict";
import { type CapturedCounts, countFrames } from "../fixtures/network/captured_counts.ts";
import { drive, type DrivenResult, drivenRow } from "../fixtures/driven.ts";
import { EchoProcess } from "../fixtures/peers/echo_process.ts";
import { output } from "../fixtures/output.ts";
import { FaultyEcho } from "../fixtures/peers/faulty_echo.ts";
import { Veth } from "../fixtures/network/veth.ts";
import { Capture, type Frame } from "../fixtures/network/wire.ts";
import { hasNamespaces, isInstalled } from "../util/mod.ts";

const ignore = !hasNamespaces() || !isInstalled("tshark") || !isInstalled("ethtool");

const SIZE = 64;
/** Of the link, and threads of a tester that has several. */
const QUEUES = 2;
const DRAIN_S = 0.5;
const DELAY_MS = 1000;
/** No phase but the measured one, so that every frame of the run counts. */
const LOAD = `bps=2M,size=${SIZE},duration=0.5,warmup=0,cooldown=0,noise=0,drain=${DRAIN_S},late=1`;
/** A quick run of the tests tries one plugin on each way. */
const QUICK = Deno.env.get("IPBENCH_TEST_QUICK") === "1";
const FAULTS = "drop,duplicate,twice,delay,reorder,corrupt,truncate,alien,stump";

interface Witnessed {
  result: DrivenResult;
  row: string[];
  frames: Frame[];
}

/** One run over the link, watched. */
async function watched(link: Veth, plugin: string, echoArgs: string[], args: string): Promise<Witnessed> {
  const raw = args.includes("socktype=raw");
  // What an XDP program sends and receives passes the near end's captures by.
  const [place, wrap] = args.includes("engine=xdp") ? [link.far, link.wrap] : [link.near, []];
  const echo = await FaultyEcho.start(
    [...raw ? ["--raw", link.far] : ["--ip", link.farAddress], ...echoArgs],
    link.wrap,
  );
  try {
    await using capture = await Capture.start(
      place,
      raw ? "ether proto 0x6008" : `udp port ${echo.port}`,
      wrap,
    );
    const target = raw ? link.farMac : link.farAddress;
    const { result, row } = await drivenRow(
      drive({ plugin, target, port: echo.port, args: `${args},${LOAD}` }),
    );
    return { result, row, frames: await capture.frames() };
  } finally {
    await echo.end();
  }
}

function compare({ result, frames }: Witnessed, mac: string): CapturedCounts {
  const { bad: _, stray, ...counted } = countFrames(frames, mac, DRAIN_S * 1e9);
  assert.deepEqual({ ...result.counts, stray: result.engine.stray }, { ...counted, stray });
  assert.equal(result.engine.all_packets, counted.sent);
  return countFrames(frames, mac, DRAIN_S * 1e9);
}

Deno.test({ name: "counts of faults against a capture (tshark)", ignore }, async (t) => {
  using link = Veth.make("c", QUEUES);
  assert.ok(link !== null);
  const ways = {
    udp: "socktype=udp",
    raw: `socktype=raw,iface=${link.near}`,
    "udp by XDP": "socktype=udp,engine=xdp",
    "raw by XDP": `socktype=raw,iface=${link.near},engine=xdp`,
  };
  const others = {
    "udp, single calls": "socktype=udp,engine=socket",
    "udp, batches": "socktype=udp,engine=mmsg,arrival=burst:8",
    "udp, trains": "socktype=udp,engine=gso",
    "raw, single calls": `${ways.raw},engine=socket`,
    "raw, batches": `${ways.raw},engine=mmsg,arrival=burst:8`,
    "raw, a ring": `${ways.raw},engine=ring`,
    "udp, threads": `socktype=udp,threads=${QUEUES}`,
    "raw, threads": `${ways.raw},threads=${QUEUES}`,
    "udp by XDP, threads": `${ways["udp by XDP"]},threads=${QUEUES}`,
    "raw by XDP, threads": `${ways["raw by XDP"]},threads=${QUEUES}`,
  };
  const all = Object.keys(ways) as (keyof typeof ways)[];
  for (const kind of QUICK ? ["udp"] as const : all) {
    await t.step(`latency, ${kind}`, async () => {
      const echo = ["--every", "10", "--faults", FAULTS, "--delay-ms", String(DELAY_MS)];
      const counted = compare(await watched(link, "latency", echo, ways[kind]), link.nearMac);
      for (const [kind, count] of Object.entries(counted)) assert.ok(count >= 10, `${count} ${kind}`);
    });
  }
  // The capture is to see the packets of a train one by one.
  output("ethtool", "-K", link.near, "tx-udp-segmentation", "off");
  for (const [kind, way] of QUICK ? [] : Object.entries(others)) {
    await t.step(`latency, ${kind}`, async () => {
      // Of fewer than eight bytes of a frame nobody can tell which thread's they are, and so whether it was still measuring.
      const faults = kind.startsWith("raw") && kind.includes("threads")
        ? [FAULTS.replace(",stump", ""), "--keep", "8"]
        : [FAULTS];
      const echo = ["--every", "10", "--delay-ms", String(DELAY_MS), "--faults", ...faults];
      const counted = compare(await watched(link, "latency", echo, way), link.nearMac);
      // What is delayed is reordered only when others of its thread come before it.
      const least = kind.includes("threads") ? 3 : 10;
      for (const [kind, count] of Object.entries(counted)) assert.ok(count >= least, `${count} ${kind}`);
    });
  }
  for (const kind of QUICK ? ["raw"] as const : all) {
    await t.step(`latency-check, ${kind}: Bad_Packets`, async () => {
      const echo = ["--check", "--every", "7", "--faults", "spoil"];
      const run = await watched(link, "latency-check", echo, ways[kind]);
      const { bad } = compare(run, link.nearMac);
      assert.ok(bad > 100);
      assert.equal(Number(run.row[9]), bad);
    });
  }
  await t.step("latency over TCP: bytes of the streams", async () => {
    await using _echo = await EchoProcess.start({ ip: link.farAddress, wrap: link.wrap });
    await using capture = await Capture.start(link.near, "tcp port 7");
    const args = `socktype=tcp,${LOAD}`;
    const { result } = await drivenRow(drive({ target: link.farAddress, port: 7, args }));
    const frames = await capture.frames();
    const bytes = (own: boolean) =>
      Math.max(
        ...frames.filter(({ source, payload }) => payload.length > 0 && own === (source === link.nearMac))
          .map(({ sequence, payload }) => sequence - 1 + payload.length),
      );
    assert.ok(result.counts.sent > 900);
    assert.equal(bytes(true), result.counts.sent * SIZE);
    assert.equal(bytes(false), result.counts.ok * SIZE);
    assert.equal(result.engine.all_packets, result.counts.sent);
  });
});
