import assert from "node:assert/strict";
import { type TuningFacts, tuningFacts } from "../../ffi/mod.ts";
import { advise } from "./advice.ts";
import { remoteFacts } from "./remote_facts.ts";
import { tuneScreen } from "./screen.ts";

const CPU = "sys/devices/system/cpu";
const CARD = "sys/devices/pci0000:00/0000:3b:00.0";
const QUEUES = [0, 1, 2, 3];

/** A server as it comes: 16 processors on 8 cores and 2 nodes, a card on the second one. */
function server(): Record<string, string> {
  const files: Record<string, string> = {
    "proc/sys/kernel/hostname": "lab1",
    "proc/sys/kernel/osrelease": "6.1.0-18-amd64",
    "proc/cpuinfo": "model name\t: Xeon Gold 6230\nflags\t\t: fpu tsc\n",
    "proc/net/route": "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\n" +
      "eth0\t00000000\t0100A8C0\t0003\t0\t0\t0\t00000000\n" +
      "eth1\t0000000A\t00000000\t0001\t0\t0\t0\t000000FF\n",
    "proc/sys/net/core/rmem_max": "212992",
    "proc/sys/net/core/wmem_max": "212992",
    "proc/sys/kernel/sched_rt_runtime_us": "950000",
    "proc/interrupts": "      CPU0\n" +
      QUEUES.map((n) => ` ${60 + n}:  0  IR-PCI-MSI  eth1-TxRx-${n}\n`).join(""),
    "proc/912/comm": "irqbalance",
    "proc/1044/comm": "ipbenchd",
    "proc/1044/status": "Cpus_allowed_list:\t0-15\nCapEff:\t0000000000002000\n",
    "proc/1044/limits": "Max open files            1024                 524288               files\n" +
      "Max locked memory         8388608              8388608              bytes\n",
    "proc/1044/cgroup": "0::/system.slice/ipbenchd.service\n",
    "proc/2000/comm": "ipbenchd",
    [`${CPU}/online`]: "0-15",
    [`${CPU}/isolated`]: "",
    [`${CPU}/nohz_full`]: "(null)",
    [`${CPU}/smt/active`]: "1",
    [`${CPU}/intel_pstate/no_turbo`]: "0",
    "sys/devices/system/node/node0/cpulist": "0-3,8-11",
    "sys/devices/system/node/node1/cpulist": "4-7,12-15",
    "sys/devices/system/clocksource/clocksource0/current_clocksource": "hpet",
    "sys/devices/system/clocksource/clocksource0/available_clocksource": "tsc hpet acpi_pm",
    [`${CARD}/numa_node`]: "1",
    [`${CARD}/local_cpulist`]: "4-7,12-15",
  };
  for (let cpu = 0; cpu < 16; cpu++) {
    const folder = `${CPU}/cpu${cpu}`;
    files[`${folder}/topology/thread_siblings_list`] = `${cpu % 8},${cpu % 8 + 8}`;
    for (const [n, [name, latency]] of [["POLL", 0], ["C1", 2], ["C6", 133]].entries()) {
      files[`${folder}/cpuidle/state${n}/name`] = `${name}`;
      files[`${folder}/cpuidle/state${n}/latency`] = `${latency}`;
      files[`${folder}/cpuidle/state${n}/disable`] = "0";
    }
    const policy = `${CPU}/cpufreq/policy${cpu}`;
    files[`${policy}/affected_cpus`] = `${cpu}`;
    files[`${policy}/scaling_governor`] = "powersave";
  }
  for (const n of QUEUES) {
    files[`sys/class/net/eth1/queues/rx-${n}/rps_cpus`] = "0000";
    files[`sys/class/net/eth1/queues/tx-${n}/xps_cpus`] = "0000";
    files[`proc/irq/${60 + n}/smp_affinity_list`] = n === 3 ? "0-15" : "4";
  }
  return files;
}

const DEVICE: Record<string, unknown> = {
  name: "eth1",
  mtu: 1500,
  driver: "ixgbe",
  speed_mbps: 10_000,
  rings: { rx: 512, rx_max: 8192, tx: 512, tx_max: 8192 },
  coalescing: { rx_usecs: 1, adaptive_rx: true },
  offloads: { rx_checksum: true, tx_checksum: false, scatter_gather: true, tso: false, lro: true },
  channels: { rx: 0, rx_max: 0, tx: 0, tx_max: 0, combined: 4, combined_max: 63 },
  xdp: { native: true, zero_copy: true, multi_buffer: true },
};

