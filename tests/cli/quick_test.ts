/** A quick look, as a user starts it: what it finds, how long it takes, and that nothing of it is left. */
import assert from "node:assert/strict";
import { LOADED_SECONDS } from "../../controller/quick/limits.ts";
import type { QuickDocument } from "../../controller/quick/quick_document.ts";
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
    using queue = QueueReader.start(veth);
    let looked = await look([veth.farAddress], marked());
    // Where something else takes the processors, the verdict says so, or phases are shorter: one looks again.
    for (let i = 0; i < 2 && isCrowded(looked.document); i++) {
      looked = await look([veth.farAddress], marked());
    }
    const { code, stdout, document } = looked;
    assert.equal(code, 0, stdout);
    const [idle, up] = document.phases;
    const { startNs, seconds } = measuredPart(document);
    const truth = queue.fullMs(20e6, startNs, seconds); // what the kernel had waiting
    const found = up!.full_ns! / 1e6;
    assert.ok(truth > 45 && truth < 55, `${truth} ms waited`);
    assert.ok(Math.abs(found / truth - 1) <= 0.05, `${found} ms instead of ${truth} ms\n${stdout}`);
    assert.match(
      stdout.replaceAll(/\s+/g, " "),
      new RegExp(`The queue towards ${veth.farAddress} adds (?:4[89]|5[0-4]) ms when full`),
    );
    // Of 1,514 bytes 1,448 are payload. What is lost is sent again, and what waits behind it is read much later.
    const sent = queue.sentBps(startNs, seconds);
    assert.ok(sent > 15e6 && sent < 20.2e6, `${sent} bit/s`);
    assert.ok(up!.up_bps! > 0.7 * sent && up!.up_bps! < 1.15 * sent, `${up!.up_bps} of ${sent} bit/s`);
    // The probes' own processor may be taken away for milliseconds: the shortest one was not.
    assert.ok(document.documents.idle!.total.latency.service!.min_ns < 0.5e6);
    if (idle!.verdict === "VALID") assert.ok(idle!.rtt!.median_ns < 0.5e6, `${idle!.rtt!.median_ns} ns`);
  },
);

/** When the bulk of "TCP up" was measured, by the monotonic clock, and for how long. */
function measuredPart({ documents }: QuickDocument): { startNs: number; seconds: number } {
  const load = documents.up?.clients.find((each) => each.class === "load");
  const [, warmup, duration] = /warmup=([\d.]+),duration=([\d.]+)/.exec(load?.args ?? "") ?? [];
  return { startNs: (load?.start?.actual_ns ?? NaN) + Number(warmup) * 1e9, seconds: Number(duration) };
}

function isCrowded(document: QuickDocument): boolean {
  return document.verdict === "INVALID" || !(measuredPart(document).seconds >= LOADED_SECONDS);
}
