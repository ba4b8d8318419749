/** The test stream against Debian's iperf3: what both ends count, several testers, and servers that misbehave. */
import assert from "node:assert/strict";
import { drive, drivenRow } from "../fixtures/driven.ts";
import { BulkServer } from "../fixtures/peers/iperf.ts";
import { runConfig } from "../fixtures/run_config.ts";
import { near } from "../fixtures/samples.ts";
import { isInstalled, TestDaemon } from "../util/mod.ts";

const hasIperf3 = isInstalled("iperf3");
const hasPython = isInstalled("python3");

interface StreamResult {
  metrics: { name: string; value: number }[];
  reasons: { level: string; code: string; text: string }[];
  engine: { goodput: string; streams: { direction: string; bytes_sent?: number; bytes_received?: number }[] };
}

/** The part of iperf3's JSON that is looked at. */
interface Sum {
  bytes: number;
  seconds: number;
  packets: number;
  lost_packets: number;
  jitter_ms: number;
}
interface ServerResult {
  error?: string;
  end: {
    sum_received: Sum;
    sum_sent: Sum;
    sum: Sum;
    sum_sent_bidir_reverse: Sum;
    streams: { sender?: { retransmits?: number } }[];
  };
}

async function run(
  server: BulkServer,
  args: string,
): Promise<{ result: StreamResult; of: (name: string) => number }> {
  const { result } = await drivenRow<StreamResult>(
    drive({ plugin: "stream", target: "127.0.0.1", port: server.port, args: `peer=iperf3,${args}` }),
  );
  const of = (name: string) =>
    result.metrics.find((metric) => metric.name === name)?.value ??
      assert.fail(`no ${name}: ${JSON.stringify(result.reasons)}`);
  return { result, of };
}

async function toldBy(server: BulkServer): Promise<ServerResult["end"]> {
  const { error, end } = JSON.parse(await server.ended()) as ServerResult;
  assert.equal(error, undefined);
  return end;
}

const sum = (numbers: (number | undefined)[]) => numbers.reduce<number>((all, n) => all + (n ?? 0), 0);

Deno.test(
  "stream and iperf3 -s count the same bytes over TCP (iperf3)",
  { ignore: !hasIperf3 },
  async (t) => {
    await t.step("up", async () => {
      await using server = await BulkServer.iperf3();
      const { result, of } = await run(server, "duration=1s,warmup=0s,bps=200M");
      const { sum_received } = await toldBy(server);
      assert.equal(of("peer_received_bytes"), sum_received.bytes);
      assert.equal(sum(result.engine.streams.map((s) => s.bytes_sent)), sum_received.bytes);
      near(of("peer_seconds"), sum_received.seconds, 1e-6, "peer_seconds");
      near(of("peer_received_rate"), 8 * sum_received.bytes / sum_received.seconds, 1, "peer_received_rate");
      assert.equal(result.engine.goodput, "acknowledged");
      // The server's clock runs for a round trip or two longer.
      const rate = 8 * sum_received.bytes / sum_received.seconds;
      assert.ok(Math.abs(of("goodput") / rate - 1) < 0.1, `${of("goodput")}, by the server ${rate}`);
    });
    await t.step("down, with the warm-up left out at both ends", async () => {
      await using server = await BulkServer.iperf3();
      const { result, of } = await run(server, "direction=down,duration=1s,warmup=1s,bps=200M");
      const { sum_sent } = await toldBy(server);
      assert.equal(of("peer_sent_bytes"), sum_sent.bytes);
      near(of("peer_seconds"), sum_sent.seconds, 1e-6, "peer_seconds");
      assert.ok(of("peer_seconds") < 1.9, `${of("peer_seconds")} s`);
      assert.ok(of("peer_retransmits") >= 0);
      // All that it has sent was read, to the end of file: the part after the warm-up and the part before.
      assert.ok(sum(result.engine.streams.map((s) => s.bytes_received)) > sum_sent.bytes);
      assert.equal(result.engine.goodput, "receiver");
      const rate = 8 * sum_sent.bytes / sum_sent.seconds;
      assert.ok(Math.abs(of("goodput") / rate - 1) < 0.1, `${of("goodput")}, by the server ${rate}`);
    });
    await t.step("down, to the last byte", async () => {
      await using server = await BulkServer.iperf3();
      const { result, of } = await run(server, "direction=down,streams=3,duration=1s,warmup=0s,bps=100M");
      assert.equal(sum(result.engine.streams.map((s) => s.bytes_received)), of("peer_sent_bytes"));
      await toldBy(server);
    });
    await t.step("both directions and several streams", async () => {
      await using server = await BulkServer.iperf3();
      const { result, of } = await run(server, "direction=both,streams=2,duration=1s,warmup=0s,bps=100M");
      const { sum_received, sum_sent_bidir_reverse } = await toldBy(server);
      assert.equal(result.engine.streams.length, 4);
      assert.equal(of("peer_received_bytes"), sum_received.bytes);
      assert.equal(of("peer_sent_bytes"), sum_sent_bidir_reverse.bytes);
      assert.equal(sum(result.engine.streams.map((s) => s.bytes_sent)), sum_received.bytes);
      assert.equal(sum(result.engine.streams.map((s) => s.bytes_received)), of("peer_sent_bytes"));
    });
  },
);

