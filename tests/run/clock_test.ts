/**
 * Clocks that differ by seconds: the bound covers the truth, and everybody still starts at the same instant. The
 * daemons' clocks are shifted by a hook for tests; on one machine the shift is the true offset.
 */
import assert from "node:assert/strict";
import { runBenchmark } from "../../controller/run/run.ts";
import { dummyConfig, dummyDescription } from "../fixtures/dummy_run.ts";
import { runConfig } from "../fixtures/run_config.ts";
import { TestDaemon } from "../util/mod.ts";

const SECOND = 1_000_000_000n;
const SHIFTS_NS = [-3n, -1n, 0n, 2n, 3n].map((seconds) => seconds * SECOND);
const RUNS = 20;

function shifted(shiftNs: bigint, ip = "127.0.0.1"): Promise<TestDaemon> {
  return TestDaemon.start({ ip, env: { IPBENCH_TEST_CLOCK_SHIFT_NS: String(shiftNs) } });
}

Deno.test(`the bound covers the true offset in 99 of 100 of ${SHIFTS_NS.length * RUNS} parts of runs`, async () => {
  await using daemons = new AsyncDisposableStack();
  const testers: TestDaemon[] = [];
  for (const shiftNs of SHIFTS_NS) testers.push(daemons.use(await shifted(shiftNs)));
  const description = dummyDescription(testers, "seconds=0.05");
  let covered = 0, all = 0;
  for (let run = 0; run < RUNS; run++) {
    const document = await runBenchmark(description);
    assert.equal(document.run.failed, undefined, document.run.reasons.join("; "));
    document.clients.forEach(({ clock, start }, index) => {
      assert.ok(
        clock !== null && clock.drift_ppm !== null,
        "the clock was asked before the run and after it",
      );
      const truth = Number(SHIFTS_NS[index]);
      assert.ok(clock.error_ns < 100_000_000, `a bound of ${clock.error_ns} ns says nothing`);
      // What the result says of offset and start, each with its bound.
      const offBy = Math.abs(clock.offset_ns - truth);
      const startBy = Math.abs(Number(start!.actual_controller_ns) - (start!.actual_ns - truth));
      all++;
      if (offBy <= clock.error_ns && startBy <= Number(start!.error_ns)) covered++;
    });
  }
  assert.equal(all, SHIFTS_NS.length * RUNS);
  assert.ok(covered >= 0.99 * all, `${covered} of ${all} bounds cover the truth`);
});

Deno.test("testers whose clocks are six seconds apart start at the same instant, and say so", async () => {
  await using early = await shifted(-3n * SECOND);
  await using late = await shifted(3n * SECOND, "127.0.0.2");
  const { code, document, stderr } = await runConfig(dummyConfig([early, late], "seconds=0.3"));
  assert.equal(code, 0, stderr);
  const truth = [-3e9, 3e9];
  document.clients.forEach((client, index) => {
    const { offset_ns, error_ns } = client.clock!;
    assert.ok(Math.abs(offset_ns - truth[index]!) <= error_ns, `${offset_ns} ± ${error_ns}`);
    const { planned_ns, actual_ns } = client.start!;
    assert.ok(Math.abs(actual_ns - planned_ns) < 50e6, `skew of ${actual_ns - planned_ns} ns`);
  });
  const [first, second] = document.clients.map((client) => Number(client.start!.actual_controller_ns));
  assert.ok(Math.abs(first! - second!) < 50e6, `started ${first! - second!} ns apart`);
  // Uncorrected, the two stamps are six seconds apart.
  const [a, b] = document.clients.map((client) => client.start!.actual_ns);
  assert.ok(b! - a! > 5.9e9);
});
