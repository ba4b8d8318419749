import assert from "node:assert/strict";
import { formatLatencyLimit, GoalError, parseGoal, parseLatencyLimit, PRESET_NAMES } from "./goal.ts";
import { planPhases } from "./phases.ts";

Deno.test("presets are what their documents say", () => {
  const [rfc2544] = parseGoal("rfc2544");
  assert.deepEqual(
    [rfc2544?.lossRatio, rfc2544?.exceedRatio, rfc2544?.finalTrialSeconds, rfc2544?.durationSumSeconds],
    [0, 0, 60, 60],
  );
  const [tst009] = parseGoal("TST009");
  assert.deepEqual([tst009?.exceedRatio, tst009?.finalTrialSeconds, tst009?.durationSumSeconds], [
    0.5,
    60,
    120,
  ]);
  const fdio = parseGoal("fdio");
  assert.deepEqual(fdio.map((goal) => [goal.name, goal.lossRatio, goal.durationSumSeconds, goal.width]), [
    ["fdio-ndr", 0, 20, 0.005],
    ["fdio-pdr", 0.005, 20, 0.005],
  ]);
  const [pdr] = parseGoal("pdr:1%");
  assert.deepEqual([pdr?.name, pdr?.lossRatio, pdr?.width], ["pdr:1%", 0.01, 0.01]);
  for (const name of PRESET_NAMES) assert.ok(parseGoal(name).length > 0, name);
});

Deno.test("a preset is changed by what follows it", () => {
  const [goal] = parseGoal("ndr,name=mine,final=2s,initial=500ms,sum=20s,width=1%,exceed=0,loss=0.1%");
  assert.deepEqual(goal, {
    name: "mine",
    lossRatio: 0.001,
    exceedRatio: 0,
    initialTrialSeconds: 0.5,
    finalTrialSeconds: 2,
    durationSumSeconds: 20,
    width: 0.01,
    latency: [],
  });
});

Deno.test("goals that make no sense are refused in words", () => {
  const cases: [string, RegExp][] = [
    ["ndx", /unknown goal "ndx"; known: ndr, pdr, rfc2544, tst009, fdio/],
    ["constructor", /unknown goal/],
    ["ndr:1%", /takes no ratio/],
    ["pdr:2ms", /in "pdr:2ms": "2ms" is no share/],
    ["ndr,depth=3", /unknown "depth"; known: name, loss, exceed/],
    ["ndr,final=0", /final trial duration|initial trial duration/],
    ["ndr,exceed=100%", /the exceed ratio is 1, but has to be in \[0, 1\)/],
    ["ndr,width=0", /the width is 0/],
    ["ndr,final=60s,sum=10s", /the duration sum is 10, but has to be at least the final 60 s/],
    ["ndr,initial=5s", /final trial duration is 1, but has to be at least the initial 5 s/],
  ];
  for (const [text, message] of cases) {
    assert.throws(
      () => parseGoal(text),
      (error) => error instanceof GoalError && message.test(error.message),
      text,
    );
  }
});

Deno.test("latency limits are read and written", () => {
  assert.deepEqual(parseLatencyLimit("p99<200us"), { time: "response", percentile: "p99", limitNs: 200_000 });
  assert.deepEqual(parseLatencyLimit("service.p99.9 <= 1ms"), {
    time: "service",
    percentile: "p999",
    limitNs: 1_000_000,
  });
  assert.equal(formatLatencyLimit(parseLatencyLimit("service:max<5ms")), "service.max<5ms");
  // The keys of documents are understood as well; one name is written.
  assert.equal(formatLatencyLimit(parseLatencyLimit("service-p999<1ms")), "service.p99.9<1ms");
  assert.equal(formatLatencyLimit(parseLatencyLimit("p99.999<1ms")), "p99.999<1ms");
  assert.throws(
    () => parseLatencyLimit("p98<1ms"),
    /known: mean, p50, p90, p99, p99\.9, p99\.99, p99\.999, max$/,
  );
  for (const text of ["", "p99", "p99>1ms", "p98<1ms", "p99<10", "p99<0us", "p99<5%", "toString<1ms"]) {
    assert.throws(() => parseLatencyLimit(text), GoalError, text);
  }
});

Deno.test("the way to a goal gets longer, narrower, and ends with the goal itself", () => {
  for (const name of PRESET_NAMES) {
    for (const goal of parseGoal(name)) {
      const phases = planPhases(goal);
      const last = phases.at(-1);
      assert.deepEqual(
        [last?.trialSeconds, last?.durationSumSeconds, last?.width],
        [goal.finalTrialSeconds, goal.durationSumSeconds, goal.width],
      );
      for (const [i, phase] of phases.entries()) {
        const before = phases[i - 1];
        if (before === undefined) assert.equal(phase.trialSeconds, goal.initialTrialSeconds);
        else {assert.ok(
            phase.durationSumSeconds >= before.durationSumSeconds && phase.width < before.width,
            name,
          );}
      }
    }
  }
  assert.equal(planPhases(parseGoal("ndr,final=1s,sum=1s")[0]!).length, 1);
});
