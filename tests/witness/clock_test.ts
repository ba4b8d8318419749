/**
 * Clocks and starts of testers on this machine, whose clocks are one: what is said of them against what is true, the
 * control connection's packets, and the first and last packets of the test.
 *
 * @module
 */
import assert from "node:assert/strict";
import { EchoProcess } from "../fixtures/peers/echo_process.ts";
import { realtimeAheadNs } from "../fixtures/network/monotonic.ts";
import { flowsOf } from "../fixtures/network/passages.ts";
import { runConfig } from "../fixtures/run_config.ts";
import { within } from "../fixtures/samples.ts";
import { Veth } from "../fixtures/network/veth.ts";
import { Capture, type Frame, nsBetween } from "../fixtures/network/wire.ts";
import { hasNamespaces, isInstalled, TestDaemon } from "../util/mod.ts";

const ignore = !hasNamespaces() || !isInstalled("tshark") || !isInstalled("python3");
const SIZE = 125;
const LENGTH_S = 1;
const TAIL_NS = 0.05e9;

/** Round trips of a daemon's answers to CLOCK, in ns, as the loopback interface saw them. */
function probesOf(frames: readonly Frame[], stream: number): number[] {
  const text = ({ payload }: Frame) => new TextDecoder().decode(payload);
  const trips: number[] = [];
  let asked: bigint | null = null;
  for (const frame of frames.filter((one) => one.stream === stream && one.payload.length > 0)) {
    if (/^CLOCK\r?\n/.test(text(frame))) asked = frame.atNs;
    else if (asked !== null && text(frame).includes("rx=")) {
      trips.push(nsBetween(asked, frame.atNs));
      asked = null;
    }
  }
  return trips;
}

Deno.test({ name: "clocks and starts against the wire (tshark, python3)", ignore }, async (t) => {
  using link = Veth.make("t");
  assert.ok(link !== null);
  await using _echo = await EchoProcess.start({ ip: link.farAddress, wrap: link.wrap });
  await using first = await TestDaemon.start();
  await using second = await TestDaemon.start({ ip: "127.0.0.2" });
  await using capture = await Capture.start(link.near, "udp port 7");
  await using control = await Capture.start("lo", `tcp port ${first.port} or tcp port ${second.port}`);
  const { document, stderr } = await runConfig({
    test: "latency",
    args: `socktype=udp,bps=1M,size=${SIZE},duration=${LENGTH_S},warmup=0,cooldown=0,noise=0`,
    testPort: 7,
    clients: [first, second].map(({ host, port }) => ({ host, port, testTarget: link.farAddress })),
    targets: [],
  });
  assert.equal(document.run.failed, undefined, stderr);
  const aheadNs = await realtimeAheadNs();
  const flows = flowsOf(await capture.frames());
  const controlled = await control.frames();
  for (const [i, client] of document.clients.entries()) {
    const clock = client.clock!, start = client.start!, flow = flows[i]!;
    await t.step(`tester ${i}: offset, drift and their errors cover one clock's 0`, () => {
      assert.ok(Math.abs(clock.offset_ns) <= clock.error_ns, `${clock.offset_ns} ± ${clock.error_ns}`);
      const drift = Number(clock.drift_ppm), error = Number(clock.drift_error_ppm);
      assert.ok(Math.abs(drift) <= error, `${drift} ± ${error} ppm`);
    });
    await t.step(`tester ${i}: the probes' number and least round trip`, () => {
      const port = [first, second][i]!.port;
      const streams = new Set(
        controlled.filter(({ ports }) => ports.includes(port)).map(({ stream }) => stream),
      );
      const trips = [...streams].flatMap((stream) => probesOf(controlled, stream));
      assert.equal(clock.probes, trips.length);
      // Of the round before the run; a round trip includes what passed between the two stamps.
      assert.ok(Number(clock.round_trip_ns) >= Math.min(...trips), `${clock.round_trip_ns} ns`);
    });
    await t.step(`tester ${i}: start and end against its first and last packet`, () => {
      const firstNs = Number(flow[0]!.atNs - aheadNs), lastNs = Number(flow.at(-1)!.atNs - aheadNs);
      within(start.actual_ns, start.planned_ns, firstNs, "actual_ns");
      within(firstNs - start.actual_ns, 0, TAIL_NS, "time from start to the first packet");
      within(Number(start.ended_ns), lastNs - 1e6, lastNs + 5e9, "ended_ns");
      assert.equal(start.skew_ns, start.actual_ns - start.planned_ns);
      const error = Number(start.error_ns);
      within(
        Number(start.actual_controller_ns),
        start.actual_ns - error,
        start.actual_ns + error,
        "actual_controller_ns",
      );
      within(client.window!.start_ns, firstNs - TAIL_NS - error, firstNs + error, "start of the window");
    });
  }
  await t.step("the testers' first packets are no further apart than their starts", () => {
    const [a, b] = flows.map((flow) => Number(flow[0]!.atNs));
    const [p, q] = document.clients.map(({ start }) => Number(start!.actual_controller_ns));
    const spare = document.clients.reduce((sum, { start }) => sum + Number(start!.error_ns), TAIL_NS);
    within(Math.abs((a! - b!) - (p! - q!)), 0, spare, "difference of the skews");
  });
});
