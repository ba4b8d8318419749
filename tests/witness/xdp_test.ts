/**
 * XDP against what is not ours: captures by tshark, which checks the checksums, the counters of the driver and of the
 * interface, ping and the kernel's list of programs.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Counts } from "../../results/document/document.ts";
import { drive, type DrivenResult, drivenRow } from "../fixtures/driven.ts";
import { Veth } from "../fixtures/network/veth.ts";
import { Capture } from "../fixtures/network/wire.ts";
import { EchoProcess } from "../fixtures/peers/echo_process.ts";
import { runConfig } from "../fixtures/run_config.ts";
import { output } from "../fixtures/output.ts";
import {
  hasNamespaces,
  isInstalled,
  kill,
  programCommand,
  projectRoot,
  TestDaemon,
  until,
} from "../util/mod.ts";

const ignore = !hasNamespaces() || !isInstalled("tshark") || !isInstalled("ethtool");

const NEAR_SIX = "fd00:6008::1", FAR_SIX = "fd00:6008::2";
const PORT = 1235;
/** What tshark says of a sum that is right. */
const GOOD = "1";
const FIELDS = [
  "eth.src",
  "frame.len",
  "ip.checksum.status",
  "udp.checksum.status",
  "ip.ttl",
  "ipv6.hlim",
  "ip.dsfield.dscp",
  "ipv6.tclass.dscp",
  "udp.length",
];
const CHECK = ["-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE"];

interface Seen {
  length: number;
  sums: string;
  hops: string;
  dscp: string;
  payload: number;
}

/** What a station has sent, of a capture that is ended by this. */
async function sentBy(mac: string, capture: Capture): Promise<Seen[]> {
  const rows = await capture.rows(FIELDS, CHECK);
  return rows.filter(([source]) => source === mac).map((
    [, length, ip = "", udp = "", ttl = "", hops = "", four = "", six = "", payload],
  ) => ({
    length: Number(length),
    sums: ip + udp,
    hops: ttl + hops,
    dscp: four + six,
    payload: Number(payload) - 8,
  }));
}

/** A link with addresses of IPv6 that can be used at once. */
function makeLink(letter: string): Veth {
  const link = Veth.make(letter);
  assert.ok(link !== null);
  output("ip", "-6", "addr", "add", `${NEAR_SIX}/64`, "dev", link.near, "nodad");
  output("ip", "-n", link.namespace, "-6", "addr", "add", `${FAR_SIX}/64`, "dev", link.far, "nodad");
  return link;
}

/** A counter of the driver at the far end. */
function counter(link: Veth, name: string): number {
  const text = output(...link.wrap, "ethtool", "-S", link.far);
  return Number(new RegExp(`rx_queue_0_${name}: (\\d+)`).exec(text)?.[1]);
}

/** The number of the program at one end, 0 when there is none. */
function programAt(link: Veth, end: "near" | "far"): number {
  const text = end === "near"
    ? output("ip", "-d", "link", "show", link.near)
    : output("ip", "-n", link.namespace, "-d", "link", "show", link.far);
  return Number(/prog\/xdp id (\d+)/.exec(text)?.[1] ?? 0);
}

/** Numbers of all XDP programs that the kernel holds. */
function programs(): number[] {
  return JSON.parse(
    output("python3", `${projectRoot()}/tests/fixtures/network/bpf_programs.py`),
  ) as number[];
}

