/**
 * The machine as it is now: what a reader of a result has to know to judge it.
 *
 * @module
 */
import { frequencyGroups, inCommon } from "./frequency.ts";
import { interrupts } from "./interrupts.ts";
import { line, number, text } from "./machine_files.ts";

/** What {@linkcode environment} is asked for. */
export interface EnvironmentRequest {
  /** Network interface to describe; otherwise the one on the way to `target`. */
  iface?: string;
  /** Machine under test, a name or an address. */
  target?: string;
  /** Asks the driver of an interface. */
  ethtool?: (iface: string) => Record<string, unknown> | null;
}

const STEAL_WINDOW_MS = 100;

/**
 * Describes this machine.
 *
 * @returns keys of the result document's `environment`; what is not known is `null`
 */
export async function environment(request: EnvironmentRequest = {}): Promise<Record<string, unknown>> {
  const before = await cpuTimes();
  const [cpu, load, iface, virtualisation] = await Promise.all([
    describeCpu(),
    line("/proc/loadavg"),
    request.iface ?? (request.target === undefined ? null : routeTo(request.target)),
    describeVirtualisation(),
  ]);
  const nic = iface === null ? null : await describeInterface(iface, request.ethtool);
  await new Promise((resolve) => setTimeout(resolve, STEAL_WINDOW_MS));
  const after = await cpuTimes();
  return {
    hostname: Deno.hostname(),
    kernel: Deno.osRelease(),
    os: Deno.build.os,
    arch: Deno.build.arch,
    cpu,
    memory_bytes: memoryTotal(await text("/proc/meminfo")),
    clocksource: await line("/sys/devices/system/clocksource/clocksource0/current_clocksource"),
    virtualisation,
    load: load === null ? null : load.split(" ").slice(0, 3).map(Number),
    ...shares(before, after),
    nic,
  };
}

async function describeCpu(): Promise<Record<string, unknown>> {
  const info = await text("/proc/cpuinfo");
  const base = "/sys/devices/system/cpu/";
  const clocks = await frequencyGroups();
  return {
    model: /^(?:model name|Model|Hardware)\s*:\s*(.+)$/m.exec(info)?.[1] ?? null,
    count: navigator.hardwareConcurrency,
    online: await line(base + "online"),
    mhz: number(/^cpu MHz\s*:\s*([\d.]+)/m.exec(info)?.[1] ?? null),
    governor: inCommon(clocks, "governor"),
    driver: inCommon(clocks, "driver"),
    min_khz: inCommon(clocks, "min_khz"),
    max_khz: inCommon(clocks, "max_khz"),
    // Which processors differ from which; a result's `engine.cpu` is where the test ran.
    ...(clocks.length > 1 ? { clocks } : {}),
    no_turbo: await line(base + "intel_pstate/no_turbo"),
    boost: await line(base + "cpufreq/boost"),
    smt: await line(base + "smt/active"),
    isolated: await line(base + "isolated"),
    nohz_full: await line(base + "nohz_full"),
    mitigations: await mitigations(base + "vulnerabilities"),
    invariant_tsc: /\bnonstop_tsc\b/.test(info) && /\bconstant_tsc\b/.test(info),
  };
}

async function mitigations(folder: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  try {
    for await (const entry of Deno.readDir(folder)) {
      found[entry.name] = await line(`${folder}/${entry.name}`) ?? "";
    }
  } catch {
    // An old kernel does not report it.
  }
  return found;
}

/** "kvm", "container" and the like; `null` on bare metal as far as one can see. */
export async function describeVirtualisation(root = ""): Promise<string | null> {
  const hypervisor = /^flags\s*:.*\bhypervisor\b/m.test(await text(`${root}/proc/cpuinfo`));
  const product = await line(`${root}/sys/class/dmi/id/sys_vendor`);
  const container = (await text(`${root}/proc/1/environ`)).includes("container=");
  const parts = [
    hypervisor ? `virtual machine${product ? ` of ${product}` : ""}` : null,
    container ? "container" : null,
  ].filter((part) => part !== null);
  return parts.length === 0 ? null : parts.join(", ");
}

function memoryTotal(meminfo: string): number | null {
  const match = /^MemTotal:\s*(\d+) kB/m.exec(meminfo);
  return match === null ? null : Number(match[1]) * 1024;
}

/** Jiffies of all CPUs: user, nice, system, idle, iowait, irq, softirq, steal. */
async function cpuTimes(): Promise<number[]> {
  const match = /^cpu\s+(.*)$/m.exec(await text("/proc/stat"));
  return match === null ? [] : match[1]!.trim().split(/\s+/).map(Number);
}

