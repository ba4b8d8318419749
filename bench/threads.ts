/**
 * Several threads of one tester: what two of them send against one, beside a bare loop with one and two threads, in turn;
 * whether their counts are the interface's; what they cost each other (false sharing); and what a packet costs by stage, in
 * cycles of the time stamp counter, with a projection to more processors. Prints Markdown, fails when an aim is missed.
 *
 *     deno run -A bench/threads.ts [--repetitions 8] [--seconds 0.6] [--only rate,counts,sharing,stages]
 *
 * Needs root (it makes a network namespace of its own), iproute2, gcc and make, and two processors. Packets go to the other end
 * of a veth pair with two queues, where the IP layer drops them, since they are addressed to nobody: on the processor that sent
 * them, so that no other end is the limit.
 *
 * @module
 */
import { buildPrograms, run } from "./command.ts";
import { median, quartiles } from "./figures.ts";
import { option } from "./option.ts";

const ROOT = new URL("..", import.meta.url).pathname;
const BUILT = `${ROOT}build/bench`;
const DRIVE = `${ROOT}build/drive`;
const NEAR = "bench0";
const FAR = "bench1";
const TARGET = "198.18.7.2";

const repetitions = Number(option("repetitions", "8"));
const seconds = Number(option("seconds", "0.6"));
const only = option("only", "rate,counts,sharing,stages").split(",");

if (Deno.env.get("IPBENCH_BENCH_INSIDE") === undefined) {
  const { code } = await new Deno.Command("unshare", {
    args: ["--net", Deno.execPath(), "run", "-A", "--no-check", import.meta.filename!, ...Deno.args],
    env: { IPBENCH_BENCH_INSIDE: "1" },
  }).spawn().status;
  Deno.exit(code);
}

/** A pair of interfaces; packets for TARGET have a hardware address that the other end does not have. */
async function makeLink(): Promise<void> {
  const queues = ["numtxqueues", "2", "numrxqueues", "2"];
  await run("ip", "link", "add", NEAR, ...queues, "type", "veth", "peer", "name", FAR, ...queues);
  for (const name of [NEAR, FAR]) {
    Deno.writeTextFileSync(`/proc/sys/net/ipv6/conf/${name}/disable_ipv6`, "1");
    await run("ip", "link", "set", name, "up");
  }
  await run("ip", "addr", "add", "198.18.7.1/24", "dev", NEAR);
  await run("ip", "link", "set", "lo", "up");
  await run("ip", "neigh", "add", TARGET, "lladdr", "02:00:00:00:00:02", "dev", NEAR);
}

interface Sent {
  measured: number;
  all: number;
  pps: number;
}

/** What discard sends, as fast as it goes or at a rate, with so many threads. */
async function discard(threads: number, bps: string): Promise<Sent> {
  const args =
    `socktype=udp,bps=${bps},size=64,warmup=0.1,duration=${seconds},cooldown=0.05,threads=${threads}`;
  const text = await run(DRIVE, `${ROOT}build/plugins/discard.so`, TARGET, "9", `${args},cpus=0-1`);
  const line = text.split("\n").find((one) => one.startsWith("{")) ?? "{}";
  const { metrics } = JSON.parse(line) as { metrics: { name: string; value: number }[] };
  const value = (name: string) => metrics.find((metric) => metric.name === name)?.value ?? NaN;
  const measured = value("sent_packets");
  return { measured, all: value("packets_all_phases"), pps: measured / seconds };
}

const bare = async (threads: number) =>
  Number(await run(`${BUILT}/threads_bare`, TARGET, "9", "64", String(seconds), String(threads)));

/** Packets that left by the near interface, or would have. */
async function sentByInterface(): Promise<number> {
  const [link] = JSON.parse(await run("ip", "-s", "-j", "link", "show", "dev", NEAR)) as {
    stats64: { tx: { packets: number; dropped: number } };
  }[];
  return link!.stats64.tx.packets + link!.stats64.tx.dropped;
}

let missed = 0;
function aim(met: boolean): string {
  if (!met) missed++;
  return met ? "" : " missed";
}