/** Reads a machine that consists of these files. */
async function look(
  files: Record<string, string>,
  request: { iface?: string; target?: string; device?: Record<string, unknown> } = {},
): Promise<TuningFacts> {
  const root = await Deno.makeTempDir({ prefix: "ipbench-tune-" });
  const { device = DEVICE, ...where } = request;
  try {
    const folders = new Set(Object.keys(files).map((path) => path.slice(0, path.lastIndexOf("/"))));
    for (const folder of folders) Deno.mkdirSync(`${root}/${folder}`, { recursive: true });
    for (const [path, text] of Object.entries(files)) Deno.writeTextFileSync(`${root}/${path}`, text || "\n");
    if (Object.keys(files).some((path) => path.startsWith(CARD))) {
      await Deno.symlink(`${root}/${CARD}`, `${root}/sys/class/net/eth1/device`);
    }
    return await tuningFacts({ ...where, device: () => Promise.resolve(device) }, root);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

/** Commands by what they change. */
function commands(facts: TuningFacts): Record<string, string | null> {
  return Object.fromEntries(advise(facts).changes.map(({ what, command }) => [what, command]));
}

Deno.test("tune: a server as it comes, on one screen, with a command for each thing", async () => {
  const facts = await look(server(), { target: "10.0.0.9" });
  assert.deepEqual(commands(facts), {
    governor: "cpupower frequency-set -g performance",
    turbo: "echo 1 > /sys/devices/system/cpu/intel_pstate/no_turbo",
    "sleep states": "cpupower idle-set -D 10",
    hyperthreads: "echo off > /sys/devices/system/cpu/smt/control",
    NUMA: "taskset -apc 4-7,12-15 1044, or cpu= of the test",
    isolated: "boot with isolcpus=15 nohz_full=15 rcu_nocbs=15",
    irqbalance: "systemctl stop irqbalance",
    interrupts: "echo 4-6,12-14 > /proc/irq/63/smp_affinity_list",
    queues: "ethtool -L eth1 combined 16",
    XPS: "for q in 0 1 2 3; do printf %x $((1 << q)) > /sys/class/net/eth1/queues/tx-$q/xps_cpus; done",
    rings: "ethtool -G eth1 rx 4096 tx 4096",
    coalescing: "ethtool -C eth1 adaptive-rx off rx-usecs 0",
    offloads: "ethtool -K eth1 tx on tso on",
    LRO: "ethtool -K eth1 lro off",
    "clock source": "echo tsc > /sys/devices/system/clocksource/clocksource0/current_clocksource",
    buffers: "sysctl net.core.rmem_max=16777216 net.core.wmem_max=16777216",
    "real time": "sysctl kernel.sched_rt_runtime_us=-1",
    "locked memory": "prlimit --memlock=unlimited --pid 1044",
    capabilities: "systemctl edit ipbenchd",
  });
  const screen = tuneScreen(facts, advise(facts));
  assert.ok(screen.every((line) => line.length <= 80), screen.join("\n"));
  assert.match(
    screen.join("\n"),
    /^lab1: 16 processors, Xeon Gold 6230, Linux 6\.1\.0-18-amd64; ipbenchd is/,
  );
  assert.match(screen.join("\n"), /\neth1: ixgbe, 10 Gbit\/s, MTU 1500, NUMA node 1\n/);
  assert.match(screen.join("\n"), /\nlatency {4}sleep states to C6 \(133 µs\): cpupower idle-set -D 10\n/);
  assert.match(screen.join("\n"), /AmbientCapabilities=CAP_NET_ADMIN CAP_BPF/);
});

Deno.test("tune: an ordinary server fits on 80 columns and 24 lines", async () => {
  const files = server();
  for (const path of Object.keys(files)) if (path.endsWith("xps_cpus")) files[path] = "0001";
  files["sys/devices/system/clocksource/clocksource0/current_clocksource"] = "tsc";
  files["proc/1044/limits"] =
    "Max open files  65536  65536  files\nMax locked memory  unlimited  unlimited\n";
  const device = {
    ...DEVICE,
    offloads: { rx_checksum: true, tso: true, lro: false },
    channels: { combined: 16, combined_max: 63 },
  };
  const facts = await look(files, { iface: "eth1", device });
  const screen = tuneScreen(facts, advise(facts));
  // The prompt needs the last line.
  assert.ok(screen.length <= 23, screen.join("\n"));
});

Deno.test("tune: on a machine that was set up there is nothing to change, in few lines", async () => {
  const files = server();
  for (const path of Object.keys(files)) {
    if (path.endsWith("scaling_governor")) files[path] = "performance";
    if (path.endsWith("state2/disable")) files[path] = "1";
    if (path.endsWith("xps_cpus")) files[path] = "0001";
    if (path.endsWith("thread_siblings_list")) delete files[path];
    if (path.endsWith("smp_affinity_list")) files[path] = "4-6";
  }
  Object.assign(files, {
    [`${CPU}/intel_pstate/no_turbo`]: "1",
    [`${CPU}/smt/active`]: "0",
    [`${CPU}/isolated`]: "7",
    [`${CPU}/nohz_full`]: "7",
    "sys/devices/system/clocksource/clocksource0/current_clocksource": "tsc",
    "proc/912/comm": "cron",
    "proc/sys/net/core/rmem_max": "16777216",
    "proc/sys/net/core/wmem_max": "16777216",
    "proc/sys/kernel/sched_rt_runtime_us": "-1",
    "proc/1044/status": "Cpus_allowed_list:\t4-7,12-15\nCapEff:\t000001ffffffffff\n",
  });
  const device = {
    ...DEVICE,
    rings: { rx: 4096, rx_max: 8192, tx: 4096, tx_max: 8192 },
    coalescing: { rx_usecs: 0, adaptive_rx: false },
    offloads: { rx_checksum: true, lro: false },
    channels: { combined: 16, combined_max: 63 },
  };
  const facts = await look(files, { iface: "eth1", device });
  const advice = advise(facts);
  assert.deepEqual(advice.changes, []);
  assert.deepEqual(advice.unknown, []);
  const screen = tuneScreen(facts, advice);
  assert.ok(screen.length <= 10, screen.join("\n"));
  assert.match(screen.join(" ").replaceAll(/\s+/g, " "), /interrupts not on processor 7/);
});

Deno.test("tune: each thing alone", async (t) => {
  const changed = async (files: Record<string, string>, device = DEVICE) =>
    await look({ ...server(), ...files }, { iface: "eth1", device });
  await t.step("an isolated processor that still has a timer tick", async () => {
    const facts = await changed({ [`${CPU}/isolated`]: "6-7", [`${CPU}/nohz_full`]: "7" });
    assert.equal(commands(facts)["timer ticks"], "boot with nohz_full=6-7 rcu_nocbs=6-7");
    assert.equal(commands(facts)["isolated"], undefined);
    // Interrupts keep off the one that tests get.
    assert.equal(commands(facts)["interrupts"], "echo 4-5,7,12-13,15 > /proc/irq/63/smp_affinity_list");
  });
  await t.step("AMD's boost has its own file", async () => {
    const files = server();
    delete files[`${CPU}/intel_pstate/no_turbo`];
    files[`${CPU}/cpufreq/boost`] = "1";
    const facts = await look(files, { iface: "eth1" });
    assert.equal(commands(facts)["turbo"], "echo 0 > /sys/devices/system/cpu/cpufreq/boost");
  });
  await t.step("RPS beside several queues", async () => {
    const facts = await changed({ "sys/class/net/eth1/queues/rx-2/rps_cpus": "00ff" });
    assert.match(
      commands(facts)["RPS"]!,
      /^for q in .*eth1\/queues\/rx-\*; do echo 0 > \$q\/rps_cpus; done$/,
    );
  });
  await t.step("one queue for many processors", async () => {
    const files = Object.fromEntries(
      Object.entries(server()).filter(([path]) => !/queues\/[rt]x-[123]/.test(path)),
    );
    const facts = await look(files, { iface: "eth1", device: { ...DEVICE, channels: {} } });
    assert.equal(commands(facts)["RPS"], "echo ffff > /sys/class/net/eth1/queues/rx-0/rps_cpus");
  });
  await t.step("a kernel, a driver and a card that say nothing: no command is made up", async () => {
    const facts = await look({ "proc/sys/kernel/hostname": "bare" }, { iface: "eth1", device: {} });
    const advice = advise(facts);
    assert.deepEqual(advice.changes, []);
    for (
      const what of ["turbo", "hyperthreads", "rings", "coalescing", "offloads", "queues", "clock source"]
    ) {
      assert.ok(advice.unknown.includes(what), what);
    }
  });
  await t.step("veth needs an XDP program at the other end", async () => {
    const { notes } = advise(await changed({}, { ...DEVICE, driver: "veth" }));
    assert.match(notes.join(), /arrive at the other end only while that has an XDP program, too/);
  });
  await t.step("no daemon: the limits of the process that asks", async () => {
    const files = server();
    for (const path of Object.keys(files)) if (/^proc\/(1044|2000)\//.test(path)) delete files[path];
    files["proc/self/status"] = "Cpus_allowed_list:\t0-15\nCapEff:\t0\n";
    files["proc/self/limits"] = "Max open files  1024  4096  files\nMax locked memory  65536  65536  bytes\n";
    const found = commands(await look(files, { iface: "eth1" }));
    assert.equal(found["open files"], "ulimit -n 65536");
    assert.equal(found["locked memory"], "ulimit -l unlimited");
    assert.equal(found["NUMA"], "taskset -c 4-7,12-15 ipbenchd");
    assert.equal(
      found["capabilities"],
      "setcap cap_net_raw,cap_net_admin,cap_bpf,cap_sys_nice,cap_ipc_lock+ep ipbenchd",
    );
  });
  await t.step("no interface", async () => {
    const files = server();
    delete files["proc/net/route"];
    const facts = await look(files);
    assert.equal(facts.nic, null);
    assert.match(tuneScreen(facts, advise(facts)).join("\n"), /name one with --iface/);
  });
});

Deno.test("tune: a long command is broken so that a shell reads it as one", async () => {
  const facts = await look(server(), { iface: "eth1" });
  const screen = tuneScreen(facts, advise(facts));
  const from = screen.findIndex((line) => line.includes("XPS off")) + 1;
  assert.match(screen[from]!, / \\$/);
  const typed = screen.slice(from, screen.findIndex((line, i) => i >= from && !line.endsWith("\\")) + 1)
    .join("\n").replaceAll(/\/sys\S+xps_cpus/g, "/dev/stdout");
  const { stdout } = new Deno.Command("sh", { args: ["-c", typed] }).outputSync();
  assert.equal(new TextDecoder().decode(stdout), "1248");
});

Deno.test("tune: of a daemon's record only what it tells; its names come into no command unlooked at", () => {
  const record = {
    kernel: "6.8",
    clocksource: "tsc",
    cpu: { model: "X", online: "0-3", governor: "schedutil", boost: "1", smt: "0", isolated: "" },
    nic: {
      name: "eth0",
      rings: { rx: 256, rx_max: 4096, tx: 256, tx_max: 4096 },
      coalescing: { rx_usecs: 8, adaptive_rx: false },
      irqs: [{ irq: 30, name: "a", cpus: "0-3" }, { irq: "31; reboot", cpus: "3" }, {
        irq: 32,
        cpus: "$(x)",
      }],
    },
  };
  const facts = remoteFacts("10.0.0.2:8036", record);
  assert.deepEqual(commands(facts), {
    governor: "cpupower frequency-set -g performance",
    turbo: "echo 0 > /sys/devices/system/cpu/cpufreq/boost",
    isolated: "boot with isolcpus=3 nohz_full=3 rcu_nocbs=3",
    interrupts: "echo 0-2 > /proc/irq/30/smp_affinity_list",
    rings: "ethtool -G eth0 rx 4096 tx 4096",
    coalescing: "ethtool -C eth0 rx-usecs 0",
  });
  const hostile = { ...record, nic: { ...record.nic, name: "e;reboot" } };
  assert.ok(!JSON.stringify(commands(remoteFacts("h", hostile))).includes("reboot"));
  for (
    const odd of [{}, { cpu: [], nic: "x" }, { cpu: { clocks: [1, null] }, nic: { name: "a", irqs: {} } }]
  ) {
    assert.equal(tuneScreen(remoteFacts("h", odd), advise(remoteFacts("h", odd))).length > 0, true);
  }
});
