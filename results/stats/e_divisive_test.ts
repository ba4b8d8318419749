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

/** What a program in Python answers to JSON. */
async function askPython<T>(program: string, question: unknown): Promise<T> {
  const child = new Deno.Command("python3", {
    args: ["-c", program],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(JSON.stringify(question)));
  await writer.close();
  return JSON.parse(new TextDecoder().decode((await child.output()).stdout));
}

Deno.test("Q and place of the first division are those of the paper's formulas, computed by other code", async () => {
  const all = PUBLISHED.map(([values]) => values);
  for (let seed = 1; seed <= 20; seed++) {
    const normal = seededNormal(seed);
    all.push(Array.from({ length: 10 + seed }, (_, n) => normal() + (n > 6 ? 6 : 0)));
  }
  const expected = await askPython<[number, number][]>(WITNESS, all);
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

/** The whole hierarchical division, with a permutation test of its own and Python's random numbers. */
const HIERARCHY = `
import sys, json, random
alpha, orders = 0.02, 199
chance = random.Random(7)
def split(z):
    # Q of each place from sums of distances between and within its sides, kept up from place to place.
    n = len(z)
    if n < 2: return (0, 0)
    total = sum(abs(a - b) for i, a in enumerate(z) for b in z[:i])
    inner, outer = 0.0, total
    best = (0, 0)
    for tau in range(1, n):
        moved = z[tau - 1]
        inner += sum(abs(moved - a) for a in z[:tau - 1])
        outer -= sum(abs(moved - b) for b in z[tau:])
        n1, n2 = tau, n - tau
        between = total - inner - outer
        within = (inner * 2 / (n1 * (n1 - 1)) if n1 > 1 else 0) + (outer * 2 / (n2 * (n2 - 1)) if n2 > 1 else 0)
        q = n1 * n2 / n * (2 * between / (n1 * n2) - within)
        if q > best[0]: best = (q, tau)
    return best
def changes(z):
    borders, found = [0, len(z)], []
    while True:
        parts = [z[a:b] for a, b in zip(borders, borders[1:])]
        q, tau, begin = max((*split(part), begin) for part, begin in zip(parts, borders))
        if q <= 0: break
        as_good = 0
        for _ in range(orders):
            if max(split(chance.sample(part, len(part)))[0] for part in parts) >= q: as_good += 1
            if (as_good + 1) / (orders + 1) > alpha: break
        if (as_good + 1) / (orders + 1) > alpha: break
        found.append([begin + tau, as_good])
        borders = sorted(borders + [begin + tau])
    return sorted(found)
print(json.dumps([changes(z) for z in json.load(sys.stdin)]))
`;

Deno.test("series are divided at the same places by another implementation with its own random orders", async () => {
  const all = Array.from({ length: 50 }, (_, seed) => {
    const normal = seededNormal(1000 + seed);
    // None, one or two steps of two to five deviations.
    const [one, two] = [8 + seed % 7, 18 + seed % 5], size = 2 + seed % 4;
    const level = (n: number) => seed % 3 === 0 || n < one ? 0 : seed % 3 === 1 || n < two ? size : -size;
    return Array.from({ length: 26 + seed % 5 }, (_, n) => level(n) + normal());
  });
  const theirs = await askPython<[number, number][][]>(HIERARCHY, all);
  let places = 0;
  const different = all.flatMap((values, n) => {
    const ours = divide(values, { alpha: 0.02, permutations: 199 });
    places += ours.length;
    const [mine, other] = [ours.map(({ index }) => index), theirs[n]!.map(([index]) => index)];
    // Where chance does nearly as well, the orders that were drawn decide.
    const clear = [
      ...ours.filter(({ index, p }) => !other.includes(index) && p < 0.01).map(({ index }) => index),
      ...theirs[n]!.filter(([index, better]) => !mine.includes(index) && better < 1).map(([index]) => index),
    ];
    return clear.length > 0 ? [{ n, mine, other }] : [];
  });
  assert.deepEqual(different, []);
  assert.ok(places >= 35, `only ${places} places: the series say nothing`);
  const same =
    all.filter((values, n) =>
      divide(values, { alpha: 0.02, permutations: 199 }).map(({ index }) => index).join() ===
        theirs[n]!.map(([index]) => index).join()
    ).length;
  assert.ok(same >= 46, `${same} of ${all.length} are divided alike`);
});
