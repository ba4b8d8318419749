/**
 * One controller and very many testers: 1,000 simulated ones that answer with the real result of 200,000 round trips,
 * the same with every twentieth dead, and 64 real daemons with the dummy test. Prints a table; see bench/README.md.
 *
 * Run with `deno run -A bench/scale.ts` after a build.
 *
 * @module
 */
import { EchoProcess } from "../tests/fixtures/echo_process.ts";
import { startSwarm, swarmAddress } from "../tests/fixtures/swarm.ts";
import { programCommand, TestDaemon } from "../tests/util/mod.ts";

const TESTERS = 1_000;
const DAEMONS = 64;
const LASTS_MS = 2_000;

/** A latency result in the extended form, from a real tester: histograms of 200,000 round trips. */
async function realResult(): Promise<Uint8Array> {
  await using echo = await EchoProcess.start();
  await using tester = await TestDaemon.start();
  const args = "socktype=udp,bps=51.2M,size=64,warmup=0.2,cooldown=0,samples=200000";
  using client = await tester.greeted({ deadlineMs: 30_000 });
  await client.ask("HELLO");
  await client.ask("LOAD latency");
  await client.ask(
    `SETUP target::127.0.0.1||port::${echo.port}||args::"${args}"||form::1||run::00000000000000aa||flow::0`,
  );
  await client.send("START\n");
  await client.readLine();
  const length = /^Content-length: (\d+)$/.exec(await client.readLine());
  if (length === null) throw new Error("the tester gave no result");
  return await client.readBytes(Number(length[1]));
}

/** Runs the controller and notes when it says what, and how much memory it and its children had at most. */
async function watched(config: string, args: string[]) {
  const command = programCommand("ipbench");
  const began = performance.now();
  const child = new Deno.Command(command.path, {
    args: [...command.args, "run", config, ...args],
    stdout: "null",
    stderr: "piped",
  }).spawn();
  let peak = 0;
  const timer = setInterval(() => {
    try {
      const status = Deno.readTextFileSync(`/proc/${child.pid}/status`);
      peak = Math.max(peak, Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0));
    } catch { /* it has ended */ }
  }, 20);
  const lines: { at: number; text: string }[] = [];
  let rest = "";
  for await (const part of child.stderr.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + part).split("\n");
    rest = parts.pop() ?? "";
    for (const text of parts) lines.push({ at: (performance.now() - began) / 1000, text });
  }
  const { code } = await child.status;
  clearInterval(timer);
  const at = (word: string) => lines.find(({ text }) => text.startsWith(word))?.at ?? NaN;
  return {
    code,
    setUp: at("starting") - at("connecting"),
    whole: (performance.now() - began) / 1000,
    peakMb: peak / 1024,
    verdict: lines.find(({ text }) => /^ipbench: (VALID|SUSPECT|INVALID)/.test(text))?.text ?? "",
    log: lines.map(({ text }) => text),
  };
}

async function config(hosts: string[], port: number, test: string, args: string): Promise<string> {
  const file = await Deno.makeTempFile({ suffix: ".xml" });
  const clients = hosts.map((host) => `    <client hostname="${host}" port="${port}"/>`).join("\n");
  await Deno.writeTextFile(
    file,
    `<ipbench>\n  <test name="${test}" target="127.0.0.1" port="9" args="${args}">\n${clients}\n  </test>\n</ipbench>\n`,
  );
  return file;
}

function show(what: string, r: Awaited<ReturnType<typeof watched>>, lasts: number): void {
  const rest = (r.whole - r.setUp - lasts).toFixed(2);
  console.log(
    `${what.padEnd(34)} set up ${r.setUp.toFixed(2)} s, start-up and collecting ${rest} s, ` +
      `peak ${r.peakMb.toFixed(0)} MB, exit ${r.code}, ${r.verdict}`,
  );
  if (r.code > 1) console.log(r.log.slice(-10).join("\n"));
}

const result = await realResult();
console.log(`each simulated tester answers with ${result.length} bytes after ${LASTS_MS} ms`);
for (const deadEvery of [0, 20]) {
  const swarm = startSwarm({ result, lastsMs: LASTS_MS, deadEvery });
  const hosts = Array.from({ length: TESTERS }, (_, n) => swarmAddress(n));
  const file = await config(
    hosts,
    swarm.port,
    "latency",
    "socktype=udp,bps=51.2M,samples=200000,warmup=0,cooldown=0",
  );
  const args = deadEvery === 0 ? [] : ["--require", "90%"];
  show(
    deadEvery === 0 ? "1,000 testers" : "1,000 testers, 50 dead",
    await watched(file, args),
    LASTS_MS / 1000,
  );
  await swarm.close();
  await Deno.remove(file);
}

const daemons: TestDaemon[] = [];
try {
  for (let n = 1; n <= DAEMONS; n++) {
    const port = daemons[0]?.port;
    daemons.push(
      await TestDaemon.start({ ip: `127.0.2.${n}`, readyMs: 60_000, ...port !== undefined && { port } }),
    );
  }
  const file = await config(daemons.map(({ host }) => host), daemons[0]!.port, "dummy", "seconds=1");
  show("64 real daemons, dummy", await watched(file, []), 1);
  await Deno.remove(file);
} finally {
  await Promise.all(daemons.map((daemon) => daemon[Symbol.asyncDispose]()));
}
