/** A daemon's clock, compared again and again beside what else it does. */
import assert from "node:assert/strict";
import { LIMITS } from "../../controller/limits.ts";
import { ClockKeeper } from "../../controller/link/clock_keeper.ts";
import { offsetBetween } from "../../controller/link/clock_pair.ts";
import { TestDaemon } from "../util/mod.ts";

const SHIFT_NS = 2_000_000_000n;
const access = { limits: LIMITS, prover: null, tls: null };

Deno.test("comparisons follow one another, and bound the offset by the time to the nearest one", async () => {
  await using daemon = await TestDaemon.start({ env: { IPBENCH_TEST_CLOCK_SHIFT_NS: String(SHIFT_NS) } });
  await using still = await TestDaemon.start({});
  const keepers = await Promise.all(
    [still, daemon].map(({ host, port }) => ClockKeeper.open({ host, port }, access, 50)),
  );
  const [from, to] = [keepers[0] ?? assert.fail("refused"), keepers[1] ?? assert.fail("refused")];
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  const [sender, receiver] = [await from.close(), await to.close()];
  assert.ok(sender.length >= 5 && receiver.length >= 5, `${sender.length} ${receiver.length}`);
  for (const [n, round] of receiver.entries()) {
    assert.ok(round.consistent && round.lowNs <= SHIFT_NS && SHIFT_NS <= round.highNs);
    assert.ok(n === 0 || round.atNs > receiver[n - 1]!.atNs);
  }
  const span = { startNs: receiver[1]!.atNs, endNs: receiver.at(-2)!.atNs };
  const { offsetNs, errorNs } = offsetBetween(sender, receiver, span)!;
  const off = offsetNs > SHIFT_NS ? offsetNs - SHIFT_NS : SHIFT_NS - offsetNs;
  assert.ok(off <= errorNs, `${offsetNs} ± ${errorNs}`);
  // With the first comparisons alone, what may have drifted since is in the error.
  const alone = offsetBetween(sender.slice(0, 1), receiver.slice(0, 1), span)!;
  assert.ok(alone.errorNs > errorNs);
});

Deno.test("a daemon that ends takes the comparisons that were made with it to nobody's harm", async () => {
  const daemon = await TestDaemon.start({});
  const keeper = await ClockKeeper.open({ host: daemon.host, port: daemon.port }, access, 20) ??
    assert.fail("refused");
  await new Promise((resolve) => setTimeout(resolve, 200));
  await daemon[Symbol.asyncDispose]();
  assert.ok((await keeper.close()).length > 0);
  assert.equal(await ClockKeeper.open({ host: daemon.host, port: daemon.port }, access, 20), null);
});
