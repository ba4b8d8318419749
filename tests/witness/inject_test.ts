/**
 * discard with packets that the kernel makes (BPF_PROG_RUN of live XDP frames), against a filter's counter, the driver's and the
 * interfaces' counters, a capture by tshark, which checks the checksums, and what sink receives.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Metric } from "../../results/document/document.ts";
import { drive, drivenRow } from "../fixtures/driven.ts";
import { Veth } from "../fixtures/network/veth.ts";
import { Capture } from "../fixtures/network/wire.ts";
import { EchoProcess } from "../fixtures/peers/echo_process.ts";
import { output } from "../fixtures/output.ts";
import { hasNamespaces, isInstalled, until } from "../util/mod.ts";

const ignore = !hasNamespaces() || !["tshark", "ethtool", "nft"].every(isInstalled);

const PORT = 9;
const SIX = ["fd00:6009::1", "fd00:6009::2"] as const;
/** What tshark says of a sum that is right. */
const GOOD = "1";
const FIELDS = ["ip.checksum.status", "udp.checksum.status", "udp.payload", "data.data", "frame.len"];
const CHECK = ["-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE"];

/**
 * A link that carries nothing of itself, whose far end takes XDP frames from the near one. With a queue for each processor, because
 * a veth's driver adds to a queue's counters without a lock: processors that share one now and then lose some.
 */
function makeLink(letter: string): Veth {
  const link = Veth.make(letter, navigator.hardwareConcurrency);
  assert.ok(link !== null);
  link.silence();
  output(...link.wrap, "ethtool", "-K", link.far, "gro", "on");
  return link;
}

/** Gives it addresses of IPv6, with which it is not silent. */
function addSix(link: Veth): void {
  const inside = ["ip", "-n", link.namespace, "-6"];
  output("sysctl", "-q", `net.ipv6.conf.${link.near}.disable_ipv6=0`);
  output(...link.wrap, "sysctl", "-q", `net.ipv6.conf.${link.far}.disable_ipv6=0`);
  output("ip", "-6", "addr", "add", `${SIX[0]}/64`, "dev", link.near, "nodad");
  output(...inside, "addr", "add", `${SIX[1]}/64`, "dev", link.far, "nodad");
  output(
    "ip",
    "-6",
    "neigh",
    "replace",
    SIX[1],
    "lladdr",
    link.farMac,
    "dev",
    link.near,
    "nud",
    "permanent",
  );
  output(...link.wrap, "ethtool", "-K", link.far, "gro", "on");
}

/** Has the far end count frames that match, before anything else looks at them. */
function countFrames(link: Veth, match: string): void {
  output(...link.wrap, "nft", "add", "table", "netdev", "count");
  output(...link.wrap, "nft", "delete", "table", "netdev", "count"); // an earlier step's
  output(...link.wrap, "nft", "add", "table", "netdev", "count");
  const chain = `{ type filter hook ingress device ${link.far} priority -500; }`;
  output(...link.wrap, "nft", "add", "chain", "netdev", "count", "in", chain);
  output(...link.wrap, "nft", `add rule netdev count in ${match} counter`);
}

function countedFrames(link: Veth): number {
  const text = output(...link.wrap, "nft", "list", "table", "netdev", "count");
  return Number(/counter packets (\d+)/.exec(text)?.[1]);
}

/** Whether somebody has a socket for what discard sends. */
function isListening(link: Veth): boolean {
  const tables = ["udp", "udp6", "packet"].map((name) => `/proc/net/${name}`);
  return /:0009 | 6009 /.test(output(...link.wrap, "cat", ...tables));
}

interface Result {
  metrics: Metric[];
  reasons: { code: string }[];
  threads?: { packets_all_phases: number }[];
}

interface Discarded {
  figures: Record<string, number>;
  codes: string[];
  threads: number[];
}

function read({ metrics, reasons, threads }: Result): Discarded {
  return {
    figures: Object.fromEntries(metrics.map(({ name, value }) => [name, value])),
    codes: reasons.map(({ code }) => code),
    threads: (threads ?? []).map(({ packets_all_phases }) => packets_all_phases),
  };
}

async function discard(target: string, args: string): Promise<Discarded> {
  const child = drive({ plugin: "discard", target, port: PORT, args: `engine=inject,${args}` });
  return read((await drivenRow<Result>(child)).result);
}

/** What a sender says that cannot start. */
async function refusal(target: string, args: string, wrap: string[] = []): Promise<string> {
  const all = `engine=inject,bps=1M,duration=0.1,warmup=0,cooldown=0,${args}`;
  const { success, stderr } = await drive({ plugin: "discard", target, port: PORT, args: all, wrap })
    .output();
  assert.ok(!success);
  return new TextDecoder().decode(stderr);
}

/** The numbers and phases in the payloads of captured packets: both of discard.h. */
function phasesOf(payloads: string[]): { numbers: number[]; measured: number } {
  const views = payloads.map((hex) => new DataView(Uint8Array.fromHex(hex).buffer));
  const numbers = views.map((view) => Number(view.getBigUint64(0)));
  return { numbers, measured: views.filter((view) => view.getUint8(32) === 1).length };
}

const LOAD = "bps=4M,warmup=0.1,duration=0.4,cooldown=0.1";

