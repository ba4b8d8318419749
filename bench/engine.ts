/**
 * Benchmarks of the measurement engine against a bare loop on the same sockets, sockperf and iperf3, alternated, with
 * ratios and their spread. Prints Markdown.
 *
 *     deno run -A bench/engine.ts [--repetitions 10] [--seconds 1] [--rt PRIORITY] [--old FOLDER]
 *         [--only udp,ping,gso,ring,lateness,cost,verdict]
 *
 * With --old, the engine of another checkout that has been built is run in turn with this one's, and has rows of its own.
 *
 * Needs two processors (one for each side), gcc and make; root and iproute2 for `ring`; sockperf and iperf3 where they
 * are installed. Nothing else should run on the machine.
 *
 * @module
 */

import { buildPrograms, printed } from "./command.ts";
import { median, quartiles } from "./figures.ts";
import { option } from "./option.ts";

const ROOT = new URL("..", import.meta.url).pathname;
const BARE = `${ROOT}build/bench/engine_bare`;
const COST = `${ROOT}build/bench/engine_cost`;
const IPBENCH = `${ROOT}dist/ipbench`;
/** How long the program takes to be ready, generously. */
const IPBENCH_START_MS = 2_000;
const PORT = 17100;

const repetitions = Number(option("repetitions", "10"));
const seconds = Number(option("seconds", "1"));
/** With --rt 10 both sides run before everything else: for machines that are not quiet. */
const priority = option("rt", "") === "" ? [] : ["chrt", "-f", option("rt", "")];
/** The folders whose engine is measured: this checkout, and an older one. */
const THIS = ROOT.replace(/\/$/, "");
const old = option("old", "").replace(/\/$/, "");
const only = option("only", "udp,ping,gso,ring,lateness,cost,verdict").split(",");

if (Deno.args.some((arg) => arg === "--help" || arg === "-h")) {
  console.log(
    "bench/engine.ts [--repetitions 10] [--seconds 1] [--rt PRIORITY] [--old FOLDER]\n" +
      "    [--only udp,ping,gso,ring,lateness,cost,verdict]",
  );
  Deno.exit(0);
}

/** Runs on one processor. */
const onCpu = (cpu: number, ...command: string[]) =>
  printed("taskset", "-c", String(cpu), ...priority, ...command);

/** Starts a server on processor 1, gives it time, runs the body, ends the server and gives what it printed. */
async function withServer<T>(command: string[], body: () => Promise<T>, startMs = 300): Promise<[T, string]> {
  const child = new Deno.Command("taskset", {
    args: ["-c", "1", ...priority, ...command],
    stdout: "piped",
    stderr: "null",
    stdin: "null",
  })
    .spawn();
  await new Promise((resolve) => setTimeout(resolve, startMs));
  try {
    const value = await body();
    child.kill("SIGTERM");
    return [value, new TextDecoder().decode((await child.output()).stdout)];
  } catch (error) {
    child.kill("SIGKILL");
    await child.output();
    throw error;
  }
}

interface Result {
  counts: { sent: number };
  rates: { sent_bps: number; received_bps: number };
  latency: { service: { p50_ns: number } };
  pacing: { lateness: Record<string, number>; achieved_pps: number; requested_pps: number };
  reasons: { level: string; code: string }[];
}

/** Runs latency of the build in `folder`. */
async function ours(target: string, port: number, args: string, folder = THIS): Promise<Result> {
  const text = await onCpu(
    0,
    `${folder}/build/drive`,
    `${folder}/build/plugins/latency.so`,
    target,
    String(port),
    `cooldown=0,noise=0,keep_samples=0,${args}`,
  );
  return JSON.parse(text.split("\n").find((line) => line.startsWith("{")) ?? text) as Result;
}

const rows: string[] = [];

