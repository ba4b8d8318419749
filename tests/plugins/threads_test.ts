/** A test that several threads share: the document, the counts against the echo's and the kernel's, the verdict. */
import assert from "node:assert/strict";
import { EchoProcess } from "../fixtures/peers/echo_process.ts";
import { runConfig } from "../fixtures/run_config.ts";
import { Veth } from "../fixtures/network/veth.ts";
import { hasNamespaces, TestDaemon } from "../util/mod.ts";

/** Of the echo at the other end. */
const ECHO_PORT = 15_907;
/** Of stream_target. */
const STREAM_PORT = 15_905;

/** Counts of one thread or of all. */
type Counts = Record<string, number>;

function added(threads: readonly { counts?: unknown }[]): Counts {
  const sum: Counts = {};
  for (const { counts } of threads) {
    for (const [key, value] of Object.entries(counts as Counts)) sum[key] = (sum[key] ?? 0) + value;
  }
  return sum;
}

Deno.test("threads of a tester add up, and the live page too", async (t) => {
  await using tester = await TestDaemon.start();
  await using echo = await EchoProcess.start();
  for (
    const [test, socktype, threads] of [
      ["latency", "udp", 2],
      ["latency", "tcp", 4],
      ["latency-check", "udp", 8],
    ] as const
  ) {
    await t.step(`${test}, ${socktype}, ${threads} threads`, async () => {
      const { document, stderr, stdout } = await runConfig({
        test,
        args:
          `socktype=${socktype},threads=${threads},bps=1M,size=64,duration=1,warmup=0.2,cooldown=0.1,noise=0`,
        testPort: echo.port,
        clients: [{ host: tester.host, port: tester.port }],
        targets: [],
      });
      assert.equal(document.run.failed, undefined, stderr);
      const client = document.clients[0]!;
      assert.ok(client.threads !== undefined && client.counts !== null, stderr);
      assert.equal(client.threads.length, threads);
      assert.deepEqual(added(client.threads), client.counts);
      const { sent, ok, lost, late, corrupt } = client.counts;
      assert.equal(sent, ok + lost + late + corrupt);
      const unsent = (client.pacing as unknown as Counts)["unsent"]! +
        (client.pacing as unknown as Counts)["unaccepted"]!;
      assert.ok(Math.abs(sent + unsent - 1e6 / 8 / 64) <= 1, `${sent} + ${unsent}`);
      assert.equal(client.latency?.response?.count, ok);
      assert.equal(stdout.split("\n")[0]!.split(",")[3], "64");
      assert.equal((client.engine as unknown as Counts)["flows"], threads);
    });
  }
});

Deno.test(
  { name: "raw Ethernet by several threads: each gets its own replies", ignore: !hasNamespaces() },
  async (t) => {
    using link = Veth.make("t");
    assert.ok(link !== null);
    await using tester = await TestDaemon.start();
    await using target = await TestDaemon.start({ role: "target", ip: null, wrap: link.wrap });
    for (const [engine, size] of [["mmsg", 100], ["socket", 40], ["ring", 1000]] as const) {
      await t.step(`${engine}, ${size} bytes`, async () => {
        const { document, stderr } = await runConfig({
          test: "latency",
          args:
            `socktype=raw,iface=${link.near},threads=4,engine=${engine},bps=1600k,size=${size},duration=1,` +
            "warmup=0.1,cooldown=0.1,noise=0",
          clients: [{ host: tester.host, port: tester.port, testTarget: link.farMac }],
          targets: [{
            test: "echo",
            args: `raw=${link.far},threads=3`,
            host: link.farAddress,
            port: target.port,
          }],
        });
        assert.equal(document.run.failed, undefined, stderr);
        const client = document.clients[0]!;
        assert.ok(client.threads !== undefined && client.counts !== null, stderr);
        assert.deepEqual(added(client.threads), client.counts);
        // Nobody sees another's replies, and none is lost or overtaken for it, nor by several threads of the echo.
        for (const { counts } of client.threads) {
          assert.equal(counts!.ok + counts!.late, counts!.sent);
          assert.equal(counts!.duplicate + counts!.reordered, 0);
        }
        assert.equal((client.engine as unknown as Counts)["stray"], 0);
        assert.ok(client.counts.sent > 190);
      });
    }
  },
);

