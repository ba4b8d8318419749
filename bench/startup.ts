/**
 * How long it takes until something is measured: the program's start, beside that of Deno alone, a run's set-up, and the way
 * from START to the plugin's `start`; beside an older build, in turn. Prints Markdown, and fails when an aim is missed.
 *
 *     deno run -A bench/startup.ts [--old PATH/ipbench] [--repetitions 20]
 *
 * With --old the programs of another build are run in turn with those of dist/: `ipbenchd` is beside it.
 *
 * @module
 */
import { monotonicNowNs } from "../ffi/mod.ts";
import { programCommand, type RawClient, TestDaemon } from "../tests/util/mod.ts";
import { median, quartiles } from "./figures.ts";
import { option } from "./option.ts";

/** Longest a run of the shortest test may take, in ms. */
const RUN_DEADLINE_MS = 30_000;
/** How long the test of a run lasts, in s. */
const TEST_S = 0.1;

const repetitions = Number(option("repetitions", "20"));
const old = option("old", "");

/** One build: its programs, and two daemons of it. */
interface Build {
  ipbench: string;
  tester: TestDaemon;
  target: TestDaemon;
}

async function build(ipbench: string): Promise<Build> {
  const path = `${ipbench}d`;
  const tester = await TestDaemon.start({ path });
  return { ipbench, tester, target: await TestDaemon.start({ path, role: "target" }) };
}

/** A program, from the call to its end, in ms. */
async function start(path: string, ...args: string[]): Promise<number> {
  const begin = performance.now();
  const { code } = await new Deno.Command(path, { args, stdout: "null", stderr: "null" }).output();
  if (code !== 0) throw new Error(`${path} ${args.join(" ")} ended with ${code}`);
  return performance.now() - begin;
}

/** A run with one tester and one target: from the first connection to the last START, in ms, as its debug lines come. */
async function setUp({ ipbench, tester, target }: Build): Promise<number> {
  const test =
    `run --debug --test dummy --test-args seconds=${TEST_S} --test-target 127.0.0.1 --target-test dummy_target`;
  const child = new Deno.Command(ipbench, {
    args: [
      ...test.split(" "),
      ...["--client", tester.host, "--port", String(tester.port)],
      ...["--target-test-hostname", target.host, "--target-test-port", String(target.port)],
    ],
    stdout: "null",
    stderr: "piped",
    signal: AbortSignal.timeout(RUN_DEADLINE_MS),
  }).spawn();
  let first = 0, last = 0, all = "";
  for await (const part of child.stderr.pipeThrough(new TextDecoderStream())) {
    all += part;
    if (first === 0 && all.includes("connecting")) first = performance.now();
    if (part.includes("[send_command] : START")) last = performance.now();
  }
  const { code } = await child.status;
  if (code !== 0 || first === 0 || last === 0) throw new Error(`the run ended with ${code}: ${all}`);
  return last - first;
}

/** From sending START until the plugin's `start` was called, in ms: loopback and all wake-ups included. */
async function delay({ tester }: Build): Promise<number> {
  const client: RawClient = await tester.greeted({ deadlineMs: 10_000 });
  try {
    await client.ask("HELLO", 1);
    await client.ask("LOAD dummy", 1);
    await client.ask('SETUP target::127.0.0.1||port::1||args::"seconds=0.05"||form::1', 1);
    await new Promise((resolve) => setTimeout(resolve, 100));
    const begin = monotonicNowNs();
    await client.send(`START at::${begin}\n`);
    const line = await client.readLine();
    const actual = /actual=(\d+)/.exec(line ?? "")?.[1];
    if (actual === undefined) throw new Error(`no actual start in ${line}`);
    return Number(BigInt(actual) - begin) / 1e6;
  } finally {
    client.close();
  }
}

const shown = (values: number[]) => `${median(values).toFixed(2)} (${quartiles(values, 2)})`;

let missed = 0;

/** A line: the two builds in turn. Without an aim it is there to compare with. */
async function row(
  what: string,
  aim: number | null,
  measure: (of: Build) => Promise<number>,
): Promise<void> {
  const mine: number[] = [], theirs: number[] = [];
  for (const of of builds) await measure(of); // what is not in the page cache yet is read now
  for (let i = 0; i < repetitions; i++) {
    for (const of of i % 2 === 0 ? builds : builds.toReversed()) {
      (of === builds[0] ? mine : theirs).push(await measure(of));
    }
  }
  if (aim !== null && median(mine) > aim) missed++;
  const other = theirs.length === 0
    ? ""
    : ` ${shown(theirs)} | ${(median(mine) / median(theirs)).toFixed(2)} |`;
  console.log(`| ${what} | ${shown(mine)} |${other} ${aim === null ? "" : `≤ ${aim}`} |`);
}

const builds = [await build(programCommand("ipbench").path)];
try {
  if (old !== "") builds.push(await build(old));
  const more = old === "" ? ["", ""] : [" old | new/old |", " --- | --- |"];
  console.log(`medians (quartiles) of ${repetitions}, ms\n\n| what | new |${more[0]} aim |`);
  console.log(`| --- | --- |${more[1]} --- |`);
  await row("`ipbench --version`", 100, ({ ipbench }) => start(ipbench, "--version"));
  await row("`deno --version`", null, () => start(Deno.execPath(), "--version"));
  await row("`deno eval 1`", null, () => start(Deno.execPath(), "eval", "1"));
  await row("a run, from its first connection to the last START", 200, setUp);
  await row("START to the plugin's `start`", 1, delay);
} finally {
  for (const { tester, target } of builds) {
    await tester.stop();
    await target.stop();
  }
}
if (missed > 0) {
  console.error(`${missed} aims were missed`);
  Deno.exit(1);
}
