/**
 * What stream counts, against the interface's counters, `ss`, what a queueing discipline dropped, /proc, and services that
 * are not ours.
 *
 * @module
 */
import { Lines } from "../fixtures/first_line.ts";
import assert from "node:assert/strict";
import type { Metric, Rates } from "../../results/document/document.ts";
import { drive, drivenRow } from "../fixtures/driven.ts";
import { Growth } from "../fixtures/network/kernel_counts.ts";
import { Veth } from "../fixtures/network/veth.ts";
import { monotonicNowNs } from "../../ffi/mod.ts";
import { output } from "../fixtures/output.ts";
import { hasNamespaces, isInstalled, projectRoot, until } from "../util/mod.ts";

const ignore = !hasNamespaces() || !isInstalled("ss") || !isInstalled("tc") || !isInstalled("python3");

const PORT = 5205;
/** Ethernet, IPv4, and TCP with its time stamps. */
const TCP_HEADERS = 14 + 20 + 32;
const UDP_HEADERS = 14 + 20 + 8;
/** How long a target runs: longer than what is asked of it. */
const TARGET_S = 6;
/** How long reading the interface's counters may take. */
const READ_NS = 3e6;
/** What may pass beside the streams: the control connection, hellos and acknowledgements, as a share. */
const CLOSE = 0.001;

interface Stream {
  direction: "up" | "down";
  goodput_bps: number;
  bytes_sent: number;
  bytes_received: number;
  retransmits?: number;
  mss?: number;
  path_mtu?: number;
  cwnd_mean?: number;
  rtt_mean_ns?: number;
  datagrams_sent?: number;
  datagrams_received?: number;
  course?: Record<"t_ns" | "rtt_ns" | "cwnd" | "retransmits" | "acked_bytes", number[]>;
}

interface Result {
  metrics: Metric[];
  rates: Rates;
  counts?: { sent: number; ok: number; lost: number };
  window: { start_ns: number; end_ns: number };
  series: { t_ns: number; sent: number; ok: number; lost: number }[];
  engine: {
    goodput: string;
    clock_offset_ns: number;
    clock_error_ns: number;
    streams: Stream[];
    tester?: Record<
      | "processors"
      | "processors_busy"
      | "processor_busy_share"
      | "processor_softirq_share"
      | "busiest_thread_share"
      | "threads_share",
      number
    >;
  };
  reasons: { code: string; text: string }[];
}

function metric({ metrics }: Result, name: string): number {
  return metrics.find((one) => one.name === name)?.value ?? assert.fail(`no ${name}`);
}

/** Runs stream against stream_target in the link's namespace. */
async function run(link: Veth, args: string, during?: () => Promise<void>): Promise<Result> {
  const target = drive({
    plugin: "stream_target",
    args: `port=${PORT},ip=${link.farAddress}`,
    target: "",
    port: 0,
    wrap: link.wrap,
    seconds: TARGET_S,
  });
  const over = drivenRow(target);
  over.catch(() => {});
  await until("stream_target listens", 10_000, () => listens(link));
  const tester = drivenRow<Result>(drive({ plugin: "stream", target: link.farAddress, port: PORT, args }));
  await during?.();
  const { result } = await tester;
  target.kill("SIGTERM");
  await over.catch(() => {});
  return result;
}

function listens(link: Veth): boolean {
  const [command = "", ...args] = [...link.wrap, "ss", "-Hltn", `sport = :${PORT}`];
  return new Deno.Command(command, { args }).outputSync().stdout.length > 0;
}

function nearly(found: number, witness: number, share: number, what: string): void {
  assert.ok(Math.abs(found - witness) <= share * witness, `${what}: ${found}, but ${witness} was seen`);
}

const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);

/** A mean of readings against that of somebody else's readings of the same: as near as the spread of both allows. */
function sameMean(found: number, own: readonly number[], others: readonly number[], what: string): void {
  const mean = (values: readonly number[]) => sum(values) / values.length;
  const uncertain = (values: readonly number[]) =>
    sum(values.map((value) => (value - mean(values)) ** 2)) / (values.length - 1) / values.length;
  assert.ok(own.length > 5 && others.length > 5, `${what}: ${own.length} and ${others.length} readings`);
  const by = 4 * Math.sqrt(uncertain(own) + uncertain(others)) + CLOSE * found;
  assert.ok(Math.abs(found - mean(others)) <= by, `${what}: ${found}, ss saw ${mean(others)}, ± ${by}`);
}

