/**
 * A tester that stood still and a target that took nothing, against what the kernel dropped and the wire did not carry.
 *
 * @module
 */
import assert from "node:assert/strict";
import { drive, type DrivenResult, drivenRow } from "../fixtures/driven.ts";
import { EchoProcess } from "../fixtures/peers/echo_process.ts";
import { FaultyEcho } from "../fixtures/peers/faulty_echo.ts";
import { firstLine } from "../fixtures/first_line.ts";
import { realtimeAheadNs } from "../fixtures/network/monotonic.ts";
import { output } from "../fixtures/output.ts";
import { within } from "../fixtures/samples.ts";
import { Veth } from "../fixtures/network/veth.ts";
import { Capture, nsBetween } from "../fixtures/network/wire.ts";
import { hasNamespaces, isInstalled, kill, projectRoot, sleep, until } from "../util/mod.ts";

const ignore = !hasNamespaces() || !isInstalled("tshark") || !isInstalled("python3");
const FIXTURES = `${projectRoot()}/tests/fixtures`;
const STOPPED_MS = 700;
const SILENCE_S = 0.7;
/** All answers come later, so that many of them meet a tester that is stopped. */
const DELAYED = ["--every", "1", "--faults", "delay", "--delay-ms", "300"];

type Figures = Record<string, number>;

interface StoppedResult extends Omit<DrivenResult, "pacing" | "engine"> {
  pacing: Figures;
  engine: Figures;
}

Deno.test({ name: "drops and gaps of a stopped tester against /proc/net/snmp", ignore }, async () => {
  using link = Veth.make("o");
  assert.ok(link !== null);
  const echo = await FaultyEcho.start(["--ip", link.nearAddress, ...DELAYED]);
  try {
    const child = drive({
      target: link.nearAddress,
      port: echo.port,
      args: "socktype=udp,bps=8M,size=400,rcvbuf=16Ki,duration=2,warmup=0,cooldown=0,noise=0",
      wrap: link.wrap,
    });
    await until("packets come back", 10_000, () => udpOf(link)["InDatagrams"]! > 500);
    kill(child.pid, "SIGSTOP");
    const stoppedAt = performance.now();
    await sleep(STOPPED_MS);
    kill(child.pid, "SIGCONT");
    const stoppedMs = performance.now() - stoppedAt;
    const { result } = await drivenRow<StoppedResult>(child);
    const kernel = udpOf(link), { engine, pacing } = result;
    assert.ok(kernel["RcvbufErrors"]! > 100, "the small receive buffer overflowed");
    assert.deepEqual(
      {
        RcvbufErrors: engine["udp_rcvbuf_errors"],
        InErrors: engine["udp_in_errors"],
        SndbufErrors: engine["udp_sndbuf_errors"],
      },
      {
        RcvbufErrors: kernel["RcvbufErrors"],
        InErrors: kernel["InErrors"],
        SndbufErrors: kernel["SndbufErrors"],
      },
    );
    assert.equal(engine["receive_queue_drops"], kernel["RcvbufErrors"]);
    assert.equal(result.counts.lost, kernel["RcvbufErrors"]);
    // A signal takes a while to stop a running thread, and 10 us are taken off for each packet that was handled.
    within(pacing["gap_longest_ns"], (stoppedMs - 100) * 1e6, (stoppedMs + 300) * 1e6, "gap_longest_ns");
    within(pacing["gap_sum_ns"], pacing["gap_longest_ns"]!, 1.5e9 + 0.5e9, "gap_sum_ns");
    assert.ok(pacing["gaps"]! >= 1 && pacing["gaps"]! * pacing["gap_limit_ns"]! <= pacing["gap_sum_ns"]!);
  } finally {
    await echo.end();
  }
});

Deno.test({
  name: "replies with a wrong checksum against /proc/net/snmp",
  ignore: ignore || !isInstalled("nft") || !isInstalled("ethtool"),
}, async () => {
  using link = Veth.make("w");
  assert.ok(link !== null);
  await using echo = await EchoProcess.start({ ip: link.nearAddress });
  // Sums are made by the sender's kernel, and looked at by the receiver's.
  output("ethtool", "-K", link.near, "tx", "off");
  const chain = `{ type filter hook ingress device ${link.far} priority 0; }`;
  const rule = `udp sport ${echo.port} numgen inc mod 10 0 udp checksum set 0xbeef`;
  const [command = "", ...inside] = [...link.wrap, "nft"];
  output(command, ...inside, "add", "table", "netdev", "spoil");
  output(command, ...inside, "add", "chain", "netdev", "spoil", "in", chain);
  output(command, ...inside, "add", "rule", "netdev", "spoil", "in", rule);
  for (const more of ["flows=1", "flows=4", "flows=4,threads=2"]) {
    const before = udpOf(link);
    const args =
      `socktype=udp,bps=1M,size=100,duration=0.5,warmup=0,cooldown=0,noise=0,drain=0.5,late=0.2,${more}`;
    const child = drive({ target: link.nearAddress, port: echo.port, args, wrap: link.wrap });
    const { result } = await drivenRow<StoppedResult>(child);
    const after = udpOf(link), { engine, counts, reasons } = result;
    const wrong = after["InCsumErrors"]! - before["InCsumErrors"]!;
    assert.ok(wrong > 30, `${wrong}`);
    assert.equal(engine["wrong_checksums"], wrong);
    assert.equal(engine["receive_queue_drops"], after["RcvbufErrors"]! - before["RcvbufErrors"]!);
    assert.equal(counts.lost, wrong + engine["receive_queue_drops"]!);
    const codes = reasons.map(({ code }) => code);
    assert.ok(codes.includes("receive-checksums") && !codes.includes("host-receive-errors"), codes.join());
    assert.equal(codes.includes("receive-drops"), engine["receive_queue_drops"]! > 0);
  }
});

