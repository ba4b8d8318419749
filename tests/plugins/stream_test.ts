/** stream and stream_target in whole runs with `dist/`: figures, several testers, latency beside the load, targets that fail. */
import assert from "node:assert/strict";
import { metric } from "../fixtures/metric.ts";
import { runConfig } from "../fixtures/run_config.ts";
import { freePort, TestDaemon } from "../util/mod.ts";

/** What a processor that is shared with other tests makes of a run is no matter here. */
const RATE = "bps=20M,limit_cpu=100%";

interface StreamEngine {
  streams: { bytes_sent: number; bytes_received: number; direction: string }[];
  goodput: string;
}

Deno.test("stream's row is the sum of its testers", async () => {
  await using one = await TestDaemon.start();
  await using two = await TestDaemon.start();
  await using target = await TestDaemon.start({ role: "target" });
  const port = freePort();
  const { stdout, stderr, document } = await runConfig({
    test: "stream",
    args: `direction=both,streams=2,duration=1,warmup=0.3,${RATE}`,
    testPort: port,
    clients: [{ host: one.host, port: one.port }, { host: two.host, port: two.port }],
    targets: [{
      test: "stream_target",
      args: `port=${port},ip=127.0.0.1`,
      host: target.host,
      port: target.port,
    }],
  });
  assert.equal(document.run.failed, undefined, stderr);
  const row = stdout.trim().split("\n")[0]!.split(",").map(Number);
  const total = (name: string) =>
    document.clients.reduce((sum, client) => sum + metric(client.metrics, name), 0);
  assert.equal(row[0], 8);
  assert.ok(Math.abs(row[1]! - total("goodput_up")) < 2);
  assert.ok(Math.abs(row[2]! - total("goodput_down")) < 2);
  assert.equal(row[3], total("retransmits"));
  assert.equal(row[4], 0);
  assert.ok(
    Math.abs(document.total.rates!.received_bps! / 80e6 - 1) < 0.05,
    JSON.stringify(document.total.rates),
  );
  for (const client of document.clients) {
    assert.ok(metric(client.metrics, "fairness_up") > 0.9);
    assert.equal(client.series!.length, 10);
  }
  assert.equal(document.total.window!.end_ns > document.total.window!.start_ns, true);
});

Deno.test("what stream_target counts is what the testers sent and got", async () => {
  await using tester = await TestDaemon.start();
  await using target = await TestDaemon.start({ role: "target" });
  const port = freePort();
  for (const args of ["direction=both", "direction=both,udp=1"]) {
    const { stdout, stderr, document } = await runConfig({
      test: "stream",
      args: `${args},duration=0.5,warmup=0.2,${RATE}`,
      testPort: port,
      clients: [{ host: tester.host, port: tester.port }],
      targets: [{
        test: "stream_target",
        args: `port=${port},ip=127.0.0.1`,
        host: target.host,
        port: target.port,
      }],
    });
    assert.equal(document.run.failed, undefined, stderr);
    const { streams, goodput } = document.clients[0]!.engine as unknown as StreamEngine;
    const { metrics } = document.targets[0]!;
    assert.equal(goodput, "receiver");
    const [up, down] = streams;
    assert.equal(metric(metrics, "received_bytes"), up!.bytes_received);
    assert.equal(metric(metrics, "sent_bytes"), down!.bytes_sent);
    assert.equal(metric(metrics, "sessions"), 1);
    assert.equal(metric(metrics, "streams"), 2);
    for (const name of ["sessions_cut", "refused", "strangers"]) assert.equal(metric(metrics, name), 0);
    assert.equal(stdout.trim().split("\n")[1], `2,${up!.bytes_received},${down!.bytes_sent}`);
  }
});

Deno.test("stream_target echoes beside its streams", async () => {
  await using tester = await TestDaemon.start();
  await using target = await TestDaemon.start({ role: "target" });
  const echo = freePort();
  const { stderr, document } = await runConfig({
    test: "latency",
    args: "socktype=udp,bps=1M,size=64,duration=0.5,warmup=0,cooldown=0,noise=0",
    testPort: echo,
    clients: [{ host: tester.host, port: tester.port }],
    targets: [{
      test: "stream_target",
      args: `port=0,echo=${echo},ip=127.0.0.1`,
      host: target.host,
      port: target.port,
    }],
  });
  assert.equal(document.run.failed, undefined, stderr);
  const { ok, sent } = document.clients[0]!.counts!;
  assert.ok(sent > 900 && ok === sent);
  const { metrics } = document.targets[0]!;
  assert.ok(metric(metrics, "echo_packets") >= ok);
  assert.equal(metric(metrics, "echo_bytes"), 64 * metric(metrics, "echo_packets"));
  assert.equal(metric(metrics, "echo_dropped"), 0);
});

Deno.test("stream says what is wrong with its target, and leaves nothing behind", async () => {
  await using tester = await TestDaemon.start();
  const port = freePort();
  const clients = [{ host: tester.host, port: tester.port }];
  const nobody = await runConfig({
    test: "stream",
    args: "duration=0.5",
    testPort: port,
    clients,
    targets: [],
  });
  assert.equal(nobody.code, 1);
  assert.match(nobody.stderr, /Connection refused [[(]start "ipbench sink" there, or run stream_target/);
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const closing = (async () => {
    for await (const connection of listener) connection.close();
  })();
  const other = await runConfig({
    test: "stream",
    args: "duration=0.5",
    testPort: listener.addr.port,
    clients,
    targets: [],
  });
  assert.equal(other.code, 1);
  assert.match(other.stderr, /does not answer as stream_target does/);
  listener.close();
  await closing.catch(() => {});
  const { stdout } = new Deno.Command("ss", {
    args: ["-Htan", "exclude", "time-wait", `( dport = :${port} or sport = :${port} )`],
  })
    .outputSync();
  assert.equal(new TextDecoder().decode(stdout), "");
});

Deno.test("while stream runs, what only the other end knows is no 0", async () => {
  await using tester = await TestDaemon.start();
  await using target = await TestDaemon.start({ role: "target" });
  const port = freePort();
  for (const [direction, known, unknown] of [["up", "sent", "received"], ["down", "received", "sent"]]) {
    const { stdout, stderr } = await runConfig({
      test: "stream",
      args: `direction=${direction},duration=2.5,warmup=0.3,${RATE}`,
      testPort: port,
      clients: [{ host: tester.host, port: tester.port }],
      targets: [{
        test: "stream_target",
        args: `port=${port},ip=127.0.0.1`,
        host: target.host,
        port: target.port,
      }],
    }, ["--output", "json"]);
    const lines = stdout.trim().split("\n").map((line) => JSON.parse(line));
    const reports = lines.filter(({ event, reporting }) => event === "progress" && reporting > 0);
    assert.ok(reports.some((report) => report[`${known}_bps`] > 5e6), stderr);
    for (const report of reports) {
      const { sent, ok, lost, bad } = report;
      assert.deepEqual([report[`${unknown}_bps`], sent, ok, lost, bad], [null, null, null, null, null]);
    }
  }
});
