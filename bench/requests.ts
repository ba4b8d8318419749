/**
 * Benchmarks of `rr`, `connections` and `http` against bare loops in C, sockperf and wrk, alternated, with ratios and their
 * spread. Prints Markdown; ends with 1 when a ratio's median misses its aim.
 *
 *     deno run -A bench/requests.ts [--repetitions 7] [--seconds 1] [--only rr,connections,http]
 *
 * Needs two processors (one for each side), gcc and what `scripts/build` made; sockperf, and wrk with nginx, where they are
 * installed. Nothing else should run on the machine.
 *
 * @module
 */

import { buildPrograms, printed } from "./command.ts";
import { median, quartiles } from "./figures.ts";
import { option } from "./option.ts";

const ROOT = new URL("..", import.meta.url).pathname;
const BARE = `${ROOT}build/bench/requests_bare`;
const DRIVE = `${ROOT}build/drive`;
const PORT = 17200;
const SIZE = 64;
const START_MS = 500;
const WARMUP_S = 0.2;

const repetitions = Number(option("repetitions", "7"));
const seconds = Number(option("seconds", "1"));
const only = option("only", "rr,connections,http").split(",");

/** Runs on processor 0; the server has the other. The affinity leaves one processor: wait=spin or cpu=0 has to be given. */
const onTester = (...command: string[]) => printed("taskset", "-c", "0", ...command);

async function isThere(command: string): Promise<boolean> {
  return (await printed("sh", "-c", `command -v ${command} || ls /usr/sbin/${command}`)).trim().startsWith(
    "/",
  );
}

