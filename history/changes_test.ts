import assert from "node:assert/strict";
import { seededRandom } from "../base/random.ts";
import { seededNormal } from "../tests/util/random.ts";
import { analyse } from "./changes.ts";

const OPTIONS = { scale: "relative", minimum: 0.015 } as const;
const HISTORIES = Deno.env.get("IPBENCH_TEST_QUICK") === "1" ? 200 : 1_000;

/** So many observations around a level that changes with their number. */
function series(normal: () => number, count: number, level: (n: number) => number, noise = 0.01): number[] {
  return Array.from({ length: count }, (_, n) => level(n) * (1 + noise * normal()));
}

Deno.test("a 3 % step at 1 % noise is found within 5 runs in at least 95 of 100 histories", () => {
  let found = 0;
  for (let seed = 1; seed <= HISTORIES; seed++) {
    const values = series(seededNormal(seed), 105, (n) => n < 100 ? 20_000 : 20_600);
    const seen = [103, 104, 105].some((count) => {
      const { steps } = analyse(values.slice(0, count), OPTIONS);
      return steps.some(({ index, change }) => Math.abs(index - 100) <= 2 && change > 0);
    });
    if (seen) found++;
  }
  assert.ok(found >= 0.95 * HISTORIES, `${found} of ${HISTORIES}`);
});

Deno.test("steady histories of 100 runs raise one false alarm in 1,000 at most, whatever their noise", () => {
  for (const [noise, first] of [[0.01, 50_000], [0.05, 90_000]] as const) {
    let alarms = 0;
    for (let seed = 1; seed <= HISTORIES; seed++) {
      const { kind } = analyse(series(seededNormal(first + seed), 100, () => 20_000, noise), OPTIONS);
      if (kind !== "steady") alarms++;
    }
    assert.ok(alarms <= 1, `${alarms} of ${HISTORIES} at noise ${noise}`);
  }
});

Deno.test("the interval of a step holds its true size", () => {
  let inside = 0, found = 0;
  for (let seed = 1; seed <= 200; seed++) {
    const { steps } = analyse(series(seededNormal(seed), 60, (n) => n < 30 ? 100 : 105), OPTIONS);
    const step = steps[0];
    if (steps.length !== 1 || step === undefined) continue;
    found++;
    if (step.interval!.low <= 0.05 && 0.05 <= step.interval!.high) inside++;
  }
  assert.ok(found >= 196, `one step in ${found} of 200`);
  // Where the place of the step is off by one, so is the interval a little.
  assert.ok(inside >= 0.92 * found, `${inside} of ${found}`);
});

Deno.test("two steps, drift, outliers and two modes are told apart", () => {
  const counted = { steps: 0, drift: 0, outliers: 0, modes: 0, sticky: 0, bump: 0 };
  for (let seed = 1; seed <= 100; seed++) {
    const normal = seededNormal(1000 + seed);
    const random = seededRandom(seed);
    const two = analyse(series(normal, 90, (n) => n < 30 ? 100 : n < 60 ? 104 : 108), OPTIONS);
    if (two.kind === "steps" && two.steps.length === 2) counted.steps++;
    const bump = analyse(series(normal, 90, (n) => n < 40 || n >= 60 ? 100 : 105), OPTIONS);
    if (bump.kind === "steps" && bump.steps.map(({ change }) => Math.sign(change)).join() === "1,-1") {
      counted.bump++;
    }
    const drifting = analyse(series(normal, 100, (n) => 100 + 0.08 * n), OPTIONS);
    if (drifting.kind === "drift" && Math.abs(drifting.drift! - 0.08) < 0.02) counted.drift++;
    const wild = analyse(series(normal, 100, (n) => n % 23 === 7 ? 300 : 100), OPTIONS);
    if (wild.kind === "steady" && wild.outliers.length === 5) counted.outliers++;
    const modes = analyse(series(normal, 100, () => random() < 0.4 ? 110 : 100), OPTIONS);
    if (modes.kind === "modes" && Math.abs(modes.modes![1] - 110) < 1) counted.modes++;
    const sticky = analyse(series(normal, 100, (n) => Math.floor(n / 20) % 2 ? 110 : 100), OPTIONS);
    if (sticky.kind === "modes") counted.sticky++;
  }
  for (const [what, count] of Object.entries(counted)) assert.ok(count >= 95, `${what}: ${count} of 100`);
});

Deno.test("a plain step is seen after three runs, also in a short history", () => {
  const normal = seededNormal(3);
  const { kind, steps } = analyse(series(normal, 11, (n) => n < 8 ? 100 : 130), OPTIONS);
  assert.equal(kind, "steps");
  assert.equal(steps[0]!.index, 8);
  assert.ok(Math.abs(steps[0]!.change - 0.3) < 0.03);
});

Deno.test("shares of loss change by differences, from nothing, too", () => {
  const zero = { scale: "points", minimum: 0.1 } as const;
  assert.equal(analyse(new Array(50).fill(0), zero).kind, "steady");
  const { steps } = analyse([...new Array(30).fill(0), ...new Array(10).fill(0.5)], zero);
  assert.deepEqual([steps.length, steps[0]!.index], [1, 30]);
  assert.ok(Math.abs(steps[0]!.change - 0.5) < 1e-9);
  assert.equal(
    analyse([...new Array(30).fill(0), ...new Array(10).fill(0.05)], zero).kind,
    "steady",
    "too small",
  );
});

Deno.test("of a long series the newest observations are looked at, by their own numbers", () => {
  const { steps, skipped } = analyse(series(seededNormal(5), 1000, (n) => n < 900 ? 100 : 110), OPTIONS);
  assert.equal(skipped, 600);
  assert.deepEqual(steps.map(({ index }) => index), [900]);
});
