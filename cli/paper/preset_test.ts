import assert from "node:assert/strict";
import { withPreset } from "./preset.ts";

Deno.test("a preset fills in what nobody has given", () => {
  const given = {
    preset: "sddf",
    testTarget: "192.0.2.1",
    testArgs: "size=64,samples=1000",
    over: ["bps=1M,2M"],
  };
  const filled = withPreset(given, false);
  assert.equal(filled.test, "latency-check");
  assert.equal(filled.testArgs, "socktype=udp,warmup=10,cooldown=10,size=64,samples=1000");
  assert.deepEqual([filled.over, filled.split, filled.testTarget], [["bps=1M,2M"], true, "192.0.2.1"]);
  assert.equal(filled.targetTest, "cpu_target_lukem");
});

Deno.test("a configuration says what runs, another test has its own arguments, a sweep that goes on has its plan", () => {
  const configured = withPreset({ preset: "sddf" }, true);
  assert.deepEqual([configured.test, configured.testArgs], [undefined, undefined]);
  assert.equal(configured.over!.length, 1);
  assert.equal(withPreset({ preset: "sddf", test: "rr", testArgs: "rate=5" }, false).testArgs, "rate=5");
  assert.equal(withPreset({ preset: "sddf", resume: true }, false).over, undefined);
  assert.equal(withPreset({}, false).test, undefined);
  assert.throws(() => withPreset({ preset: "sdff" }, false), /no such preset; there is sddf/);
});
