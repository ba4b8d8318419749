import assert from "node:assert/strict";
import { parseProgress, PROGRESS_BYTES } from "./plugin_info.ts";

Deno.test("progress: every field is read from its place", () => {
  const page = new Uint8Array(PROGRESS_BYTES);
  const view = new DataView(page.buffer);
  view.setUint32(0, 1, true);
  view.setUint32(4, 3, true);
  for (let offset = 8; offset <= 112; offset += 8) view.setBigUint64(offset, BigInt(offset) * 1000n, true);
  assert.deepEqual(parseProgress(page), {
    phase: "measure",
    updates: 8000,
    elapsedNs: 16000,
    expectedNs: 24000,
    sent: 32000,
    ok: 40000,
    lost: 48000,
    bad: 56000,
    rateBps: 64000,
    sentBps: 72000,
    p50Ns: 80000,
    p99Ns: 88000,
    p999Ns: 96000,
    maxNs: 104000,
    darkNs: 112000,
  });
});

Deno.test("progress: what a test does not know is null, each by its bit, and zeros before the first update", () => {
  const page = new Uint8Array(PROGRESS_BYTES).fill(1);
  const view = new DataView(page.buffer);
  const keys = ["sent", "ok", "lost", "bad", "rateBps", "sentBps"] as const;
  for (const [bit, unknown] of keys.entries()) {
    view.setBigUint64(120, 1n << BigInt(bit), true);
    const progress = parseProgress(page)!;
    assert.deepEqual(keys.filter((key) => progress[key] === null), [unknown]);
  }
  view.setBigUint64(120, 0n, true);
  for (const offset of [80, 88, 96, 104]) view.setBigUint64(offset, 0n, true);
  const none = parseProgress(page)!;
  assert.deepEqual([none.p50Ns, none.p99Ns, none.p999Ns, none.maxNs], [null, null, null, null]);
  new Uint8Array(page.buffer, 8).fill(0);
  const early = parseProgress(page)!;
  assert.deepEqual(keys.map((key) => early[key]), keys.map(() => null));
});

Deno.test("progress: an untouched page, a short one and a phase that does not exist", () => {
  assert.equal(parseProgress(new Uint8Array(PROGRESS_BYTES)), null);
  assert.equal(parseProgress(new Uint8Array(PROGRESS_BYTES - 1).fill(1)), null);
  assert.equal(parseProgress(new Uint8Array(PROGRESS_BYTES).fill(0xff))?.phase, "idle");
});