/** One line: ours against theirs, run in turn; with --old a second one: ours against the older build's. */
async function compare(
  what: string,
  unit: string,
  aim: string,
  mine: (folder: string) => Promise<number>,
  theirs: () => Promise<number>,
): Promise<void> {
  const a: number[] = [], b: number[] = [], older: number[] = [];
  for (let i = 0; i < repetitions; i++) {
    const first = i % 2 === 0;
    if (first) a.push(await mine(THIS));
    b.push(await theirs());
    if (!first) a.push(await mine(THIS));
    if (old !== "") older.push(await mine(old));
  }
  report(what, unit, aim, a, b);
  if (old !== "") report(`${what.split(",")[0]}, older build`, unit, "as before", a, older);
}

function report(what: string, unit: string, aim: string, a: number[], b: number[]): void {
  const ratios = a.map((value, i) => value / (b[i] ?? NaN));
  const row =
    `| ${what} | ${median(a).toFixed(0)} | ${median(b).toFixed(0)} | ${unit} | ${
      median(ratios).toFixed(3)
    } ` +
    `(${quartiles(ratios)}) | ${aim} |`;
  rows.push(row);
  console.error(row);
}

const numberIn = (text: string, pattern: RegExp) => Number(pattern.exec(text)?.[1] ?? NaN);
const exists = async (command: string) => (await printed("sh", "-c", `command -v ${command}`)) !== "";

async function udp(): Promise<void> {
  for (const size of [64, 1472]) {
    const rate = 2e6 * size * 8;
    const echoed = async (folder: string, echo: string[], args: string, startMs?: number) => {
      const load = `socktype=udp,size=${size},duration=${seconds},warmup=0.2,drain=0.2,late=0,${args}`;
      const [result] = await withServer(echo, () => ours("127.0.0.1", PORT, load, folder), startMs);
      return result.rates.received_bps / size / 8;
    };
    const mine = (folder: string) => echoed(folder, [BARE, "echo", String(PORT), "32"], `bps=${rate}`);
    await compare(`echoed ${size} B UDP, bare loop`, "packets/s", "≥ 0.9", mine, async () => {
      const [text] = await withServer(
        [BARE, "echo", String(PORT), "32"],
        () => onCpu(0, BARE, "load", String(PORT), String(size), String(seconds), "32"),
      );
      return numberIn(text, /^(\d+)/);
    });
    if (await exists("sockperf")) {
      await compare(
        `echoed ${size} B UDP, sockperf under-load --mps=max`,
        "packets/s",
        "> 1",
        mine,
        async () => {
          const [text] = await withServer([BARE, "echo", String(PORT), "32"], () =>
            onCpu(
              0,
              ...["sockperf", "under-load", "-i", "127.0.0.1", "-p", String(PORT), "-t", String(seconds)],
              ...["-m", String(size), "--mps=max", "--reply-every=1"],
            ));
          const took = numberIn(text, /RunTime=([\d.]+)/), got = numberIn(text, /ReceivedMessages=(\d+)/);
          return got / took;
        },
      );
    }
    if (await exists("iperf3")) {
      const echo = [IPBENCH, "echo", "--udp", String(PORT), "--ip", "127.0.0.1", "--trains"];
      const inTrains = (folder: string) =>
        echoed(folder, echo, `engine=gso,bps=${10 * rate}`, IPBENCH_START_MS);
      const theirs = async () => {
        const [text] = await withServer(
          ["iperf3", "-s", "-p", String(PORT + 2)],
          () =>
            onCpu(
              0,
              "iperf3",
              "-c",
              "127.0.0.1",
              "-p",
              String(PORT + 2),
              "-u",
              "-b",
              "0",
              "-l",
              String(size),
              "-t",
              String(Math.max(1, Math.round(seconds))), // it knows whole seconds only, and 0 has no end
              "-J",
            ),
        );
        const end = JSON.parse(text).end;
        const sum = end.sum_received ?? end.sum;
        return (sum.packets - sum.lost_packets) / sum.seconds;
      };
      await compare(`echoed ${size} B UDP, iperf3 one way (received)`, "packets/s", "> 1", mine, theirs);
      const what =
        `echoed ${size} B UDP in trains (engine=gso, ipbench echo --trains), iperf3 one way (received)`;
      await compare(what, "packets/s", "> 1", inTrains, theirs);
    }
  }
}