async function rate(): Promise<void> {
  const ours: [number[], number[]] = [[], []], theirs: [number[], number[]] = [[], []];
  for (let i = 0; i < repetitions; i++) {
    for (const n of i % 2 === 0 ? [0, 1] : [1, 0]) {
      ours[n as 0 | 1].push((await discard(n + 1, "100G")).pps);
      theirs[n as 0 | 1].push(await bare(n + 1));
    }
  }
  const ratio = (of: [number[], number[]]) => of[1].map((value, i) => value / (of[0][i] ?? NaN));
  console.log("| packets/s, 64 B UDP | 1 thread | 2 threads | ratio (quartiles) | aim |");
  console.log("| --- | --- | --- | --- | --- |");
  const met = median(ratio(ours)) >= Math.min(1.8, 0.97 * median(ratio(theirs)));
  for (
    const [name, of, wanted] of [["discard", ours, `≥ 1.8${aim(met)}`], ["bare loop", theirs, ""]] as const
  ) {
    const [one, two] = [median(of[0]), median(of[1])];
    console.log(
      `| ${name} | ${one.toFixed(0)} | ${two.toFixed(0)} | ${median(ratio(of)).toFixed(3)} (${
        quartiles(ratio(of))
      }) | ${wanted} |`,
    );
  }
}

async function counts(): Promise<void> {
  console.log("\n| threads | packets that discard says it sent, all phases | that the interface sent | |");
  console.log("| --- | --- | --- | --- |");
  for (const threads of [1, 2, 4, 8]) {
    for (const bps of ["20M", "100G"]) {
      const before = await sentByInterface();
      const { all } = await discard(threads, bps);
      const sent = await sentByInterface() - before;
      const verdict = all === sent ? "exact" : `${all - sent} off`;
      console.log(`| ${threads}, ${bps} | ${all} | ${sent} | ${verdict}${aim(all === sent)} |`);
    }
  }
}

async function sharing(): Promise<void> {
  type Costs = Record<string, { alone_ns: number; together_ns: number; ratio: number }>;
  const costs = JSON.parse(await run(`${BUILT}/threads_sharing`)) as Costs;
  console.log("\n| what each of two threads writes | alone, ns | both at once, ns | ratio | aim |");
  console.log("| --- | --- | --- | --- | --- |");
  const names = {
    one_line: "a counter, both in one cache line (control)",
    apart: "a counter, 128 bytes apart",
    engines: "an engine: header, record, reply, three histograms, series",
    processes: "the same in two processes, which share no memory (control)",
  };
  for (const [key, what] of Object.entries(names)) {
    const { alone_ns, together_ns, ratio } = costs[key]!;
    const most = 1.08 * (key === "engines" ? costs["processes"]!.ratio : 1);
    const wanted = key === "one_line" ? "> 2" : key === "engines" ? `≤ ${most.toFixed(2)}` : "";
    const met = key === "one_line" ? ratio > 2 : key !== "engines" || ratio <= most;
    console.log(
      `| ${what} | ${alone_ns.toFixed(1)} | ${together_ns.toFixed(1)} | ${ratio.toFixed(2)} | ${wanted}${
        aim(met)
      } |`,
    );
  }
}

async function stages(): Promise<void> {
  type Stage = { stage: string; ns: number; cycles: number };
  const { ghz, stages } = JSON.parse(await run(`${BUILT}/threads_stages`, TARGET, "9")) as {
    ghz: number;
    stages: Stage[];
  };
  console.log(
    `\n| stage (time stamp counter at ${ghz.toFixed(3)} GHz) | ns a packet | cycles |\n| --- | --- | --- |`,
  );
  for (const { stage, ns, cycles } of stages) {
    console.log(`| ${stage} | ${ns.toFixed(1)} | ${cycles.toFixed(0)} |`);
  }
}

await buildPrograms();
await makeLink();
if (only.includes("rate")) await rate();
if (only.includes("counts")) await counts();
if (only.includes("sharing")) await sharing();
if (only.includes("stages")) await stages();
if (missed > 0) {
  console.error(`${missed} aims were missed`);
  Deno.exit(1);
}
