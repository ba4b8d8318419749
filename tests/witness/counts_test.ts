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
import { FaultyEcho } from "../fixtures/peers/faulty_echo.ts";
import { Veth } from "../fixtures/network/veth.ts";
import { Capture, type Frame } from "../fixtures/network/wire.ts";
import { hasNamespaces, isInstalled } from "../util/mod.ts";

const ignore = !hasNamespaces() || !isInstalled("tshark");

const SIZE = 64;
const DRAIN_S = 0.5;
const DELAY_MS = 1000;
/** No phase but the measured one, so that every frame of the run counts. */
const LOAD = `bps=2M,size=${SIZE},duration=0.5,warmup=0,cooldown=0,noise=0,drain=${DRAIN_S},late=1`;
const FAULTS = "drop,duplicate,twice,delay,reorder,corrupt,truncate,alien,stump";

interface Witnessed {
  result: DrivenResult;
  row: string[];
  frames: Frame[];
}

/** One run over the link, watched. */
async function watched(link: Veth, plugin: string, echoArgs: string[], args: string): Promise<Witnessed> {
  const raw = args.includes("socktype=raw");
  const echo = await FaultyEcho.start(
    [...raw ? ["--raw", link.far] : ["--ip", link.farAddress], ...echoArgs],
    link.wrap,
  );
  try {
    await using capture = await Capture.start(
      link.near,
      raw ? "ether proto 0x6008" : `udp port ${echo.port}`,
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
  using link = Veth.make("c");
  assert.ok(link !== null);
  for (const way of ["socktype=udp", `socktype=raw,iface=${link.near}`]) {
    await t.step(`latency, ${way.replace(link.near, "IFACE")}`, async () => {
      const echo = ["--every", "10", "--faults", FAULTS, "--delay-ms", String(DELAY_MS)];
      const counted = compare(await watched(link, "latency", echo, way), link.nearMac);
      for (const [kind, count] of Object.entries(counted)) assert.ok(count >= 10, `${count} ${kind}`);
    });
    await t.step(`latency-check, ${way.replace(link.near, "IFACE")}: Bad_Packets`, async () => {
      const echo = ["--check", "--every", "7", "--faults", "spoil"];
      const run = await watched(link, "latency-check", echo, way);
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
