import assert from "node:assert/strict";
import { InstantWait } from "./child/instant_wait.ts";

Deno.test("InstantWait: comes when the clock says so, not when a timer does", async () => {
  const times = [0n, 0n, 999_999n, 1_000_000n];
  let asked = 0;
  const wait = new InstantWait(() => times[Math.min(asked++, times.length - 1)]!);
  assert.equal(await wait.until(1_000_000n), true);
  assert.ok(asked >= times.length, "a timer that is early is set again");
  assert.equal(await wait.until(0n), true);
});

Deno.test("InstantWait: is given up by cancel and by the next wait", async () => {
  const wait = new InstantWait(() => 0n);
  const first = wait.until(3_600_000_000_000n);
  const second = wait.until(3_600_000_000_000n);
  assert.equal(await first, false);
  wait.cancel();
  assert.equal(await second, false);
  wait.cancel();
  assert.equal(await wait.until(-1n), true);
});
