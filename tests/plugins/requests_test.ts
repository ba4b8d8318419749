/**
 * rr, connections and http against what others count: nginx's access log, the kernel's counters of connections, the
 * echo's packets and bytes.
 *
 * @module
 */
import assert from "node:assert/strict";
import { drive, drivenRow, peakOf } from "../fixtures/driven.ts";
import { Nginx } from "../fixtures/peers/nginx.ts";
import { EchoProcess } from "../fixtures/peers/echo_process.ts";
import { figuresOf, hasHttp, QUIET, type Result, run, withStreamTarget } from "./requests/runs.ts";
import { near } from "../fixtures/samples.ts";
import { Veth } from "../fixtures/network/veth.ts";
import { hasNamespaces, sleep, until } from "../util/mod.ts";

const ECHO_PORT = 7;

Deno.test({
  name: "http counts what nginx's access log has (nginx-light, libhttp-parser-dev)",
  ignore: !hasHttp,
}, async (t) => {
  const page = "x".repeat(3000);
  await using server = await Nginx.start(page);
  let logged = 0;
  for (
    const [what, args, status, body] of [
      ["kept connections", "path=/", 200, 3000],
      ["a connection each", "path=/,kept=0", 200, 3000],
      ["HEAD", "path=/,method=HEAD", 200, 0],
      ["what is not there", "path=/nothing", 404, undefined],
    ] as const
  ) {
    await t.step(what, async () => {
      const { result, row } = await run("http", server.port, `rate=200,duration=1,connections=5,${args}`);
      const figures = figuresOf(result);
      await until(
        "all is logged",
        5000,
        async () => (await server.served()).length >= logged + result.counts.sent,
      );
      const served = (await server.served()).slice(logged);
      logged += served.length;
      assert.equal(served.length, result.counts.sent);
      assert.equal(result.counts.ok, 200);
      assert.ok(served.every((line) => line.status === status));
      assert.equal(figures[`status_${Math.floor(status / 100)}xx`], 200);
      const bodies = served.reduce((sum, line) => sum + line.bodyBytes, 0);
      assert.equal(figures.body_bytes, bodies);
      if (body !== undefined) assert.equal(bodies, body * 200);
      const bytes = served.reduce((sum, line) => sum + line.bytes, 0);
      // Those that were answered after the phase's end are not in its rate.
      near(result.rates.received_bps! / 8 * figures.run_time!, bytes, 0.1 * bytes, "bytes");
      assert.equal(Number(row[3]), 200);
      assert.equal(result.reasons.some(({ code }) => code === "http-status"), status === 404);
    });
  }
});

Deno.test(
  { name: "http shows in response times that nginx stood still (nginx-light)", ignore: !hasHttp },
  async () => {
    await using server = await Nginx.start("hello");
    const worker = server.worker();
    const running = run("http", server.port, "rate=500,duration=2,connections=4,drain=5");
    await sleep(900);
    Deno.kill(worker, "SIGSTOP");
    await sleep(300);
    Deno.kill(worker, "SIGCONT");
    const { result } = await running;
    assert.deepEqual([result.counts.sent, result.counts.ok, result.counts.lost], [1000, 1000, 0]);
    // 150 of 1,000 requests were due in the 300 ms: 15 %. Only the four that were out have a long service time.
    const { response, service } = result.latency;
    assert.ok(response.p99_ns > 250e6 && response.p90_ns > 50e6, JSON.stringify(response));
    assert.ok(service.max_ns > 250e6 && service.p99_ns < 200e6, JSON.stringify(service));
  },
);

Deno.test({
  name: "http holds 10,000 connections in 256 MB (nginx-light)",
  ignore: !hasHttp || Deno.uid() !== 0,
}, async () => {
  await using server = await Nginx.start("hello");
  const child = drive({
    plugin: "http",
    target: "127.0.0.1",
    port: server.port,
    args: `${QUIET},rate=5000,duration=2,connections=10000,drain=5`,
  });
  const watching = peakOf(child.pid);
  const { result } = await drivenRow<Result>(child);
  const { peakKb, files } = await watching;
  assert.equal(result.counts.ok, 10_000);
  assert.ok(files >= 10_000, `${files}`);
  assert.ok(peakKb > 0 && peakKb < 256 * 1024, `${peakKb} kB`);
});

/** The kernel's counters of a protocol in the namespace. */
function snmp(link: Veth, protocol: "Tcp" | "Udp"): Record<string, number> {
  const [command = "", ...args] = [...link.wrap, "cat", "/proc/net/snmp"];
  const text = new TextDecoder().decode(new Deno.Command(command, { args }).outputSync().stdout);
  const [names = [], values = []] = text.split("\n").filter((line) => line.startsWith(`${protocol}:`))
    .map((line) => line.split(" ").slice(1));
  return Object.fromEntries(names.map((name, i) => [name, Number(values[i])]));
}