/** Segments that TCP has sent again where the sender is, as the kernel counts them, of all connections there. */
function sentAgain(link: Veth, direction: "up" | "down"): number {
  const text = output(...direction === "down" ? link.wrap : [], "cat", "/proc/net/snmp");
  const [names, values] = text.split("\n").filter((line) => line.startsWith("Tcp:")).map((line) =>
    line.split(" ")
  );
  return Number(values![names!.indexOf("RetransSegs")]);
}

/** What `ss -ti` says of the connections that carry the most. */
function socketStatistics(link: Veth): Record<string, number> | null {
  const { stdout } = new Deno.Command("ss", { args: ["-Htin", `dport = :${PORT}`] }).outputSync();
  const all = new TextDecoder().decode(stdout).split("\n").filter((line) => line.includes("bytes_acked"))
    .map((line) =>
      Object.fromEntries([...line.matchAll(/(\w+):([\d.]+)/g)].map(([, key, value]) => [key!, Number(value)]))
    );
  void link;
  return all.toSorted((a, b) => b["bytes_acked"]! - a["bytes_acked"]!)[0] ?? null;
}

Deno.test({ name: "stream against what passed (ss, tc, python3)", ignore }, async (t) => {
  using link = Veth.make("t");
  assert.ok(link !== null);
  link.silence();
  for (const direction of ["up", "down"] as const) {
    await t.step(`bytes over TCP, ${direction}, against the interface's counters`, async () => {
      const before = link.counters(), againBefore = sentAgain(link, direction);
      const { engine: { streams }, reasons } = await run(
        link,
        `direction=${direction},streams=2,duration=1,warmup=0.2`,
      );
      assert.deepEqual(reasons.filter(({ code }) => !/processor|steal/.test(code)), []);
      const after = link.counters(), again = sentAgain(link, direction) - againBefore;
      const [bytes, packets] = direction === "up"
        ? [after.tx_bytes - before.tx_bytes, after.tx_packets - before.tx_packets]
        : [after.rx_bytes - before.rx_bytes, after.rx_packets - before.rx_packets];
      const payload = bytes - packets * TCP_HEADERS;
      const sent = sum(streams.map((stream) => stream.bytes_sent));
      // Of the measured phase; what passed has in it what was sent again in the warm-up and after the end, too.
      const retransmits = sum(streams.map((stream) => stream.retransmits!));
      assert.ok(retransmits <= again, `${retransmits} sent again, ${again} by the kernel`);
      // What the kernel had taken and not sent when the test ended never passed: at most a send buffer.
      assert.ok(payload >= (1 - CLOSE) * sum(streams.map((stream) => stream.bytes_received)), `${payload}`);
      const most = (1 + CLOSE) * sent + again * streams[0]!.mss!;
      assert.ok(payload <= most, `${payload} passed of ${sent}, ${again} segments were sent again`);
    });
  }
  await t.step("goodput at a rate is that of the interface", async () => {
    const readings: [number, number][] = [];
    const result = await run(link, "bps=50M,duration=2,warmup=0.5,size=1448", async () => {
      for (const until = performance.now() + 3_500; performance.now() < until;) {
        const begin = Number(monotonicNowNs());
        const { tx_bytes, tx_packets } = link.counters();
        const end = Number(monotonicNowNs());
        // When it took long, nobody knows what time it is of.
        if (end - begin < READ_NS) readings.push([(begin + end) / 2, tx_bytes - tx_packets * TCP_HEADERS]);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    });
    const { start_ns, end_ns } = result.window;
    assert.equal(end_ns - start_ns, 2e9);
    const bps = new Growth(readings).between(start_ns, end_ns) * 8 / 2;
    // Without a processor the sender is behind, or makes up for what it was behind when the window began.
    nearly(bps, 50e6, 0.25, "rate of the interface");
    nearly(metric(result, "goodput"), bps, 0.02, "goodput");
    nearly(metric(result, "goodput_up"), metric(result, "goodput"), 1e-9, "goodput_up");
    nearly(result.rates.received_bps!, metric(result, "goodput"), 1e-9, "received_bps");
    nearly(
      sum(result.series.map((point) => point.ok)) * 8 / 2,
      metric(result, "goodput"),
      0.01,
      "the series",
    );
    assert.equal(result.engine.goodput, "receiver");
    // Both ends read the same clock here.
    assert.ok(Math.abs(result.engine.clock_offset_ns) <= result.engine.clock_error_ns + 1);
  });
  await t.step("TCP_INFO against ss -ti", async () => {
    const seen: Record<string, number>[] = [];
    const againBefore = sentAgain(link, "up");
    link.shape(20, "30k");
    try {
      const result = await run(link, "duration=2,warmup=1", async () => {
        for (let i = 0; i < 40; i++) {
          const now = socketStatistics(link);
          if (now !== null) seen.push(now);
          await new Promise((resolve) => setTimeout(resolve, 70));
        }
      });
      const [stream] = result.engine.streams;
      const last = seen.at(-1)!;
      assert.equal(stream!.mss, last["mss"]);
      assert.equal(stream!.path_mtu, last["pmtu"]);
      const inside = (values: number[], from: number, to: number, what: string) => {
        const low = Math.min(...values), high = Math.max(...values);
        assert.ok(low <= to && high >= from, `${what}: ${low}..${high}, ss saw ${from}..${to}`);
        return [low, high] as const;
      };
      const late = seen.slice(Math.floor(seen.length / 2));
      const of = (key: string) => late.map((one) => one[key] ?? 0);
      const course = stream!.course!;
      inside(course.rtt_ns.map((ns) => ns / 1e6), Math.min(...of("rtt")), Math.max(...of("rtt")), "rtt");
      inside(course.cwnd, Math.min(...of("cwnd")), Math.max(...of("cwnd")), "cwnd");
      sameMean(stream!.rtt_mean_ns! / 1e6, course.rtt_ns.map((ns) => ns / 1e6), of("rtt"), "rtt, mean");
      sameMean(stream!.cwnd_mean!, course.cwnd, of("cwnd"), "cwnd, mean");
      assert.ok(
        course.acked_bytes.some((bytes, i) =>
          i > 0 &&
          late.some((one) =>
            course.acked_bytes[i - 1]! <= one["bytes_acked"]! && one["bytes_acked"]! <= bytes
          )
        ),
      );
      const most = 20e6 * 1448 / 1514; // what the bucket lets through; with losses TCP may not fill it
      assert.ok(
        // A receiver that had no processor reads in the window what passed before it.
        stream!.goodput_bps <= 1.1 * most && stream!.goodput_bps >= 0.7 * most,
        `${stream!.goodput_bps}`,
      );
      const again = sentAgain(link, "up") - againBefore;
      assert.ok(stream!.retransmits! <= again, `${stream!.retransmits} sent again, ${again} by the kernel`);
    } finally {
      link.unshape();
    }
  });
  await t.step("loss over UDP is what a queueing discipline dropped", async () => {
    link.shape(3, "3k");
    try {
      const { counts, engine: { streams: [stream] }, ...result } = await run(
        link,
        "udp=1,bps=6M,size=1000,duration=1,warmup=0.2",
      );
      const dropped = droppedBy(link);
      const lostInAll = (stream!.bytes_sent - stream!.bytes_received) / 1000;
      assert.ok(lostInAll > 100, `${lostInAll} lost`);
      // The bucket drops whole trains where several datagrams leave at once, and counts each of those as one or as many.
      assert.ok(
        Math.abs(lostInAll - dropped) <= 0.1 * lostInAll + 5,
        `${lostInAll} lost, ${dropped} dropped`,
      );
      assert.equal(counts!.sent, counts!.ok + counts!.lost);
      const inSeries = result.series.reduce((sum, { lost }) => sum + lost, 0);
      nearly(inSeries / 1000, counts!.lost, 0.01, "lost datagrams in the series");
      nearly(
        metric({ ...result, engine: { streams: [] } } as unknown as Result, "loss"),
        100 * counts!.lost / counts!.sent,
        1e-6,
        "loss",
      );
      assert.equal(result.metrics.find(({ name }) => name === "loss")!.weight, counts!.sent);
    } finally {
      link.unshape();
    }
  });
  await t.step({
    name: "datagrams that a filter refuses are counted one by one (nft)",
    ignore: !isInstalled("nft"),
    async fn() {
      const nft = (...args: string[]) => output(...link.wrap, "nft", ...args);
      nft("add", "table", "ip", "refuses");
      nft("add", "chain", "ip", "refuses", "out", "{ type filter hook output priority 0; }");
      nft(...["add", "rule", "ip", "refuses", "out", "udp length > 500 numgen inc mod 10 0 counter drop"]);
      const size = 1_000;
      const args = `udp=1,direction=down,size=${size},duration=1,warmup=0`;
      const { reasons } = await run(link, args);
      const counted = nft("list", "ruleset");
      const [, packets, bytes] = counted.match(/packets (\d+) bytes (\d+)/) ?? assert.fail(counted);
      // A train that the card is to cut passes the filter as one packet with one header.
      const datagrams = (Number(bytes) - Number(packets) * (UDP_HEADERS - 14)) / size;
      const text = reasons.find(({ code }) => code === "send-refused")?.text ?? JSON.stringify(reasons);
      const refused = Number(text.match(/refused to send (\d+) datagrams/)?.[1]);
      // The sender goes on until it hears that the test is over.
      assert.ok(refused <= datagrams && refused > 0.7 * datagrams, `${text}; ${datagrams} in ${packets}`);
    },
  });
  await t.step("datagrams against the interface's counters", async () => {
    const before = link.counters();
    const { engine: { streams: [stream] }, counts } = await run(
      link,
      "udp=1,bps=4M,size=1000,duration=1,warmup=0.2",
    );
    const after = link.counters();
    // Of joining, the control connection and ARP there are some kilobytes.
    // Datagrams that were late leave as one train, with one header, which the card is to cut.
    const payload = after.tx_bytes - before.tx_bytes - (after.tx_packets - before.tx_packets) * UDP_HEADERS;
    assert.ok(payload >= stream!.bytes_sent, `${payload} passed of ${stream!.bytes_sent}`);
    nearly(payload, stream!.bytes_sent, 0.03, "bytes");
    assert.equal(stream!.bytes_sent, stream!.bytes_received);
    nearly(counts!.ok, 500, 0.02, "datagrams of the measured phase");
    assert.equal(counts!.lost, 0);
  });
  for (const [peer, direction] of [["discard", "up"], ["chargen", "down"]] as const) {
    await t.step(`peer=${peer} against a service in Python`, async () => {
      const service = new Deno.Command("ip", {
        args: [
          ...link.wrap.slice(1),
          ...["python3", `${projectRoot()}/tests/fixtures/peers/discard.py`, peer, link.farAddress],
        ],
        stdin: "piped",
        stdout: "piped",
      }).spawn();
      const lines = new Lines(service);
      const port = Number(await lines.next());
      const { result } = await drivenRow<Result>(
        drive({
          plugin: "stream",
          target: link.farAddress,
          port,
          args: `peer=${peer},direction=${direction},streams=2,duration=0.5,warmup=0.2,${
            peer === "discard" ? "bps=40M" : ""
          }`,
        }),
      );
      const writer = service.stdin.getWriter();
      await writer.write(new TextEncoder().encode("\n"));
      await writer.close();
      const counted = JSON.parse(await lines.next()) as number[];
      await lines.cancel();
      await service.status;
      const { streams, goodput } = result.engine;
      assert.equal(goodput, peer === "discard" ? "acknowledged" : "receiver");
      assert.equal(counted.length, 3, "one that finds the address, and two streams");
      const ours = sum(streams.map((one) => peer === "discard" ? one.bytes_sent : one.bytes_received));
      if (peer === "discard") {
        nearly(sum(counted), ours, 0.02, "bytes that Python got");
        nearly(metric(result, "goodput_up"), 40e6, 0.05, "goodput");
      } else {
        assert.ok(sum(counted) >= ours, `${sum(counted)} of Python's, ${ours} came`);
      }
    });
  }
  await t.step("processors against /proc/stat", async () => {
    const readings: number[][][] = [];
    const result = await run(link, "duration=1,warmup=0.3,direction=both", async () => {
      for (let i = 0; i < 20; i++) {
        readings.push(processorTicks());
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    });
    const { tester } = result.engine;
    assert.ok(tester !== undefined);
    assert.equal(tester.processors, readings[0]!.length);
    const shares = readings.slice(3).flatMap((now, i) =>
      now.map(([all, idle], cpu) => {
        const [allBefore, idleBefore] = readings[i]![cpu]!;
        return 1 - (idle! - idleBefore!) / Math.max(1, all! - allBefore!);
      })
    );
    const busy = tester.processor_busy_share;
    assert.ok(busy <= Math.max(...shares) + 0.1 && busy >= Math.min(...shares) - 0.1, `${busy} of ${shares}`);
    assert.ok(tester.processors_busy >= busy && tester.processors_busy <= tester.processors * 1.01);
    assert.ok(tester.processor_softirq_share <= busy + 0.01);
    nearly(metric(result, "tester_processor"), 100 * busy, 1e-6, "tester_processor");
    nearly(metric(result, "tester_thread"), 100 * tester.busiest_thread_share, 1e-6, "tester_thread");
  });
});

/** Ticks of each processor: all, and idle ones. */
function processorTicks(): number[][] {
  return Deno.readTextFileSync("/proc/stat").split("\n").filter((line) => /^cpu\d/.test(line)).map((line) => {
    const ticks = line.split(/\s+/).slice(1, 9).map(Number);
    return [sum(ticks), ticks[3]! + ticks[4]!];
  });
}

/** Packets that the near end's bucket has dropped. */
function droppedBy(link: Veth): number {
  const { stdout } = new Deno.Command("tc", { args: ["-s", "qdisc", "show", "dev", link.near] }).outputSync();
  return Number(/dropped (\d+)/.exec(new TextDecoder().decode(stdout))?.[1] ?? NaN);
}
