/**
 * Benchmark of bulk transfer: stream and stream_target against iperf3 (with and without -Z) and bare loops in C with the same
 * calls, all on this machine's loopback, in turn, with the medians, and ratios pair by pair with their quartiles. Prints Markdown.
 *
 *     deno run -A bench/stream.ts [--repetitions 10] [--seconds 1] [--only one,four,threads,both,trunc,udp]
 *
 * Needs two processors, gcc, make and iperf3. Nothing else should run on the machine. Where the programs run is the scheduler's
 * choice, for all of them alike.
 *
 * @module
 */

import { buildPrograms, run } from "./command.ts";
import { median, quartiles } from "./figures.ts";
import { option } from "./option.ts";

const ROOT = new URL("..", import.meta.url).pathname;
const BARE = `${ROOT}build/bench/stream_bare`;
const DRIVE = `${ROOT}build/drive`;
const PLUGINS = `${ROOT}build/plugins`;
/** No command takes longer. */
const DEADLINE_MS = 60_000;
/** As the pump has them (tests_c/lib/serve/ipb_pump.h). */
const SEND_BYTES = 128 << 10, RECEIVE_BYTES = 1 << 20, LEAST_BYTES = 512 << 10;
const DATAGRAM_BYTES = 1400;

const repetitions = Number(option("repetitions", "10"));
const seconds = Number(option("seconds", "1"));
const only = option("only", "one,four,threads,both,trunc,udp").split(",");
let port = 21000 + Deno.pid % 5000;

/** Runs a server beside the body, which ends by itself. */
async function beside<T>(server: [string, ...string[]], body: () => Promise<T>): Promise<[T, string]> {
  const [command, ...args] = server;
  const child = new Deno.Command(command, { args, stdout: "piped", stderr: "null", stdin: "null" }).spawn();
  const killer = setTimeout(() => child.kill("SIGKILL"), DEADLINE_MS);
  await new Promise((resolve) => setTimeout(resolve, 250));
  try {
    const value = await body();
    return [value, new TextDecoder().decode((await child.output()).stdout)];
  } finally {
    clearTimeout(killer);
  }
}

interface Row {
  rates: { received_bps: number };
}

/** Goodput of stream, in Gbit/s; of both ends with so many threads (0: the default). */
async function ours(args: string, threads = 0): Promise<number> {
  const at = String(++port);
  const target: [string, ...string[]] = [
    DRIVE,
    ...[
      "-q",
      "-s",
      String(seconds + 2),
      `${PLUGINS}/stream_target.so`,
      `port=${at},ip=127.0.0.1,threads=${threads}`,
    ],
  ];
  const [text] = await beside(
    target,
    () =>
      run(
        DRIVE,
        `${PLUGINS}/stream.so`,
        "127.0.0.1",
        at,
        `duration=${seconds},warmup=0.3,limit_cpu=100%,threads=${threads},${args}`,
      ),
  );
  return (JSON.parse(text.split("\n")[0]!) as Row).rates.received_bps / 1e9;
}

/** The same of iperf3: what its receivers got, without the first 0.3 s. */
async function iperf3(...args: string[]): Promise<number> {
  const at = String(++port);
  const [text] = await beside(
    ["iperf3", "-s", "-1", "-p", at],
    () =>
      run(
        "iperf3",
        "-c",
        "127.0.0.1",
        "-p",
        at,
        "-J",
        "-t",
        String(Math.max(1, Math.round(seconds + 0.3))),
        ...args,
      ),
  );
  const { end } = JSON.parse(text);
  const reverse = end.sum_received_bidir_reverse?.bits_per_second ?? 0;
  if (args.includes("-u")) {
    const sum = end.sum_received ?? end.sum;
    return (sum.packets - sum.lost_packets) * DATAGRAM_BYTES * 8 / sum.seconds / 1e9;
  }
  return (end.sum_received.bits_per_second + reverse) / 1e9;
}

/** Bare loops, so many pairs at a time. */
async function bare(kind: "tcp" | "udp", mode: "copy" | "trunc", pairs: number): Promise<number> {
  const [sink, source] = kind === "tcp" ? ["sink", "source"] : ["usink", "usource"];
  const sizes = kind === "tcp" ? [RECEIVE_BYTES, SEND_BYTES] : [DATAGRAM_BYTES, DATAGRAM_BYTES];
  const each = Array.from({ length: pairs }, async () => {
    const at = String(++port);
    const [, text] = await beside(
      [BARE, sink!, at, String(sizes[0]), String(seconds), mode, String(LEAST_BYTES)],
      () => run(BARE, source!, at, String(sizes[1]), String(seconds + 0.5)).catch(() => ""),
    );
    return Number(text.trim()) / 1e9;
  });
  return (await Promise.all(each)).reduce((a, b) => a + b, 0);
}

