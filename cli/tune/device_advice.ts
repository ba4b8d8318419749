/**
 * What could be set up better on a network interface.
 *
 * @module
 */

import type { NicFacts, TuningFacts } from "../../ffi/mod.ts";
import type { Findings } from "./findings.ts";

/** Ring entries that hold a burst, and beyond which rings only fill the processor's cache. */
const ENOUGH_RING = 1024;
const LARGEST_RING = 4096;
/** Receive queues that engine=xdp opens a socket for. */
const XDP_QUEUES = 64;
/** Queues for which a mask of processors is one word. */
const ONE_WORD = 32;
/** What a command may hold that came from elsewhere. */
const SAFE_NAME = /^[A-Za-z0-9_.@:-]{1,15}$/;

/**
 * Judges a network interface by what its driver reports.
 *
 * @param facts What is known of the machine.
 * @param nic The interface.
 * @param found Takes what is found.
 */
export function judgeDevice(facts: TuningFacts, nic: NicFacts, found: Findings): void {
  const { name, device } = nic;
  if (!SAFE_NAME.test(name)) return;
  judgeQueues(facts, nic, found);
  const rings = figures(device.rings);
  const [rx, rxMax, tx, txMax] = [rings("rx"), rings("rx_max"), rings("tx"), rings("tx_max")];
  if (rx === null || rxMax === null) found.unknown.push("rings");
  else if (rx >= Math.min(rxMax, ENOUGH_RING)) found.fine.push(`rings of ${rx}`);
  else {
    const most = (value: number) => Math.min(value, LARGEST_RING);
    const send = tx === null || txMax === null || tx >= most(txMax) ? "" : ` tx ${most(txMax)}`;
    found.change("rings", `rx ${rx} of ${rxMax}`, "load", `ethtool -G ${name} rx ${most(rxMax)}${send}`);
  }
  const waits = figures(device.coalescing);
  const us = waits("rx_usecs");
  if (us === null) found.unknown.push("coalescing");
  else {
    const adaptive = (device.coalescing as Record<string, unknown>).adaptive_rx === true;
    if (us === 0 && !adaptive) found.fine.push("interrupts without delay");
    else {
      const now = adaptive ? "adaptive" : `${us} µs`;
      const option = adaptive ? " adaptive-rx off" : "";
      found.change("coalescing", now, "latency", `ethtool -C ${name}${option} rx-usecs 0`);
    }
  }
  judgeOffloads(name, device.offloads, found);
  judgeXdp(device, found);
}

function judgeQueues({ online }: TuningFacts, nic: NicFacts, found: Findings): void {
  const { name, rxQueues, txQueues, rps, xps } = nic;
  const channels = figures(nic.device.channels);
  const combined = channels("combined") ?? 0;
  const useful = Math.min(channels("combined_max") ?? 0, online.length);
  const folder = `/sys/class/net/${name}/queues`;
  if (rxQueues === null) found.unknown.push("queues");
  else if (combined > 0 && combined < useful) {
    const now = `${combined}, could be ${useful}`;
    found.change("queues", now, "threads=", `ethtool -L ${name} combined ${useful}`);
  } else if (rxQueues > XDP_QUEUES) {
    const command = combined > 0 ? `ethtool -L ${name} combined ${XDP_QUEUES}` : null;
    found.change("queues", `${rxQueues}, sockets for ${XDP_QUEUES}`, "engine=xdp", command);
  } else found.fine.push(rxQueues === 1 ? "the one queue" : `${rxQueues} queues`);
  if (rxQueues === 1 && useful <= 1 && rps === false && online.length > 1) {
    const command = `echo ${cpuMask(online)} > ${folder}/rx-0/rps_cpus`;
    found.change("RPS", "off, with one queue", "load", command);
  } else if (rxQueues !== null && rxQueues > 1 && rps === true) {
    const command = `for q in ${folder}/rx-*; do echo 0 > $q/rps_cpus; done`;
    found.change("RPS", "on, with several queues", "latency", command);
  }
  if (txQueues === null || txQueues < 2 || online.length < 2 || xps === null) return;
  if (xps) found.fine.push("XPS");
  else {
    const queues = Array.from({ length: Math.min(txQueues, online.length) }, (_, n) => n);
    const command = queues.length > ONE_WORD
      ? null
      : `for q in ${queues.join(" ")}; do printf %x $((1 << q)) > ${folder}/tx-$q/xps_cpus; done`;
    found.change("XPS", "off", "threads=", command);
  }
}

function judgeOffloads(name: string, offloads: unknown, found: Findings): void {
  const set = (offloads ?? {}) as Record<string, unknown>;
  if (Object.keys(set).length === 0) {
    found.unknown.push("offloads");
    return;
  }
  const off = ([["rx_checksum", "rx"], ["tx_checksum", "tx"], ["scatter_gather", "sg"], ["tso", "tso"], [
    "gso",
    "gso",
  ], ["gro", "gro"]] as const).filter(([key]) => set[key] === false).map(([, option]) => option);
  if (off.length > 0) {
    const command = `ethtool -K ${name}${off.map((option) => ` ${option} on`).join("")}`;
    found.change("offloads", `without ${off.join(", ")}`, "load", command);
  }
  if (set.lro === true) found.change("LRO", "on", "latency", `ethtool -K ${name} lro off`);
  if (off.length === 0 && set.lro !== true) found.fine.push("offloads");
}

function judgeXdp({ driver, xdp }: Record<string, unknown>, found: Findings): void {
  if (typeof xdp !== "object" || xdp === null) {
    found.unknown.push("XDP (engine=xdp tries, and says what it got)");
  } else {
    const { native, zero_copy } = xdp as Record<string, unknown>;
    if (native === true) {
      found.fine.push(`XDP in the driver${zero_copy === true ? ", zero-copy" : " (copying)"}`);
    } else found.notes.push("The driver has no XDP of its own: engine=xdp takes the kernel's generic mode.");
  }
  if (driver === "veth") {
    found.notes.push(
      "veth: frames that XDP sends back (echo --xdp) arrive at the other end only while that has " +
        "an XDP program, too.",
    );
  }
}

/** Numbers of a part of what the driver reports. */
function figures(part: unknown): (key: string) => number | null {
  const values = typeof part === "object" && part !== null ? part as Record<string, unknown> : {};
  return (key) => typeof values[key] === "number" ? values[key] as number : null;
}

/** A mask of processors as the kernel reads it: words of 32 bits in hexadecimal, with commas between. */
function cpuMask(cpus: readonly number[]): string {
  const mask = cpus.reduce((sum, cpu) => sum | 1n << BigInt(cpu), 0n).toString(16);
  const padded = mask.padStart(Math.ceil(mask.length / 8) * 8, "0");
  return padded.match(/.{8}/g)!.join(",").replace(/^0+(?=.)/, "");
}
