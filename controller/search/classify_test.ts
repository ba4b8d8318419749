import assert from "node:assert/strict";
import { classify, conditionalThroughput, type Criterion, exceeds, type Trial } from "./classify.ts";
import { parseLatencyLimit } from "./goal.ts";

const LOAD = 1_000_000;

function trials(...parts: [count: number, seconds: number, lossPercent: number][]): Trial[] {
  return parts.flatMap(([count, seconds, loss]) =>
    Array.from({ length: count }, () => ({
      load: LOAD,
      seconds,
      lossRatio: loss / 100,
      receivedLoad: null,
      latency: { response: null, service: null },
    }))
  );
}

function goal(
  trialSeconds: number,
  durationSumSeconds: number,
  lossPercent: number,
  exceedPercent: number,
): Criterion {
  return {
    trialSeconds,
    durationSumSeconds,
    lossRatio: lossPercent / 100,
    exceedRatio: exceedPercent / 100,
    latency: [],
  };
}

// The four goals and six points in time of the worked example in RFC 9971's drafts. Their text calls the load a lower
// bound for the fourth goal at points 5 and 6, with 42.9 % and 27.3 % of the time spent in high-loss trials where 20 % are allowed;
// by the algorithm of its appendix A it is an upper bound, and that is what is asserted here.
const RFC2544 = goal(60, 60, 0, 0);
const TST009 = goal(60, 120, 0, 50);
const ONE_SECOND = goal(1, 120, 0.5, 50);
const TWENTY_PERCENT = goal(60, 60, 0.5, 20);

Deno.test("loads are classified as in the worked example of RFC 9971 and its appendix A", () => {
  const points: [Trial[], string[]][] = [
    [trials([59, 1, 0]), ["undecided", "undecided", "undecided", "undecided"]],
    [trials([59, 1, 0], [1, 1, 1]), ["upper", "undecided", "undecided", "undecided"]],
    [trials([59, 1, 0], [60, 1, 1]), ["upper", "undecided", "undecided", "upper"]],
    [trials([60, 1, 0], [60, 1, 1]), ["upper", "undecided", "lower", "upper"]],
    [trials([60, 1, 0], [60, 1, 1], [1, 60, 0.1]), ["upper", "undecided", "lower", "upper"]],
    [trials([60, 1, 0], [60, 1, 1], [1, 60, 0.1], [1, 60, 0]), ["upper", "lower", "lower", "upper"]],
  ];
  for (const [index, [results, expected]] of points.entries()) {
    const found = [RFC2544, TST009, ONE_SECOND, TWENTY_PERCENT].map((criterion) =>
      classify(results, criterion)
    );
    assert.deepEqual(found, expected, `point ${index + 1}`);
  }
});

Deno.test("conditional throughput is that of the worked example of RFC 9971", () => {
  const results = trials([60, 1, 0], [60, 1, 1], [1, 60, 0.1], [1, 60, 0]);
  assert.equal(conditionalThroughput(LOAD, results, TST009), 1_000_000);
  assert.equal(conditionalThroughput(LOAD, results, ONE_SECOND), 1_000_000);
  assert.equal(conditionalThroughput(LOAD, results, TWENTY_PERCENT), 999_000);
});

Deno.test("seconds that were not measured count as complete loss in the conditional throughput", () => {
  assert.equal(conditionalThroughput(LOAD, trials([3, 1, 0]), goal(1, 10, 0, 50)), 0);
  assert.equal(conditionalThroughput(LOAD, trials([5, 1, 0]), goal(1, 10, 0, 50)), LOAD);
  assert.equal(conditionalThroughput(LOAD, trials([5, 1, 0]), goal(2, 10, 0, 50)), null);
});

Deno.test("no trial leaves a load undecided; a zero-exceed goal falls with its first loss", () => {
  assert.equal(classify([], RFC2544), "undecided");
  assert.equal(classify([], goal(1, 1, 0, 0)), "undecided");
  assert.equal(classify(trials([1, 0.1, 0.01]), RFC2544), "upper");
  assert.equal(classify(trials([1, 60, 0]), RFC2544), "lower");
});

Deno.test("durations that only nearly add up in binary still do", () => {
  assert.equal(classify(trials([10, 0.1, 0]), goal(0.1, 1, 0, 0)), "lower");
  assert.equal(classify(trials([3, 0.1, 0], [3, 0.1, 1]), goal(0.1, 0.6, 0, 50)), "lower");
});

Deno.test("a trial that is too slow, or has no answer at all, misses a latency limit", () => {
  const summary = {
    mean_ns: 1,
    p50_ns: 1,
    p90_ns: 1,
    p99_ns: 200_000,
    p999_ns: 1,
    p9999_ns: 1,
    p99999_ns: 1,
    max_ns: 1,
  };
  const [trial] = trials([1, 1, 0]);
  assert.ok(trial);
  const limit = (text: string) => ({ lossRatio: 0, latency: [parseLatencyLimit(text)] });
  const timed = { ...trial, latency: { response: summary, service: null } };
  assert.equal(exceeds(timed, limit("p99<200us")), false);
  assert.equal(exceeds(timed, limit("p99<199us")), true);
  assert.equal(exceeds(timed, limit("service.p99<1s")), true);
  assert.equal(exceeds(trial, limit("p99<1s")), true);
});
