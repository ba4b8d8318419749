/** Raw Ethernet between network namespaces: latency against the echo target, discard against sink. */
import assert from "node:assert/strict";
import { runConfig } from "./fixtures/run_config.ts";
import { Veth } from "./fixtures/veth.ts";
import { hasNamespaces, TestDaemon } from "./util/mod.ts";

Deno.test({ name: "raw Ethernet over a link between namespaces", ignore: !hasNamespaces() }, async (t) => {
  using link = Veth.make("r");
  assert.ok(link !== null);
  await using tester = await TestDaemon.start();
  await using target = await TestDaemon.start({ role: "target", ip: null, wrap: link.wrap });
  const client = { host: tester.host, port: tester.port, testTarget: link.farMac };
  const place = { host: link.farAddress, port: target.port };
  for (const [test, echo, bad] of [["latency", "", null], ["latency-check", ",check", "0"]] as const) {
    await t.step(`${test} against the raw echo`, async () => {
      const { stdout, stderr, document } = await runConfig({
        test,
        args: `socktype=raw,iface=${link.near},bps=800k,size=100,samples=500,warmup=0.1,cooldown=0.1`,
        clients: [client],
        targets: [{ test: "echo", args: `raw=${link.far}${echo}`, ...place }],
      });
      assert.equal(document.run.failed, undefined, stderr);
      const counts = document.clients[0]!.counts!;
      assert.ok(counts.sent >= 500, "the measured phase ends when 500 have come back");
      assert.equal(counts.ok + counts.late + counts.lost + counts.corrupt, counts.sent);
      assert.ok(counts.ok > 400, JSON.stringify(counts));
      const row = stdout.split("\n")[0]!.split(",");
      assert.equal(row[3], "100");
      if (bad !== null) assert.equal(row[9], bad);
    });
  }
  await t.step("discard and sink", async () => {
    const { code, stderr, document } = await runConfig({
      test: "discard",
      args: `if=${link.near},bps=2M,size=200,warmup=0.2,test_time=0.5,cooldown=0.2`,
      clients: [client],
      targets: [{ test: "sink", args: `raw=${link.far}`, ...place }],
    });
    assert.equal(code, 0, stderr);
    const value = (metrics: { name: string; value: number }[], name: string) =>
      metrics.find((m) => m.name === name)?.value;
    const sent = value(document.clients[0]!.metrics, "sent_packets");
    assert.ok(sent !== undefined && sent > 100);
    const { metrics } = document.targets[0]!;
    assert.equal(value(metrics, "measured_sent"), sent);
    assert.equal(value(metrics, "measured_received"), sent);
    assert.equal(value(metrics, "loss"), 0);
  });
});