Deno.test({ name: "connections are those that the kernel counts", ignore: !hasNamespaces() }, async (t) => {
  using link = Veth.make("q");
  assert.ok(link !== null);
  await using _echo = await EchoProcess.start({ ip: "127.0.0.1", wrap: link.wrap });
  for (
    const args of [
      "rate=300,duration=1,connections=20",
      "rate=300,duration=1,connections=20,linger=0",
      "duration=0.5",
    ]
  ) {
    await t.step(args, async () => {
      const before = snmp(link, "Tcp");
      const { result } = await run("connections", ECHO_PORT, args, link.wrap);
      const after = snmp(link, "Tcp"), figures = figuresOf(result);
      const grown = (name: string) => after[name]! - before[name]!;
      assert.equal(result.counts.sent, result.counts.ok);
      // In a closed loop a connection may begin within the phase's last moment and another right after it.
      near(grown("ActiveOpens"), result.counts.sent, args.includes("rate") ? 0 : 1, "ActiveOpens");
      near(figures.connections_opened!, result.counts.sent, args.includes("rate") ? 20 : 1, "opened");
      // Each connection ends, and with linger=0 by a reset.
      if (args.includes("linger")) assert.ok(grown("OutRsts") >= result.counts.sent);
      await until("nothing is connected", 5000, () => snmp(link, "Tcp").CurrEstab === 0);
      const { connect, first_byte, response } = result.latency;
      assert.ok(connect!.p50_ns <= first_byte!.p50_ns && first_byte!.p50_ns <= response.p50_ns);
      assert.equal(connect!.count, result.counts.sent);
    });
  }
  await t.step("without a free port it says so, and what to do", async () => {
    const [command = "", ...args] = [
      ...link.wrap,
      "sysctl",
      "-qw",
      "net.ipv4.ip_local_port_range=40000 40009",
      "net.ipv4.tcp_tw_reuse=0",
    ];
    assert.ok(new Deno.Command(command, { args }).outputSync().success);
    const { result } = await run("connections", ECHO_PORT, "rate=200,duration=0.5", link.wrap);
    const figures = figuresOf(result);
    assert.ok(figures.out_of_ports! > 50, JSON.stringify(figures));
    assert.equal(figures.out_of_ports, figures.unsent);
    assert.equal(result.pacing.due, result.counts.sent + figures.unsent!);
    assert.match(
      JSON.stringify(result.reasons),
      /"INVALID","code":"out-of-ports".*linger=0, several addresses/,
    );
    const other = figuresOf(
      (await run("connections", ECHO_PORT, "rate=200,duration=0.5,linger=0,bind=127.0.0.9", link.wrap))
        .result,
    );
    assert.equal(other.out_of_ports, 0);
  });
});

Deno.test({ name: "rr's requests are those that the echo counts", ignore: !hasNamespaces() }, async (t) => {
  using link = Veth.make("r");
  assert.ok(link !== null);
  for (const proto of ["tcp", "udp"]) {
    await t.step(proto, async () => {
      const echo = drive({
        plugin: "echo",
        target: "",
        port: 0,
        args: `${proto}=7,ip=127.0.0.1`,
        wrap: link.wrap,
        seconds: 5,
      });
      const counted = drivenRow<Result>(echo);
      counted.catch(() => {});
      await sleep(1500);
      const { result } = await run(
        "rr",
        ECHO_PORT,
        `proto=${proto},rate=400,duration=1,connections=8,request=500`,
        link.wrap,
      );
      assert.deepEqual([result.counts.sent, result.counts.ok, result.pacing.due], [400, 400, 400]);
      assert.deepEqual([result.engine.connections, result.engine.depth], [8, 1]);
      const figures = figuresOf((await counted).result);
      assert.equal(figures[`${proto}_bytes`], 400 * 500);
      if (proto === "tcp") assert.equal(figures.tcp_connections, 8);
      else assert.equal(figures.udp_packets, 400);
      near(result.rates.sent_bps!, 400 * 500 * 8, 0.05 * 400 * 500 * 8, "sent_bps");
      assert.ok(Math.abs(figuresOf(result).sent_rate! - 400) <= 20);
    });
  }
});

Deno.test("rr gets responses of other sizes from stream_target, which counts the same", async (t) => {
  for (const [proto, response, connections] of [["tcp", 50_000, 4], ["udp", 20_000, 1]] as const) {
    await t.step(proto, async () => {
      const figures = await withStreamTarget(4, async (port) => {
        const { result } = await run(
          "rr",
          port,
          `proto=${proto},peer=ipbench,rate=200,duration=1,connections=4,depth=2,request=100,response=${response}`,
        );
        assert.deepEqual([result.counts.sent, result.counts.ok, result.counts.corrupt], [200, 200, 0]);
        near(
          result.rates.received_bps!,
          200 * response * 8,
          0.05 * 200 * response * 8,
          "received_bps",
        );
      });
      assert.deepEqual(
        [figures.request_connections, figures.requests, figures.responses, figures.request_strangers],
        [connections, 200, 200, 0],
      );
    });
  }
});

Deno.test(
  { name: "rr's requests over UDP are those that the kernel counts", ignore: !hasNamespaces() },
  async () => {
    using link = Veth.make("u");
    assert.ok(link !== null);
    const target = drive({
      plugin: "stream_target",
      target: "",
      port: 0,
      args: "ip=127.0.0.1",
      wrap: link.wrap,
      seconds: 5,
    });
    const counted = drivenRow<Result>(target);
    counted.catch(() => {});
    await sleep(1500);
    const before = snmp(link, "Udp");
    // Port 0: rr knows the port of its peer.
    const { result } = await run(
      "rr",
      0,
      "proto=udp,peer=ipbench,rate=400,duration=1,request=16,response=1000",
      link.wrap,
    );
    const after = snmp(link, "Udp");
    assert.deepEqual([result.counts.sent, result.counts.ok], [400, 400]);
    // Requests and responses, both within the namespace.
    assert.equal(after.OutDatagrams! - before.OutDatagrams!, 800);
    assert.equal(after.InDatagrams! - before.InDatagrams!, 800);
    assert.equal(figuresOf((await counted).result).responses, 400);
  },
);
