import assert from "node:assert/strict";
import fc from "fast-check";
import { seededRandom } from "../../base/random.ts";
import { parseGoal, parseLatencyLimit, type SearchGoal } from "./goal.ts";
import { type GoalResult, MlrSearch, SearchConfigError } from "./mlr_search.ts";
import { bisect } from "../../tests/fixtures/bisection.ts";
import { SimulatedTarget, type SimulatedTargetOptions } from "../../tests/fixtures/simulated_target.ts";

const MIN = 10e6;
const MAX = 1e9;
const SEEDS = 50;

function search(
  target: SimulatedTarget,
  goals: SearchGoal[],
  limits: Partial<MlrSearch["config"]> = {},
): GoalResult[] {
  const machine = new MlrSearch({
    goals,
    minLoad: MIN,
    maxLoad: MAX,
    invalidLimit: 5,
    maxTrials: 1000,
    maxTrialSeconds: 1e6,
    ...limits,
  });
  for (let request = machine.next(); request !== null; request = machine.next()) {
    const trial = target.measure(request.load, request.seconds);
    if (trial === null) machine.addInvalid(request.load, request.seconds);
    else machine.add(trial);
  }
  return machine.results();
}

/** A family of simulated targets, and the load that the search has to find at each. */
interface Family {
  goal: string;
  latency?: string;
  target: Omit<SimulatedTargetOptions, "seed" | "capacity">;
  truth?: (capacity: number) => number;
}

const FAMILIES: Record<string, Family> = {
  "a clean target": { goal: "ndr", target: {} },
  "a noisy target, FD.io's goals": { goal: "fdio", target: { noise: 0.001 } },
  "a noisy target, TST009": { goal: "tst009", target: { noise: 0.0005 } },
  "a target with a buffer that hides the excess of short trials, RFC 2544": {
    goal: "rfc2544",
    target: { buffer: 1e5 },
  },
  "partial loss allowed": {
    goal: "pdr:0.5%",
    target: { noise: 0.001 },
    truth: (capacity) => capacity / 0.995,
  },
  "loss at every load, within the goal": {
    goal: "pdr:1%",
    target: { noise: 0.001, baseLoss: 0.004 },
    truth: (capacity) => capacity / 0.994,
  },
  "no loss ever, but slow": {
    goal: "ndr",
    latency: "p99<2ms",
    target: { noise: 0.0005, buffer: Infinity },
    truth: (capacity) => capacity * (1 + 0.002 / 0.99),
  },
  "sporadic loss at any load": { goal: "ndr", target: { noise: 0.0005, sporadicPerSecond: 0.15 } },
  "hysteresis after an overload": { goal: "ndr", target: { noise: 0.0005, hysteresis: 0.1 } },
  "invalid trials now and then": { goal: "ndr", target: { noise: 0.0005, invalidShare: 0.1 } },
};

for (const [name, family] of Object.entries(FAMILIES)) {
  Deno.test(`within the goal width in ${SEEDS} of ${SEEDS} and cheaper than bisection: ${name}`, () => {
    const goals = parseGoal(
      family.goal,
      family.latency === undefined ? [] : [parseLatencyLimit(family.latency)],
    );
    const [first] = goals;
    assert.ok(first);
    for (let seed = 1; seed <= SEEDS; seed++) {
      const capacity = Math.round(20e6 * 40 ** seededRandom(seed)());
      const target = new SimulatedTarget({ ...family.target, capacity, seed });
      const [result] = search(target, goals);
      assert.ok(result?.regular, `seed ${seed}: ${JSON.stringify(result)}`);
      const truth = (family.truth ?? ((load: number) => load))(capacity);
      const error = (result.lower ?? 0) / truth - 1;
      assert.ok(Math.abs(error) <= first.width, `seed ${seed}: ${result.lower} is ${error} off ${truth}`);
      const other = new SimulatedTarget({ ...family.target, capacity, seed });
      const bisected = goals.reduce(
        (sum, goal) =>
          sum + bisect(goal, { min: MIN, max: MAX }, (load, s) => other.measure(load, s)).seconds,
        0,
      );
      assert.ok(target.seconds < bisected, `seed ${seed}: ${target.seconds} s, bisection ${bisected} s`);
    }
  });
}

Deno.test("without the ramp-up a target with hysteresis looks slower than it is", () => {
  const options = { capacity: 100e6, seed: 1, hysteresis: 0.1 };
  const [ramped] = search(new SimulatedTarget(options), parseGoal("ndr"));
  const [sudden] = search(new SimulatedTarget({ ...options, rampUp: false }), parseGoal("ndr"));
  assert.ok((ramped?.lower ?? 0) > 99e6);
  assert.ok((sudden?.lower ?? 0) < 95e6, String(sudden?.lower));
});

Deno.test("a target that is fast enough for the largest load: irregular, max-load", () => {
  const target = new SimulatedTarget({ capacity: 2e9, seed: 1 });
  const [result] = search(target, parseGoal("ndr"));
  assert.deepEqual([result?.stop, result?.regular, result?.lower, result?.upper], [
    "max-load",
    false,
    MAX,
    null,
  ]);
  assert.equal(result?.conditionalThroughput, MAX);
});