/** Starts a server on processor 1, and ends it after the body. */
async function withServer(command: string[], body: () => Promise<void>): Promise<void> {
  const child = new Deno.Command("taskset", {
    args: ["-c", "1", ...command],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  await new Promise((resolve) => setTimeout(resolve, START_MS));
  try {
    await body();
  } finally {
    child.kill("SIGTERM");
    await child.status;
  }
}

/** What the test completed a second. With cpu=0 it places itself, and sees that there are two processors. */
async function ours(plugin: string, port: number, args: string): Promise<number> {
  const start = args.includes("cpu=0") ? printed : onTester;
  const text = await start(
    DRIVE,
    `${ROOT}build/plugins/${plugin}.so`,
    "127.0.0.1",
    String(port),
    `warmup=${WARMUP_S},cooldown=0,duration=${seconds},${args}`,
  );
  const json = text.split("\n").find((line) => line.startsWith("{"));
  if (json === undefined) throw new Error(text);
  const { metrics } = JSON.parse(json) as { metrics: { name: string; value: number }[] };
  return metrics.find(({ name }) => name === "completed_rate")!.value;
}

const firstNumber = (pattern: RegExp) => (text: string): number => {
  const found = Number(pattern.exec(text)?.[1]);
  if (!(found > 0)) throw new Error(text);
  return found;
};
const plain = firstNumber(/([\d.]+)/);

let missed = false;

/** Both sides in turn, the one first and then the other. */
async function compare(
  what: string,
  aim: number,
  mine: () => Promise<number>,
  theirs: () => Promise<number>,
): Promise<void> {
  const a: number[] = [], b: number[] = [], ratios: number[] = [];
  for (let i = 0; i < repetitions; i++) {
    const pair = i % 2 === 0
      ? [await mine(), await theirs()]
      : await theirs().then(async (their) => [await mine(), their]);
    a.push(pair[0]!);
    b.push(pair[1]!);
    ratios.push(pair[0]! / pair[1]!);
  }
  const middle = median(ratios).toFixed(3);
  missed ||= Number(middle) < aim;
  console.log(
    `| ${what} | ${median(a).toFixed(0)} | ${median(b).toFixed(0)} | ${middle} (${
      quartiles(ratios)
    }) | ≥ ${aim} |`,
  );
}

async function echoes(): Promise<void> {
  const port = PORT, text = String(port);
  const echo = [
    DRIVE,
    "-s",
    "600",
    `${ROOT}build/plugins/echo.so`,
    "x",
    "0",
    `tcp=${port},udp=${port},ip=127.0.0.1`,
  ];
  await withServer(echo, async () => {
    for (const proto of only.includes("rr") ? ["tcp", "udp"] : []) {
      await compare(
        `rr, ${SIZE} B ${proto.toUpperCase()}, one outstanding, bare ping-pong`,
        0.95,
        () => ours("rr", port, `wait=spin,proto=${proto},request=${SIZE}`),
        async () => plain(await onTester(BARE, "rr", proto, text, String(SIZE), String(seconds))),
      );
    }
    if (!only.includes("connections")) return;
    await compare(
      "connections, one at once, bare connect loop",
      0.95,
      () => ours("connections", port, "wait=spin,linger=0"),
      async () => plain(await onTester(BARE, "connections", text, String(seconds))),
    );
  });
}

async function sockperf(): Promise<void> {
  const server = ["sockperf", "server", "-i", "127.0.0.1", "-p", String(PORT + 1)];
  const client = [
    "sockperf",
    "ping-pong",
    "-i",
    "127.0.0.1",
    "-p",
    String(PORT + 1),
    "-m",
    String(SIZE),
    "-t",
  ];
  const echo = [DRIVE, "-s", "600", `${ROOT}build/plugins/echo.so`, "x", "0", `udp=${PORT + 2},ip=127.0.0.1`];
  await withServer(server, () =>
    withServer(echo, () =>
      compare(
        `rr, ${SIZE} B UDP, one outstanding, sockperf ping-pong with its own server`,
        0.95,
        () => ours("rr", PORT + 2, `wait=spin,proto=udp,request=${SIZE}`),
        async () => {
          const text = await onTester(...client, String(Math.max(1, Math.round(seconds))));
          const [, time, received] = /RunTime=([\d.]+) sec;.*ReceivedMessages=(\d+)/.exec(text) ?? [];
          if (received === undefined) throw new Error(text);
          return Number(received) / Number(time);
        },
      )));
}

async function http(): Promise<void> {
  const folder = await Deno.makeTempDir();
  const port = PORT + 3;
  await Deno.writeTextFile(`${folder}/index.html`, "x".repeat(612));
  await Deno.writeTextFile(
    `${folder}/conf`,
    `daemon off; worker_processes 1; pid ${folder}/pid; error_log ${folder}/errors; events { worker_connections 2000; }
http { access_log off; server { listen 127.0.0.1:${port}; root ${folder}; keepalive_requests 100000000; } }
`,
  );
  await Deno.chmod(folder, 0o755);
  const wrk = [
    "wrk",
    "-t",
    "1",
    "-d",
    `${Math.max(1, Math.round(seconds))}s`,
    `http://127.0.0.1:${port}/`,
    "-c",
  ];
  await withServer(["nginx", "-c", `${folder}/conf`, "-p", folder], async () => {
    for (const connections of ["10", "100"]) {
      await compare(
        `http, ${connections} kept connections at saturation, wrk with one thread`,
        1,
        () => ours("http", port, `cpu=0,connections=${connections}`),
        async () => firstNumber(/Requests\/sec:\s+([\d.]+)/)(await onTester(...wrk, connections)),
      );
    }
  });
  await Deno.remove(folder, { recursive: true });
}

await buildPrograms();
console.log(
  "| what, against | ours, 1/s | theirs, 1/s | ratio (quartiles) | aim |\n| --- | --- | --- | --- | --- |",
);
if (only.includes("rr") || only.includes("connections")) await echoes();
if (only.includes("rr") && await isThere("sockperf")) await sockperf();
if (only.includes("http") && await isThere("wrk") && await isThere("nginx")) await http();
Deno.exit(missed ? 1 : 0);