Deno.test({ name: "packets that the kernel makes, by a filter, a capture and a sink", ignore }, async (t) => {
  using link = makeLink("j");
  addSix(link);
  const raw = `socktype=raw,iface=${link.near}`;
  const cases = [
    ["IPv4", link.farAddress, "socktype=udp,size=64", GOOD + GOOD],
    ["IPv4, an odd size", link.farAddress, "socktype=udp,size=333", GOOD + GOOD],
    ["IPv6", SIX[1], "socktype=udp,size=64", GOOD],
    ["IPv6, the smallest", SIX[1], "socktype=udp,size=33", GOOD],
    ["raw frames", link.farMac, `${raw},size=64`, ""],
    ["raw frames, the largest", link.farMac, `${raw},size=1514`, ""],
  ] as const;
  for (const [what, target, args, sums] of cases) {
    await t.step(what, async () => {
      const udp = !args.includes("raw");
      const sink = drive({
        plugin: "sink",
        target: "",
        port: 0,
        args: udp ? `udp=${PORT},ip=${target}` : `raw=${link.far}`,
        wrap: link.wrap,
        seconds: 4,
      });
      await until("sink listens", 10_000, () => isListening(link));
      countFrames(link, udp ? `udp dport ${PORT}` : "ether type 0x6009");
      await using capture = await Capture.start(
        link.far,
        udp ? `udp dst port ${PORT}` : "ether proto 0x6009",
        link.wrap,
      );
      const { figures, codes } = await discard(target, `${args},${LOAD}`);
      const all = figures["packets_all_phases"]!, measured = figures["sent_packets"]!;
      // On a crowded machine some packets are given up: none of those are among the counted.
      assert.deepEqual(codes, figures["packets_given_up"] === 0 ? [] : ["rate-not-reached"]);
      assert.ok(all > 100);
      assert.ok(figures["interface_dropped"] === 0 && figures["interface_sent"]! >= all);
      assert.equal(countedFrames(link), all);
      const rows = await capture.rows(FIELDS, CHECK);
      const seen = phasesOf(rows.map(([, , payload, data]) => payload || data || ""));
      assert.deepEqual(seen.numbers, Array.from({ length: all }, (_, i) => i), "none missing or twice");
      assert.equal(seen.measured, measured);
      for (const [ip = "", sum = ""] of rows) assert.equal(ip + sum, sums);
      const received = read((await drivenRow<Result>(sink)).result).figures;
      assert.deepEqual(
        ["packets", "measured_received", "measured_sent", "gaps", "duplicates", "loss"].map((name) =>
          received[name]
        ),
        [all, measured, measured, 0, 0, 0],
      );
    });
  }
});

Deno.test(
  { name: "packets that the kernel makes as fast as it can, by the driver's counters", ignore },
  async (t) => {
    using link = makeLink("l");
    const raw = `socktype=raw,iface=${link.near}`;
    const driver = () =>
      [...output(...link.wrap, "ethtool", "-S", link.far).matchAll(/rx_queue_\d+_xdp_packets: (\d+)/g)]
        .reduce((sum, [, count]) => sum + Number(count), 0);
    await t.step("a program at the other end", async () => {
      await using _far = await EchoProcess.start({ args: ["--xdp", link.far], wrap: link.wrap });
      for (const threads of [1, 2, 4]) {
        const before = driver();
        const load = "bps=100G,size=64,warmup=0.1,duration=0.4,cooldown=0.1";
        const { figures, codes, threads: own } = await discard(
          link.farMac,
          `${raw},${load},threads=${threads}`,
        );
        const all = figures["packets_all_phases"]!;
        assert.equal(figures["interface_sent"]! + figures["interface_dropped"]!, all);
        assert.equal(driver() - before, figures["interface_sent"]);
        assert.ok(figures["packets_given_up"]! > 0 && codes.includes("rate-not-reached"));
        if (threads > 1) assert.equal(own.reduce((sum, one) => sum + one, 0), all);
      }
    });
    await t.step("a request to stop is heard in the middle", async () => {
      const begin = performance.now();
      const child = drive({
        plugin: "discard",
        target: link.farMac,
        port: PORT,
        args: `engine=inject,${raw},bps=10M,warmup=0,duration=60,cooldown=0`,
        seconds: 1,
      });
      const { figures } = read((await drivenRow<Result>(child)).result);
      assert.ok(performance.now() - begin < 10_000);
      assert.equal(figures["interface_sent"], figures["packets_all_phases"]);
    });
    await t.step("an end that takes none", async () => {
      output(...link.wrap, "ethtool", "-K", link.far, "gro", "off");
      const { figures, codes } = await discard(link.farMac, `${raw},${LOAD}`);
      assert.deepEqual([figures["interface_sent"], figures["interface_dropped"]], [0, 0]);
      assert.ok(codes.includes("packets-did-not-leave"));
    });
    await t.step("what it cannot do, with the culprit and a remedy", async () => {
      const few = ["setpriv", "--reuid", "65534", "--clear-groups"], udp = "socktype=udp";
      assert.match(await refusal(link.farAddress, udp, few), /setcap cap_bpf,cap_net_admin,cap_net_raw\+ep/);
      assert.match(await refusal(link.farAddress, `${udp},rampup=1`), /argument rampup: with engine=inject/);
      assert.match(
        await refusal(link.farAddress, `${udp},size=1473`),
        /engine=inject makes no fragments: at most 1472/,
      );
      assert.match(await refusal("127.0.0.1", udp), /the loopback takes no frames that a program made/);
      assert.match(await refusal(link.farMac, "socktype=raw,iface=nosuch0"), /no interface "nosuch0"/);
    });
  },
);
