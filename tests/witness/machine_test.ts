/**
 * What a tester says of its machine and of what the machine did to it, against the kernel's own counts and other
 * programs that ask for the same.
 *
 * @module
 */
import assert from "node:assert/strict";
import { PluginHost } from "../../ffi/mod.ts";
import { drive, drivenRow } from "../fixtures/driven.ts";
import { EchoProcess } from "../fixtures/peers/echo_process.ts";
import { FaultyEcho } from "../fixtures/peers/faulty_echo.ts";
import { Burner, whileCounting } from "../fixtures/network/kernel_counts.ts";
import { passagesByNumber } from "../fixtures/network/passages.ts";
import { runConfig } from "../fixtures/run_config.ts";
import { BUCKET, near, within } from "../fixtures/samples.ts";
import { output } from "../fixtures/output.ts";
import { Veth } from "../fixtures/network/veth.ts";
import { Capture, nsBetween } from "../fixtures/network/wire.ts";
import { hasNamespaces, isInstalled, projectRoot, TestDaemon } from "../util/mod.ts";

const ignore = !hasNamespaces() || !isInstalled("tshark") || !isInstalled("python3");
const FIXTURES = `${projectRoot()}/tests/fixtures`;
const SIZE = 64;

type Figures = Record<string, number>;

Deno.test({ name: "environment against uname, nproc, lscpu, free and ip", ignore }, async (t) => {
  using link = Veth.make("m");
  assert.ok(link !== null);
  await using tester = await TestDaemon.start();
  await using _echo = await EchoProcess.start({ ip: link.farAddress, wrap: link.wrap });
  await using _burner = await Burner.start(0);
  const [{ document, stderr }, counts] = await whileCounting(tester.pid, () =>
    runConfig({
      test: "latency",
      args: `socktype=udp,bps=1M,size=${SIZE},duration=1,warmup=0.2,cooldown=0,noise=0.5,cpu=0`,
      testPort: 7,
      clients: [{ host: tester.host, port: tester.port, testTarget: link.farAddress }],
      targets: [],
    }));
  assert.equal(document.run.failed, undefined, stderr);
  const client = document.clients[0]!, { start_ns, end_ns } = client.window!;
  const environment = client.environment as Record<string, unknown> & {
    cpu: Record<string, unknown>;
    nic: Record<string, unknown>;
    noise: Figures;
    during_run: Figures;
  };
  await t.step("the machine", () => {
    assert.equal(environment["kernel"], output("uname", "-r"));
    assert.equal(environment["hostname"], output("uname", "-n"));
    assert.equal(environment.cpu["count"], Number(output("nproc")));
    assert.equal(environment.cpu["model"], /Model name:\s*(.+)/.exec(output("lscpu"))?.[1]);
    near(environment.cpu["mhz"] as number, Number(output("sh", "-c", MHZ)), 1e4, "mhz");
    assert.equal(environment["memory_bytes"], Number(/Mem:\s*(\d+)/.exec(output("free", "-b"))?.[1]));
    const load = /load average: ([\d.]+), ([\d.]+), ([\d.]+)/.exec(output("uptime"))!.slice(1).map(Number);
    // The run was seconds ago: the average of a minute moves by a fifth of what there is to run.
    (environment["load"] as number[]).forEach((value, i) => near(value, load[i]!, 1, `load ${i}`));
  });
  await t.step("the interface", () => {
    const [about] = JSON.parse(output("ip", "-j", "link", "show", "dev", link.near)) as Record<
      string,
      unknown
    >[];
    const { nic } = environment;
    assert.deepEqual(
      [nic["name"], nic["mtu"], nic["operstate"], nic["address"]],
      [link.near, about!["mtu"], String(about!["operstate"]).toLowerCase(), about!["address"]],
    );
    const network = environment["network"] as Record<string, unknown>;
    // Nobody has told of a smaller one on the way.
    assert.deepEqual([network["mtu"], network["path_mtu"]], [about!["mtu"], about!["mtu"]]);
    assert.equal(nic["speed_mbps"], Number(Deno.readTextFileSync(`/sys/class/net/${link.near}/speed`)));
  });
  const threads = counts.tasks.filter(({ onNs }) =>
    onNs.between(start_ns, end_ns) > 0.2 * (end_ns - start_ns)
  );
  const thread = threads.find(({ cpu }) => cpu === 0)!;
  await t.step("what happened during the run: the measuring thread's own counts", () => {
    // From 50 ms before the measured phase; what lies inside has grown less, what lies around it more.
    const inside = [start_ns, end_ns] as const, around = [start_ns - 300e6, end_ns + 1e9] as const;
    const { run_delay_ns, involuntary_switches, major_faults, steal_share } = environment.during_run;
    within(
      run_delay_ns,
      thread.waitingNs.between(...inside) - 1e6,
      thread.waitingNs.between(...around),
      "run_delay_ns",
    );
    within(
      involuntary_switches,
      Math.floor(thread.switches.between(...inside)),
      thread.switches.between(...around),
      "involuntary_switches",
    );
    within(
      major_faults,
      Math.floor(thread.faults.between(...inside)),
      thread.faults.between(...around),
      "major_faults",
    );
    assert.ok(run_delay_ns! > 50e6, "the burner on its processor made it wait");
    near(steal_share, counts.shares("cpu", start_ns - 50e6, end_ns).steal, 0.05, "steal_share");
  });
  await t.step("steal and busy at set-up", () => {
    within(environment["steal"] as number, 0, 1, "steal");
    // Half of one processor is burnt in every tenth of a second, but for where its turns lie.
    within(environment["busy"] as number, 0.2 / Number(output("nproc")), 1, "busy");
  });
  await t.step("noise: the time that the burner took from the listening thread", () => {
    const { gap_sum_ns, duration_ns, gaps, max_ns, p50_ns, p99_ns, p999_ns, reads, gap_limit_ns, cpu } =
      environment.noise;
    const setUp = counts.tasks.reduce((sum, task) => {
      return sum + (task.cpu === 0 ? task.waitingNs.between(0, client.start!.actual_ns) : 0);
    }, 0);
    assert.equal(cpu, 0);
    within(duration_ns, 0.5e9, 0.5e9, "duration_ns");
    within(gap_sum_ns, 50e6, Math.max(setUp, 0.45e9), "gap_sum_ns");
    assert.ok(gaps! * gap_limit_ns! <= gap_sum_ns! && max_ns! <= gap_sum_ns! && gaps! <= reads!);
    assert.ok(p50_ns! <= p99_ns! && p99_ns! <= p999_ns! && p999_ns! <= max_ns! * 1.01);
    within(reads! * p50_ns! / 2, 0, 0.5e9, "reads of half the median each");
  });
});

