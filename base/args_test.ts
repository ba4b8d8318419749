import assert from "node:assert/strict";
import fc from "fast-check";
import { divide, getArg, removeArgs, setArg, setTestArg } from "./args.ts";

Deno.test("an argument is replaced in its place, or added at the end", () => {
  assert.equal(setArg("", "bps", "10"), "bps=10");
  assert.equal(setArg("bps=1,size=64", "bps", "10"), "bps=10,size=64");
  assert.equal(setArg("size=64", "bps", "10"), "size=64,bps=10");
  assert.equal(setArg("bps=1,size=64,bps=2", "bps", "10"), "bps=10,size=64");
  assert.equal(setArg("mybps=1", "bps", "10"), "mybps=1,bps=10");
});

Deno.test("commas within double quotes belong to the value", () => {
  const args = 'start="/bin/a -x 1,bps=2",stop=/bin/b,bps=3';
  assert.equal(setArg(args, "bps", "9"), 'start="/bin/a -x 1,bps=2",stop=/bin/b,bps=9');
  assert.equal(getArg(args, "start"), "/bin/a -x 1,bps=2");
  assert.equal(setArg("a=1", "sizes", "64,512"), 'a=1,sizes="64,512"');
  assert.equal(removeArgs(args, "start", "stop"), "bps=3");
  assert.equal(setArg('a="open', "b", "1"), 'a="open,b=1');
});

Deno.test("reading gives the last value, or null", () => {
  assert.equal(getArg("a=1,b=2,a=3", "a"), "3");
  assert.equal(getArg("with_cpu_target,b=2", "with_cpu_target"), "");
  assert.equal(getArg("a=1", "constructor"), null);
  assert.equal(getArg("", "a"), null);
});

Deno.test("names for the same thing drive each other out", () => {
  assert.equal(setTestArg("Mbps=10,samples=100,size=64", "bps", "5"), "samples=100,size=64,bps=5");
  assert.equal(setTestArg("samples=100", "duration", "1s"), "duration=1s");
  assert.equal(setTestArg("test_time=9,if=eth1", "duration", "1s"), "if=eth1,duration=1s");
  assert.equal(setTestArg("a=1", "toString", "2"), "a=1,toString=2");
});

Deno.test("what no argument can carry is refused", () => {
  assert.throws(() => setArg("", "a", 'x"y'), TypeError);
  assert.throws(() => setArg("", "a", "x\ny"), TypeError);
});

Deno.test("what is set is read back, and nothing else changes", () => {
  const name = fc.stringMatching(/^[a-z_]{1,8}$/);
  const value = fc.stringMatching(/^[a-zA-Z0-9:.,;/ -]{0,12}$/);
  fc.assert(
    fc.property(fc.array(fc.tuple(name, value), { maxLength: 6 }), name, value, (pairs, key, text) => {
      const before = pairs.reduce((args, [k, v]) => setArg(args, k, v), "");
      const after = setArg(before, key, text);
      assert.equal(getArg(after, key), text);
      for (const [k] of pairs) if (k !== key) assert.equal(getArg(after, k), getArg(before, k));
    }),
  );
});

Deno.test("a load is divided without a rest", () => {
  assert.deepEqual(divide(10, 3), [4, 3, 3]);
  assert.deepEqual(divide(1_000_000_000, 1), [1_000_000_000]);
  assert.throws(() => divide(2, 3), RangeError);
});
