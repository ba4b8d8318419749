/**
 * What could be set up better on a machine, and how: rules over what is known of it.
 *
 * @module
 */

import { judgeDevice } from "./device_advice.ts";
import { type Advice, Findings } from "./findings.ts";
import { cpuList, type NicFacts, parseCpuList, type TesterProcess, type TuningFacts } from "../../ffi/mod.ts";

/** A processor that takes longer than this to wake up is seen in a round trip, in µs. */
const WAKE_UP_US = 10;
/** A receive buffer for bursts of some milliseconds at 10 Gbit/s, and what is proposed, in bytes. */
const ENOUGH_BUFFER = 4 * 1024 * 1024;
const PROPOSED_BUFFER = 16 * 1024 * 1024;
/** Memory that engine=xdp and mlock= lock, in bytes: generously. */
const ENOUGH_MEMLOCK = 64 * 1024 * 1024;
/** Files that a plugin's process may open. */
const ENOUGH_FILES = 65_536;
/** Clocks that are read without a system call. */
const FAST_CLOCKS = ["tsc", "kvm-clock", "hyperv_clocksource_tsc_page", "arch_sys_counter"];
/** Bits of capability sets (capabilities(7)), and for what they are needed. */
const CAPABILITIES: readonly [bit: bigint, name: string, gains: string][] = [
  [13n, "net_raw", "raw"],
  [12n, "net_admin", "engine=xdp"],
  [39n, "bpf", "engine=xdp"],
  [23n, "sys_nice", "rt="],
  [14n, "ipc_lock", "mlock="],
];

/**
 * Judges a machine.
 *
 * @param facts What is known of it.
 */
export function advise(facts: TuningFacts): Advice {
  const found = new Findings();
  const tester = testerCpu(facts);
  judgeClocks(facts, found);
  judgeSleep(facts, found);
  judgeNode(facts, found);
  judgeIsolation(facts, tester, found);
  if (facts.nic !== null) {
    judgeInterrupts(facts, facts.nic, tester, found);
    judgeDevice(facts, facts.nic, found);
  }
  judgeKernel(facts, found);
  if (facts.tester === null) found.unknown.push("limits and capabilities of the daemon");
  else judgeProcess(facts.tester, found);
  return found;
}

/** The processor that a tester should have for itself: an isolated one, or the last one near the card. */
function testerCpu({ isolated, online, nic }: TuningFacts): number | null {
  const near = nic === null || nic.nearCpus.length === 0 ? online : nic.nearCpus;
  const set = (isolated ?? []).filter((cpu) => online.includes(cpu));
  const chosen = set.filter((cpu) => near.includes(cpu))[0] ?? set[0] ??
    online.filter((cpu) => near.includes(cpu) && cpu > 0).at(-1);
  return chosen ?? null;
}

function judgeClocks({ clocks, turbo }: TuningFacts, found: Findings): void {
  const slow = clocks.filter(({ governor }) => governor !== "performance");
  if (clocks.length === 0) {
    found.unknown.push("clock frequency (not governed by this kernel; in a virtual machine the host does)");
  } else if (slow.length === 0) found.fine.push("governor performance");
  else {
    const now = slow.map(({ governor, cpus }) => clocks.length === 1 ? governor : `${governor} on ${cpus}`);
    found.change("governor", now.join(", "), "all", "cpupower frequency-set -g performance");
  }
  if (turbo === null) found.unknown.push("turbo");
  else if (!turbo.on) found.fine.push("turbo off");
  else {
    const value = turbo.file.endsWith("no_turbo") ? 1 : 0;
    found.change("turbo", "on", "all", `echo ${value} > ${turbo.file}`);
  }
}

function judgeSleep({ idle, smt }: TuningFacts, found: Findings): void {
  const deepest = idle?.at(-1);
  if (deepest === undefined) found.unknown.push("sleep states of processors");
  else if (deepest.latencyUs < WAKE_UP_US) found.fine.push("no deep sleep");
  else {
    const now = `to ${deepest.name} (${deepest.latencyUs} µs)`;
    found.change("sleep states", now, "latency", `cpupower idle-set -D ${WAKE_UP_US}`);
  }
  if (smt === null) found.unknown.push("hyperthreads");
  else if (!smt) found.fine.push("no hyperthreads");
  else {
    found.change("hyperthreads", "on", "latency", "echo off > /sys/devices/system/cpu/smt/control");
  }
}

function judgeNode({ nodes, nic, tester }: TuningFacts, found: Findings): void {
  if (nodes === null || nodes < 2 || nic === null) return;
  if (nic.node === null || tester === null) {
    found.unknown.push("NUMA node of the card");
    return;
  }
  const far = tester.cpus.filter((cpu) => !nic.nearCpus.includes(cpu));
  if (far.length === 0) {
    found.fine.push(`daemon on the card's NUMA node ${nic.node}`);
    return;
  }
  const near = cpuList(nic.nearCpus);
  const command = tester.pid === null
    ? `taskset -c ${near} ipbenchd`
    : `taskset -apc ${near} ${tester.pid}, or cpu= of the test`;
  found.change("NUMA", `card on node ${nic.node}`, "all", command);
}

