/**
 * XDP on a veth against bare loops and programs, alternated, with ratios and their spread. Prints Markdown.
 *
 *     deno run -A bench/xdp.ts [--repetitions 10] [--seconds 1] [--only send,load,inject,echo,cost,latency]
 *         [--rt PRIORITY]
 *
 * Needs two processors (one for each end), gcc, make, root and iproute2. Nothing else should run on the machine.
 *
 * @module
 */

import { buildPrograms } from "./command.ts";
import { median, quartiles } from "./figures.ts";
import { option } from "./option.ts";

const ROOT = new URL("..", import.meta.url).pathname;
const BARE = `${ROOT}build/bench/engine_bare_xdp`;
const DRIVE = `${ROOT}build/drive`;
const PLUGINS = `${ROOT}build/plugins`;
/** No command takes longer. */
const DEADLINE_MS = 60_000;
/** How long a server takes to be ready. */
const START_MS = 400;
/** More than can be sent. */
const RATE = 4e6;
/** At which the processor's time a packet is measured: what every echo keeps up with. */
const COST_RATE = 100e3;

const repetitions = Number(option("repetitions", "10"));
const seconds = Number(option("seconds", "1"));
const only = option("only", "send,load,inject,echo,cost,latency").split(",");

/** Real-time priority of both ends where round trips are measured, so that other work on the machine is less of them; 0: none. */
const rt = option("rt", "0");

async function run(...words: string[]): Promise<string> {
  const [command = "", ...args] = words;
  const { success, stdout, stderr } = await new Deno.Command(command, {
    args,
    stdin: "null",
    signal: AbortSignal.timeout(DEADLINE_MS),
  }).output();
  const text = new TextDecoder().decode(stdout);
  if (!success && text === "") throw new Error(`${words.join(" ")}: ${new TextDecoder().decode(stderr)}`);
  return text;
}

const space = `ipbx${Deno.pid}`, near = `vx${Deno.pid}a`, far = `vx${Deno.pid}b`;
const inside = ["ip", "netns", "exec", space];

/** Has a program run at the far end, on processor 1, during the body. */
async function opposite<T>(words: string[], body: () => Promise<T>): Promise<T> {
  const [command = "", ...args] = [...inside, "taskset", "-c", "1", ...words];
  const child = new Deno.Command(command, { args, stdin: "null", stdout: "null", stderr: "null" }).spawn();
  await new Promise((resolve) => setTimeout(resolve, START_MS));
  try {
    return await body();
  } finally {
    child.kill("SIGTERM");
    await child.status;
  }
}

/** Seconds that an echo of ours is driven: it is ended when the body is over. */
const FOREVER = "600";
const echo = (...args: string[]) => [DRIVE, "-q", "-s", FOREVER, `${PLUGINS}/echo.so`, args.join(",")];

interface Result {
  rates: { sent_bps: number; received_bps: number };
  metrics: { name: string; value: number }[];
}

/** The result that a plugin of ours has printed. */
const resultIn = (text: string) =>
  JSON.parse(text.split("\n").find((line) => line.startsWith("{")) ?? text) as Result;

/** Frames a second that discard has the kernel send in its measured phase, as far as the interface sent them. */
async function injected(mac: string, size: number): Promise<number> {
  const args = `socktype=raw,iface=${near},engine=inject,size=${size},bps=${RATE * size * 8},` +
    `duration=${seconds},warmup=0.2,cooldown=0`; // at its limit, it is 0.1 s behind from then on
  const { metrics } = resultIn(
    await run("taskset", "-c", "0", DRIVE, `${PLUGINS}/discard.so`, mac, "0", args),
  );
  const value = (name: string) => metrics.find((metric) => metric.name === name)?.value ?? NaN;
  if (value("interface_sent") + value("interface_dropped") !== value("packets_all_phases")) {
    throw new Error(`the interface counted others than the kernel made: ${JSON.stringify(metrics)}`);
  }
  return value("sent_packets") / seconds * value("interface_sent") / value("packets_all_phases");
}

/** A tester of ours on processor 0: frames a second that it sent, and that came back. */
async function ours(
  mac: string,
  engine: string,
  size: number,
  rate = RATE,
): Promise<{ sent: number; back: number }> {
  const args = `socktype=raw,iface=${near},engine=${engine},size=${size},bps=${rate * size * 8},` +
    `duration=${seconds},warmup=0,cooldown=0,noise=0,keep_samples=0,drain=${2 * seconds},late=0`;
  const text = await run("taskset", "-c", "0", DRIVE, `${PLUGINS}/latency.so`, mac, "0", args);
  const { rates } = resultIn(text);
  return { sent: rates.sent_bps / size / 8, back: rates.received_bps / size / 8 };
}