Deno.test(
  "stream and iperf3 -s count the same datagrams over UDP (iperf3)",
  { ignore: !hasIperf3 },
  async (t) => {
    await t.step("up", async () => {
      await using server = await BulkServer.iperf3();
      const { result, of } = await run(server, "udp=1,duration=1s,warmup=0s,bps=10M,size=1000");
      const end = await toldBy(server);
      assert.equal(of("peer_datagrams"), end.sum_received.packets);
      assert.equal(of("peer_lost"), end.sum_received.lost_packets);
      near(of("peer_jitter"), end.sum_received.jitter_ms, 1e-9, "peer_jitter");
      assert.equal(of("peer_received_bytes") / 1000, of("peer_datagrams") - of("peer_lost"));
      const sent = sum(result.engine.streams.map((s) => s.bytes_sent)) / 1000;
      assert.ok(of("peer_datagrams") <= sent && of("peer_datagrams") >= 0.99 * sent, `${sent} sent`);
      assert.equal(result.engine.goodput, "peer");
      near(of("goodput"), of("peer_received_rate"), 1, "goodput");
    });
    await t.step("both", async () => {
      await using server = await BulkServer.iperf3();
      const { result, of } = await run(
        server,
        "udp=1,direction=both,streams=2,duration=1s,warmup=0s,bps=5M,size=500",
      );
      const end = await toldBy(server);
      const got = sum(result.engine.streams.map((s) => s.bytes_received)) / 500;
      const sent = end.sum_sent_bidir_reverse.bytes / 500;
      assert.equal(of("peer_sent_bytes"), end.sum_sent_bidir_reverse.bytes);
      // Every datagram of the server's is either here or counted as lost.
      assert.equal(of("peer_datagrams") - of("peer_lost"), got + of("peer_received_bytes") / 500);
      assert.ok(got <= sent && got >= 0.99 * sent, `${got} of ${sent}`);
    });
  },
);

Deno.test(
  "several testers and their iperf3 servers are one run (iperf3)",
  { ignore: !hasIperf3 },
  async () => {
    await using one = await BulkServer.iperf3();
    await using two = await BulkServer.iperf3();
    await using first = await TestDaemon.start({});
    await using second = await TestDaemon.start({});
    const { code, stderr, document } = await runConfig({
      test: "stream",
      args: "peer=iperf3",
      clients: [[first, one] as const, [second, two] as const].map(([daemon, server]) => ({
        host: daemon.host,
        port: daemon.port,
        args: `peer=iperf3,port=${server.port},duration=1s,warmup=0s,bps=50M`,
      })),
      targets: [],
    });
    assert.ok(code === 0 || code === 3, stderr);
    const told = [await toldBy(one), await toldBy(two)].map(({ sum_received }) => sum_received.bytes);
    const of = (metrics: { name: string; value: number }[] | undefined, name: string) =>
      metrics?.find((metric) => metric.name === name)?.value;
    document.clients.forEach(({ metrics }, i) => assert.equal(of(metrics, "peer_received_bytes"), told[i]));
    assert.equal(of(document.total.metrics, "peer_received_bytes"), sum(told));
    assert.equal(
      of(document.total.metrics, "goodput"),
      sum(document.clients.map(({ metrics }) => of(metrics, "goodput"))),
    );
  },
);

/** What a server does wrong, and what the user reads. */
const FAULTS: [mode: string, sentence: RegExp][] = [
  [
    "busy",
    /is busy with another test, and runs one at a time: wait .* or give each tester a server or port of its own/,
  ],
  ["http", /sent 72 while taking the connection, .*: is it an iperf3 server\?/],
  ["silent-at-once", /did not answer within 10 s while taking the connection: restart it/],
  ["silent-after-parameters", /did not answer within 10 s while reading the parameters: restart it/],
  ["refuses", /refuses \(iperf3's error 37\): the test is longer than it allows .*: give a shorter duration/],
  ["refuses-in-a-way-unknown", /refuses \(iperf3's error 4242\): its own output says more: No space left/],
  ["ends-in-the-middle", /was ended while running the test: start it again/],
  ["closes-in-the-middle", /closed the connection while running the test|closed stream|broke stream/],
  ["silent-with-results", /did not answer within 10 s while sending its results/],
  ["huge-results", /announces results of more than 524288 bytes/],
  ["half-a-result", /closed the connection while sending its results/],
  ["no-json", /results are no JSON: /],
  ["deep-json", /results are nested deeper than 8 levels/],
  ["another-stream", /tells no result for stream 1 of 1/],
  ["impossible-number", /results of stream 1 hold something that is no number, or one that no test can have/],
];

Deno.test("what an iperf3 server does wrong is a sentence (python3)", { ignore: !hasPython }, async () => {
  await using stack = new AsyncDisposableStack();
  const servers: BulkServer[] = [];
  // One after another: a port that is free for one is not given to the next.
  for (const [mode] of FAULTS) servers.push(stack.use(await BulkServer.misbehaving(mode)));
  await Promise.all(FAULTS.map(async ([mode, sentence], i) => {
    const server = servers[i]!;
    const child = drive({
      plugin: "stream",
      target: "127.0.0.1",
      port: server.port,
      args: "peer=iperf3,duration=1s,warmup=0s,bps=10M",
    });
    const { stdout, stderr } = await child.output();
    const said = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
    assert.match(said, sentence, mode);
    assert.match(said, /setup failed|INVALID/, mode);
  }));
});

Deno.test("where no iperf3 server is, and what iperf3 does not take, is a sentence", async () => {
  const fails = async (args: string): Promise<string> => {
    const { stderr } = await drive({
      plugin: "stream",
      target: "127.0.0.1",
      port: 1,
      args: `peer=iperf3,${args}`,
    }).output();
    return new TextDecoder().decode(stderr);
  };
  assert.match(
    await fails("duration=1s"),
    /Connection refused \(is "iperf3 -s" running there, at this port\?\)/,
  );
  assert.match(await fails("streams=129"), /argument streams: iperf3 takes at most 128 in a direction/);
  assert.match(await fails("size=2Mi"), /argument size: iperf3 takes writes of at most 1 MiB/);
});
