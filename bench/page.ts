/**
 * What the page of a run that goes on costs its testers: runs of latency over loopback without and with a page (`--serve`) that is
 * read, in turn, and of each pair the ratio of the lateness of the packets that the testers sent. Readers are Debian's Chromium with the
 * page open, each in a tab that is there before, or ours of its events alone. Opening the page takes the browser processor time, too: it has
 * `--warmup` seconds to come to rest. Prints Markdown; fails when the middle ratio of the p99s is above the aim and the first
 * quartile above 1. Needs `dist/`; nothing else should run on the machine.
 *
 *     deno run -A bench/page.ts [--pairs 20] [--seconds 5] [--warmup 3] [--testers 2] [--readers 1] [--with chromium|events] [--bps 1M] [--apart 1]
 *
 * With --apart the testers have processor 0 for themselves, and everything else processor 1, as where controller and browser
 * are on a machine of their own.
 *
 * @module
 */
import { chromium } from "playwright-core";
import { parseDocument } from "../results/document/parse.ts";
import { CHROMIUM, CHROMIUM_FLAGS } from "../tests/fixtures/browser.ts";
import { EchoProcess } from "../tests/fixtures/peers/echo_process.ts";
import { freePort, programCommand, TestDaemon } from "../tests/util/mod.ts";
import { run } from "./command.ts";
import { median, quartiles } from "./figures.ts";
import { option } from "./option.ts";

/** With a page the lateness may be so many times that without, where the quartiles tell the two apart. */
const AIM = 1.1;

const pairs = Number(option("pairs", "20"));
const seconds = Number(option("seconds", "5"));
const warmup = Number(option("warmup", "3"));
const testers = Number(option("testers", "2"));
const readers = Number(option("readers", "1"));
const reader = option("with", "chromium");
const bps = option("bps", "1M");
const apart = option("apart", "") !== "";

/** Lateness of the testers in one run, in ns: of several the worst. */
interface Lateness {
  p99: number;
  max: number;
  verdict: string;
  /** States of the run that readers received. */
  states: number;
}

/** Reads a run's page until it has `ended`, as reader `n`; gives how many states came. */
type Read = (address: string, n: number, ended: Promise<unknown>) => Promise<number>;

await using stack = new AsyncDisposableStack();
const folder = await Deno.makeTempDir({ prefix: "ipbench-bench-" });
stack.defer(() => Deno.remove(folder, { recursive: true }));
if (apart) await run("taskset", "-a", "-p", "-c", "1", String(Deno.pid));
const echo = stack.use(await EchoProcess.start());
const wrap = apart ? ["taskset", "-c", "0"] : [];
const daemons = await Promise.all(
  Array.from({ length: testers }, async () => stack.use(await TestDaemon.start({ wrap }))),
);
const read: Read = reader === "events" ? readEvents : await pageReader(stack);

async function readEvents(address: string): Promise<number> {
  const answer = await fetch(`${address}/events`);
  let states = 0;
  for await (const text of answer.body!.pipeThrough(new TextDecoderStream())) {
    states += text.match(/^data: /gm)?.length ?? 0;
  }
  return states;
}

/** Opens the page in tabs that are there before: to start them takes a second of processor time, which is no part of what is compared. */
async function pageReader(stack: AsyncDisposableStack): Promise<Read> {
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: CHROMIUM_FLAGS });
  stack.defer(() => browser.close());
  const viewport = { width: 1280, height: 900 };
  const tabs = await Promise.all(Array.from({ length: readers }, () => browser.newPage({ viewport })));
  return async (address, n, ended) => {
    const page = tabs[n]!;
    await page.goto(address);
    // Whoever waits for something in the page makes it look for that, twice a second.
    await ended;
    await page.locator("#verdict b").waitFor();
    const curves = await page.locator("#classes polyline").first().getAttribute("points") ?? "";
    await page.goto("about:blank");
    return curves.split(" ").length;
  };
}

async function measure(withPage: boolean): Promise<Lateness> {
  const json = `${folder}/result.json`;
  const command = programCommand("ipbench");
  const child = new Deno.Command(command.path, {
    args: [
      ...[...command.args, "run", "--test", "latency", "--test-target", "127.0.0.1"],
      ...["--test-port", String(echo.port), "--history", "off", "--json", json],
      ...[
        "--test-args",
        `socktype=udp,size=64,bps=${bps},duration=${seconds},warmup=${warmup},cooldown=0.2,limits=shared`,
      ],
      ...daemons.flatMap(({ host, port }) => ["--client", `${host}:${port}`]),
      ...withPage ? ["--serve", String(freePort())] : [],
    ],
    // No `ipbench serve` of this user is to read along.
    env: { XDG_RUNTIME_DIR: folder, NO_COLOR: "1" },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const reading: Promise<number>[] = [];
  let said = "";
  for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) {
    said += text;
    const address = /this run: (\S+)\n/.exec(said)?.[1];
    if (address === undefined || reading.length > 0) continue;
    for (let n = 0; n < readers; n++) reading.push(read(address, n, child.status));
  }
  await child.status;
  const states = (await Promise.all(reading)).reduce((sum, each) => sum + each, 0);
  if (withPage && states === 0) throw new Error(`nobody read the page:\n${said}`);
  const document = parseDocument(await Deno.readTextFile(json));
  const each = document.clients.map(({ pacing }) => pacing?.lateness);
  if (each.some((lateness) => lateness == null)) throw new Error(`a tester has no lateness:\n${said}`);
  return {
    p99: Math.max(...each.map((lateness) => lateness!.p99_ns)),
    max: Math.max(...each.map((lateness) => lateness!.max_ns)),
    verdict: document.run.verdict,
    states,
  };
}

const us = (ns: number) => (ns / 1000).toFixed(1);
const all: { without: Lateness; beside: Lateness }[] = [];
console.log("| pair | p99 without | p99 with | max without | max with | verdicts | points or states read |");
console.log("| --- | --- | --- | --- | --- | --- | --- |");
await measure(false); // what is loaded and cached for the first time
for (let n = 1; n <= pairs; n++) {
  // Each second pair the other way round: what changes with time is no difference of theirs.
  const first = await measure(n % 2 === 0), second = await measure(n % 2 !== 0);
  const [without, beside] = n % 2 === 0 ? [second, first] : [first, second];
  all.push({ without, beside });
  console.log(
    `| ${n} | ${us(without.p99)} µs | ${us(beside.p99)} µs | ${us(without.max)} µs | ${
      us(beside.max)
    } µs | ` +
      `${without.verdict}, ${beside.verdict} | ${beside.states} |`,
  );
}
console.log("\n| with the page / without | middle | quartiles |\n| --- | --- | --- |");
for (const key of ["p99", "max"] as const) {
  const ratios = all.map(({ without, beside }) => beside[key] / without[key]);
  console.log(`| lateness ${key} | ${median(ratios).toFixed(3)} | ${quartiles(ratios)} |`);
}
const ratios = all.map(({ without, beside }) => beside.p99 / without.p99).sort((a, b) => a - b);
if (median(ratios) > AIM && (ratios[Math.floor(ratios.length / 4)] ?? 0) > 1) {
  console.error(`MISSED: the middle ratio of the p99s is to be at most ${AIM}, or not to be told from 1`);
  Deno.exitCode = 1;
}
