/** A whole run with `dist/`: testers, targets, the row and the document. */
import assert from "node:assert/strict";
import { EchoProcess } from "../fixtures/peers/echo_process.ts";
import { runConfig } from "../fixtures/run_config.ts";
import { TestDaemon } from "../util/mod.ts";

const ARGS = "socktype=udp,bps=2000000,size=125,samples=4000,warmup=0.3,cooldown=0.2";

Deno.test("two testers and two targets: one row, exact counts, one window for all", async () => {
  await using echo = await EchoProcess.start();
  await using first = await TestDaemon.start();
  await using second = await TestDaemon.start({ ip: "127.0.0.2" });
  await using meter = await TestDaemon.start({ role: "target" });
  await using other = await TestDaemon.start({ role: "target", ip: "127.0.0.2" });
  const { code, stdout, stderr, document } = await runConfig({
    test: "latency",
    args: ARGS,
    controllerArgs: "with_cpu_target",
    testPort: echo.port,
    clients: [first, second].map(({ host, port }) => ({ host, port })),
    targets: [
      { test: "cpu_target", host: meter.host, port: meter.port },
      { test: "dummy_target", host: other.host, port: other.port },
    ],
  });
  const told = `${document.run.reasons.join("; ")} | ${stderr}`;
  assert.equal(code, document.run.verdict === "INVALID" ? 1 : 0, told);
  assert.equal(document.run.failed, undefined, told);
  assert.ok(stdout.endsWith(document.csv), stdout);

  const row = document.csv.split("\n")[0]!.split(",");
  assert.equal(row[0], "4000000", "requested rate of both");
  assert.equal(row[3], "125");
  assert.ok(Number(row[9]) >= 0 && Number(row[9]) <= 100, `CPU use follows the row: ${document.csv}`);

  let sent = 0;
  for (const client of document.clients) {
    const { counts, latency, clock, start } = client;
    assert.ok(counts !== null && latency !== null && clock !== null && start !== null, told);
    assert.equal(counts.sent, counts.ok + counts.lost + counts.late + counts.corrupt);
    assert.equal(latency.response?.count, counts.ok);
    assert.ok(clock.error_ns > 0 && Math.abs(clock.offset_ns) <= clock.error_ns, "one machine, one clock");
    assert.match(client.peer!, /^ipbenchd\/\d/);
    assert.equal(typeof client.environment?.kernel, "string");
    sent += counts.sent;
  }
  const { total } = document;
  assert.equal(total.counts?.sent, sent);
  assert.equal(total.latency.response?.count, total.counts?.ok);

  // The meter's figure is for the common window: not before it, not after it.
  const window = total.window!;
  const off = document.targets[0]!.window_off_ns!;
  const length = window.end_ns - window.start_ns;
  assert.ok(length > 1e9 && length < 8e9, `common window of ${length} ns`);
  assert.ok(off < 0.3 * length, `the meter is ${off} ns off ${length}`);
  const said = document.run.details!.some((reason) => reason.code === "target-window");
  assert.equal(said, off > 0.02 * length, "what is more than 2 % off is said");
});
