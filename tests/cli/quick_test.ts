/** A quick look, as a user starts it: what it finds, how long it takes, and that nothing of it is left. */
import assert from "node:assert/strict";
import { Veth } from "../fixtures/network/veth.ts";
import { QueueReader } from "../fixtures/network/queue.ts";
import { assertScreen, look, marked } from "../fixtures/quick.ts";
import { assertNoneLeft, hasNamespaces, TestDaemon } from "../util/mod.ts";

/** What it promises, and what starting and ending the program may take on a machine that tests crowd. */
const PROMISED_MS = 30_000;

Deno.test("without a host, loopback is measured in half a minute, on one screen, and nothing is left", async () => {
  const run = marked();
  const { code, stdout, stderr, ms, document, html } = await look([], run);
  await assertNoneLeft(run.name);
  assert.ok(code === 0, `${code}\n${stdout}\n${stderr}`);
  assert.ok(ms <= PROMISED_MS, `${ms} ms`);
  assertScreen(stdout);
  assert.match(stdout, /^ipbench quick: this machine/);
  assert.match(stdout, /^TCP up +[\d.]+ [GM]bit\/s/m);
  assert.match(stdout, /^(VALID|SUSPECT)/m);
  const [idle, up] = document.phases;
  assert.deepEqual([idle?.phase, up?.phase], ["idle", "up"]);
  assert.ok(idle!.rtt!.median_ns > 1_000 && idle!.rtt!.count >= 100, JSON.stringify(idle));
  assert.ok(up!.up_bps! > 100e6 && up!.cpu! > 0, JSON.stringify(up));
  assert.ok(document.documents.up!.clients.length === 2);
  assert.match(html, /<h1>[^<]*ipbench quick/);
  assert.match(stderr, /measuring: TCP up/);
});

const ignore = !hasNamespaces();

Deno.test(
  { name: "a queue of 50 ms at 20 Mbit/s is found within 5 %, and none without load", ignore },
  async () => {
    using veth = Veth.make("b") ?? assert.fail();
    // 50 ms of 20 Mbit/s may wait, and what the bucket holds beside.
    const bytes = 0.05 * 20e6 / 8 + 2_000;
    veth.shape(20, String(bytes));
    await using _target = await TestDaemon.start({ role: "target", ip: null, port: 8037, wrap: veth.wrap });
    using queue = QueueReader.start(veth.near);
    const { code, stdout, document } = await look([veth.farAddress], marked());
    assert.equal(code, 0, stdout);
    const [idle, up] = document.phases;
    const truth = queue.fullMs(20e6); // what the kernel had waiting
    const found = up!.full_ns! / 1e6;
    assert.ok(truth > 45 && truth < 55, `${truth} ms waited`);
    assert.ok(Math.abs(found / truth - 1) <= 0.05, `${found} ms instead of ${truth} ms\n${stdout}`);
    assert.match(
      stdout.replaceAll(/\s+/g, " "),
      new RegExp(`The queue towards ${veth.farAddress} adds (?:4[89]|5[0-4]) ms when full`),
    );
    assert.ok(up!.up_bps! > 17e6 && up!.up_bps! < 20e6, `${up!.up_bps}`);
    // The probes' own processor may be taken away for milliseconds: the shortest one was not.
    assert.ok(document.documents.idle!.total.latency.service!.min_ns < 0.5e6);
    if (idle!.verdict === "VALID") assert.ok(idle!.rtt!.median_ns < 0.5e6, `${idle!.rtt!.median_ns} ns`);
  },
);