function shares(before: number[], after: number[]): { busy: number | null; steal: number | null } {
  const delta = after.slice(0, 8).map((value, i) => value - (before[i] ?? 0));
  const total = delta.reduce((sum, value) => sum + value, 0);
  if (total <= 0) return { busy: null, steal: null };
  const idle = (delta[3] ?? 0) + (delta[4] ?? 0);
  return { busy: (total - idle) / total, steal: (delta[7] ?? 0) / total };
}

/** The interface through which packets to a machine leave; `null` when that is not known. */
export async function routeTo(target: string, root = ""): Promise<string | null> {
  const address = await resolve(target);
  if (address === null) return null;
  // What is sent to an own address never leaves by the card that has it.
  if (address.startsWith("127.") || Deno.networkInterfaces().some((own) => own.address === address)) {
    return "lo";
  }
  return address.includes(":") ? await route6(address, root) : await route4(address, root);
}

async function resolve(target: string): Promise<string | null> {
  if (/^[\d.]+$/.test(target) || target.includes(":")) return target.replace(/%.*$/, "");
  if (target === "localhost") return "127.0.0.1";
  for (const kind of ["A", "AAAA"] as const) {
    const found = await Deno.resolveDns(target, kind).catch(() => []);
    if (found[0] !== undefined) return found[0];
  }
  return null;
}

/** Longest prefix of /proc/net/route, whose addresses are hexadecimal in the machine's (little endian) order. */
async function route4(address: string, root: string): Promise<string | null> {
  const parts = address.split(".").map(Number);
  if (parts.length !== 4 || parts.some((part) => !(part >= 0 && part <= 255))) return null;
  const little = (parts[0]! | parts[1]! << 8 | parts[2]! << 16 | parts[3]! << 24) >>> 0;
  let best: { iface: string; bits: number } | null = null;
  for (const row of (await text(`${root}/proc/net/route`)).split("\n").slice(1)) {
    const columns = row.split("\t");
    if (columns.length < 8) continue;
    const [destination, mask] = [parseInt(columns[1]!, 16), parseInt(columns[7]!, 16)];
    const bits = popcount(mask);
    if (((little & mask) >>> 0) === destination && (best === null || bits > best.bits)) {
      best = { iface: columns[0]!, bits };
    }
  }
  return best?.iface ?? null;
}

function popcount(value: number): number {
  return value.toString(2).replaceAll("0", "").length;
}

async function route6(address: string, root: string): Promise<string | null> {
  const wanted = bits6(address);
  let best: { iface: string; bits: number } | null = null;
  for (const row of (await text(`${root}/proc/net/ipv6_route`)).split("\n")) {
    const columns = row.trim().split(/\s+/);
    const iface = columns[9];
    if (iface === undefined || iface === "lo") continue;
    const bits = parseInt(columns[1]!, 16);
    const network = BigInt("0x" + columns[0]);
    const shift = BigInt(128 - bits);
    if (wanted !== null && wanted >> shift === network >> shift && (best === null || bits > best.bits)) {
      best = { iface, bits };
    }
  }
  return best?.iface ?? null;
}

/** An IPv6 address as a number; `null` when it is none. */
function bits6(address: string): bigint | null {
  const [head, tail, more] = address.split("::");
  if (more !== undefined) return null;
  const groups = (part: string | undefined) => part === undefined || part === "" ? [] : part.split(":");
  const left = groups(head);
  const right = groups(tail);
  const gap = tail === undefined ? 0 : 8 - left.length - right.length;
  const all = [...left, ...Array<string>(Math.max(0, gap)).fill("0"), ...right];
  if (all.length !== 8 || all.some((group) => !/^[0-9a-f]{1,4}$/i.test(group))) return null;
  return all.reduce((sum, group) => sum << 16n | BigInt("0x" + group), 0n);
}

async function describeInterface(
  iface: string,
  ethtool: EnvironmentRequest["ethtool"],
): Promise<Record<string, unknown>> {
  if (!/^[^/\s]{1,15}$/.test(iface)) return { name: iface };
  const base = `/sys/class/net/${iface}/`;
  return {
    name: iface,
    mtu: number(await line(base + "mtu")),
    speed_mbps: number(await line(base + "speed")),
    operstate: await line(base + "operstate"),
    address: await line(base + "address"),
    ...ethtool?.(iface),
    irqs: await interrupts(iface),
  };
}