/**
 * Packets a second of ours: their distance is more than a round trip, so that one is outstanding at a time, and not many,
 * so that caches stay as warm as in a loop that waits for nothing else.
 */
const PING_PPS = 80e3;

async function ping(): Promise<void> {
  const echo = [BARE, "echo", String(PORT), "1"];
  const args = `socktype=udp,size=64,bps=${PING_PPS * 512},duration=${seconds},warmup=0.2`;
  const mine = async (folder: string) => {
    const [result] = await withServer(echo, () => ours("127.0.0.1", PORT, args, folder));
    return result.latency.service.p50_ns;
  };
  await compare("median RTT, bare ping-pong loop", "ns", "≤ 1.03", mine, async () => {
    const [text] = await withServer(echo, () => onCpu(0, BARE, "ping", String(PORT), "64", "50000"));
    return numberIn(text, /^(\d+)/);
  });
  if (!(await exists("sockperf"))) return;
  await compare("median RTT, sockperf ping-pong (its half doubled)", "ns", "≤ 1.03", mine, async () => {
    const [text] = await withServer(echo, () =>
      onCpu(
        0,
        ...["sockperf", "ping-pong", "-i", "127.0.0.1", "-p", String(PORT), "-t", String(seconds)],
        ...["-m", "64", "--nonblocked"],
      ));
    return numberIn(text, /percentile 50\.000 *= *([\d.]+)/) * 2000;
  });
}

/** Packets a second that arrived: what left within the time, less the share that did not arrive. */
function arrived(result: Result, size: number, received: number): number {
  return result.rates.sent_bps / size / 8 * received / result.counts.sent;
}

async function gso(): Promise<void> {
  for (const size of [64, 1472]) {
    const sink = async <T>(body: () => Promise<T>): Promise<[T, number]> => {
      const [value, text] = await withServer([BARE, "sink", String(PORT)], body);
      return [value, numberIn(text, /^(\d+)/)];
    };
    const rate = (size < 1000 ? 60e6 : 20e6) * size * 8; // more than can be sent
    const args =
      `socktype=udp,engine=gso,size=${size},bps=${rate},duration=${seconds},warmup=0,drain=3,late=0`;
    await compare(`GSO delivery, ${size} B, bare loop`, "packets/s", "≥ 0.9", async (folder) => {
      const [result, received] = await sink(() => ours("127.0.0.1", PORT, args, folder));
      return arrived(result, size, received);
    }, async () => {
      const [, received] = await sink(() =>
        onCpu(0, BARE, "gso", String(PORT), String(size), String(seconds))
      );
      return received / seconds;
    });
  }
}

async function ring(): Promise<void> {
  const space = `ipbb${Deno.pid}`, near = `vb${Deno.pid}a`, far = `vb${Deno.pid}b`;
  if (await printed("ip", "netns", "add", space) !== "") {
    return void console.error("ring: needs root and iproute2");
  }
  try {
    await printed("ip", "link", "add", near, "type", "veth", "peer", "name", far, "netns", space);
    await printed("ip", "link", "set", near, "up");
    await printed("ip", "-n", space, "link", "set", far, "up");
    const mac = (await printed("ip", "netns", "exec", space, "cat", `/sys/class/net/${far}/address`)).trim();
    const count = async () => Number(await printed("cat", `/sys/class/net/${near}/statistics/tx_packets`));
    for (const size of [64, 1514]) {
      const args = `socktype=raw,iface=${near},engine=ring,size=${size},bps=${4e6 * size * 8},` +
        `duration=${seconds},warmup=0,drain=3,late=0`;
      await compare(`AF_PACKET ring on veth, ${size} B, bare loop`, "frames/s", "≥ 0.9", async (folder) => {
        const before = await count();
        const result = await ours(mac, 0, args, folder);
        return arrived(result, size, await count() - before);
      }, async () => {
        const before = await count();
        await onCpu(0, BARE, "ring", near, mac, String(size), String(seconds));
        return (await count() - before) / seconds;
      });
    }
  } finally {
    await printed("ip", "link", "del", near);
    await printed("ip", "netns", "del", space);
  }
}

