/**
 * What discard sends and sink and echo count, against the interface's counters, a capture, the kernel's own count of
 * drops, and programs in Python that know what they sent.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Metric, Rates } from "../../results/document/document.ts";
import { drive, drivenRow } from "../fixtures/driven.ts";
import { near } from "../fixtures/samples.ts";
import { Veth } from "../fixtures/network/veth.ts";
import { Capture, type Frame, nsBetween } from "../fixtures/network/wire.ts";
import { hasNamespaces, isInstalled, projectRoot, until } from "../util/mod.ts";

const ignore = !hasNamespaces() || !isInstalled("tshark") || !isInstalled("python3");

const DISCARD_PORT = 9;
const ECHO_PORT = 7;
const SIZE = 500;
const TEST_S = 0.5;
const LOAD = `bps=4M,size=${SIZE},warmup=0.2,test_time=${TEST_S},cooldown=0.2`;
/** Bytes of a frame around a UDP packet's payload. */
const HEADERS = 14 + 20 + 8;
/** The run's number, which the sender in Python has, too: sink counts the own run's packets. */
const RUN = "5eed5eed5eed5eed";
/** How long a target runs: longer than what is sent to it. */
const TARGET_S = 3;

/** More than any socket's buffer holds. */
const FLOOD_PACKETS = 20_000;
const FLOOD = `import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(${FLOOD_PACKETS}): s.sendto(bytes(1400), (sys.argv[1], int(sys.argv[2])))`;

interface Result {
  metrics: Metric[];
  rates?: Rates;
}

type Figures = Record<string, number>;

function figuresOf({ metrics }: Result): Figures {
  return Object.fromEntries(metrics.map(({ name, value }) => [name, value]));
}

/** A target's plugin in the link's namespace, until its time is over. */
class Target {
  private constructor(readonly child: Deno.ChildProcess, readonly figures: Promise<Figures>) {}

  static async start(link: Veth, plugin: string, args: string, port: number): Promise<Target> {
    const child = drive({ plugin, args, target: "", port: 0, wrap: link.wrap, seconds: TARGET_S, run: RUN });
    const figures = drivenRow<Result>(child).then(({ result }) => figuresOf(result));
    figures.catch(() => {});
    await until(`${plugin} listens`, 10_000, () => socketLine(link, port) !== undefined);
    return new Target(child, figures);
  }
}

/** The line of /proc/net/udp of a port in the namespace. */
function socketLine(link: Veth, port: number): string | undefined {
  const [command = "", ...args] = [...link.wrap, "cat", "/proc/net/udp"];
  const { stdout } = new Deno.Command(command, { args }).outputSync();
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  return new TextDecoder().decode(stdout).split("\n").find((line) => line.includes(`:${hex} `));
}

async function python(script: string, ...args: string[]): Promise<Figures> {
  const { stdout, stderr, success } = await new Deno.Command("python3", {
    args: [`${projectRoot()}/tests/fixtures/peers/${script}`, ...args],
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout)) as Figures;
}

/** Fails unless the figures that the witness knows are the same. */
function compare(found: Figures, witness: Figures): void {
  assert.deepEqual(Object.fromEntries(Object.keys(witness).map((name) => [name, found[name]])), witness);
}

/** What discard's packets tell in a capture: numbers at byte 0, the phase at byte 32 (1: measured). */
function discarded(frames: readonly Frame[]): { numbers: number[]; measured: Frame[] } {
  const view = ({ payload }: Frame) => new DataView(payload.buffer, payload.byteOffset);
  return {
    numbers: frames.map((frame) => Number(view(frame).getBigUint64(0))),
    measured: frames.filter((frame) => view(frame).getUint8(32) === 1),
  };
}

async function discardRun(
  link: Veth,
): Promise<{ sender: Result; sink: Figures; frames: Frame[]; packets: number }> {
  const target = await Target.start(link, "sink", `udp=${DISCARD_PORT},ip=${link.farAddress}`, DISCARD_PORT);
  await using capture = await Capture.start(link.near, `udp port ${DISCARD_PORT}`);
  const before = link.counters();
  const args = `socktype=udp,${LOAD}`;
  const { result } = await drivenRow<Result>(
    drive({ plugin: "discard", target: link.farAddress, port: DISCARD_PORT, args, run: RUN }),
  );
  const after = link.counters();
  const frames = await capture.frames();
  assert.equal(after.tx_bytes - before.tx_bytes, frames.length * (SIZE + HEADERS));
  return {
    sender: result,
    sink: await target.figures,
    frames,
    packets: after.tx_packets - before.tx_packets,
  };
}

