/**
 * What a router passes on at most, against the rate of the token bucket in it.
 *
 * @module
 */
import assert from "node:assert/strict";
import { TemporaryFolder } from "../fixtures/folders.ts";
import { PORT } from "../fixtures/forwarded.ts";
import { DeviceLab } from "../fixtures/network/device_lab.ts";
import { hasNamespaces, isInstalled, runProgram } from "../util/mod.ts";

const ignore = !hasNamespaces();

Deno.test({
  name: "throughput of a token bucket by rfc2544, within 0.5 % of its rate (tc)",
  ignore: ignore || !isInstalled("tc"),
}, async () => {
  using lab = DeviceLab.make("t", "router");

  await using _left = await lab.daemon("left");
  await using _right = await lab.daemon("right");
  // A tester that stands still for longer than the bucket's queue holds (10 ms) makes a burst, which is lost: such a trial is
  // repeated. What the queue holds is 0.25 % of a trial.
  // What the bucket counts is a frame without its checksum: 14 bytes of Ethernet, and the IP packet.
  const RATE = 40e6, FRAME = 1518;
  lab.inDevice(
    ...["tc", "qdisc", "replace", "dev", "right", "root", "tbf", "rate", `${RATE}bit`],
    ...["burst", "5kb", "limit", "50kb"],
  );
  using folder = TemporaryFolder.make();
  const path = folder.write(
    "lab.xml",
    `<ipbench><test name="forward" port="${PORT}" args="socktype=udp,limits=shared,limit_longest_gap=6ms,drain=500ms,noise=0">
      <client hostname="${lab.control("left")}" to="right" test_target="${lab.address("right")}"/>
      <client name="right" hostname="${lab.control("right")}"/></test></ipbench>`,
  );
  const { stdout, stderr } = await runProgram("ipbench", [
    ...["rfc2544", path, "--line-rate", "50M", "--frames", String(FRAME), "--tests", "throughput,latency"],
    ...["--trial", "4s", "--rampup", "200ms", "--warmup", "300ms", "--latency-trial", "1s"],
    ...["--latency-repeat", "1", "--invalid", "12", "--strict", "--json", `${folder.path}/rfc.json`],
  ], { deadlineMs: 240_000 });
  const document = JSON.parse(await Deno.readTextFile(`${folder.path}/rfc.json`));
  const [record] = document.frames;
  const truth = RATE / (8 * (FRAME - 4));
  const found = record.throughput?.frames_per_second ?? 0;
  assert.ok(
    Math.abs(found / truth - 1) < 0.005,
    `${found} frames/s, the bucket passes ${truth}\n${stdout}${stderr}`,
  );
  assert.equal(document.one_way, true);
  assert.ok(record.latency.service.p50_ns > 0 && record.latency.service.p50_ns < 15e6, stdout);
});