const MHZ = "grep -m 1 'cpu MHz' /proc/cpuinfo | cut -d : -f 2";

Deno.test({ name: "layers against tshark's stamps (tshark, python3)", ignore }, async () => {
  using link = Veth.make("l");
  assert.ok(link !== null);
  await using _echo = await EchoProcess.start({ ip: link.farAddress, wrap: link.wrap });
  await using capture = await Capture.start(link.near, "udp port 7");
  const args = `socktype=udp,bps=1M,size=${SIZE},duration=0.5,warmup=0,cooldown=0,noise=0,timestamps=kernel`;
  const { result } = await drivenRow(drive({ target: link.farAddress, port: 7, args }));
  const passages = passagesByNumber(await capture.frames(), link.nearMac, SIZE);
  const wire = passages.map(({ outNs, backNs }) => nsBetween(outNs, backNs)).toSorted((a, b) => a - b);
  const layers = result.layers as Record<string, Figures> & Figures;
  assert.equal(layers["one_in"], 1, "every packet is asked for");
  assert.equal(layers["asked"], result.counts.sent);
  within(layers["complete"], 0.9 * passages.length, passages.length, "complete");
  const rank = (share: number) => wire[Math.ceil(share * wire.length) - 1]!;
  // tshark's stamp out is before the driver's, and the stamp in is the same one.
  if (layers["complete"] === passages.length) {
    for (const [key, share] of [["p50_ns", 0.5], ["p90_ns", 0.9], ["p99_ns", 0.99]] as const) {
      assert.ok(
        layers["wire"]![key]! <= rank(share) * (1 + BUCKET) + 1000,
        `wire ${key} ${layers["wire"]![key]}`,
      );
      assert.ok(layers["user"]![key]! >= rank(share) * (1 - BUCKET), `user ${key} ${layers["user"]![key]}`);
    }
  }
  within(layers["wire"]!["p50_ns"], 0.5 * rank(0.5) - 5000, rank(0.5) * 1.01 + 1000, "median of wire");
  const parts = ["send_path", "wire", "receive_path"].map((name) => layers[name]!["mean_ns"]!);
  near(parts.reduce((sum, part) => sum + part, 0), layers["user"]!["mean_ns"]!, 5, "the parts' means");
  const cost = JSON.parse(output("python3", `${FIXTURES}/network/stamp_cost.py`)) as Figures;
  within(layers["cost_send_ns"], 0, cost["send"]!, "cost_send_ns");
  within(layers["cost_receive_ns"], 0, cost["receive"]!, "cost_receive_ns");
});

