import assert from "node:assert/strict";
import { pause, withDeadline, within, withinTurns } from "./deadline.ts";

const late = () => new Error("late");

Deno.test("waits of one length end one by one: what comes in time is given, what does not is late", async () => {
  const never = () => new Promise<string>(() => {});
  const began = performance.now();
  const first = withDeadline(never(), 30, late);
  const inTime = withDeadline(Promise.resolve("came"), 30, late);
  const failed = withDeadline(Promise.reject(new Error("broke")), 30, late);
  assert.equal(await inTime, "came");
  await assert.rejects(failed, /broke/);
  while (performance.now() - began < 15) await new Promise((resolve) => setTimeout(resolve, 1));
  const secondBegan = performance.now();
  const second = withDeadline(never(), 30, late);
  await assert.rejects(first, /late/);
  assert.ok(performance.now() - began >= 29, `after ${performance.now() - began} ms`);
  await assert.rejects(second, /late/);
  assert.ok(performance.now() - secondBegan >= 29, `after ${performance.now() - secondBegan} ms`);
});

Deno.test("a wait that has ended leaves no timer, and its length can be waited for again", async () => {
  for (let n = 0; n < 3; n++) assert.equal(await withDeadline(Promise.resolve(n), 60_000, late), n);
  await assert.rejects(withDeadline(new Promise(() => {}), 0, late), /late/);
});

Deno.test("a pause until an instant that has passed, or is not a number of timers, asks no timer for it", async () => {
  const real = globalThis.setTimeout;
  const asked: number[] = [];
  globalThis.setTimeout =
    ((task: () => void, ms: number) => (asked.push(ms), real(task, 0))) as typeof setTimeout;
  try {
    for (const ms of [-1101.2, -0.1, 0, 3, 2 ** 40]) await pause(ms);
  } finally {
    globalThis.setTimeout = real;
  }
  assert.deepEqual(asked, [3, 2 ** 31 - 1]);
});

Deno.test("a wait through turns of the event loop outlasts a standstill of the process, and ends all the same", async () => {
  const inTurns = async (turns: number) => {
    for (let n = 0; n < turns; n++) await new Promise((resolve) => setTimeout(resolve, 0));
  };
  const plain = within(inTurns(5), 20), patient = withinTurns(inTurns(5), 20);
  const until = performance.now() + 100;
  while (performance.now() < until);
  assert.equal(await plain, false);
  assert.equal(await patient, true);
  const began = performance.now();
  assert.equal(await withinTurns(new Promise(() => {}), 30), false);
  assert.ok(performance.now() - began >= 29);
  await assert.rejects(withinTurns(Promise.reject(new Error("broke")), 30), /broke/);
});