type Way = { name: string; aim: string; run: () => Promise<number> };

/** Everything in turn, each time in another order; ours is the first. */
async function compare(what: string, ways: Way[]): Promise<string[]> {
  const found = ways.map((): number[] => []);
  for (let i = 0; i < repetitions; i++) {
    for (let k = 0; k < ways.length; k++) {
      const n = (i + k) % ways.length;
      found[n]!.push(await ways[n]!.run());
    }
  }
  const best = Array.from(
    { length: repetitions },
    (_, i) => Math.max(...ways.flatMap(({ name }, n) => name.startsWith("iperf3") ? [found[n]![i]!] : [])),
  );
  const rows = ways.slice(1).map(({ name, aim }, n) => line(what, name, aim, found[0]!, found[n + 1]!));
  if (ways.filter(({ name }) => name.startsWith("iperf3")).length > 1) {
    rows.push(line(what, "the best of iperf3", what.includes("trunc") ? "≥ 1.2" : "≥ 1.0", found[0]!, best));
  }
  for (const row of rows) console.error(row);
  return rows;
}

function line(what: string, name: string, aim: string, mine: number[], theirs: number[]): string {
  const ratios = mine.map((value, i) => value / theirs[i]!);
  const [own, other, ratio] = [mine, theirs, ratios].map((values) => median(values).toFixed(2));
  return `| ${what} | ${own} | ${name} | ${other} | ${ratio} (${quartiles(ratios, 2)}) | ${aim} |`;
}

const peers = (...args: string[]): Way[] => [
  { name: "iperf3", aim: "", run: () => iperf3(...args) },
  { name: "iperf3 -Z", aim: "", run: () => iperf3(...args, "-Z") },
];

const cases: Record<string, [string, Way[]]> = {
  one: ["TCP, one stream", [
    { name: "ours", aim: "", run: () => ours("direction=up") },
    { name: "bare loop, same calls", aim: "≥ 0.95", run: () => bare("tcp", "copy", 1) },
    ...peers(),
  ]],
  trunc: ["TCP, one stream, copy=0 (trunc)", [
    { name: "ours", aim: "", run: () => ours("direction=up,copy=0") },
    { name: "bare loop, same calls", aim: "≥ 0.95", run: () => bare("tcp", "trunc", 1) },
    ...peers(),
  ]],
  four: ["TCP, four streams", [
    { name: "ours", aim: "", run: () => ours("streams=4") },
    { name: "four bare loops, same calls", aim: "≥ 0.95", run: () => bare("tcp", "copy", 4) },
    ...peers("-P", "4"),
  ]],
  threads: ["TCP, four streams, two threads", [
    { name: "ours", aim: "", run: () => ours("streams=4", 2) },
    { name: "four bare loops, same calls", aim: "≥ 0.95", run: () => bare("tcp", "copy", 4) },
    ...peers("-P", "4"),
  ]],
  both: ["TCP, both directions", [
    { name: "ours", aim: "", run: () => ours("direction=both") },
    // One each way; over loopback they are alike.
    { name: "two bare loops, same calls", aim: "≥ 0.95", run: () => bare("tcp", "copy", 2) },
    ...peers("--bidir"),
  ]],
  udp: [`UDP, ${DATAGRAM_BYTES} bytes`, [
    { name: "ours", aim: "", run: () => ours(`udp=1,size=${DATAGRAM_BYTES}`) },
    { name: "bare loop with GSO and GRO", aim: "≥ 0.95", run: () => bare("udp", "copy", 1) },
    { name: "iperf3", aim: "≥ 1.0", run: () => iperf3("-u", "-b", "0", "-l", String(DATAGRAM_BYTES)) },
  ]],
};

await buildPrograms();
const rows: string[] = [];
for (const name of only) {
  const [what, ways] = cases[name] ?? [];
  if (what === undefined || ways === undefined) {
    throw new Error(`--only knows ${Object.keys(cases).join(",")}`);
  }
  rows.push(...await compare(what, ways));
}
console.log(
  "| what | ours, Gbit/s | against | Gbit/s | ratio (quartiles) | aim |\n|---|---|---|---|---|---|",
);
console.log(rows.join("\n"));