const bare = async (what: string, mac: string, size: number) =>
  Number(await run("taskset", "-c", "0", BARE, what, near, mac, String(size), String(seconds)));

const rows: string[] = [];

/** One line: ours against theirs, run in turn. */
async function compare(
  what: string,
  unit: string,
  aim: string,
  mine: () => Promise<number>,
  theirs: () => Promise<number>,
): Promise<void> {
  const a: number[] = [], b: number[] = [];
  for (let i = 0; i < repetitions; i++) {
    if (i % 2 === 0) a.push(await mine());
    b.push(await theirs());
    if (i % 2 === 1) a.push(await mine());
  }
  const ratios = a.map((value, i) => value / (b[i] ?? NaN));
  const row = `| ${what} | ${median(a).toFixed(0)} | ${median(b).toFixed(0)} | ${unit} | ` +
    `${median(ratios).toFixed(3)} (${quartiles(ratios)}) | ${aim} |`;
  rows.push(row);
  console.error(row);
}

/** Nanoseconds on a processor of the far end's threads: that of its receive queue, and the echo's. */
async function timeOf(pattern: RegExp): Promise<number> {
  let total = 0;
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const said = Deno.readTextFileSync(`/proc/${name}/comm`) +
        Deno.readTextFileSync(`/proc/${name}/cmdline`);
      if (!pattern.test(said)) continue;
      for (const { name: task } of Deno.readDirSync(`/proc/${name}/task`)) {
        total += Number(Deno.readTextFileSync(`/proc/${name}/task/${task}/schedstat`).split(" ")[0]);
      }
    } catch {
      // It has ended.
    }
  }
  return await Promise.resolve(total);
}

/** Nanoseconds a packet that the far end costs at COST_RATE, its receive queue on a thread of its own. */
async function costOf(mac: string, words: string[], size: number): Promise<number> {
  return await opposite(words, async () => {
    await run(...inside, "sh", "-c", `echo 1 > /sys/class/net/${far}/threaded`);
    for (const pid of (await run("pgrep", "-f", `napi/${far}`)).trim().split("\n")) {
      await run("taskset", "-p", "-c", "1", pid);
    }
    const threads = new RegExp(`napi/${far}|echo\\.so`);
    const before = await timeOf(threads);
    const { back } = await ours(mac, "mmsg", size, COST_RATE);
    const packets = back * seconds;
    const spent = await timeOf(threads) - before;
    await run(...inside, "sh", "-c", `echo 0 > /sys/class/net/${far}/threaded`);
    return spent / packets;
  });
}

const NEAR_ADDRESS = "198.18.9.1", FAR_ADDRESS = "198.18.9.2", PORT = "7";

/** Ways to measure round trips: arguments, and where they are stamped. */
const LATENCY_WAYS = {
  "UDP, single calls": "socktype=udp,engine=socket",
  "UDP, single calls, the kernel's stamps, too": "socktype=udp,engine=socket,timestamps=kernel",
  "UDP, batches": "socktype=udp,engine=mmsg",
  "UDP, AF_XDP": "socktype=udp,engine=xdp",
  "raw, single calls": `socktype=raw,iface=${near},engine=socket`,
  "raw, single calls, the kernel's stamps, too": `socktype=raw,iface=${near},engine=socket,timestamps=kernel`,
  "raw, ring": `socktype=raw,iface=${near},engine=ring`,
  "raw, AF_XDP": `socktype=raw,iface=${near},engine=xdp`,
};

type Summary = { min_ns: number; p50_ns: number; p99_ns: number };

/** Round trips of each way to one socket echo, in turn: the least 50th and 99th percentile of the repetitions, the quietest one's. */
async function latencies(mac: string): Promise<string[]> {
  const names = Object.keys(LATENCY_WAYS) as (keyof typeof LATENCY_WAYS)[];
  const seen = new Map(names.map((name) => [name, { user: [] as Summary[], kernel: [] as Summary[] }]));
  for (let i = 0; i < repetitions; i++) {
    for (let k = 0; k < names.length; k++) {
      const name = names[(i + k) % names.length]!, way = LATENCY_WAYS[name];
      const args =
        `${way},bps=2M,size=64,duration=${seconds},warmup=0.1,cooldown=0,noise=0,keep_samples=0,rt=${rt}`;
      const target = way.includes("raw") ? mac : FAR_ADDRESS;
      const text = await run("taskset", "-c", "0", DRIVE, `${PLUGINS}/latency.so`, target, PORT, args);
      const { latency, layers } = resultIn(text) as unknown as {
        latency: { service: Summary | null };
        layers: { wire?: Summary | null };
      };
      if (latency.service !== null) seen.get(name)!.user.push(latency.service); // null: the machine stood still
      if (layers.wire) seen.get(name)!.kernel.push(layers.wire);
    }
  }
  const figure = (summaries: Summary[], key: keyof Summary) =>
    summaries.length > 0 ? (Math.min(...summaries.map((one) => one[key])) / 1000).toFixed(1) : "";
  return [...seen].map(([name, { user, kernel }]) =>
    `| ${name} | ${figure(user, "min_ns")} | ${figure(user, "p50_ns")} | ${figure(user, "p99_ns")} | ${
      figure(kernel, "p50_ns")
    } | ${figure(kernel, "p99_ns")} |`
  );
}

