/** examples/search.xml and ipbench rfc2544, on one machine against an echo of known capacity. */
import assert from "node:assert/strict";
import type { Rfc2544Document } from "../../results/search/rfc2544_document.ts";
import { BucketEcho } from "../fixtures/peers/bucket_process.ts";
import { projectRoot, runProgram, TestDaemon } from "../util/mod.ts";

const NETWORK = "127.25.0.";
/** Real-time priority, because tests run on busy machines; short waits at the end of each trial. */
const QUICK = "rt=5,drain=100ms,late=50ms,noise=20ms";

Deno.test("examples/search.xml: two goals at once, over two testers", async () => {
  await using echo = await BucketEcho.start(4e6, 5_000);
  await using _one = await TestDaemon.start({ ip: `${NETWORK}11`, port: 8036 });
  await using _two = await TestDaemon.start({ ip: `${NETWORK}12`, port: 8036 });
  const folder = await Deno.makeTempDir({ prefix: "ipbench-examples-" });
  try {
    const text = await Deno.readTextFile(`${projectRoot()}/examples/search.xml`);
    const adapted = text.replace('target="192.0.2.1" port="7"', `target="127.0.0.1" port="${echo.port}"`)
      .replaceAll("192.0.2.", NETWORK).replace("size=256", `size=256,${QUICK}`);
    await Deno.writeTextFile(`${folder}/search.xml`, adapted);
    const { code, stdout, stderr } = await runProgram("ipbench", [
      "search",
      `${folder}/search.xml`,
      ...["--max", "20M", "--min", "1M", "--invalid", "6", "--rampup", "50ms", "--warmup", "50ms"],
      ...["--goal", "pdr:10%,exceed=0,final=300ms,initial=300ms,sum=300ms"],
      ...["--goal", "pdr:20%,exceed=0,final=300ms,initial=300ms,sum=300ms"],
    ], { deadlineMs: 80_000 });
    assert.equal(code, 0, stdout + stderr);
    assert.match(stdout, /\npdr:10% +[45]\.\d+M .* regular\npdr:20% +[456](\.\d+)?M .* regular\n/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("ipbench rfc2544: all four benchmarks at one frame size", async () => {
  const buffer = 10_000;
  const size = 512 - 46;
  await using echo = await BucketEcho.start(4e6, buffer);
  await using tester = await TestDaemon.start();
  const folder = await Deno.makeTempDir({ prefix: "ipbench-rfc2544-" });
  try {
    const { code, stdout, stderr } = await runProgram("ipbench", [
      "rfc2544",
      ...["--client", `${tester.host}:${tester.port}`, "--test", "latency", "--test-target", "127.0.0.1"],
      ...["--test-port", String(echo.port), "--test-args", `socktype=udp,${QUICK}`],
      ...["--line-rate", "6M", "--frames", "512", "--trial", "300ms", "--width", "40%", "--invalid", "6"],
      ...[
        "--rampup",
        "0",
        "--latency-trial",
        "300ms",
        "--latency-repeat",
        "1",
        "--burst",
        "100ms",
        "--burst-repeat",
        "1",
      ],
      ...["--json", `${folder}/rfc2544.json`],
    ], { deadlineMs: 80_000 });
    const document: Rfc2544Document = JSON.parse(await Deno.readTextFile(`${folder}/rfc2544.json`));
    const [record] = document.frames;
    assert.ok(record, stderr);
    assert.equal(record.size, size);
    assert.ok((record.throughput?.load ?? 0) > 1e6 && (record.throughput?.load ?? 0) < 6e6, stdout + stderr);
    assert.ok((record.latency?.response?.count ?? 0) > 100);
    const [full] = record.loss ?? [];
    assert.ok(full?.percent === 100 && (full.loss_ratio ?? 0) > 0.15, JSON.stringify(record.loss));
    const burst = record.back_to_back?.average ?? 0;
    assert.ok(burst >= 0.8 * buffer / size && burst <= 2 * buffer / size, `${burst}\n${stderr}`);
    assert.equal(code, 0, stdout + stderr);
    assert.match(stdout, /^frame +size +frames\/s/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
