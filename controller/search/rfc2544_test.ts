import assert from "node:assert/strict";
import type { RunDescription } from "../../config/run_description.ts";
import { FAKE_SHAPE, FakeClock, fakeDescription, fakeDocument } from "../../tests/fixtures/fake_run.ts";
import { getArg } from "../../base/args.ts";
import { backToBack, longestBurst } from "./back_to_back.ts";
import { frameSize, framesPerSecond, fullLoad, STANDARD_FRAME_SIZES } from "./frames.ts";
import { lossCurve } from "./loss_curve.ts";
import type { Rfc2544Options } from "./frame_bench.ts";
import { runRfc2544 } from "./rfc2544.ts";
import { rfc2544Table } from "../../results/search/rfc2544_table.ts";

function options(change: Partial<Rfc2544Options> = {}): Rfc2544Options {
  return {
    base: fakeDescription("socktype=udp,size=1", "socktype=udp"),
    carrier: "udp4",
    frames: [64, 1518],
    lineRate: 1e9,
    tests: new Set(["throughput", "latency", "loss", "burst"] as const),
    trialSeconds: 2,
    width: 0.005,
    latencySeconds: 3,
    latencyRepeat: 2,
    burstSeconds: 0.1,
    burstRepeat: 3,
    overloadSeconds: 60,
    resetSeconds: 20,
    resetCommand: null,
    darkRepeat: 2,
    shape: FAKE_SHAPE,
    settleSeconds: 0,
    invalidLimit: 2,
    ipbench: { version: "0", build: "test" },
    ...change,
  };
}

const sum = (description: RunDescription, name: string) =>
  description.clients.reduce((total, client) => total + Number(getArg(client.args, name)), 0);

/** Forwards so many frames a second, and has room for so many more. */
function target(framesPerSecond: number, buffer: number) {
  return (description: RunDescription) => {
    const arrival = getArg(description.clients[0]?.args ?? "", "arrival");
    const sent = arrival === null ? 1e6 : description.clients.length * Number(arrival.slice("burst:".length));
    const size = Number(getArg(description.clients[0]?.args ?? "", "size"));
    const offered = sum(description, "bps") / (size * 8);
    const lost = arrival === null
      ? Math.max(0, 1e6 * (1 - framesPerSecond / offered))
      : Math.max(0, sent - buffer);
    return Promise.resolve(fakeDocument(description, { sent, lost: Math.round(lost) }));
  };
}

Deno.test("frame sizes become payloads that make them", () => {
  assert.deepEqual(frameSize(64, "udp4"), { frame: 64, size: 18 });
  assert.deepEqual(frameSize(1518, "udp4"), { frame: 1518, size: 1472 });
  assert.deepEqual(frameSize(1518, "raw"), { frame: 1518, size: 1514 });
  assert.equal(frameSize(64, "udp6"), null);
  assert.deepEqual(frameSize(128, "udp6"), { frame: 128, size: 62 });
  assert.deepEqual(STANDARD_FRAME_SIZES.map((frame) => frameSize(frame, "raw")?.size), [
    60,
    124,
    252,
    508,
    1020,
    1276,
    1514,
  ]);
});

Deno.test("the full rate is the line's, as RFC 2544, appendix B, has it for 10 Mbit/s", () => {
  const rates = {
    64: 14_880,
    128: 8_445,
    256: 4_528,
    512: 2_349,
    768: 1_586,
    1024: 1_197,
    1280: 961,
    1518: 812,
  };
  for (const [frame, rate] of Object.entries(rates)) {
    for (const carrier of ["raw", "udp4"] as const) {
      const size = frameSize(Number(frame), carrier)!;
      assert.equal(Math.floor(framesPerSecond(fullLoad(10e6, size), size)), rate, `${frame}, ${carrier}`);
    }
  }
  const of = (line: number, frame: number) => {
    const size = frameSize(frame, "udp4")!;
    return Math.floor(framesPerSecond(fullLoad(line, size), size));
  };
  const lines = [100e6, 1e9, 10e9, 100e9];
  assert.deepEqual(lines.map((line) => of(line, 64)), [148_809, 1_488_095, 14_880_952, 148_809_523]);
  assert.deepEqual(lines.map((line) => of(line, 1518)), [8_127, 81_274, 812_743, 8_127_438]);
});

Deno.test("the longest burst is found within the resolution", async () => {
  for (const capacity of [0, 1, 2, 7, 100, 999, 1000]) {
    let probes = 0;
    const found = await longestBurst((frames) => Promise.resolve((probes++, frames <= capacity)), 1000, 1);
    assert.equal(found, capacity);
    assert.ok(probes <= 22);
  }
  const coarse = await longestBurst((frames) => Promise.resolve(frames <= 700), 1000, 50);
  assert.ok(coarse > 650 && coarse <= 700);
});

