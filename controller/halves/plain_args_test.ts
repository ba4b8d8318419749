import assert from "node:assert/strict";
import { originalNames, plainArgs } from "./plain_args.ts";

const OPTIONS = [
  { name: "bps", type: "rate", unit: "bit/s" },
  { name: "size", type: "size", unit: "byte" },
  { name: "warmup", type: "time", unit: "s" },
  { name: "samples", type: "int", unit: "" },
  { name: "socktype", type: "enum", unit: "" },
];

Deno.test("units are spelled out for a daemon that does not know them", () => {
  assert.equal(
    plainArgs("socktype=udp,bps=10M,size=1Ki,warmup=2000ms,samples=200k", OPTIONS),
    "socktype=udp,bps=10000000,size=1024,warmup=2,samples=200000",
  );
});

Deno.test("what is plain already, unknown or no number stays byte for byte", () => {
  for (
    const args of [
      "",
      "bps=10000000,warmup=0",
      'sockopts="SO_X;SO_Y=1,2", bps=5',
      "mine=3k",
      "bps=fast",
    ]
  ) {
    assert.equal(plainArgs(args, OPTIONS), args);
  }
  assert.equal(plainArgs("bps=10M", null), "bps=10M");
});

Deno.test("what an original would read as its first digits is spelled out", () => {
  assert.equal(plainArgs("bps=10Mbit/s,size=1KiB", OPTIONS), "bps=10000000,size=1024");
  assert.equal(plainArgs("bps=1.1Gbps", OPTIONS), "bps=1100000000");
});

Deno.test("an empty number is 0 for a time, and left to the daemon's default otherwise", () => {
  assert.equal(plainArgs("socktype=,bps=,warmup=,size=64", OPTIONS), "socktype=,warmup=0,size=64");
});

Deno.test("a number that would be cut off is an error that names it", () => {
  assert.throws(() => plainArgs("warmup=0.5", OPTIONS), /whole numbers only \(of seconds\), not warmup=0\.5/);
  assert.throws(() => plainArgs("bps=0.5", OPTIONS), RangeError);
});

Deno.test("an original daemon gets its own names of arguments, and would pass over ours", () => {
  const typed = "bps=1000,duration=3,iface=eth2,size=64";
  assert.equal(originalNames("discard", typed), "bps=1000,size=64,test_time=3,if=eth2");
  assert.equal(originalNames("discard", "test_time=3, if=eth2"), "test_time=3, if=eth2");
  assert.equal(originalNames("latency", typed), typed);
});