async function measure(mac: string): Promise<void> {
  const turn = [BARE, "turn", far],
    inDriver = echo(`xdp=${far}`, `raw=${far}`),
    bySocket = echo(`raw=${far}`);
  for (const size of [64, 1514]) {
    if (only.includes("send")) {
      await compare(
        `AF_XDP, sent on veth, ${size} B, bare loop`,
        "frames/s",
        "≥ 0.95",
        async () => (await ours(mac, "xdp", size)).sent,
        () => bare("send", mac, size),
      );
      await compare(
        `AF_XDP, sent on veth, ${size} B, our ring`,
        "frames/s",
        "",
        async () => (await ours(mac, "xdp", size)).sent,
        async () => (await ours(mac, "ring", size)).sent,
      );
    }
    if (only.includes("load")) {
      await opposite(turn, () =>
        compare(
          `AF_XDP there and back, bare XDP_TX, ${size} B, bare loop`,
          "frames/s",
          "≥ 0.95",
          async () => (await ours(mac, "xdp", size)).back,
          () => bare("load", mac, size),
        ));
    }
    if (only.includes("inject")) {
      await opposite([BARE, "pass", far], () =>
        compare(
          `discard by the kernel's frames, ${size} B, bare BPF_PROG_RUN`,
          "frames/s",
          "≥ 0.9",
          () => injected(mac, size),
          () => bare("inject", mac, size),
        ));
    }
    if (only.includes("echo")) {
      const by = (words: string[]) => () => opposite(words, () => bare("load", mac, size));
      await compare(
        `echo in the driver, ${size} B, bare XDP_TX`,
        "frames/s",
        "≥ 0.95",
        by(inDriver),
        by(turn),
      );
      await compare(`echo in the driver, ${size} B, socket echo`, "frames/s", "", by(inDriver), by(bySocket));
    }
    if (only.includes("cost")) {
      const by = (words: string[]) => () => costOf(mac, words, size);
      const pass = [BARE, "pass", near];
      const child = new Deno.Command(pass[0]!, { args: pass.slice(1), stdin: "null", stdout: "null" })
        .spawn();
      await new Promise((resolve) => setTimeout(resolve, START_MS));
      await run(...inside, "ethtool", "-K", far, "gro", "on");
      await compare(
        `echo in the driver, ${size} B, socket echo`,
        "ns a packet",
        "",
        by(inDriver),
        by(bySocket),
      );
      child.kill("SIGTERM");
      await child.status;
    }
  }
}

async function main(): Promise<void> {
  await run("taskset", "-a", "-p", "-c", "1", String(Deno.pid));
  await buildPrograms();
  await run("ip", "netns", "add", space);
  try {
    await run("ip", "link", "add", near, "type", "veth", "peer", "name", far, "netns", space);
    await run("ip", "link", "set", near, "up");
    await run("ip", "-n", space, "link", "set", far, "up");
    // Nothing is counted but what is measured.
    Deno.writeTextFileSync(`/proc/sys/net/ipv6/conf/${near}/disable_ipv6`, "1");
    await run(...inside, "sysctl", "-q", `net.ipv6.conf.${far}.disable_ipv6=1`);
    const mac = (await run(...inside, "cat", `/sys/class/net/${far}/address`)).trim();
    await measure(mac);
    if (only.includes("latency")) {
      await run("ip", "addr", "add", `${NEAR_ADDRESS}/30`, "dev", near);
      await run("ip", "-n", space, "addr", "add", `${FAR_ADDRESS}/30`, "dev", far);
      const lines = await opposite(
        echo(`udp=${PORT}`, `ip=${FAR_ADDRESS}`, `raw=${far}`),
        () => latencies(mac),
      );
      console.log(
        "| round trips, µs | least | p50 | p99 | p50 by the kernel | p99 by the kernel |\n|---|---|---|---|---|---|",
      );
      console.log(lines.join("\n"));
    }
  } finally {
    await run("ip", "netns", "del", space);
  }
  if (rows.length === 0) return;
  console.log(
    "| what, against | ours | theirs | unit | ratio (quartiles) | aim |\n|---|---|---|---|---|---|",
  );
  console.log(rows.join("\n"));
}

await main();
