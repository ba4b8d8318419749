import assert from "node:assert/strict";
import { isInRanges, isLoopback, parseCidr } from "./cidr.ts";

const inside = (range: string, address: string): boolean => isInRanges([parseCidr(range)], address);

Deno.test("ranges: IPv4, IPv6, single addresses, and IPv4 in IPv6 form", () => {
  assert.ok(inside("10.0.0.0/8", "10.255.3.4"));
  assert.ok(!inside("10.0.0.0/8", "11.0.0.1"));
  assert.ok(inside("10.1.2.3", "10.1.2.3"));
  assert.ok(!inside("10.1.2.3", "10.1.2.4"));
  assert.ok(inside("10.1.2.3/0", "192.168.0.1"));
  assert.ok(inside("192.168.1.128/25", "::ffff:192.168.1.200"));
  assert.ok(!inside("192.168.1.128/25", "::ffff:192.168.1.100"));
  assert.ok(inside("fd00::/8", "fdab::1"));
  assert.ok(inside("fe80::/10", "fe80::1%eth0"));
  assert.ok(inside("2001:db8::1:0/112", "2001:db8::1:ffff"));
  assert.ok(!inside("2001:db8::1:0/112", "2001:db8::2:0"));
  assert.ok(!inside("::/0", "10.0.0.1"), "families are apart");
  assert.ok(!inside("0.0.0.0/0", "::2"));
});

Deno.test("ranges: what is none is refused, with what was typed", () => {
  for (
    const text of [
      "",
      "x",
      "10.0.0/8",
      "10.0.0.0/33",
      "10.0.0.0/-1",
      "10.0.0.0/8/8",
      "256.0.0.1",
      "1:2",
      ":::/8",
    ]
  ) {
    assert.throws(
      () => parseCidr(text),
      (error) => error instanceof TypeError && error.message.includes(`"${text}"`),
    );
  }
  assert.throws(() => parseCidr("fd00::/129"), TypeError);
  assert.throws(() => parseCidr("1:2:3:4:5:6:7:8:9"), TypeError);
  assert.throws(() => parseCidr("010.0.0.1"), TypeError);
});

Deno.test("loopback", () => {
  for (const address of ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"]) assert.ok(isLoopback(address));
  for (const address of ["::", "0.0.0.0", "10.0.0.1", "localhost", "rubbish"]) {
    assert.ok(!isLoopback(address));
  }
});
