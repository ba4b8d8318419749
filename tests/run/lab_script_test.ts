/**
 * A lab's script looks for the rate at which its target begins to lose packets: it goes on below, at and far above what
 * the target can do. With IPBENCH_SDDF_BENCHMARK in the environment the sDDF project's own script is run, too, unchanged:
 * the variable names the file.
 *
 * @module
 */
import assert from "node:assert/strict";
import { BucketEcho } from "../fixtures/peers/bucket_process.ts";
import { startSmallTarget } from "../fixtures/peers/small_target.ts";
import { isInstalled, projectRoot, TestDaemon } from "../util/mod.ts";

/** Payload that the echo answers, in bit/s; above, it drops. */
const CAPACITY_BPS = 2_000_000;
/** How much it lets through at once: a few packets, so that the sums below are sharp. */
const DEPTH_BYTES = 1_000;
const RATES = [CAPACITY_BPS / 2, CAPACITY_BPS, CAPACITY_BPS * 10];
const SAMPLES = 4_000;
const ignore = !isInstalled("python3");

/** Where the script finds `ipbench`. */
const PATH = `${projectRoot()}/dist:${Deno.env.get("PATH")}`;

async function python(
  args: string[],
  cwd: string,
): Promise<{ code: number; stdout: string; stderr: string }> {
  const command = new Deno.Command("python3", { args, cwd, env: { PATH }, stdout: "piped", stderr: "piped" });
  const { code, stdout, stderr } = await command.output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

/** The rows say what the echo, whose capacity is known, let through. */
function checkRows(rows: number[][]): void {
  assert.deepEqual(rows.map((row) => row[0]), RATES);
  for (const [requested = 0, received = 0, sent = 0, , least = 0, , most = 0] of rows) {
    assert.ok(received <= sent, `${received} received of ${sent} sent`);
    assert.ok(
      received <= Math.min(requested, CAPACITY_BPS) * 1.05,
      `${received} at ${requested} through ${CAPACITY_BPS}`,
    );
    assert.ok(least > 0 && least <= most);
  }
  const [, received = 0, sent = 0] = rows.at(-1) ?? [];
  assert.ok(received < sent / 2, `an overloaded target: ${received} of ${sent}`);
}

Deno.test({ name: "a lab's script goes on at, and far above, what its target can do", ignore }, async () => {
  await using echo = await BucketEcho.start(CAPACITY_BPS, DEPTH_BYTES);
  await using tester = await TestDaemon.start();
  const meter = startSmallTarget({ idle: 123n, total: 456n });
  try {
    const place = [tester.host, tester.port, echo.port, meter.port, SAMPLES, ...RATES].map(String);
    const script = `${projectRoot()}/tests/fixtures/peers/lab_script.py`;
    const { code, stdout, stderr } = await python([script, ...place], projectRoot());
    assert.equal(code, 0, stderr);
    const rows = stdout.trim().split("\n").map((row) => row.split(",").map(Number));
    checkRows(rows);
    for (const row of rows) assert.deepEqual(row.slice(10), [123, 456]);
    assert.doesNotMatch(stderr, /round trips came in/, "its loss is the target's result");
    assert.match(stderr, /\d+ samples missing/);
  } finally {
    await meter.close();
  }
});

const script = Deno.env.get("IPBENCH_SDDF_BENCHMARK");

Deno.test({ name: "the sDDF project's script, unchanged", ignore: ignore || !script }, async () => {
  // The script knows these ports alone, so they are taken at an address of their own.
  const hostname = "127.0.0.84";
  await using _echo = await BucketEcho.start(CAPACITY_BPS, DEPTH_BYTES, { hostname, port: 1235 });
  await using _tester = await TestDaemon.start({ ip: hostname, port: 8036 });
  const meter = startSmallTarget({ hostname, port: 1237, idle: 123n, total: 456n });
  const folder = await Deno.makeTempDir({ prefix: "ipbench-sddf-" });
  try {
    const seconds = ["--warmup-seconds", "1", "--cooldown-seconds", "1", "--samples", String(SAMPLES)];
    const rates = ["--packet-sizes", "128", "--throughputs", ...RATES.map(String)];
    const args = [script ?? "", hostname, "--clients", hostname, ...seconds, ...rates];
    const { code, stderr } = await python(args, folder);
    assert.equal(code, 0, stderr);
    const files = Array.from(Deno.readDirSync(folder), ({ name }) => name);
    assert.equal(files.length, 1, files.join());
    const [heading = "", ...rows] = (await Deno.readTextFile(`${folder}/${files[0]}`)).trim().split("\n");
    assert.equal(heading.split(",").length, 12);
    checkRows(rows.map((row) => row.split(",").map(Number)));
    assert.deepEqual(meter.violations, []);
  } finally {
    await meter.close();
    await Deno.remove(folder, { recursive: true });
  }
});
