import assert from "node:assert/strict";
import type { PluginOption } from "../../ffi/mod.ts";
import { commonPlan, endsByItself, isMeter, plannedWindow, sampledNs, timedArgs } from "./window_plan.ts";

function option(name: string, type: string, dflt: string): PluginOption {
  return { name, type, unit: "", default: dflt, range: "", help: "", controller: false };
}

const LATENCY = [
  option("bps", "rate", "10000000"),
  option("Mbps", "rate", ""),
  option("size", "size", "64"),
  option("samples", "int", "200000"),
  option("warmup", "time", "10"),
  option("cooldown", "time", "10"),
  option("rampup", "time", "0"),
  option("duration", "time", ""),
  option("arrival", "string", "constant"),
  option("sizes", "string", ""),
];

Deno.test("samples, size and rate give the measured phase after the warm-up", () => {
  const plan = plannedWindow(LATENCY, "socktype=udp,bps=1M,size=125,samples=2000,warmup=500ms,cooldown=1");
  assert.deepEqual(plan, { startNs: 5e8, endNs: 25e8 });
  assert.deepEqual(plannedWindow(LATENCY, "Mbps=2,size=125,samples=2000,warmup=0"), {
    startNs: 0,
    endNs: 1e9,
  });
});

Deno.test("a number of samples begins with a packet, and has as many intervals", () => {
  // 1,000 packets a second, and 5.5 ms of warm-up: the sixth packet after the first is the first one measured.
  assert.deepEqual(plannedWindow(LATENCY, "bps=512k,size=64,samples=10,warmup=5500us,rampup=1"), {
    startNs: 1_006_000_000,
    endNs: 1_016_000_000,
  });
});

Deno.test("duration goes before samples, rampup before warmup, defaults apply", () => {
  assert.deepEqual(plannedWindow(LATENCY, "duration=3,rampup=1"), { startNs: 11e9, endNs: 14e9 });
});

Deno.test("what cannot be computed leaves the end open, what has no phases has no plan", () => {
  assert.deepEqual(plannedWindow(LATENCY, "arrival=poisson,warmup=1"), { startNs: 1e9, endNs: null });
  assert.deepEqual(plannedWindow(LATENCY, "sizes=IMIX,warmup=1"), { startNs: 1e9, endNs: null });
  assert.equal(plannedWindow(LATENCY, "warmup=soon"), null);
  assert.equal(plannedWindow([option("x", "int", "1")], ""), null);
  assert.equal(plannedWindow(null, "warmup=1"), null);
});

Deno.test("a meter has phases that the user left alone", () => {
  const cpu = {
    name: "cpu_target",
    options: [option("warmup", "time", "0"), option("cooldown", "time", "0")],
  };
  assert.equal(isMeter(cpu, ""), true);
  assert.equal(isMeter(cpu, "period=1"), true);
  assert.equal(isMeter(cpu, "warmup=1,cooldown=1"), false);
  assert.equal(isMeter({ name: "cpu_target_lukem", options: null }, ""), true);
  assert.equal(isMeter({ name: "echo", options: [option("udp", "int", "7")] }, ""), false);
});

Deno.test("the common plan is the intersection", () => {
  assert.deepEqual(commonPlan([{ startNs: 1, endNs: 9 }, { startNs: 3, endNs: 7 }]), {
    startNs: 3,
    endNs: 7,
  });
  assert.deepEqual(commonPlan([{ startNs: 1, endNs: 9 }, { startNs: 3, endNs: null }]), {
    startNs: 3,
    endNs: null,
  });
  assert.equal(commonPlan([{ startNs: 1, endNs: 2 }, { startNs: 3, endNs: 7 }]), null);
  assert.equal(commonPlan([{ startNs: 1, endNs: 2 }, null]), null);
  assert.equal(commonPlan([]), null);
});

Deno.test("the time that samples take is known where they end the test", () => {
  assert.equal(sampledNs(LATENCY, "bps=1M,size=125,samples=2000,warmup=3"), 2e9);
  assert.equal(sampledNs(LATENCY, "bps=1M,size=125,duration=7"), 0);
  assert.equal(sampledNs(LATENCY, "bps=1M,sizes=IMIX,samples=5"), 0);
  assert.equal(sampledNs(null, "samples=5"), 0);
});

Deno.test("discard's measured phase is planned by either of its names", () => {
  const discard = [
    option("warmup", "time", "10"),
    option("duration", "time", "10"),
    option("test_time", "time", ""),
  ];
  const length = (args: string) => {
    const plan = plannedWindow(discard, args);
    return plan === null ? null : (plan.endNs ?? 0) - plan.startNs;
  };
  assert.deepEqual(["", "duration=3", "test_time=4"].map(length), [10e9, 3e9, 4e9]);
});

Deno.test("a test with a duration ends with its class: it gets what its phases leave of the time", () => {
  assert.deepEqual(timedArgs(LATENCY, "size=64,warmup=500ms,cooldown=1", 10), {
    args: "size=64,warmup=500ms,cooldown=1,duration=8.5",
    problem: null,
  });
  const own = "warmup=0,cooldown=0,duration=5";
  assert.deepEqual(timedArgs(LATENCY, own, 10), { args: own, problem: null }, "it may end earlier");
  assert.equal(endsByItself(LATENCY, own), true);
});

Deno.test("arguments that contradict the end of the class are told", () => {
  assert.match(
    timedArgs(LATENCY, "size=64", 10).problem!,
    /^argument duration: rampup, warmup, cooldown take 20 s of the 10 s of its class, and nothing is left/,
  );
  assert.match(
    timedArgs(LATENCY, "warmup=0,cooldown=0,duration=12", 10).problem!,
    /^argument duration: with it the test takes 12 s, and its class 10 s; leave duration out/,
  );
  assert.match(timedArgs(LATENCY, "samples=100", 60).problem!, /^argument samples: its class has an end/);
});

Deno.test("a test without a duration is as it was, and has to be stopped", () => {
  for (const options of [null, [option("seconds", "float", "1")]]) {
    assert.deepEqual(timedArgs(options, "seconds=3", 1), { args: "seconds=3", problem: null });
    assert.equal(endsByItself(options, "seconds=3"), false);
  }
});