Deno.test(
  { name: "the echo in the driver against a capture and the driver's counters", ignore },
  async (t) => {
    using link = makeLink("x");
    await using tester = await TestDaemon.start();
    await using target = await TestDaemon.start({ role: "target", ip: null, wrap: link.wrap });
    // A veth sends a program's answers only to an end that has a program, too.
    await using _near = await EchoProcess.start({ args: ["--xdp", link.near] });
    const ways = [
      ["IPv4", "socktype=udp", link.farAddress, "63"],
      ["IPv6", "socktype=udp", FAR_SIX, "63"],
      ["raw frames", `socktype=raw,iface=${link.near}`, link.farMac, ""],
    ] as const;
    for (const [what, way, testTarget, hops] of ways) {
      await t.step(what, async () => {
        await using capture = await Capture.start(
          link.near,
          `ether src ${link.farMac} and (udp or ether proto 0x6008)`,
        );
        const before = [counter(link, "xdp_tx"), counter(link, "xdp_tx_errors")];
        const { stdout, stderr, document } = await runConfig({
          test: "latency-check",
          args: `${way},bps=8M,sizes="60:1,301:1,1400:1",duration=0.5,warmup=0.1,cooldown=0.1${
            way.includes("udp") ? ",dscp=46" : ""
          }`,
          testPort: PORT,
          clients: [{ host: tester.host, port: tester.port, testTarget }],
          targets: [{
            test: "echo",
            args: `xdp=${link.far},udp=${PORT},raw=${link.far},check`,
            host: link.farAddress,
            port: target.port,
          }],
        });
        const answers = await sentBy(link.farMac, capture);
        const { counts } = document.clients[0]!;
        assert.ok(counts !== null && counts.sent > 300, stderr);
        assert.deepEqual([counts.ok, counts.lost, counts.corrupt], [counts.sent, 0, 0], stderr);
        assert.equal(stdout.split("\n")[0]!.split(",")[9], "0", "the word of latency-check");
        const sums = { IPv4: GOOD + GOOD, IPv6: GOOD, "raw frames": "" }[what];
        for (const answer of answers) {
          assert.deepEqual([answer.sums, answer.hops], [sums, hops]);
          assert.ok(what === "raw frames" || answer.dscp === "0", "answers are best effort");
        }
        const metrics = new Map(document.targets[0]!.metrics!.map(({ name, value }) => [name, value]));
        const kind = what === "raw frames" ? "raw" : "udp", other = kind === "raw" ? "udp" : "raw";
        const total = (of: (seen: Seen) => number) => answers.reduce((sum, seen) => sum + of(seen), 0);
        assert.equal(metrics.get(`xdp_${kind}_packets`), answers.length);
        assert.equal(
          metrics.get(`xdp_${kind}_bytes`),
          total(({ length, payload }) => kind === "raw" ? length : payload),
        );
        assert.equal(metrics.get(`xdp_${other}_packets`), 0);
        assert.equal(counter(link, "xdp_tx") - before[0]!, answers.length);
        assert.equal(metrics.get("xdp_send_failures"), counter(link, "xdp_tx_errors") - before[1]!);
        assert.deepEqual([metrics.get("xdp_ignored"), metrics.get("xdp_went_round")], [0, 0]);
        assert.equal(programAt(link, "far"), 0, "the run is over");
      });
    }
  },
);

Deno.test({ name: "answers that a veth does not send are counted and told", ignore }, async () => {
  using link = makeLink("y");
  await using echo = await EchoProcess.start({
    ip: link.farAddress,
    args: ["--xdp", link.far],
    wrap: link.wrap,
  });
  const args = "socktype=udp,bps=1M,size=100,duration=0.5,warmup=0,cooldown=0,noise=0,drain=0.2,late=0";
  await drivenRow(drive({ target: link.farAddress, port: echo.port, args }));
  const failures = counter(link, "xdp_tx_errors");
  assert.ok(failures > 100, `${failures}`);
  await until(
    "the echo says so",
    5_000,
    () => /did not send answers.*ipbench echo --udp 0 --xdp/.test(echo.log.text),
  );
});

Deno.test({
  name: "an interface whose driver has no XDP is answered behind it, as the other end counts",
  ignore,
}, async () => {
  using link = makeLink("g");
  const bridge = "ipbbr0", inside = ["ip", "-n", link.namespace];
  output(...inside, "addr", "flush", "dev", link.far);
  output(...inside, "link", "add", bridge, "type", "bridge");
  output(...inside, "link", "set", link.far, "master", bridge);
  output(...inside, "addr", "add", `${link.farAddress}/24`, "dev", bridge);
  output(...inside, "link", "set", bridge, "up");
  await using echo = await EchoProcess.start({
    ip: link.farAddress,
    args: ["--xdp", bridge, "--check"],
    wrap: link.wrap,
  });
  assert.match(echo.log.text, /generic XDP.*not in the driver: driver bridge has no XDP/s);
  for (const engine of ["mmsg", "xdp"]) {
    const before = link.counters();
    const args =
      `socktype=udp,engine=${engine},bps=8M,size=301,duration=0.4,warmup=0,cooldown=0,noise=0,drain=0.3,late=0`;
    const { result, row } = await drivenRow(
      drive({ plugin: "latency-check", target: link.farAddress, port: echo.port, args }),
    );
    assert.deepEqual([result.counts.ok, row[9]], [result.counts.sent, "0"]);
    assert.ok(link.counters().rx_packets - before.rx_packets >= result.engine.all_packets);
  }
});