Deno.test("a target too slow for the smallest load: irregular, min-load", () => {
  const target = new SimulatedTarget({ capacity: 1e6, seed: 1 });
  const [result] = search(target, parseGoal("ndr"));
  assert.deepEqual([result?.stop, result?.regular, result?.lower, result?.upper], [
    "min-load",
    false,
    null,
    MIN,
  ]);
});

Deno.test("the tester's own limit is the ceiling, and never counts as loss", () => {
  const target = new SimulatedTarget({ capacity: 800e6, seed: 3, testerLimit: 300e6 });
  const [result] = search(target, parseGoal("ndr"));
  assert.deepEqual([result?.stop, result?.regular, result?.upper], ["tester-limited", false, null]);
  const { lower, testerLimit } = result ?? {};
  assert.ok(lower && testerLimit && lower <= 300e6 && testerLimit > 300e6);
  assert.ok((testerLimit - lower) / testerLimit <= 0.005 * 1.000001);
});

Deno.test("a tester that can do nothing at all is said to be the limit", () => {
  const target = new SimulatedTarget({ capacity: 800e6, seed: 3, testerLimit: 0 });
  const [result] = search(target, parseGoal("ndr"));
  assert.deepEqual([result?.stop, result?.lower], ["tester-limited", null]);
});

Deno.test("a capacity below the tester's limit is found all the same", () => {
  const target = new SimulatedTarget({ capacity: 100e6, seed: 3, testerLimit: 300e6 });
  const [result] = search(target, parseGoal("ndr"));
  assert.equal(result?.stop, "width");
  assert.ok(Math.abs((result.lower ?? 0) / 100e6 - 1) <= 0.005);
  assert.equal(result.testerLimit, null);
});

Deno.test("several goals share their trials and come out in the order asked for", () => {
  let [together, apart] = [0, 0];
  for (let seed = 1; seed <= 20; seed++) {
    const options = { capacity: Math.round(20e6 * 40 ** seededRandom(seed)()), seed, noise: 0.0005 };
    const target = new SimulatedTarget(options);
    const results = search(target, [...parseGoal("pdr:0.5%"), ...parseGoal("ndr")]);
    assert.deepEqual(results.map((result) => result.goal.name), ["pdr:0.5%", "ndr"]);
    assert.ok(results.every((result) => result.regular));
    assert.ok((results[0]?.lower ?? 0) >= (results[1]?.lower ?? 0));
    together += target.seconds;
    for (const goal of ["pdr:0.5%", "ndr"]) {
      const alone = new SimulatedTarget(options);
      search(alone, parseGoal(goal));
      apart += alone.seconds;
    }
  }
  assert.ok(together < apart, `${together} s together, ${apart} s apart`);
});

Deno.test("budgets end a search with what is known", () => {
  const few = new SimulatedTarget({ capacity: 100e6, seed: 5 });
  const [byTrials] = search(few, parseGoal("ndr"), { maxTrials: 4 });
  assert.deepEqual([byTrials?.stop, byTrials?.regular, few.trials], ["trials", false, 4]);
  const short = new SimulatedTarget({ capacity: 100e6, seed: 5 });
  const [byTime] = search(short, parseGoal("rfc2544"), { maxTrialSeconds: 30 });
  assert.equal(byTime?.stop, "time");
  assert.ok(short.seconds <= 30);
});

Deno.test("a search that makes no sense is refused", () => {
  const base = { goals: parseGoal("ndr"), invalidLimit: 3, maxTrials: 10, maxTrialSeconds: 10 };
  assert.throws(() => new MlrSearch({ ...base, minLoad: 10, maxLoad: 10 }), SearchConfigError);
  assert.throws(() => new MlrSearch({ ...base, minLoad: 0, maxLoad: 10 }), SearchConfigError);
  assert.throws(() => new MlrSearch({ ...base, minLoad: 1, maxLoad: Infinity }), SearchConfigError);
  assert.throws(() => new MlrSearch({ ...base, goals: [], minLoad: 1, maxLoad: 10 }), SearchConfigError);
});

Deno.test("whatever the target does, the search ends and its bounds are in order", () => {
  fc.assert(
    fc.property(fc.integer(), fc.constantFrom("ndr", "pdr:1%", "fdio", "tst009", "rfc2544"), (seed, goal) => {
      const random = seededRandom(seed);
      const machine = new MlrSearch({
        goals: parseGoal(goal),
        minLoad: 1,
        maxLoad: 1 + Math.ceil(random() * 10 ** (1 + 9 * random())),
        invalidLimit: 2,
        maxTrials: 3000,
        maxTrialSeconds: Infinity,
      });
      for (let request = machine.next(); request !== null; request = machine.next()) {
        const { load, seconds } = request;
        assert.ok(Number.isInteger(load) && load >= machine.config.minLoad && load <= machine.config.maxLoad);
        if (random() < 0.1) machine.addInvalid(load, seconds);
        else {
          const lossRatio = random() < 0.5 ? 0 : random();
          machine.add({
            load,
            seconds,
            lossRatio,
            receivedLoad: null,
            latency: { response: null, service: null },
          });
        }
      }
      assert.ok(machine.totals.trials < 3000, "it did not end by itself");
      for (const result of machine.results()) {
        if (result.lower !== null && result.upper !== null) assert.ok(result.lower < result.upper);
        assert.notEqual(result.stop, "trials");
      }
    }),
    { numRuns: 300 },
  );
});