/** What the kernel counts of UDP in the namespace, where nobody else is. */
function udpOf(link: Veth): Figures {
  const [command = "", ...args] = [...link.wrap, "cat", "/proc/net/snmp"];
  const [names, values] = output(command, ...args).split("\n").filter((line) => line.startsWith("Udp: "))
    .map((line) => line.split(" "));
  return Object.fromEntries(names!.map((name, i) => [name, Number(values![i])]));
}

/** A server in Python that reads nothing for a while. */
class SlowReader {
  private constructor(private readonly child: Deno.ChildProcess, readonly port: number) {}

  static async start(link: Veth): Promise<SlowReader> {
    const [command = "", ...args] = [
      ...link.wrap,
      ...["python3", `${FIXTURES}/peers/slow_reader.py`, link.farAddress, String(SILENCE_S), "16384"],
    ];
    const child = new Deno.Command(command, { args, stdout: "piped" }).spawn();
    return new SlowReader(child, Number(await firstLine(child)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    kill(this.child.pid, "SIGKILL");
    await this.child.status;
  }
}

const BLOCKED = "socktype=tcp,bps=8M,size=1000,sndbuf=16384,duration=1.5,warmup=0,cooldown=0,noise=0";

Deno.test(
  { name: "a blocked connection against the standstill on the wire (tshark, python3)", ignore },
  async () => {
    using link = Veth.make("k");
    assert.ok(link !== null);
    await using server = await SlowReader.start(link);
    await using capture = await Capture.start(link.near, `tcp port ${server.port}`);
    const { result } = await drivenRow<StoppedResult>(
      drive({ target: link.farAddress, port: server.port, args: BLOCKED }),
    );
    const sent = (await capture.frames()).filter(({ source, payload }) =>
      source === link.nearMac && payload.length > 1
    );
    const longest = Math.max(...sent.slice(1).map(({ atNs }, i) => nsBetween(sent[i]!.atNs, atNs)));
    const { blocked_ns, blocked_packets, unaccepted } = result.pacing;
    assert.ok(longest > 0.2e9, `the wire stood still for ${longest} ns`);
    // The socket's buffers are filled while the wire stands still already; the wire resumes before it takes more.
    within(blocked_ns, 0.3 * longest, SILENCE_S * 1e9 + 0.5e9, "blocked_ns");
    // 1,000 packets a second were due in that time, and left late or never.
    within(
      blocked_packets! + unaccepted!,
      0.5 * blocked_ns! * 1000 / 1e9,
      1.5 * 1000,
      "blocked_packets and unaccepted",
    );
  },
);

Deno.test(
  { name: "refused sends against strace (strace)", ignore: ignore || !isInstalled("strace") },
  async () => {
    using link = Veth.make("x");
    assert.ok(link !== null);
    await using server = await SlowReader.start(link);
    const trace = await Deno.makeTempFile({ prefix: "ipbench-strace-" });
    try {
      const { result } = await drivenRow<StoppedResult>(drive({
        target: link.farAddress,
        port: server.port,
        args: BLOCKED,
        wrap: ["strace", "-f", "-o", trace, "-e", "trace=sendmsg,sendto,sendmmsg", "-e", "status=failed"],
      }));
      const refused = (await Deno.readTextFile(trace)).split("\n").filter((line) => line.includes("EAGAIN"));
      assert.ok(refused.length > 100, `${refused.length} refused`);
      assert.equal(result.pacing["busy"], refused.length);
    } finally {
      await Deno.remove(trace);
    }
  },
);

/**
 * Sends packets of 200 bytes over a link of 4 Mbit/s for half a second, to something that never answers.
 *
 * @param name of the link
 * @param queue how much it holds
 * @param load what to send, as arguments of latency
 * @returns what latency found, and the frames that left
 */
async function sendBeyond(name: string, queue: string, load: string) {
  using link = Veth.make(name);
  assert.ok(link !== null);
  link.shape(4, queue);
  const echo = await FaultyEcho.start(["--ip", link.farAddress, "--every", "0"], link.wrap);
  try {
    await using capture = await Capture.start(link.near, `udp port ${echo.port}`);
    const { result } = await drivenRow<StoppedResult>(drive({
      target: link.farAddress,
      port: echo.port,
      args: `socktype=udp,${load},size=200,duration=0.5,warmup=0,cooldown=0,noise=0`,
    }));
    return { result, sent: (await capture.frames()).filter(({ source }) => source === link.nearMac) };
  } finally {
    await echo.end();
  }
}

Deno.test({ name: "what is asked for beyond a link's rate (tshark)", ignore }, async () => {
  const { result, sent } = await sendBeyond("y", "3k", "bps=40M");
  assert.equal(result.counts.sent, sent.length);
  const { unsent, unaccepted } = result.pacing;
  assert.equal(unsent! + unaccepted!, 40e6 / 8 / 200 * 0.5 - sent.length);
});

Deno.test({ name: "what waits in the sender's own queue (tshark, python3)", ignore }, async () => {
  const { result, sent } = await sendBeyond("z", "1m", "bps=8M,sndbuf=8Mi");
  const aheadNs = await realtimeAheadNs();
  const end = BigInt(Math.round(result.window.end_ns)) + aheadNs;
  assert.equal(sent.length, result.counts.sent);
  const waitingAt = (laterNs: bigint) => sent.filter(({ atNs }) => atNs >= end + laterNs).length;
  const most = waitingAt(0n) + 3;
  assert.ok(most > 500, `${most} packets left after the phase`);
  // The queue is looked at when the phase is over, by a thread that may have to wait for a processor.
  within(result.pacing["queued"], waitingAt(400_000_000n), most, "queued");
});
