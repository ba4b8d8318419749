import assert from "node:assert/strict";
import { seededNormal } from "../../tests/util/random.ts";
import { divide } from "./e_divisive.ts";

/** The numbers of Apache Otava's own tests of E-divisive, and where it divides them. */
const PUBLISHED: [values: number[], places: number[]][] = [
  [
    [0.3, 2.4, 1.5, -0.9, -0.5, 99.7, 98.3, 99.1, 149.0, 149.7, 149.5, 149.1, 148.8, 150.0],
    [5, 8],
  ],
  [
    [
      1.02,
      0.95,
      0.99,
      1.0,
      1.12,
      1.0,
      1.01,
      0.98,
      1.01,
      0.96,
      0.5,
      0.51,
      0.48,
      0.48,
      0.55,
      0.5,
      0.49,
      0.51,
      0.5,
      0.49,
    ],
    [10],
  ],
];

Deno.test("published series are divided where Apache Otava divides them", () => {
  for (const [values, places] of PUBLISHED) {
    assert.deepEqual(divide(values, { alpha: 0.05 }).map(({ index }) => index), places);
  }
});

/** The first division by the paper's formulas (5) to (7), each sum written out. */
const WITNESS = `
import sys, json
def mean_pairs(v):
    n = len(v)
    return sum(abs(v[i] - v[k]) for i in range(n) for k in range(i)) * 2 / (n * (n - 1)) if n > 1 else 0
out = []
for z in json.load(sys.stdin):
    best = (0, 0)
    for tau in range(1, len(z)):
        x, y = z[:tau], z[tau:]
        n, m = len(x), len(y)
        e = 2 / (m * n) * sum(abs(a - b) for a in x for b in y) - mean_pairs(x) - mean_pairs(y)
        best = max(best, (m * n / (m + n) * e, tau))
    out.append(best)
print(json.dumps(out))
`;

Deno.test("Q and place of the first division are those of the paper's formulas, computed by other code", async () => {
  const all = PUBLISHED.map(([values]) => values);
  for (let seed = 1; seed <= 20; seed++) {
    const normal = seededNormal(seed);
    all.push(Array.from({ length: 10 + seed }, (_, n) => normal() + (n > 6 ? 6 : 0)));
  }
  const child = new Deno.Command("python3", {
    args: ["-c", WITNESS],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(JSON.stringify(all)));
  await writer.close();
  const expected: [number, number][] = JSON.parse(new TextDecoder().decode((await child.output()).stdout));
  for (const [n, values] of all.entries()) {
    // Whatever divides is taken, the clearest first: with one order to try, all that is found is there.
    const divisions = divide(values, { alpha: 0.5, permutations: 19 });
    const first = divisions.reduce((most, each) => each.q > most.q ? each : most, divisions[0]!);
    assert.equal(first.index, expected[n]![1], `series ${n}`);
    assert.ok(Math.abs(first.q - expected[n]![0]) <= 1e-9 * first.q, `series ${n}`);
  }
});

Deno.test("nothing is divided where there is nothing to divide", () => {
  for (const values of [[], [1], [1, 1, 1, 1, 1]]) assert.deepEqual(divide(values), []);
});
