/** Each of the lesser tests in a whole run with `dist/`, and plugins written for the original. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createSocket } from "node:dgram";
import { metric } from "../fixtures/metric.ts";
import { runConfig } from "../fixtures/run_config.ts";
import { fixturePlugins, freePort, runProgram, TestDaemon, until } from "../util/mod.ts";

Deno.test("discard and sink: what was sent is what arrived, and the loss is known", async () => {
  await using tester = await TestDaemon.start();
  await using target = await TestDaemon.start({ role: "target" });
  const port = freePort();
  const { code, stdout, stderr, document } = await runConfig({
    test: "discard",
    args: "socktype=udp,bps=8M,size=500,warmup=0.2,duration=0.5,cooldown=0.2",
    testPort: port,
    clients: [{ host: tester.host, port: tester.port }],
    targets: [{ test: "sink", args: `udp=${port},ip=127.0.0.1`, host: target.host, port: target.port }],
  });
  assert.equal(code, 0, stderr);
  const client = document.clients[0]!;
  const sink = document.targets[0]!;
  const sent = metric(client.metrics, "sent_packets");
  assert.equal(metric(sink.metrics, "measured_sent"), sent);
  assert.equal(metric(sink.metrics, "packets"), metric(client.metrics, "packets_all_phases"));
  assert.equal(metric(sink.metrics, "loss"), 0);
  assert.equal(metric(sink.metrics, "duplicates"), 0);
  assert.equal(client.rates?.requested_bps, 8_000_000);
  assert.equal(client.rates?.received_bps, null, "the sender cannot know");
  const rows = stdout.trim().split("\n").map((row) => row.split(","));
  assert.deepEqual([rows[0]![0], rows[0]![2]], ["8000000", "500"]);
  assert.equal(rows[1]!.length, 6, "received rate, packets, bytes, gaps, duplicates, loss");
});

Deno.test("sink counts its own run's packets alone, whatever strangers send it", async () => {
  await using tester = await TestDaemon.start();
  await using target = await TestDaemon.start({ role: "target" });
  const port = freePort();
  // As discard.h has it: a packet of the measured phase of another run, which says that 10^18 were sent before it.
  const forged = Buffer.alloc(100);
  forged.writeUInt32BE(0x49504244, 8);
  forged.writeBigUInt64BE(10n ** 18n, 24);
  forged[32] = 1;
  const stranger = createSocket("udp4").on("error", () => {});
  const timer = setInterval(() => {
    forged.writeUInt32BE(forged.readUInt32BE(20) + 1, 20); // ever another run
    stranger.send(forged, port, "127.0.0.1");
  }, 5);
  const { code, stderr, document } = await runConfig({
    test: "discard",
    args: "socktype=udp,bps=8M,size=500,warmup=0.2,duration=0.5,cooldown=0.2",
    testPort: port,
    clients: [{ host: tester.host, port: tester.port }],
    targets: [{ test: "sink", args: `udp=${port},ip=127.0.0.1`, host: target.host, port: target.port }],
  }).finally(() => {
    clearInterval(timer);
    stranger.close();
  });
  assert.equal(code, 0, stderr);
  const { metrics } = document.targets[0]!, sender = document.clients[0]!.metrics;
  const foreign = metric(metrics, "foreign")!;
  assert.ok(foreign > 0);
  assert.equal(metric(metrics, "packets")! - foreign, metric(sender, "packets_all_phases"));
  assert.equal(metric(metrics, "measured_sent"), metric(sender, "sent_packets"));
  assert.deepEqual(["loss", "gaps", "senders"].map((name) => metric(metrics, name)), [0, 0, 1]);
});

Deno.test("discard to a port where nobody listens, and a sink elsewhere: no loss is told, the run is INVALID", async () => {
  await using tester = await TestDaemon.start();
  await using target = await TestDaemon.start({ role: "target" });
  const { code, stdout, document } = await runConfig({
    test: "discard",
    args: "socktype=udp,bps=1M,size=500,warmup=0,test_time=0.2,cooldown=0",
    testPort: freePort(),
    clients: [{ host: tester.host, port: tester.port }],
    targets: [{ test: "sink", args: "udp=0,ip=127.0.0.1", host: target.host, port: target.port }],
  });
  assert.equal(code, 1);
  assert.equal(stdout.trim().split("\n")[1], "0,0,0,0,0,");
  assert.deepEqual(document.run.details!.map((reason) => reason.code), ["nothing-arrived", "send-failures"]);
  assert.match(document.run.reasons[1]!, /Connection refused/);
});

Deno.test("latency-check counts exactly the wrong answers of an echo target", async () => {
  await using tester = await TestDaemon.start();
  await using target = await TestDaemon.start({ role: "target" });
  const bad = async (echo: string, socktype: string): Promise<number> => {
    const port = freePort();
    const { document, stderr, stdout } = await runConfig({
      test: "latency-check",
      // 2,000 packets a second, of which 500 are due in the measured phase.
      args: `socktype=${socktype},bps=1024k,size=64,duration=0.25,warmup=0,cooldown=0`,
      testPort: port,
      clients: [{ host: tester.host, port: tester.port }],
      targets: [{
        test: "echo",
        args: `udp=${port},tcp=${port},${echo}`,
        host: target.host,
        port: target.port,
      }],
    });
    assert.equal(document.run.failed, undefined, stderr);
    return Number(stdout.split("\n")[0]!.split(",")[9]);
  };
  assert.equal(await bad("check", "udp"), 0);
  assert.equal(await bad("check,check_size=64", "tcp"), 0);
  assert.equal(await bad("check,spoil=10", "udp"), 50, "every tenth of 500");
  assert.equal(await bad("check=0", "udp"), 500, "a plain echo never adds one");
});

Deno.test("wait ends on ipbench continue, and at its deadline", async () => {
  await using tester = await TestDaemon.start();
  const clients = [{ host: tester.host, port: tester.port }];
  const waited = runConfig({ test: "wait", args: "deadline=60", clients, targets: [] });
  const daemon = `${tester.host}:${tester.port}`;
  await until("the daemon lets the test continue", 20_000, async () => {
    return (await runProgram("ipbench", ["continue", daemon])).code === 0;
  });
  const { code, document, stderr } = await waited;
  assert.equal(code, 0, stderr);
  assert.ok(metric(document.clients[0]!.metrics, "waited") < 60);
  const late = await runConfig({ test: "wait", args: "deadline=0.2", clients, targets: [] });
  assert.equal(late.code, 0, late.stderr);
  assert.ok(metric(late.document.clients[0]!.metrics, "waited") >= 0.2);
});

Deno.test("CPU meters: figures in range, per CPU, over the window", async () => {
  await using tester = await TestDaemon.start();
  await using target = await TestDaemon.start({ role: "target" });
  await using other = await TestDaemon.start({ role: "target" });
  const { code, stdout, stderr, document } = await runConfig({
    test: "dummy",
    args: "seconds=0.5",
    clients: [{ host: tester.host, port: tester.port }],
    targets: [
      { test: "cpu_target", host: target.host, port: target.port },
      {
        test: "cpu_target_lukem",
        args: "warmup=0.1,cooldown=0.1,fancy_output",
        host: other.host,
        port: other.port,
      },
    ],
  });
  assert.equal(code, 0, stderr);
  const rows = stdout.trim().split("\n");
  assert.match(rows[1]!, /^\d+\.\d,CPU\d+: \d+\.\d(,CPU\d+: \d+\.\d)*$/);
  assert.match(rows[2]!, /^\d+\.\d$/);
  for (const { metrics } of document.targets) {
    const use = metric(metrics, "cpu_use");
    assert.ok(use >= 0 && use <= 100);
    const each = metrics.filter((m) => /^cpu\d+_use$/.test(m.name)).map((m) => m.value);
    assert.equal(each.length, metric(metrics, "cpus"));
    const mean = each.reduce((sum, value) => sum + value, 0) / each.length;
    assert.ok(Math.abs(mean - use) < 0.01, "the figure is the mean of the CPUs'");
    assert.ok(metric(metrics, "cpu_steal") >= 0);
  }
});

Deno.test("plugins compiled for the original run on both sides", async (t) => {
  const args = ["--plugin-dir", fixturePlugins()];
  await using tester = await TestDaemon.start({ args });
  await using target = await TestDaemon.start({ role: "target", args });
  for (const test of ["old_client", "old_client_needed"]) {
    await t.step(test, async () => {
      const { code, stdout, stderr } = await runConfig({
        test,
        args: "value=7,sockopts=SO_BROADCAST=1;SO_RCVBUF=65536",
        clients: [{ host: tester.host, port: tester.port }],
        targets: [{ test: "old_target", args: "prefix=slept", host: target.host, port: target.port }],
      }, args);
      assert.equal(code, 0, stderr);
      assert.match(stdout, /^7,49\nslept:\d+\n?$/);
    });
  }
});

Deno.test("a plugin that only says that an argument is unknown: the run says which one may have been meant", async () => {
  await using tester = await TestDaemon.start();
  const { code, stderr } = await runProgram("ipbench", [
    ...["run", "--client", tester.host, "--port", String(tester.port), "--test-target", "127.0.0.1"],
    ...["--test", "dummy", "--test-args", "secnds=1"],
  ]);
  assert.equal(code, 2);
  assert.match(
    stderr,
    /--test-args: unknown argument.*; did you mean "seconds" instead of "secnds"\?$/m,
  );
});
