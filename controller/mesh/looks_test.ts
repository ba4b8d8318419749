import assert from "node:assert/strict";
import type { MeshPair } from "../../results/mesh/document.ts";
import { better } from "./looks.ts";

const PAIR: MeshPair = {
  from: 0,
  to: 1,
  round: 1,
  delay: { min_ns: 10, p50_ns: 20, p99_ns: 90, max_ns: 900 },
  sent: 500,
  lost: 5,
  rate_bps: 1e9,
  verdict: "VALID",
  reason: null,
};

Deno.test("of two looks the better of each figure is kept, the slowest round trip among them", () => {
  const other = {
    ...PAIR,
    delay: { min_ns: 11, p50_ns: 19, p99_ns: 30, max_ns: 40 },
    sent: 490,
    lost: 0,
    rate_bps: 9e8,
  };
  for (const [a, b] of [[PAIR, other], [other, PAIR]] as const) {
    const { delay, sent, lost, rate_bps } = better(a, b);
    assert.deepEqual(delay, { min_ns: 10, p50_ns: 19, p99_ns: 30, max_ns: 40 });
    assert.deepEqual([sent, lost, rate_bps], [490, 0, 1e9]);
  }
  const unmeasured = { ...PAIR, delay: null, sent: null, lost: null, rate_bps: null };
  assert.deepEqual(better(unmeasured, PAIR), PAIR);
});