Deno.test(
  { name: "raw frames of several senders are counted by several threads", ignore: !hasNamespaces() },
  async () => {
    using link = Veth.make("u");
    assert.ok(link !== null);
    await using tester = await TestDaemon.start();
    await using target = await TestDaemon.start({ role: "target", ip: null, wrap: link.wrap });
    const { document, stderr } = await runConfig({
      test: "discard",
      args: `socktype=raw,iface=${link.near},threads=4,bps=8M,size=200,warmup=0.2,duration=0.5,cooldown=0.2`,
      clients: [{ host: tester.host, port: tester.port, testTarget: link.farMac }],
      targets: [{
        test: "sink",
        args: `raw=${link.far},threads=3`,
        host: link.farAddress,
        port: target.port,
      }],
    });
    assert.equal(document.run.failed, undefined, stderr);
    const values = (metrics: readonly { name: string; value: number }[]): Counts =>
      Object.fromEntries(metrics.map(({ name, value }) => [name, value]));
    const sent = values(document.clients[0]!.metrics), got = values(document.targets[0]!.metrics);
    assert.ok(sent["sent_packets"]! > 400, JSON.stringify(sent));
    const { measured_sent, measured_received, packets, gaps, duplicates, reordered, senders, unnumbered } =
      got;
    assert.deepEqual(
      { measured_sent, measured_received, packets, gaps, duplicates, reordered, senders, unnumbered },
      {
        measured_sent: sent["sent_packets"],
        measured_received: sent["sent_packets"],
        packets: sent["packets_all_phases"],
        gaps: 0,
        duplicates: 0,
        reordered: 0,
        senders: 4,
        unnumbered: 0,
      },
    );
  },
);

Deno.test({
  name: "ports are chosen so that replies come to the thread's processor",
  ignore: !hasNamespaces() || navigator.hardwareConcurrency < 2,
}, async () => {
  using link = Veth.make("s");
  assert.ok(link !== null);
  await using tester = await TestDaemon.start();
  await using target = await TestDaemon.start({ role: "target", ip: null, wrap: link.wrap });
  const measure = async () => {
    const { document, stderr } = await runConfig({
      test: "latency",
      args:
        "socktype=udp,threads=2,cpus=0-1,flows=8,bps=1M,size=100,duration=0.5,warmup=1,cooldown=0.1,noise=0",
      testPort: ECHO_PORT,
      clients: [{ host: tester.host, port: tester.port, testTarget: link.farAddress }],
      targets: [{ test: "echo", args: `udp=${ECHO_PORT}`, host: link.farAddress, port: target.port }],
    });
    assert.equal(document.run.failed, undefined, stderr);
    const client = document.clients[0]!;
    const here = client.threads!.map((thread) => (thread as unknown as Counts)["flows_with_replies_here"]);
    const { steering } = client as unknown as Record<string, Record<string, unknown>>;
    assert.equal((client.engine as unknown as Counts)["stray"], 0);
    return { here, steering: steering! };
  };
  const before = await measure();
  assert.deepEqual([before.steering["rps"], before.steering["ports_tried"]], [false, 0]);
  assert.match(String(before.steering["why"]), /one receive queue/);
  // The kernel now spreads what comes over both processors, by addresses and ports.
  Deno.writeTextFileSync(`/sys/class/net/${link.near}/queues/rx-0/rps_cpus`, "3");
  const after = await measure();
  assert.deepEqual(after.here, [4, 4], JSON.stringify(after.steering));
  assert.equal(after.steering["rps"], true);
  assert.ok(Number(after.steering["ports_tried"]) >= 8);
});

Deno.test("threads end together when the mean of all is known well enough", async (t) => {
  await using tester = await TestDaemon.start();
  await using echo = await EchoProcess.start();
  // Where the machine makes successive batches of round trips alike, it takes longer: one of three runs is to end before its time.
  const early: boolean[] = [];
  while (early.length < 3 && !early.includes(true)) {
    await t.step(`run ${early.length + 1}`, async () => {
      const { document, stderr } = await runConfig({
        test: "latency",
        args: "socktype=udp,threads=3,bps=1M,size=100,duration=12,until_ci=1,warmup=0.2,cooldown=0.1,noise=0",
        testPort: echo.port,
        clients: [{ host: tester.host, port: tester.port }],
        targets: [],
      });
      assert.equal(document.run.failed, undefined, stderr);
      const { threads, counts, confidence, window } = document.clients[0]!;
      assert.deepEqual(added(threads!), counts);
      const { estimate_ns: mean, low_ns: low, high_ns: high } = confidence!.mean!;
      assert.ok(low < mean && mean < high);
      early.push(window!.end_ns! - window!.start_ns! < 11e9);
      // What is asked of the mean was so a few milliseconds before.
      if (early.includes(true)) assert.ok(high - low < 1.5 * mean, JSON.stringify(confidence));
    });
  }
  assert.ok(early.includes(true), "the mean was not known in time in any of three runs");
});

