import assert from "node:assert/strict";
import { plainArgs } from "./plain_args.ts";

const OPTIONS = [
  { name: "bps", type: "rate" },
  { name: "size", type: "size" },
  { name: "warmup", type: "time" },
  { name: "samples", type: "int" },
  { name: "socktype", type: "enum" },
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
      "warmup",
    ]
  ) {
    assert.equal(plainArgs(args, OPTIONS), args);
  }
  assert.equal(plainArgs("bps=10M", null), "bps=10M");
});

Deno.test("a number that would be cut off is an error that names it", () => {
  assert.throws(() => plainArgs("warmup=0.5", OPTIONS), /whole numbers only \(of seconds\), not warmup=0\.5/);
  assert.throws(() => plainArgs("bps=0.5", OPTIONS), RangeError);
});
