import assert from "node:assert/strict";
import { AuthGuard, type Refusal } from "./guard.ts";
import {
  AUTH_FIRST_DELAY_MS,
  AUTH_FORGET_MS,
  AUTH_MAX_ADDRESSES,
  AUTH_MAX_DELAY_MS,
  AUTH_MAX_PENDING,
} from "../limits.ts";

/** One refusal. */
function refused(guard: AuthGuard, address: string, nowMs: number): Refusal {
  const refusal = guard.refuse(address, nowMs);
  assert.ok(refusal !== null);
  return refusal;
}

/** One refusal from beginning to end; gives its number. */
function refuse(guard: AuthGuard, address: string, nowMs: number): number {
  const refusal = refused(guard, address, nowMs);
  refusal.over();
  return refusal.failures;
}

Deno.test("AuthGuard: the delay doubles up to its limit, for each address apart", () => {
  const guard = new AuthGuard();
  const delays: number[] = [];
  for (let count = 0; count < 12; count++) {
    const refusal = refused(guard, "10.0.0.1", count);
    delays.push(refusal.delayMs);
    refusal.over();
  }
  assert.deepEqual(delays.slice(0, 3), [1, 2, 4].map((factor) => factor * AUTH_FIRST_DELAY_MS));
  assert.equal(delays.at(-1), AUTH_MAX_DELAY_MS);
  assert.equal(refuse(guard, "10.0.0.2", 12), 1);
});

Deno.test("AuthGuard: of many refusals at once so many are kept back, and all are told", () => {
  const guard = new AuthGuard();
  const kept: Refusal[] = [];
  for (let count = 0; count < 10_000; count++) {
    const refusal = guard.refuse("10.0.0.1", 0);
    if (refusal !== null) kept.push(refusal);
  }
  assert.equal(kept.length, AUTH_MAX_PENDING);
  assert.equal(refuse(guard, "10.0.0.2", 1), 1, "another address is apart");
  const told = kept.reduce((sum, each) => sum + 1 + each.untold + each.over(), 0);
  assert.equal(told, 10_000);
  assert.equal(refuse(guard, "10.0.0.1", 4), 10_001);
});

Deno.test("AuthGuard: forgets after a while, but not while a delay is under way", () => {
  const guard = new AuthGuard();
  const slow = refused(guard, "10.0.0.1", 0);
  assert.equal(refuse(guard, "10.0.0.1", AUTH_FORGET_MS * 2), 2);
  slow.over();
  assert.equal(refuse(guard, "10.0.0.1", AUTH_FORGET_MS * 4), 1);
});

Deno.test("AuthGuard: a network of IPv6 is one source, IPv4 in IPv6 is IPv4", () => {
  const guard = new AuthGuard();
  for (let count = 1; count < 20; count++) assert.equal(refuse(guard, `2001:db8::${count}:1`, 0), count);
  assert.equal(refuse(guard, "2001:db8:0:1::1", 0), 1);
  assert.equal(refused(guard, "2001:db8:0:1::2", 0).source, "2001:db8:0:1::/64");
  assert.equal(refuse(guard, "::ffff:10.0.0.1", 0), 1);
  assert.equal(refuse(guard, "10.0.0.1", 0), 2);
});

Deno.test("AuthGuard: its memory is bounded, and many addresses do not make it forget", () => {
  const guard = new AuthGuard();
  const address = (number: number) => `10.0.${number >> 8}.${number & 255}`;
  for (let number = 0; number < AUTH_MAX_ADDRESSES; number++) refuse(guard, address(number), 0);
  assert.equal(refuse(guard, address(0), 1), 2, "the oldest is remembered");
  for (let count = 1; count < 20; count++) {
    assert.equal(refuse(guard, address(AUTH_MAX_ADDRESSES + count), 1), count, "the others share a record");
  }
  const many = Array.from({ length: 100 }, (_, number) => guard.refuse(address(5_000 + number), 2));
  assert.equal(many.filter((refusal) => refusal !== null).length, AUTH_MAX_PENDING);
  assert.equal(refuse(guard, "192.0.2.1", AUTH_FORGET_MS + 1), 1, "there is room again after a while");
});