Deno.test({ name: "discard, sink and echo against what passed (tshark, python3)", ignore }, async (t) => {
  using link = Veth.make("s");
  assert.ok(link !== null);
  link.silence();
  await t.step("discard and sink against the interface's counters and a capture", async () => {
    const { sender, sink, frames, packets } = await discardRun(link);
    const { measured } = discarded(frames);
    compare(figuresOf(sender), {
      packets_all_phases: packets,
      sent_packets: measured.length,
      sent_bytes: measured.length * SIZE,
      packets_given_up: 0,
      send_failures: 0,
      send_queue_full: 0,
    });
    compare(sink, {
      packets,
      bytes: packets * SIZE,
      measured_sent: measured.length,
      measured_received: measured.length,
      loss: 0,
      gaps: 0,
      duplicates: 0,
      reordered: 0,
      senders: 1,
    });
    const span = nsBetween(measured[0]!.atNs, measured.at(-1)!.atNs) / 1e9;
    const bps = (measured.length - 1) * SIZE * 8 / span, one = SIZE * 8 / TEST_S;
    assert.equal(sender.rates!.requested_bps, 4_000_000);
    // A packet may be under way at either end of the phase, and the last one may have been held up.
    const phase = measured.length * SIZE * 8 / TEST_S;
    near(sender.rates!.sent_bps, phase, 2 * one, "sent_bps");
    // The sink reads when it gets a processor, up to a few ms after the wire's stamp.
    near(sink["received_rate"], bps, 0.1 * bps, "received_rate");
  });
  await t.step("sink's loss and gaps are what a queueing discipline dropped", async () => {
    const tc = (...args: string[]) =>
      assert.ok(new Deno.Command("tc", { args: ["qdisc", ...args] }).outputSync().success);
    tc("add", "dev", link.near, "root", "tbf", "rate", "3mbit", "burst", "2k", "limit", "3k");
    try {
      const { sender, sink, frames } = await discardRun(link);
      const { numbers, measured } = discarded(frames);
      const lost = numbers.at(-1)! + 1 - numbers.length, sent = figuresOf(sender)["sent_packets"]!;
      assert.ok(lost > 50, `${lost} lost`);
      compare(sink, { packets: numbers.length, gaps: lost, measured_received: measured.length });
      assert.equal(sink["measured_sent"], sent);
      const loss = 100 * (sent - measured.length) / sent;
      assert.ok(Math.abs(sink["loss"]! - loss) < 1e-6, `${sink["loss"]} %, captured ${loss}`);
    } finally {
      tc("del", "dev", link.near, "root");
    }
  });
  await t.step("sink against packets that Python loses, repeats and swaps", async () => {
    const target = await Target.start(
      link,
      "sink",
      `udp=${DISCARD_PORT},ip=${link.farAddress}`,
      DISCARD_PORT,
    );
    const witness = await python("sink_sender.py", link.farAddress, String(DISCARD_PORT));
    compare(await target.figures, witness);
  });
  await t.step("echo against a client in Python, and raw frames captured", async () => {
    const args = `udp=${ECHO_PORT},tcp=${ECHO_PORT},raw=${link.far},ip=${link.farAddress}`;
    const target = await Target.start(link, "echo", args, ECHO_PORT);
    const witness = await python("echo_client.py", link.farAddress, String(ECHO_PORT));
    await using capture = await Capture.start(link.near, "ether proto 0x6008");
    await drivenRow(drive({
      target: link.farMac,
      port: 0,
      args: `socktype=raw,iface=${link.near},bps=1M,size=100,duration=0.2,warmup=0,cooldown=0,noise=0`,
    }));
    const asked = (await capture.frames()).filter(({ source }) => source === link.nearMac);
    compare(await target.figures, {
      ...witness,
      raw_packets: asked.length,
      raw_bytes: asked.reduce((sum, { length }) => sum + length, 0),
      raw_dropped: 0,
      raw_send_failures: 0,
    });
  });
  for (
    const [plugin, port, read, lost] of [
      ["echo", ECHO_PORT, "udp_packets", "udp_dropped"],
      ["sink", DISCARD_PORT, "packets", "dropped_here"],
    ] as const
  ) {
    await t.step(`what ${plugin} could not read in time is what the kernel says it dropped`, async () => {
      const target = await Target.start(link, plugin, `udp=${port},ip=${link.farAddress}`, port);
      target.child.kill("SIGSTOP");
      await new Deno.Command("python3", { args: ["-c", FLOOD, link.farAddress, String(port)] }).output();
      const dropped = Number(socketLine(link, port)!.trim().split(/\s+/).at(-1));
      target.child.kill("SIGCONT");
      assert.ok(dropped > 100, `${dropped} dropped`);
      compare(await target.figures, { [lost]: dropped, [read]: FLOOD_PACKETS - dropped });
    });
  }
});