function judgeIsolation({ isolated, nohzFull, online }: TuningFacts, tester: number | null, found: Findings) {
  if (isolated === null) {
    found.unknown.push("isolated processors");
  } else if (isolated.length > 0) {
    const ticking = isolated.filter((cpu) => !(nohzFull ?? []).includes(cpu));
    if (ticking.length === 0) found.fine.push(`isolated ${cpuList(isolated)}`);
    else {
      const cpus = cpuList(isolated);
      const command = `boot with nohz_full=${cpus} rcu_nocbs=${cpus}`;
      found.change("timer ticks", `on isolated ${cpuList(ticking)}`, "latency", command);
    }
  } else if (tester === null || online.length < 2) {
    found.notes.push("This machine has one processor: the daemon, the interrupts and the test share it.");
  } else {
    const command = `boot with isolcpus=${tester} nohz_full=${tester} rcu_nocbs=${tester}`;
    found.change("isolated", "none", "latency", command);
  }
}

function judgeInterrupts(
  { irqbalance, online, siblings }: TuningFacts,
  { irqs, nearCpus }: NicFacts,
  tester: number | null,
  found: Findings,
): void {
  if (irqbalance === true) {
    found.change("irqbalance", "runs", "latency", "systemctl stop irqbalance");
  } else if (irqbalance === false) found.fine.push("no irqbalance");
  if (tester === null || online.length < 2) return;
  if (irqs.length === 0) {
    found.unknown.push("interrupts of the card");
    return;
  }
  const there = irqs.filter(({ cpus }) => parseCpuList(cpus).includes(tester)).map(({ irq }) => irq);
  if (there.length === 0) {
    found.fine.push(`interrupts not on processor ${tester}`);
    return;
  }
  const beside = siblings.find((cpus) => cpus.includes(tester)) ?? [tester];
  const free = online.filter((cpu) => !beside.includes(cpu));
  const near = free.filter((cpu) => nearCpus.includes(cpu));
  const to = cpuList(
    near.length > 0 ? near : free.length > 0 ? free : online.filter((cpu) => cpu !== tester),
  );
  const command = there.length === 1
    ? `echo ${to} > /proc/irq/${there[0]}/smp_affinity_list`
    : `for i in ${there.join(" ")}; do echo ${to} > /proc/irq/$i/smp_affinity_list; done`;
  found.change("interrupts", `on cpu ${tester}`, "latency", command);
}

function judgeKernel(facts: TuningFacts, found: Findings): void {
  const { clocksource, clocksources, rmemMax, wmemMax, rtRuntimeUs } = facts;
  if (clocksource === null) found.unknown.push("clock source");
  else if (FAST_CLOCKS.includes(clocksource)) found.fine.push(`clock source ${clocksource}`);
  else {
    const better = FAST_CLOCKS.find((name) => clocksources.includes(name));
    const file = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    found.change(
      "clock source",
      `${clocksource}`,
      "all",
      better === undefined ? null : `echo ${better} > ${file}`,
    );
  }
  const small = ([["rmem_max", rmemMax], ["wmem_max", wmemMax]] as const)
    .filter(([, value]) => value !== null && value < ENOUGH_BUFFER);
  if (rmemMax === null) found.unknown.push("socket buffers");
  else if (small.length === 0) found.fine.push("socket buffers");
  else {
    const now = kib(Math.min(...small.map(([, value]) => value!)));
    const command = `sysctl ${small.map(([name]) => `net.core.${name}=${PROPOSED_BUFFER}`).join(" ")}`;
    found.change("buffers", now, "load", command);
  }
  if (rtRuntimeUs === null) found.unknown.push("time of real-time threads");
  else if (rtRuntimeUs < 0) found.fine.push("real-time threads not held up");
  else {found.change(
      "real time",
      `${rtRuntimeUs / 1000} ms, then held`,
      "rt=",
      "sysctl kernel.sched_rt_runtime_us=-1",
    );}
}

function judgeProcess(process: TesterProcess, found: Findings): void {
  const { pid, service, memlock, nofile, capabilities } = process;
  const lacks = (bit: bigint) => capabilities !== null && (capabilities >> bit & 1n) === 0n;
  const missing = CAPABILITIES.filter(([bit]) => lacks(bit));
  const raise = (limit: string, value: string, own: string) =>
    pid === null ? `ulimit ${own} ${value}` : `prlimit --${limit}=${value} --pid ${pid}`;
  if (memlock !== null && memlock < ENOUGH_MEMLOCK && missing.some(([, name]) => name === "ipc_lock")) {
    found.change("locked memory", kib(memlock), "engine=xdp", raise("memlock", "unlimited", "-l"));
  } else found.fine.push("locked memory");
  if (nofile !== null && nofile < ENOUGH_FILES) {
    found.change("open files", `at most ${nofile}`, "many flows", raise("nofile", `${ENOUGH_FILES}`, "-n"));
  } else found.fine.push("open files");
  if (capabilities === null) found.unknown.push("capabilities");
  else if (missing.length === 0) found.fine.push("capabilities");
  else {
    const names = missing.map(([, name]) => `cap_${name}`);
    const gains = [...new Set(missing.map(([, , gain]) => gain))];
    const command = service ? "systemctl edit ipbenchd" : `setcap ${names.join(",")}+ep ipbenchd`;
    if (service) {
      const list = names.join(" ").toUpperCase();
      found.notes.push(
        `Capabilities of the service: AmbientCapabilities=${list}, and the same as ` +
          "CapabilityBoundingSet=.",
      );
    }
    const now = `without ${missing.map(([, name]) => name).join(", ")}`;
    found.change("capabilities", now, gains.length === 1 ? gains[0]! : "several", command);
  }
}

function kib(bytes: number): string {
  return `${Math.floor(bytes / 1024)} KiB`;
}
