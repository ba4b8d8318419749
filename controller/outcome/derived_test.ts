import assert from "node:assert/strict";
import { derivedMetrics } from "./derived.ts";
import type { Counts, Metric } from "../../results/document/document.ts";

const counts = { sent: 1000, ok: 900, lost: 100, late: 0, corrupt: 0, duplicate: 0, reordered: 0 } as Counts;
const metric = (name: string, value: number, unit = ""): Metric => ({ name, value, unit });

function derived(metrics: Metric[], window?: { start_ns: number; end_ns: number }): Record<string, number> {
  const found = derivedMetrics(
    { host: "t", metrics, ...window === undefined ? {} : { window } },
    { counts, window: { start_ns: 0, end_ns: 10e9 } },
  );
  return Object.fromEntries(found.map(({ name, value }) => [name, value]));
}

const CYCLES = [metric("idle_cycles", 400e6), metric("total_cycles", 1000e6)];

Deno.test("use is summed over cores, from each one's or from their number", () => {
  const each = [metric("cpu_use", 50, "%"), metric("cpu0_use", 90, "%"), metric("cpu1_use", 10, "%")];
  assert.deepEqual(derived(each), { cpu_sum: 100 });
  assert.deepEqual(derived([metric("cpu_use", 62.5, "%"), metric("cores", 4)]), { cpu_sum: 250 });
  assert.deepEqual(derived([metric("cpu_use", 50, "%")]), {});
});

Deno.test("cycles a packet: the target's own packets count before the testers'", () => {
  assert.deepEqual(derived([...CYCLES, metric("packets", 6000)]), { cycles_per_packet: 100e3 });
  // 900 packets in 10 s; the meter measured for 20 s.
  assert.deepEqual(derived(CYCLES, { start_ns: 0, end_ns: 20e9 }), { cycles_per_packet: 600e6 / 1800 });
  assert.deepEqual(derived(CYCLES), {}, "it is not known for how long the target counted");
  assert.deepEqual(derived([...CYCLES, metric("packets", 6000), metric("cycles_per_packet", 7)]), {});
  assert.deepEqual(derived([...CYCLES, metric("packets", 0)]), {});
});

Deno.test("packets a joule", () => {
  assert.deepEqual(derived([metric("energy", 3, "J"), metric("packets", 6000)]), { packets_per_joule: 2000 });
  assert.deepEqual(derived([metric("energy", 3, "Wh"), metric("packets", 6000)]), {});
});
