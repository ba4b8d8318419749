/**
 * What of this machine can be set up better for measuring.
 *
 * @module
 */
import { cpuList, parseCpuList } from "./cpu_list.ts";
import { describeVirtualisation, routeTo } from "./environment.ts";
import { type FrequencyGroup, frequencyGroups } from "./frequency.ts";
import { type Interrupt, interrupts } from "./interrupts.ts";
import { line, names, number, text } from "./machine_files.ts";

/** Most entries of a folder that are examined: processes, processors, queues. */
const MAX_ENTRIES = 100_000;
/** The daemon's name in /proc/PID/comm. */
const DAEMON = "ipbenchd";

/** A state in which a processor that has nothing to do may sleep. */
export interface IdleState {
  name: string;
  /** How long it takes to wake up, in µs. */
  latencyUs: number;
}

/** Limits and rights of a process that runs tests. */
export interface TesterProcess {
  /** A running daemon's number; `null`: no daemon runs, and this is the process that asks. */
  pid: number | null;
  /** Whether a service manager started it. */
  service: boolean;
  /** Processors that it may run on. */
  cpus: number[];
  /** Soft limit of locked memory, in bytes. */
  memlock: number | null;
  /** Hard limit of open files. */
  nofile: number | null;
  /** Effective capabilities, bit by bit. */
  capabilities: bigint | null;
}

/** A network interface. */
export interface NicFacts {
  name: string;
  /** NUMA node of the card; `null` where there is none. */
  node: number | null;
  /** Processors of that node. */
  nearCpus: number[];
  rxQueues: number | null;
  txQueues: number | null;
  /** Whether any queue hands packets to other processors (RPS); whether any is bound to processors (XPS). */
  rps: boolean | null;
  xps: boolean | null;
  irqs: Interrupt[];
  /** What the driver reports, in the form of a result's `environment.nic`, with `channels` and `xdp` where known. */
  device: Record<string, unknown>;
}

/** What is known of a machine; `null`: not known. */
export interface TuningFacts {
  host: string;
  kernel: string;
  model: string | null;
  virtualisation: string | null;
  online: number[];
  clocks: FrequencyGroup[];
  turbo: { on: boolean; file: string } | null;
  /** States that are switched on, on any processor, the deepest last. */
  idle: IdleState[] | null;
  isolated: number[] | null;
  nohzFull: number[] | null;
  /** Whether processors share cores. */
  smt: boolean | null;
  /** The processors on each core that has several. */
  siblings: number[][];
  /** How many NUMA nodes there are. */
  nodes: number | null;
  clocksource: string | null;
  clocksources: string[];
  /** Whether irqbalance runs. */
  irqbalance: boolean | null;
  rmemMax: number | null;
  wmemMax: number | null;
  /** Time that real-time threads may have of each period, in µs; −1: all of it. */
  rtRuntimeUs: number | null;
  tester: TesterProcess | null;
  nic: NicFacts | null;
}

/** What to examine. */
export interface TuningRequest {
  iface?: string;
  /** Machine under test: the interface on the way there. Without either, that of the default route. */
  target?: string;
  /** Asks the driver of an interface. */
  device: (iface: string) => Promise<Record<string, unknown>>;
}

/**
 * Examines this machine; nothing is changed.
 *
 * @param request Which interface.
 * @param root Where /proc and /sys are.
 */
export async function tuningFacts(request: TuningRequest, root = ""): Promise<TuningFacts> {
  const cpu = `${root}/sys/devices/system/cpu`;
  const clock = `${root}/sys/devices/system/clocksource/clocksource0`;
  const info = await text(`${root}/proc/cpuinfo`);
  const processes = await runningProcesses(root);
  const figure = async (path: string) => number(await line(`${root}/proc/sys/${path}`));
  const online = parseCpuList(await line(`${cpu}/online`));
  const iface = request.iface ?? await routeTo(request.target ?? "0.0.0.0", root);
  return {
    host: await line(`${root}/proc/sys/kernel/hostname`) ?? "this machine",
    kernel: await line(`${root}/proc/sys/kernel/osrelease`) ?? "unknown kernel",
    model: /^(?:model name|Model|Hardware)\s*:\s*(.+)$/m.exec(info)?.[1] ?? null,
    virtualisation: await describeVirtualisation(root),
    online,
    clocks: await frequencyGroups(root),
    turbo: await turbo(root),
    idle: await idleStates(cpu, online),
    isolated: await listOf(`${cpu}/isolated`),
    nohzFull: await listOf(`${cpu}/nohz_full`),
    smt: flag(await line(`${cpu}/smt/active`)),
    siblings: await siblings(cpu, online),
    nodes: (await names(`${root}/sys/devices/system/node`, MAX_ENTRIES))
      .filter((name) => /^node\d+$/.test(name)).length || null,
    clocksource: await line(`${clock}/current_clocksource`),
    clocksources: (await line(`${clock}/available_clocksource`) ?? "").split(/\s+/).filter(Boolean),
    irqbalance: [...processes.values()].includes("irqbalance"),
    rmemMax: await figure("net/core/rmem_max"),
    wmemMax: await figure("net/core/wmem_max"),
    rtRuntimeUs: await figure("kernel/sched_rt_runtime_us"),
    tester: await testerProcess(processes, root),
    nic: iface === null ? null : await nicFacts(iface, request.device, root),
  };
}