Deno.test(
  { name: "frames of engine=xdp against a capture, and the interface's counters", ignore },
  async (t) => {
    using link = makeLink("z");
    await using echo = await EchoProcess.start({ ip: "::", wrap: link.wrap });
    const load = "bps=8M,warmup=0,cooldown=0,noise=0,duration=0.4,drain=0.3,late=0.2";
    const cases = [
      ["IPv4", link.farAddress, "size=64", "64", "0"],
      ["IPv6", FAR_SIX, "size=64", "64", "0"],
      ["IPv4, sizes", link.farAddress, 'sizes="8:1,47:1,48:1,51:1,333:1,1472:1"', "64", "0"],
      ["IPv6, sizes", FAR_SIX, 'sizes="8:1,47:1,48:1,51:1,333:1,1452:1"', "64", "0"],
      ["IPv4, flows and options", link.farAddress, "size=99,flows=7,dscp=46,ttl=9", "9", "46"],
      ["IPv6, flows and options", FAR_SIX, "size=99,flows=7,dscp=46,ttl=9", "9", "46"],
    ] as const;
    for (const [what, target, args, hops, dscp] of cases) {
      await t.step(what, async () => {
        await using capture = await Capture.start(link.far, `udp port ${echo.port}`, link.wrap);
        const before = link.counters();
        const { result } = await drivenRow(
          drive({ target, port: echo.port, args: `socktype=udp,engine=xdp,${args},${load}` }),
        );
        const asked = await sentBy(link.nearMac, capture);
        assert.equal(result.engine.chosen, "xdp");
        assert.equal(result.engine.all_packets, asked.length);
        assert.ok(link.counters().tx_packets - before.tx_packets >= asked.length);
        assert.deepEqual([result.counts.ok, result.counts.corrupt], [result.counts.sent, 0]);
        const sums = what.startsWith("IPv4") ? GOOD + GOOD : GOOD;
        for (const seen of asked) assert.deepEqual([seen.sums, seen.hops, seen.dscp], [sums, hops, dscp]);
      });
    }
  },
);

interface Threaded extends DrivenResult {
  threads?: { counts: Counts }[];
}

/** What a tester says that cannot start. */
async function refusal(target: string, args: string, wrap: string[] = []): Promise<string> {
  const load = "bps=1M,duration=0.1,warmup=0,cooldown=0,noise=0,engine=xdp";
  const { success, stderr } = await drive({ target, port: PORT, args: `${args},${load}`, wrap }).output();
  assert.ok(!success);
  return new TextDecoder().decode(stderr);
}

