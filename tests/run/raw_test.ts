/** Raw Ethernet between network namespaces: latency against the echo target, discard against sink. */
import assert from "node:assert/strict";
import { FaultyEcho } from "../fixtures/peers/faulty_echo.ts";
import { runConfig } from "../fixtures/run_config.ts";
import { Veth } from "../fixtures/network/veth.ts";
import { hasNamespaces, isInstalled, kill, programCommand, TestDaemon, until } from "../util/mod.ts";

/** Runs a program as root without CAP_NET_RAW. */
const WITHOUT_NET_RAW = ["setpriv", "--bounding-set", "-net_raw", "--inh-caps", "-net_raw"];
const canDrop = Deno.uid() === 0 && isInstalled("setpriv");

/** What tells a person how to grant the capability: the file that was started, not another one. */
const remedy = (name: "ipbench" | "ipbenchd") =>
  `raw Ethernet needs CAP_NET_RAW: start it as root, or grant it once with "setcap cap_net_raw+ep ${
    programCommand(name).path
  }"`;

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
  await t.step("an echo that sends its whole buffer back, whatever came", async () => {
    for (const size of ["size=100", "size=30", 'sizes="40:1,200:1,1000:1"']) {
      const padding = await FaultyEcho.start(
        ["--raw", link.far, "--every", "1", "--faults", "pad"],
        link.wrap,
      );
      const { stderr, document } = await runConfig({
        test: "latency",
        args: `socktype=raw,iface=${link.near},bps=800k,${size},duration=0.5,warmup=0.1,cooldown=0.1`,
        clients: [client],
        targets: [],
      });
      const answered = await padding.end();
      const { counts } = document.clients[0]!;
      assert.ok(counts !== null && counts.sent > 20 && answered.pad === answered.packets, stderr);
      assert.deepEqual([counts.ok, counts.corrupt, counts.lost], [counts.sent, 0, 0], size);
    }
  });
  for (const [iface, duration] of [["iface", "duration"], ["if", "test_time"]]) {
    await t.step(`discard and sink, ${iface}=`, async () => {
      const { code, stderr, document } = await runConfig({
        test: "discard",
        args: `${iface}=${link.near},bps=2M,size=200,warmup=0.2,${duration}=0.5,cooldown=0.2`,
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
  }
});

Deno.test({ name: "ipbench echo --raw answers over a link", ignore: !hasNamespaces() }, async () => {
  using link = Veth.make("e");
  assert.ok(link !== null);
  await using tester = await TestDaemon.start();
  const { path, args } = programCommand("ipbench");
  const [wrap, ...before] = [...link.wrap, path];
  const child = new Deno.Command(wrap!, {
    args: [...before, ...args, "echo", "--raw", link.far],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  let said = "";
  const reading = (async () => {
    for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) said += text;
  })();
  try {
    await until(
      "the echo is ready",
      30_000,
      () => said.includes(`ready (Ethernet type 0x6008 on ${link.far})`),
    );
    const { stderr, document } = await runConfig({
      test: "latency",
      args: `socktype=raw,iface=${link.near},bps=800k,size=100,samples=300,warmup=0.1,cooldown=0.1`,
      clients: [{ host: tester.host, port: tester.port, testTarget: link.farMac }],
      targets: [],
    });
    assert.equal(document.run.failed, undefined, stderr);
    assert.ok(document.clients[0]!.counts!.ok > 200, JSON.stringify(document.clients[0]!.counts));
  } finally {
    kill(child.pid, "SIGINT");
    const { code } = await child.status;
    await reading;
    assert.equal(code, 0, said);
  }
  assert.ok(Number(/Echo_Packets (\d+)/.exec(said)?.[1]) >= 300, said);
});

Deno.test({ name: "without CAP_NET_RAW the program to grant it to is named", ignore: !canDrop }, async () => {
  await using tester = await TestDaemon.start({ wrap: WITHOUT_NET_RAW });
  const { code, stderr } = await runConfig({
    test: "latency",
    args: "socktype=raw,iface=lo,bps=800k,size=100,samples=10",
    clients: [{ host: tester.host, port: tester.port, testTarget: "02:00:00:00:00:01" }],
    targets: [],
  });
  assert.equal(code, 1);
  assert.ok(stderr.includes(remedy("ipbenchd")), stderr);

  const [command, ...before] = [...WITHOUT_NET_RAW, programCommand("ipbench").path];
  const echo = await new Deno.Command(command!, {
    args: [...before, ...programCommand("ipbench").args, "echo", "--raw", "lo"],
    stdin: "null",
  }).output();
  const said = new TextDecoder().decode(echo.stderr);
  assert.equal(echo.code, 1, said);
  assert.ok(said.includes(remedy("ipbench")), said);
});
