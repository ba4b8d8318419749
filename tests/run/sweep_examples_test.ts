/** The files in examples/ do what they say, on one machine. */
import assert from "node:assert/strict";
import { parseDocument } from "../../results/document/parse.ts";
import { EchoProcess } from "../fixtures/peers/echo_process.ts";
import { startSmallTarget } from "../fixtures/peers/small_target.ts";
import { freePort, projectRoot, runProgram, TestDaemon } from "../util/mod.ts";

/** Addresses of this machine that stand for those of the examples. */
const NETWORK = "127.24.0.";
const TARGET = `${NETWORK}1`;
const CONTROL_PORT = 8036;
const TARGET_PORT = 8037;

/** Testers on their usual port, each on an address of its own. */
async function startTesters(stack: AsyncDisposableStack, count: number): Promise<void> {
  const started = Array.from(
    { length: count },
    (_, i) => TestDaemon.start({ ip: `${NETWORK}${11 + i}`, port: CONTROL_PORT }),
  );
  for (const daemon of await Promise.all(started)) stack.use(daemon);
}

/** An example with this machine's addresses, an echo's port, and less of everything that takes time. */
async function adapt(name: string, folder: string, echoPort: number): Promise<string> {
  const text = await Deno.readTextFile(`${projectRoot()}/examples/${name}`);
  const short = text.replaceAll("192.0.2.", NETWORK)
    .replaceAll('port="7"', `port="${echoPort}"`)
    .replaceAll(
      "warmup=2,cooldown=1,duration=10",
      "warmup=100ms,cooldown=50ms,duration=300ms,drain=200ms,late=100ms,noise=20ms",
    )
    .replaceAll('"10M:100M:10M"', '"1M,2M"')
    .replace('"64,512,1472"', '"64,1472"')
    .replace('repeat="3"', 'repeat="1"');
  assert.ok(!short.includes("192.0.2"));
  const path = `${folder}/${name}`;
  await Deno.writeTextFile(path, short);
  return path;
}

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "ipbench-examples-" });
  try {
    await work(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("examples/single.xml and four_testers.xml: rows with 9 columns, and 9 with the CPU meter's figures behind", async () => {
  await using stack = new AsyncDisposableStack();
  const echo = stack.use(await EchoProcess.start({ ip: TARGET }));
  await startTesters(stack, 4);
  stack.use(await TestDaemon.start({ role: "target", ip: TARGET, port: TARGET_PORT }));
  await inFolder(async (folder) => {
    const single = await runProgram("ipbench", [
      "run",
      await adapt("single.xml", folder, echo.port),
      ...["--json", `${folder}/single.json`],
    ]);
    assert.equal(single.stdout.trim().split(",").length, 9, single.stdout + single.stderr);
    const result = JSON.parse(await Deno.readTextFile(`${folder}/single.json`));
    assert.equal(result.run.failed ?? false, false, single.stderr);
    assert.ok(result.total.counts.ok > 0);

    const four = await runProgram("ipbench", [
      "run",
      await adapt("four_testers.xml", folder, echo.port),
      ...["--json", `${folder}/four.json`],
    ]);
    const document = JSON.parse(await Deno.readTextFile(`${folder}/four.json`));
    assert.equal(document.run.failed ?? false, false, four.stderr);
    assert.equal(document.clients.length, 4);
    assert.ok(document.clients.every((client: { counts: { ok: number } }) => client.counts.ok > 0));
    const columns = four.stdout.trim().split(",");
    assert.equal(columns.length, 9 + 1 + navigator.hardwareConcurrency, four.stdout);
    assert.ok(Number(columns[9]) >= 0 && Number(columns[9]) <= 100, columns[9]);
  });
});

Deno.test("examples/two_classes.xml: a row of each test and what sink printed, and the effect", async () => {
  await using stack = new AsyncDisposableStack();
  const echo = stack.use(await EchoProcess.start({ ip: TARGET }));
  await startTesters(stack, 3);
  stack.use(await TestDaemon.start({ role: "target", ip: TARGET, port: TARGET_PORT }));
  await inFolder(async (folder) => {
    const path = await adapt("two_classes.xml", folder, echo.port);
    const text = (await Deno.readTextFile(path))
      .replace("warmup=1,cooldown=1,duration=18", "warmup=100ms,cooldown=50ms,duration=3,noise=20ms")
      .replace('begin="6s" end="14s"', 'begin="1s" end="2s"').replace("bps=50M", "bps=1M")
      .replace('name="sink"', `name="sink" args="ip=${TARGET}"`);
    await Deno.writeTextFile(path, text);
    const json = `${folder}/result.json`;
    const { stdout, stderr } = await runProgram("ipbench", ["run", path, "--json", json]);
    assert.deepEqual(
      stdout.trim().split("\n").map((row) => row.split(",").length),
      [9, 3, 6],
      stdout + stderr,
    );
    const document = parseDocument(await Deno.readTextFile(json));
    assert.deepEqual(document.classes?.map(({ name, test }) => [name, test]), [
      ["victim", "latency"],
      ["bulk", "discard"],
    ]);
    const [effect] = document.effect!;
    for (const part of [effect?.before, effect?.during, effect?.after]) assert.ok((part?.intervals ?? 0) > 5);
    const sent = document.clients.flatMap(({ metrics }) =>
      metrics.filter(({ name }) => name === "sent_packets").map(({ value }) => value)
    );
    const counted = document.classes![1]!.metrics!.find(({ name }) => name === "measured_sent")!;
    assert.equal(counted.value, sent[0]! + sent[1]!, "sink knows of what both sent");
  });
});

Deno.test("examples/sweep.xml: the <sweep> of the file, split over two testers", async () => {
  await using stack = new AsyncDisposableStack();
  const echo = stack.use(await EchoProcess.start({ ip: TARGET }));
  await startTesters(stack, 2);
  await inFolder(async (folder) => {
    const path = await adapt("sweep.xml", folder, echo.port);
    const swept = await runProgram("ipbench", ["sweep", path, "--retry", "1", "-o", `${folder}/curves`], {
      deadlineMs: 80_000,
    });
    const rows = swept.stdout.trimEnd().split("\n");
    assert.equal(rows.length, 5, swept.stdout + swept.stderr);
    const index = JSON.parse(await Deno.readTextFile(`${folder}/curves/index.json`));
    assert.deepEqual([index.plan.split, index.plan.shuffleSeed], [true, 1]);
    const first = JSON.parse(await Deno.readTextFile(`${folder}/curves/point-0001.json`));
    assert.deepEqual(first.clients.map((client: { args: string }) => /bps=(\d+)/.exec(client.args)?.[1]), [
      "500000",
      "500000",
    ]);
    assert.equal(first.total.rates.requested_bps, 1_000_000);
  });
});

Deno.test("examples/sddf.sh: a row of 12 columns for each rate", async () => {
  await using stack = new AsyncDisposableStack();
  const echo = stack.use(await EchoProcess.start({ ip: "127.0.0.1", args: ["--check"] }));
  await startTesters(stack, 2);
  const meter = startSmallTarget({ idle: 123n, total: 456n });
  try {
    const output = await new Deno.Command(`${projectRoot()}/examples/sddf.sh`, {
      args: ["1000000", "2000000"],
      env: {
        IPBENCH: `${projectRoot()}/dist/ipbench`,
        TARGET: "127.0.0.1",
        CLIENTS: `${NETWORK}11 ${NETWORK}12`,
        PHASES: "warmup=0,cooldown=0,samples=300",
        SIZE: "128",
        ECHO_PORT: String(echo.port),
        METER_PORT: String(meter.port),
      },
      stdout: "piped",
      stderr: "piped",
    }).output();
    const stderr = new TextDecoder().decode(output.stderr);
    assert.ok(output.code <= 1, stderr); // 1: a busy machine made a run INVALID, which is said and has its row
    const rows = new TextDecoder().decode(output.stdout).trimEnd().split("\n");
    assert.deepEqual(rows.map((row) => row.split(",").length), [12, 12], rows.join("\n"));
    assert.deepEqual(rows.map((row) => row.split(",")[0]), ["1000000", "2000000"]);
    assert.deepEqual(rows.map((row) => row.split(",").slice(10).join()), ["123,456", "123,456"]);
    assert.match(stderr, /\[send_command\] : START/);
  } finally {
    meter.close();
  }
});

Deno.test("examples/stamp.xml: a row, loss of each way, and how well its delay is known", async () => {
  await using stack = new AsyncDisposableStack();
  await startTesters(stack, 1);
  stack.use(await TestDaemon.start({ role: "target", ip: TARGET, port: TARGET_PORT }));
  await inFolder(async (folder) => {
    const port = freePort(TARGET);
    const path = await adapt("stamp.xml", folder, port);
    const text = (await Deno.readTextFile(path))
      .replace("duration=10", "warmup=100ms,cooldown=50ms,duration=300ms,noise=20ms")
      .replace('name="stamp" ', `name="stamp" port="${port}" `)
      .replace('name="stamp_reflector"', `name="stamp_reflector" args="ip=${TARGET},port=${port}"`);
    await Deno.writeTextFile(path, text);
    const json = `${folder}/result.json`;
    const { stdout, stderr } = await runProgram("ipbench", ["run", path, "--json", json]);
    assert.deepEqual(stdout.trim().split("\n").map((row) => row.split(",").length), [9, 2], stdout + stderr);
    const { clients, total } = parseDocument(await Deno.readTextFile(json));
    const figures = Object.fromEntries((total.metrics ?? []).map(({ name, value }) => [name, value]));
    assert.deepEqual([figures.lost_forward, figures.lost_backward, figures.lost_unknown], [0, 0, 0], stderr);
    // On loopback the clocks' error is larger than any delay, or nearly so.
    const { forward, clocks } = clients[0]!.one_way!;
    assert.equal(clocks, "compared");
    assert.ok(forward!.error_ns! > 0 && (forward!.reason !== null || total.latency.forward !== null));
  });
});