/** Runs streams between two daemons of this machine. */
async function transfer(args: string, targetArgs: string) {
  await using tester = await TestDaemon.start();
  await using target = await TestDaemon.start({ role: "target" });
  const { document, stderr } = await runConfig({
    test: "stream",
    args: `${args},port=${STREAM_PORT}`,
    clients: [{ host: tester.host, port: tester.port }],
    targets: [{
      test: "stream_target",
      args: `port=${STREAM_PORT},ip=127.0.0.1,${targetArgs}`,
      host: target.host,
      port: target.port,
    }],
  });
  assert.equal(document.run.failed, undefined, stderr);
  return document;
}

Deno.test("streams are spread over threads, whose figures add up", async (t) => {
  for (
    const [proto, direction, mine, theirs, ways] of [
      ["tcp", "up", 1, 2, ["up"]],
      ["tcp", "both", 3, 1, ["up", "up", "up", "down", "down", "down"]],
      ["udp", "down", 2, 3, ["down", "down"]],
    ] as const
  ) {
    await t.step(`${proto}, ${direction}: ${mine} and ${theirs} threads`, async () => {
      const both = direction === "both" ? 2 : 1;
      const { clients: [client] } = await transfer(
        `proto=${proto},direction=${direction},streams=4,threads=${mine},cpus=0,duration=0.5,warmup=0.1,bps=10M`,
        `threads=${theirs}`,
      );
      const { threads, target_threads: targetThreads, rates, counts } = client!;
      const { tester, target } = (client as unknown as Record<string, Record<string, Counts>>)["engine"]!;
      assert.ok(threads !== undefined && targetThreads !== undefined && rates !== null);
      assert.equal(tester!["threads"], mine * both);
      assert.equal(target!["threads"], theirs * both);
      assert.deepEqual(threads.map((thread) => (thread as unknown as { direction: string }).direction), ways);
      assert.ok(threads.every((thread) => thread.cpu === 0), JSON.stringify(threads));
      assert.ok(targetThreads.every((thread) => thread.cpu === null), JSON.stringify(targetThreads));
      for (const all of [threads, targetThreads]) {
        assert.deepEqual(all.map(({ thread }) => thread), all.map((_, i) => i));
        for (const key of ["requested_bps", "sent_bps", "received_bps"] as const) {
          const sum = all.reduce((before, thread) => before + (thread.rates?.[key] ?? NaN), 0);
          assert.ok(Math.abs(sum / rates[key]! - 1) < 1e-9, `${key}: ${sum} of ${rates[key]}`);
        }
        if (proto === "udp") assert.deepEqual(added(all), counts);
        assert.equal(all.reduce((n, thread) => n + (thread as unknown as Counts)["streams"]!, 0), 4 * both);
      }
      const shares = (all: typeof threads) => all.map(({ running_share: share }) => share!);
      for (const [all, use] of [[threads, tester!], [targetThreads, target!]] as const) {
        assert.equal(Math.max(...shares(all)), use["busiest_thread_share"]);
        assert.ok(Math.abs(shares(all).reduce((a, b) => a + b, 0) - use["threads_share"]!) < 1e-9);
      }
    });
  }
});

Deno.test("threads that never wait for the network are at their limit, and named", async () => {
  // Datagrams are sent without an end, by two threads that share one processor. The kernel counts a wait when it is over: on a
  // crowded machine much of a short phase may be in none yet.
  for (let seconds = 1;; seconds *= 2) {
    const document = await transfer(
      `proto=udp,streams=2,threads=2,cpus=0,duration=${seconds},warmup=0.3`,
      "threads=1",
    );
    const threads = document.clients[0]!.threads!;
    const counted = threads.every((thread) => thread.running_share! + thread.waiting_share! > 0.5);
    if (!counted && seconds < 16) continue;
    for (const { running_share: running, waiting_share: waiting, at_limit: atLimit } of threads) {
      assert.ok(counted && atLimit === true && running! < 0.9, JSON.stringify(threads));
      assert.ok(waiting! > 0.1 && running! + waiting! < 1.05, JSON.stringify(threads));
    }
    assert.match(
      document.run.reasons.join("\n"),
      /2 of 2 threads were at their limit; thread [01] on processor 0 of the tester, which sends 1 stream, was running for/,
    );
    return;
  }
});