Deno.test(
  { name: "engine=xdp: packets of several frames, several queues, and what it cannot do", ignore },
  async (t) => {
    using link = makeLink("q");
    const load = "bps=4M,warmup=0,cooldown=0,noise=0,duration=0.4,drain=2,late=0.5";
    await t.step("packets of several frames", async () => {
      await using echo = await EchoProcess.start({ ip: "::", wrap: link.wrap });
      output("ip", "link", "set", link.near, "mtu", "9000");
      output("ip", "-n", link.namespace, "link", "set", link.far, "mtu", "9000");
      for (const [target, largest] of [[link.farAddress, 8972], [FAR_SIX, 8952]] as const) {
        await using capture = await Capture.start(link.far, `udp port ${echo.port}`, link.wrap);
        const args = `socktype=udp,engine=xdp,sizes="64:1,3000:1,4054:1,4055:1,${largest}:1",${load}`;
        const { result } = await drivenRow(drive({ target, port: echo.port, args }));
        const asked = await sentBy(link.nearMac, capture);
        assert.equal(result.engine.all_packets, asked.length);
        assert.deepEqual([result.counts.ok, result.counts.corrupt], [result.counts.sent, 0]);
        for (const { sums } of asked) assert.equal(sums, target === FAR_SIX ? GOOD : GOOD + GOOD);
        assert.ok(asked.some(({ payload }) => payload === largest));
      }
      assert.match(
        await refusal(link.farAddress, "socktype=udp,size=8973"),
        /packets of 8973 bytes do not fit the MTU .* 9000, .*at most 8972/,
      );
      output("ip", "link", "set", link.near, "mtu", "1500");
    });
    await t.step("what it cannot do, with the culprit and a remedy", async () => {
      const host = link.farAddress, udp = "socktype=udp";
      const few = ["setpriv", "--reuid", "65534", "--clear-groups"];
      assert.match(await refusal("127.0.0.1", udp), /the loopback takes no frames that a program made/);
      assert.match(await refusal(host.replace(/2$/, "9"), udp), /nobody on .* answers for .*ARP/);
      assert.match(await refusal(host, udp, few), /setcap cap_bpf,cap_net_admin,cap_net_raw\+ep/);
      assert.match(
        await refusal(host, `${udp},threads=2`),
        /argument threads: .* 2 threads needs a queue of its own, and .* has 1 to receive and 1 to send/,
      );
      assert.match(await refusal(host, "socktype=tcp"), /TCP is sent with engine=socket only/);
      assert.match(await refusal(link.farMac, "socktype=raw,iface=nosuch0"), /no interface "nosuch0"/);
      await using _other = await EchoProcess.start({ args: ["--xdp", link.near] });
      assert.match(await refusal(host, udp), /has another XDP program, "ipbench_echo" \(number \d+\)/);
    });
    await t.step("an interface that is down", async () => {
      output("ip", "link", "set", link.near, "down");
      assert.match(
        await refusal(link.farMac, `socktype=raw,iface=${link.near}`),
        new RegExp(`interface ${link.near} is down: "ip link set ${link.near} up"`),
      );
    });
    await t.step("a socket a queue", async () => {
      output("ip", "link", "del", link.near);
      const queues = ["numtxqueues", "4", "numrxqueues", "4"];
      const peer = ["type", "veth", "peer", "name", link.far, ...queues, "netns", link.namespace];
      output("ip", "link", "add", link.near, ...queues, ...peer);
      output("ip", "addr", "add", `${link.nearAddress}/24`, "dev", link.near);
      output("ip", "link", "set", link.near, "up");
      output("ip", "-n", link.namespace, "addr", "add", `${link.farAddress}/24`, "dev", link.far);
      output("ip", "-n", link.namespace, "link", "set", link.far, "up");
      output("ethtool", "-L", link.near, "rx", "4", "tx", "4");
      output(...link.wrap, "ethtool", "-L", link.far, "rx", "4", "tx", "4");
      await using echo = await EchoProcess.start({ ip: link.farAddress, wrap: link.wrap });
      const args = `socktype=udp,engine=xdp,flows=16,size=100,${load}`;
      const { result } = await drivenRow(drive({ target: link.farAddress, port: echo.port, args }));
      assert.deepEqual([result.counts.ok, result.counts.corrupt], [result.counts.sent, 0]);
      const redirected = [
        ...output("ethtool", "-S", link.near).matchAll(/rx_queue_\d+_xdp_redirect: (\d+)/g),
      ];
      assert.equal(redirected.reduce((sum, [, count]) => sum + Number(count), 0), result.engine.all_packets);
      assert.ok(redirected.filter(([, count]) => count !== "0").length > 1, "several queues had replies");
    });
    await t.step("a thread a queue, whatever queue replies come by", async () => {
      await using echo = await EchoProcess.start({
        ip: link.farAddress,
        args: ["--raw", link.far, "--threads", "2"],
        wrap: link.wrap,
      });
      const total = () =>
        [...output("ethtool", "-S", link.near).matchAll(/rx_queue_\d+_xdp_redirect: (\d+)/g)]
          .reduce((sum, [, count]) => sum + Number(count), 0);
      const mac = output(...link.wrap, "cat", `/sys/class/net/${link.far}/address`).trim();
      const ways = [[link.farAddress, "socktype=udp"], [
        mac,
        `socktype=raw,iface=${link.near}`,
      ]] as const;
      for (const threads of [1, 2, 4]) {
        for (const [target, way] of ways) {
          const before = { sent: link.counters().tx_packets, redirected: total() };
          const args = `${way},engine=xdp,threads=${threads},size=100,${load}`;
          const { result } = await drivenRow<Threaded>(drive({ target, port: echo.port, args }));
          const { counts, engine } = result;
          assert.deepEqual([counts.ok, counts.lost, counts.corrupt, counts.duplicate], [
            counts.sent,
            0,
            0,
            0,
          ], JSON.stringify(result.reasons));
          assert.deepEqual([engine.stray, engine.receive_queue_drops], [0, 0]);
          assert.equal(total() - before.redirected, engine.all_packets);
          assert.ok(link.counters().tx_packets - before.sent >= engine.all_packets);
          const own = result.threads ?? [];
          assert.equal(own.length, threads === 1 ? 0 : threads);
          if (threads > 1) assert.equal(own.reduce((sum, one) => sum + one.counts.ok, 0), counts.ok);
        }
      }
      assert.match(
        await refusal(link.farAddress, "socktype=udp,threads=5"),
        /argument threads: .* 5 threads needs a queue of its own, and .* has 4 to receive and 4 to send/,
      );
    });
  },
);