Deno.test("buffer times are those of RFC 9004", () => {
  const found = backToBack([90, 110], 1000, 1000, 500);
  assert.deepEqual([found.average, found.min, found.max, found.limited], [100, 90, 110, false]);
  assert.ok(Math.abs(found.stddev - Math.sqrt(200)) < 1e-9);
  assert.ok(Math.abs(found.implied_buffer_seconds - 0.1) < 1e-12);
  assert.ok(Math.abs(found.corrected_buffer_seconds! - 0.05) < 1e-12);
  const whole = backToBack([1000], 1000, 1000, 999.99);
  assert.deepEqual([whole.limited, whole.implied_buffer_seconds], [true, 1]);
  assert.equal(whole.corrected_buffer_seconds, null, "forwarded at the full rate, nothing is kept");
  assert.equal(
    backToBack([90, 110], 1000, 1000, null).corrected_buffer_seconds,
    null,
    "no throughput was measured",
  );
});

Deno.test("the loss curve goes down in tenths until two trials in a row lose nothing", async () => {
  const points = await lossCurve(1000, (load) => Promise.resolve({ lossRatio: load > 750 ? 0.1 : 0 }));
  assert.deepEqual(points.map((point) => point.percent), [100, 90, 80, 70, 60]);
  const mixed = await lossCurve(
    1000,
    (load) => Promise.resolve(load > 950 ? { unknown: "INVALID: x" } : { lossRatio: 0 }),
  );
  assert.deepEqual(mixed.map((point) => point.loss_ratio), [null, 0, 0]);
  const lossy = await lossCurve(1000, () => Promise.resolve({ lossRatio: 1 }));
  assert.equal(lossy.at(-1)?.percent, 10);
});

Deno.test("all benchmarks over two sizes and two testers", async () => {
  const document = await runRfc2544(options(), { run: target(50_000, 300), clock: new FakeClock() });
  const [small, large] = document.frames;
  assert.ok(small && large);
  assert.equal(small.size, 18);
  assert.ok(Math.abs((small.throughput?.frames_per_second ?? 0) / 50_000 - 1) <= 0.005);
  assert.ok(small.throughput?.regular);
  assert.equal(small.latency?.trials, 2);
  assert.ok((small.loss?.[0]?.loss_ratio ?? 0) > 0.9);
  assert.deepEqual(small.loss?.map((point) => point.percent).at(-1), 10);
  assert.ok((large.loss?.at(-1)?.loss_ratio ?? 1) === 0);
  assert.equal(small.back_to_back?.bursts.length, 3);
  assert.ok(Math.abs((small.back_to_back?.average ?? 0) - 300) <= 150, String(small.back_to_back?.average));
  assert.deepEqual(document.run.reasons, []);
  const table = rfc2544Table(document);
  assert.match(table, /^frame +size +frames\/s +of line/);
  assert.match(table, /\n1518 +1472 +\d/);
  assert.match(table, /payload = frame - 46/);
});

Deno.test("a target as fast as the line is regular at 100 %", async () => {
  const { frames } = await runRfc2544(options({ frames: [1518], tests: new Set(["throughput"]) }), {
    run: target(1e9, 1e9),
    clock: new FakeClock(),
  });
  assert.deepEqual([frames[0]?.throughput?.stop.code, frames[0]?.throughput?.regular], ["max-load", true]);
  assert.ok((frames[0]?.throughput?.percent_of_line ?? 0) > 99.99);
});

Deno.test("what the testers cannot do is noted, not made up", async () => {
  const lines: string[] = [];
  const document = await runRfc2544(
    options({ frames: [512], tests: new Set(["latency", "loss", "burst"]), burstRepeat: 1 }),
    {
      onLine: (text) => lines.push(text),
      run: (description) =>
        Promise.resolve(fakeDocument(description, { verdict: "INVALID", code: "send-lateness" })),
      clock: new FakeClock(),
    },
  );
  const [record] = document.frames;
  assert.equal(record?.latency, null);
  assert.equal(record?.back_to_back, null);
  assert.ok(
    record?.loss?.every((point) => point.loss_ratio === null && point.reason === "INVALID: send-lateness"),
  );
  assert.deepEqual(record?.notes, [
    "latency: not measured, there is no throughput to measure it at",
    "back-to-back: repetition 1: INVALID: send-lateness",
  ]);
  assert.ok(lines.includes("512-byte frames: 100% of the line: INVALID (send-lateness)"), lines.join("\n"));
});

Deno.test("failing runs end it with their reason; an interruption says so", async () => {
  const failing = await runRfc2544(options(), {
    run: (description) =>
      Promise.resolve(fakeDocument(description, { verdict: "INVALID", failed: true, code: "down" })),
    clock: new FakeClock(),
  });
  assert.deepEqual([failing.run.failed, failing.run.reasons], [true, ["down"]]);
  const interrupted = await runRfc2544(options(), {
    run: (description) =>
      Promise.resolve(fakeDocument(description, { verdict: "INVALID", interrupted: true })),
    clock: new FakeClock(),
  });
  assert.equal(interrupted.run.interrupted, true);
});

Deno.test("sizes that a carrier cannot make are left out, and said so", async () => {
  const lines: string[] = [];
  const document = await runRfc2544(
    options({ frames: [64, 1280], carrier: "udp6", tests: new Set(["loss"]) }),
    {
      run: target(1e9, 1e9),
      clock: new FakeClock(),
      onLine: (text) => lines.push(text),
    },
  );
  assert.deepEqual(document.frames.map((record) => record.frame), [1280]);
  assert.match(lines[0] ?? "", /^64-byte frames: left out/);
});
