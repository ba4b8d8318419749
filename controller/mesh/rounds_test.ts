import assert from "node:assert/strict";
import { roundsOf } from "./rounds.ts";

Deno.test("all pairs meet once, in as few rounds as there can be, and nobody twice in one", () => {
  for (let count = 2; count <= 33; count++) {
    const rounds = roundsOf(count);
    assert.equal(rounds.length, count % 2 === 0 ? count - 1 : count);
    const met = new Set<string>();
    for (const round of rounds) {
      assert.equal(round.length, Math.floor(count / 2));
      const busy = round.flat();
      assert.equal(new Set(busy).size, busy.length, `a host is in two pairs of one round of ${count}`);
      for (const [a, b] of round) met.add([Math.min(a, b), Math.max(a, b)].join());
    }
    assert.equal(met.size, count * (count - 1) / 2);
  }
});
