/** A run that is interrupted leaves what was measured until then, and a second signal ends it at once. */
import assert from "node:assert/strict";
import { scriptedDaemon } from "../fixtures/peers/scripted_daemon.ts";
import { parseDocument } from "../../results/document/parse.ts";
import { EchoProcess } from "../fixtures/peers/echo_process.ts";
import type { RunConfig } from "../fixtures/run_config.ts";
import { RunningRun } from "../fixtures/running_run.ts";
import { TestDaemon, until } from "../util/mod.ts";

const RATE_PPS = 1000;

/** A minute of latency to an echo. */
function minute(testers: readonly { host: string; port: number }[], echoPort: number): RunConfig {
  return {
    test: "latency",
    args: `socktype=udp,bps=${RATE_PPS * 64 * 8},size=64,warmup=0.1,cooldown=0,duration=60,noise=0`,
    clients: testers.map(({ host, port }) => ({ host, port })),
    testPort: echoPort,
    targets: [],
  };
}

async function untilMeasuring(daemon: TestDaemon, packets: number): Promise<void> {
  using watcher = await daemon.greeted();
  await watcher.send("WATCH\n");
  await until("the test measures", 20_000, async () => {
    const sent = /phase=measure .* sent=(\d+)/.exec(await watcher.readLine())?.[1];
    return Number(sent ?? 0) >= packets;
  });
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.test(`${signal}: counts, series and histograms until then are in the document`, async () => {
    await using echo = await EchoProcess.start();
    await using first = await TestDaemon.start();
    await using second = await TestDaemon.start({ ip: "127.0.0.2" });
    await using run = new RunningRun(minute([first, second], echo.port));
    await untilMeasuring(first, RATE_PPS);
    const document = await run.interrupt(signal);
    assert.match(document.run.reasons.join(), /interrupted/);
    for (const client of document.clients) {
      assert.ok(client.counts !== null && client.counts.sent >= RATE_PPS / 2, JSON.stringify(client.counts));
      assert.ok((client.series ?? []).reduce((sum, { sent }) => sum + sent, 0) > 0);
      assert.equal(client.latency?.response?.count, client.counts.ok);
      assert.notEqual(client.histograms?.response, null);
      // The window is as long as what was measured, not the minute that was asked for.
      const seconds = client.counts.sent / RATE_PPS;
      assert.ok(Math.abs((client.window!.end_ns - client.window!.start_ns) / 1e9 - seconds) < 0.5);
    }
    assert.equal(
      document.total.counts?.sent,
      document.clients.reduce((sum, { counts }) => sum + counts!.sent, 0),
    );
    for (const daemon of [first, second]) await daemon.assertFree(5_000);
  });
}

Deno.test("a tester that gives nothing is not waited for, and a second signal ends at once", async () => {
  const ok = "200 OK\n";
  // It says that it can end early, and does not.
  const script = [
    "100 IPBENCH V1.0 (ipbenchd 1.0.0; ext=form,stop)\n",
    ok,
    ok,
    ok,
    "SILENT",
    "SILENT",
  ] as const;
  await using deaf = scriptedDaemon(script);
  await using run = new RunningRun(minute([{ host: "127.0.0.1", port: deaf.port }], 9));
  await until("it is started", 20_000, () => Promise.resolve(deaf.lines.includes("START\n")));
  const began = performance.now();
  const { code } = await run.end("SIGINT");
  assert.equal(code, 130);
  assert.ok(performance.now() - began < 8_000);
  assert.ok(deaf.lines.includes("STOP\n"), deaf.lines.join(""));
  assert.equal(parseDocument(await Deno.readTextFile(run.json)).run.interrupted, true);

  await using again = scriptedDaemon(script);
  await using twice = new RunningRun(minute([{ host: "127.0.0.1", port: again.port }], 9));
  await until("it is started", 20_000, () => Promise.resolve(again.lines.includes("START\n")));
  // As `timeout` does: the program, and then its group.
  for (const _ of [1, 2]) Deno.kill(twice.pid, "SIGINT");
  await until("it is asked", 5_000, () => Promise.resolve(again.lines.includes("STOP\n")));
  await new Promise((resolve) => setTimeout(resolve, 400));
  const second = performance.now();
  assert.equal((await twice.end("SIGINT")).code, 130);
  assert.ok(performance.now() - second < 1_500);
});
