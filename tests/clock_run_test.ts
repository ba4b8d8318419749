/**
 * Clocks that differ by seconds: the bound covers the truth, and everybody still starts at the same instant. The
 * daemons' clocks are shifted by a hook for tests; on one machine the shift is the true offset.
 */
import assert from "node:assert/strict";
import { combineProbes, offsetAt } from "../controller/clock_estimate.ts";
import { openDaemon, probeClock } from "../controller/daemon_access.ts";
import { LIMITS } from "../controller/limits.ts";
import { runConfig } from "./fixtures/run_config.ts";
import { TestDaemon } from "./util/mod.ts";

const SECOND = 1_000_000_000n;
const SHIFTS_NS = [-3n, -2n, -1n, 0n, 1n, 2n, 3n].map((seconds) => seconds * SECOND);
const ROUNDS = 15;

function shifted(shiftNs: bigint, ip = "127.0.0.1"): Promise<TestDaemon> {
  return TestDaemon.start({ ip, env: { IPBENCH_TEST_CLOCK_SHIFT_NS: String(shiftNs) } });
}

Deno.test(`the bound covers the true offset in ${SHIFTS_NS.length * ROUNDS} estimates`, async () => {
  const access = { limits: LIMITS, tls: null, prover: null };
  let covered = 0, all = 0;
  for (const shiftNs of SHIFTS_NS) {
    await using daemon = await shifted(shiftNs);
    for (let round = 0; round < ROUNDS; round++) {
      const { connection } = await openDaemon({ host: daemon.host, port: daemon.port }, access);
      const before = combineProbes(await probeClock(connection, 12, LIMITS.replyMs));
      connection.close();
      const { offsetNs, errorNs } = offsetAt(before.atNs, before, null);
      const wrong = offsetNs - shiftNs;
      all++;
      if (wrong <= errorNs && -wrong <= errorNs) covered++;
      assert.ok(errorNs < 100_000_000n, `a bound of ${errorNs} ns says nothing`);
    }
  }
  assert.ok(covered >= 0.99 * all, `${covered} of ${all} bounds cover the truth`);
});

Deno.test("testers whose clocks are six seconds apart start at the same instant, and say so", async () => {
  await using early = await shifted(-3n * SECOND);
  await using late = await shifted(3n * SECOND, "127.0.0.2");
  const { code, document, stderr } = await runConfig({
    test: "dummy",
    args: "seconds=0.3",
    clients: [early, late].map(({ host, port }) => ({ host, port })),
    targets: [],
  });
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
