import assert from "node:assert/strict";
import { AuthGuard } from "./guard.ts";
import {
  AUTH_FIRST_DELAY_MS,
  AUTH_FORGET_MS,
  AUTH_MAX_ADDRESSES,
  AUTH_MAX_DELAY_MS,
  AUTH_MAX_PENDING,
} from "./limits.ts";

Deno.test("AuthGuard: the delay doubles up to its limit, for each address apart", () => {
  const guard = new AuthGuard();
  const delays: number[] = [];
  for (let count = 0; count < 12; count++) {
    delays.push(guard.failed("a", count).delayMs);
    guard.settled("a");
  }
  assert.deepEqual(delays.slice(0, 3), [1, 2, 4].map((factor) => factor * AUTH_FIRST_DELAY_MS));
  assert.equal(delays.at(-1), AUTH_MAX_DELAY_MS);
  assert.equal(guard.failed("b", 12).delayMs, AUTH_FIRST_DELAY_MS);
});

Deno.test("AuthGuard: with too many delays under way guesses are not looked at, and counted", () => {
  const guard = new AuthGuard();
  for (let count = 0; count < AUTH_MAX_PENDING; count++) {
    assert.ok(guard.admits("a", 0));
    guard.failed("a", 0);
  }
  for (let count = 0; count < 10_000; count++) assert.ok(!guard.admits("a", 1));
  assert.ok(guard.admits("b", 1), "another address is not kept waiting");
  guard.settled("a");
  assert.ok(guard.admits("a", 2));
  const failure = guard.failed("a", 2);
  assert.equal(failure.unseen, 10_000);
  assert.equal(failure.failures, AUTH_MAX_PENDING + 1);
});

Deno.test("AuthGuard: forgets after a while, but not while a delay is under way", () => {
  const guard = new AuthGuard();
  guard.failed("a", 0);
  assert.equal(guard.failed("a", AUTH_FORGET_MS * 2).failures, 2);
  guard.settled("a");
  guard.settled("a");
  assert.ok(guard.admits("a", AUTH_FORGET_MS * 4));
  assert.equal(guard.failed("a", AUTH_FORGET_MS * 4).failures, 1);
});

Deno.test("AuthGuard: its memory is bounded", () => {
  const guard = new AuthGuard();
  for (let count = 0; count < AUTH_MAX_ADDRESSES + 10; count++) {
    guard.failed(`10.0.${count >> 8}.${count & 255}`, 0);
  }
  assert.equal(guard.failed("10.0.0.0", 1).failures, 1, "the oldest was forgotten");
  assert.equal(guard.failed("10.0.4.5", 1).failures, 2);
});