/** Longest wait for what a killed process leaves to be gone. */
const GONE_MS = 5_000;
const PING_PORT = 9009;
const KILLED_AFTER_MS = [30, 120, 250, 400, 700, 1200];

Deno.test(
  { name: "nothing is left of a program whose process is killed, and other traffic goes on", ignore },
  async () => {
    using link = makeLink("k");
    const server = ping([...link.wrap], "serve", String(PING_PORT));
    const client = ping([], link.farAddress, String(PING_PORT));
    const seen = new Set<number>();
    for (const end of ["far", "near"] as const) {
      for (const after of KILLED_AFTER_MS) {
        const child = end === "far" ? spawnEcho(link) : drive({
          target: link.farAddress,
          port: PORT,
          args: "socktype=udp,engine=xdp,bps=8M,size=100,duration=20,warmup=0.1,noise=0",
        });
        const deadline = Date.now() + after;
        while (Date.now() < deadline) {
          const id = programAt(link, end);
          if (id !== 0) seen.add(id);
          await new Promise((resolve) => setTimeout(resolve, 10));
        }
        kill(child.pid, "SIGKILL");
        await child.stdout.cancel();
        await child.stderr.cancel();
        await child.status;
        await until(`the ${end} end has no program`, GONE_MS, () => programAt(link, end) === 0);
      }
    }
    assert.ok(seen.size >= 4, "some were killed while their programs were attached");
    await until("the kernel has none of them", GONE_MS, () => !programs().some((id) => seen.has(id)));
    // The queue takes another socket, and frames still come and go.
    await using echo = await EchoProcess.start({
      ip: link.farAddress,
      args: ["--xdp", link.far],
      wrap: link.wrap,
    });
    const args = "socktype=udp,engine=xdp,bps=1M,size=100,duration=0.3,warmup=0,cooldown=0,noise=0";
    const { result } = await drivenRow(drive({ target: link.farAddress, port: echo.port, args }));
    assert.deepEqual([result.counts.ok > 100, result.counts.lost], [true, 0]);
    await client.stdin.close();
    const [asked, answered] = new TextDecoder().decode((await client.output()).stdout).split(" ").map(Number);
    kill(server.pid, "SIGKILL");
    await server.output();
    // A veth empties its ring when a program comes or goes: what is in it at that moment is lost in the kernel.
    const changes = 2 * 2 * KILLED_AFTER_MS.length;
    assert.ok(
      asked! > 300 && asked! - answered! <= changes,
      `${answered} of ${asked} were answered, and programs came and went ${changes} times`,
    );
  },
);

/** Other traffic, of a program that is not ours. */
function ping(wrap: string[], ...args: string[]): Deno.ChildProcess {
  const [path = "", ...rest] = [
    ...wrap,
    "python3",
    `${projectRoot()}/tests/fixtures/network/udp_ping.py`,
    ...args,
  ];
  return new Deno.Command(path, { args: rest, stdin: "piped", stdout: "piped", stderr: "piped" }).spawn();
}

/** `dist/ipbench echo --xdp` at the far end. */
function spawnEcho(link: Veth): Deno.ChildProcess {
  const { path, args } = programCommand("ipbench");
  const [first = "", ...rest] = [...link.wrap, path, ...args];
  return new Deno.Command(first, {
    args: [...rest, "echo", "--udp", String(PORT), "--xdp", link.far],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}