async function lateness(): Promise<void> {
  console.log(
    "\n| rate | rt | lateness p50 | p99 | p99.9 | max | rate error |\n|---|---|---|---|---|---|---|",
  );
  for (const rt of [0, 10]) for (const pps of [10e3, 50e3, 100e3]) await latenessAt(pps, rt);
}

/** Median over the repetitions of each figure, with the tester as an ordinary task (rt 0) or SCHED_FIFO. */
async function latenessAt(pps: number, rt: number): Promise<void> {
  const args = `socktype=udp,size=64,bps=${pps * 512},duration=${seconds},warmup=0.2,drain=0.2,rt=${rt}`;
  const all: Result[] = [];
  for (let i = 0; i < repetitions; i++) {
    const [result] = await withServer(
      [BARE, "echo", String(PORT), "1"],
      () => ours("127.0.0.1", PORT, args),
    );
    all.push(result);
  }
  const at = (key: string) =>
    `${(median(all.map((r) => r.pacing.lateness[key] ?? NaN)) / 1000).toFixed(2)} µs`;
  const error = median(all.map((r) => Math.abs(r.pacing.achieved_pps / r.pacing.requested_pps - 1)));
  console.log(
    `| ${pps / 1000} k/s | ${rt} | ${at("p50_ns")} | ${at("p99_ns")} | ${at("p999_ns")} | ${
      at("max_ns")
    } | ` +
      `${(error * 100).toFixed(4)} % |`,
  );
}

async function verdict(): Promise<void> {
  const args = `socktype=udp,size=64,bps=${10e3 * 512},duration=2,warmup=0.3,cpu=0`;
  const once = async () => {
    const [result] = await withServer([BARE, "echo", String(PORT), "1"], () => ours("127.0.0.1", PORT, args));
    return result.reasons.map((reason) => `${reason.level} ${reason.code}`).join(", ") || "VALID";
  };
  const quiet: string[] = [], burnt: string[] = [];
  for (let i = 0; i < 5; i++) {
    quiet.push(await once());
    const burner = new Deno.Command("taskset", { args: ["-c", "0", "sh", "-c", "while :; do :; done"] })
      .spawn();
    burnt.push(await once());
    burner.kill("SIGKILL");
    await burner.output();
  }
  console.log(
    `\nVerdicts, quiet: ${quiet.join("; ")}\n\nVerdicts, with a burner on the tester's processor: ${
      burnt.join("; ")
    }`,
  );
}

async function main(): Promise<void> {
  // This program's own threads stay off the processor that measures; what it starts chooses for itself.
  await printed("taskset", "-a", "-p", "-c", "1", String(Deno.pid));
  await buildPrograms();
  if (only.includes("cost")) console.log(await onCpu(0, COST));
  if (only.includes("udp")) await udp();
  if (only.includes("ping")) await ping();
  if (only.includes("gso")) await gso();
  if (only.includes("ring")) await ring();
  if (rows.length > 0) {
    console.log(
      "| what, against | ours | theirs | unit | ratio (quartiles) | aim |\n|---|---|---|---|---|---|",
    );
    console.log(rows.join("\n"));
  }
  if (only.includes("lateness")) await lateness();
  if (only.includes("verdict")) await verdict();
}

await main();
