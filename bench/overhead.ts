/**
 * What ipbench itself costs, on the built programs: starting, the steps before START, and the way from START to the
 * plugin's `start`. Prints a table; see bench/README.md.
 *
 * Run with `deno run -A bench/overhead.ts` after a build.
 *
 * @module
 */
import { monotonicNowNs } from "../ffi/mod.ts";
import { programCommand, type RawClient, TestDaemon } from "../tests/util/mod.ts";

const REPETITIONS = 20;

/** Median, smallest and largest of some figures. */
function spread(values: number[]): string {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted[Math.floor(sorted.length / 2)] ?? NaN;
  return `${middle.toFixed(1)} (${sorted[0]?.toFixed(1)} … ${sorted.at(-1)?.toFixed(1)})`;
}

async function milliseconds(path: string, args: string[]): Promise<number> {
  const begin = performance.now();
  const { code } = await new Deno.Command(path, { args, stdout: "null", stderr: "null" }).output();
  if (code !== 0) throw new Error(`${path} ${args.join(" ")} ended with ${code}`);
  return performance.now() - begin;
}

/** From the first line of a run to its last START, in ms, by the clock of whoever reads its stderr. */
async function runOverhead(tester: TestDaemon, target: TestDaemon): Promise<number> {
  const command = programCommand("ipbench");
  const child = new Deno.Command(command.path, {
    args: [
      ...command.args,
      ..."run --debug --test dummy --test-args seconds=0.1 --test-target 127.0.0.1 --target-test dummy_target"
        .split(
          " ",
        ),
      ...["--client", tester.host, "--port", String(tester.port)],
      ...["--target-test-hostname", target.host, "--target-test-port", String(target.port)],
    ],
    stdout: "null",
    stderr: "piped",
  }).spawn();
  let first = 0;
  let last = 0;
  let all = "";
  for await (const part of child.stderr.pipeThrough(new TextDecoderStream())) {
    all += part;
    if (first === 0 && all.includes("connecting")) first = performance.now();
    if (part.includes("[send_command] : START")) last = performance.now();
  }
  const { code } = await child.status;
  if (code !== 0 || first === 0 || last === 0) throw new Error(`the run ended with ${code}: ${all}`);
  return last - first;
}

/** From sending START to the plugin's `start`, in ms: loopback, the daemon's read and the child's wake-up included. */
async function startDelay(tester: TestDaemon): Promise<number> {
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

async function repeat(measure: () => Promise<number>): Promise<string> {
  const values: number[] = [];
  await measure();
  for (let n = 0; n < REPETITIONS; n++) values.push(await measure());
  return spread(values);
}

const ipbench = programCommand("ipbench");
await using tester = await TestDaemon.start();
await using target = await TestDaemon.start({ role: "target" });
console.log(`median (smallest … largest) of ${REPETITIONS}, ms`);
console.log(
  `ipbench --version            ${await repeat(() =>
    milliseconds(ipbench.path, [...ipbench.args, "--version"])
  )}`,
);
console.log(
  `deno --version               ${await repeat(() => milliseconds(Deno.execPath(), ["--version"]))}`,
);
console.log(
  `deno eval 1                  ${await repeat(() => milliseconds(Deno.execPath(), ["eval", "1"]))}`,
);
console.log(`run: connect to START        ${await repeat(() => runOverhead(tester, target))}`);
console.log(`START to the plugin's start  ${await repeat(() => startDelay(tester))}`);