/** Names of the processes, as the kernel cuts them, by their numbers. */
async function runningProcesses(root: string): Promise<Map<number, string>> {
  const pids = (await names(`${root}/proc`, MAX_ENTRIES)).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.map(async (pid) => [Number(pid), await line(`${root}/proc/${pid}/comm`) ?? ""] as const),
  );
  return new Map(found);
}

async function turbo(root: string): Promise<TuningFacts["turbo"]> {
  for (const [path, on] of [["intel_pstate/no_turbo", "0"], ["cpufreq/boost", "1"]] as const) {
    const file = `/sys/devices/system/cpu/${path}`;
    const value = await line(root + file);
    if (value !== null) return { on: value === on, file };
  }
  return null;
}

async function idleStates(cpu: string, online: readonly number[]): Promise<IdleState[] | null> {
  const found = new Map<string, IdleState>();
  for (const one of online) {
    const folder = `${cpu}/cpu${one}/cpuidle`;
    for (const state of await names(folder, MAX_ENTRIES)) {
      const [name, latency, disabled] = await Promise.all(
        ["name", "latency", "disable"].map((file) => line(`${folder}/${state}/${file}`)),
      );
      const latencyUs = number(latency!);
      if (name && latencyUs !== null && disabled === "0") found.set(name, { name, latencyUs });
    }
  }
  const states = [...found.values()].sort((a, b) => a.latencyUs - b.latencyUs);
  return states.length === 0 ? null : states;
}

async function siblings(cpu: string, online: readonly number[]): Promise<number[][]> {
  const cores = new Map<string, number[]>();
  for (const one of online) {
    const cpus = parseCpuList(await line(`${cpu}/cpu${one}/topology/thread_siblings_list`));
    if (cpus.length > 1) cores.set(cpuList(cpus), cpus);
  }
  return [...cores.values()];
}

async function listOf(path: string): Promise<number[] | null> {
  const value = await line(path);
  return value === null ? null : parseCpuList(value);
}

function flag(value: string | null): boolean | null {
  return value === null ? null : value === "1";
}

/** The daemon that was started first, or the process that asks. */
async function testerProcess(
  processes: ReadonlyMap<number, string>,
  root: string,
): Promise<TesterProcess | null> {
  const daemons = [...processes].filter(([, name]) => name === DAEMON).map(([pid]) => pid);
  const pid = daemons.length === 0 ? null : Math.min(...daemons);
  const folder = `${root}/proc/${pid ?? "self"}`;
  const [status, limits] = [await text(`${folder}/status`), await text(`${folder}/limits`)];
  if (status === "") return null;
  const limit = (name: string, column: 1 | 2) => {
    const value = new RegExp(`^${name}\\s+(\\S+)\\s+(\\S+)`, "m").exec(limits)?.[column];
    return value === "unlimited" ? Infinity : number(value ?? null);
  };
  const capabilities = /^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1];
  return {
    pid,
    service: /\.service$/m.test(await text(`${folder}/cgroup`)),
    cpus: parseCpuList(/^Cpus_allowed_list:\s*(\S+)/m.exec(status)?.[1] ?? null),
    memlock: limit("Max locked memory", 1),
    nofile: limit("Max open files", 2),
    capabilities: capabilities === undefined ? null : BigInt(`0x${capabilities}`),
  };
}

/** A network interface of which nothing is known. */
export function unknownNic(name: string): NicFacts {
  return {
    name,
    node: null,
    nearCpus: [],
    rxQueues: null,
    txQueues: null,
    rps: null,
    xps: null,
    irqs: [],
    device: {},
  };
}

async function nicFacts(name: string, ask: TuningRequest["device"], root: string): Promise<NicFacts> {
  const facts = unknownNic(name);
  if (!/^[^/\s]{1,15}$/.test(name)) return facts;
  const folder = `${root}/sys/class/net/${name}`;
  const queues = await names(`${folder}/queues`, MAX_ENTRIES);
  const [rx, tx] = ["rx-", "tx-"].map((kind) => queues.filter((queue) => queue.startsWith(kind)));
  const masks = (of: readonly string[], file: string) =>
    Promise.all(of.map((queue) => line(`${folder}/queues/${queue}/${file}`)));
  const node = number(await line(`${folder}/device/numa_node`));
  return {
    ...facts,
    node: node === null || node < 0 ? null : node,
    nearCpus: parseCpuList(await line(`${folder}/device/local_cpulist`)),
    rxQueues: rx!.length || null,
    txQueues: tx!.length || null,
    rps: anySet(await masks(rx!, "rps_cpus")),
    xps: anySet(await masks(tx!, "xps_cpus")),
    irqs: await interrupts(name, root),
    device: await ask(name),
  };
}

/** Whether any of these masks has a bit; `null` when none can be read, as for interfaces with one queue. */
function anySet(masks: readonly (string | null)[]): boolean | null {
  const known = masks.filter((mask) => mask !== null);
  return known.length === 0 ? null : known.some((mask) => /[1-9a-f]/i.test(mask));
}