const CARD = Array.from(Deno.readDirSync("/sys/class/net"), ({ name }) => name)
  .find((name) => exists(`/sys/class/net/${name}/device`));

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch {
    return false;
  }
}

Deno.test({
  name: "the driver of a network card against ethtool (ethtool)",
  ignore: CARD === undefined || !isInstalled("ethtool"),
}, async () => {
  await using tester = await TestDaemon.start();
  using client = await tester.greeted();
  await client.send(`ENV iface::${CARD}\n`);
  assert.match(await client.readLine(), /^220 /);
  const length = Number(/\d+/.exec(await client.readLine()));
  const text = new TextDecoder().decode(await client.readBytes(length));
  const { nic } = JSON.parse(text) as { nic: Record<string, Figures> };
  const asked = (option: string) =>
    new TextDecoder().decode(new Deno.Command("ethtool", { args: [option, CARD!] }).outputSync().stdout);
  /** The value of the last line that begins so; undefined where ethtool has none. */
  const value = (text: string, key: string) => {
    const found = text.split("\n").findLast((line) => line.trim().startsWith(`${key}:`))?.split(":")[1]
      ?.trim();
    return found === undefined || !/^\d+$/.test(found) ? undefined : Number(found);
  };
  const rings = asked("-g"), coalescing = asked("-c"), stamps = asked("-T");
  const [largest = ""] = rings.split("Current hardware settings");
  const expected = {
    rings: {
      rx: value(rings, "RX"),
      tx: value(rings, "TX"),
      rx_max: value(largest, "RX"),
      tx_max: value(largest, "TX"),
    },
    coalescing: {
      rx_usecs: value(coalescing, "rx-usecs"),
      rx_frames: value(coalescing, "rx-frames"),
      tx_usecs: value(coalescing, "tx-usecs"),
      tx_frames: value(coalescing, "tx-frames"),
    },
    timestamping: { phc: value(stamps, "PTP Hardware Clock") ?? -1 },
  };
  // The card's queues, which the record has not.
  const queues = asked("-l"), [most = ""] = queues.split("Current hardware settings");
  const host = PluginHost.spawn({ pluginDirs: [], debug: false, log: () => {} });
  try {
    const { channels } = await host.device(CARD!) as { channels: Figures };
    assert.equal(channels["combined"], value(queues, "Combined") ?? 0);
    assert.equal(channels["combined_max"], value(most, "Combined") ?? 0);
  } finally {
    await host.kill();
  }
  for (const [part, figures] of Object.entries(expected)) {
    for (const [name, figure] of Object.entries(figures)) {
      if (figure !== undefined) assert.equal(nic[part]![name], figure, `${part}.${name}`);
    }
  }
});

Deno.test(
  { name: "how many addresses a name has, against getent", ignore: ignore || !isInstalled("getent") },
  async () => {
    const echo = await FaultyEcho.start(["--ip", "127.0.0.1", "--every", "0"]);
    const hosts = await Deno.makeTempFile({ prefix: "ipbench-hosts-" });
    try {
      await Deno.writeTextFile(hosts, "127.0.0.1 threefold\n127.0.0.3 threefold\n127.0.0.4 threefold\n");
      const wrap = ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', hosts];
      const { result } = await drivenRow<{ environment: { network: { addresses: number } } }>(drive({
        target: "threefold",
        port: echo.port,
        args: "socktype=udp,bps=1M,size=64,samples=20,warmup=0.05,cooldown=0,noise=0",
        wrap,
      }));
      const lines = output(wrap[0]!, ...wrap.slice(1), "getent", "ahosts", "threefold").split("\n");
      const known = new Set(lines.map((line) => line.split(/\s+/)[0]));
      assert.equal(known.size, 3);
      assert.equal(result.environment.network.addresses, known.size);
    } finally {
      await Deno.remove(hosts);
      await echo.end();
    }
  },
);
