/** Gates of a run and of a sweep: lines, exit status, and what JUnit makes of them. */
import assert from "node:assert/strict";
import { TemporaryFolder } from "../fixtures/folders.ts";
import { EchoProcess } from "../fixtures/peers/echo_process.ts";
import { runProgram, TestDaemon } from "../util/mod.ts";

const ARGS = "socktype=udp,size=64,bps=1M,duration=300ms,warmup=0,cooldown=0,drain=50ms,noise=10ms," +
  "limit_lateness_invalid=1000,limit_gaps_invalid=1,limit_rate_invalid=1,limit_drops=1";

Deno.test("a run and a sweep exit 1 when a figure is not as expected, with a line for each gate", async () => {
  await using echo = await EchoProcess.start();
  await using tester = await TestDaemon.start();
  using folder = TemporaryFolder.make();
  const what = [
    ...["--client", `${tester.host}:${tester.port}`, "--test", "latency", "--test-target", "127.0.0.1"],
    ...["--test-port", String(echo.port), "--test-args", ARGS],
  ];
  const json = `${folder.path}/r.json`;
  const good = ["--gate", "max<60s", "--gate", "throughput>1k"];
  const met = await runProgram("ipbench", ["run", ...what, ...good, "--json", json]);
  assert.equal(met.code, 0, met.stderr);
  assert.match(met.stderr, /^ipbench: as expected: max<60s \(response max .*\)$/m);
  const unmet = await runProgram("ipbench", ["run", ...what, ...good, "--gate", "p50<1ns", "--json", json]);
  assert.equal(unmet.code, 1, unmet.stderr);
  assert.match(unmet.stderr, /^ipbench: NOT as expected: p50<1ns \(response p50 .*\)$/m);
  const original = await runProgram("ipbench", [...what, "--gate", "p50<1ns"]);
  assert.equal(original.code, 1, "in the original's spelling a gate counts, too");
  const junit = await runProgram("ipbench", ["export", "-f", "junit", json]);
  assert.match(junit.stdout, /<testsuite name="ipbench" tests="4" failures="1"/);
  assert.match(junit.stdout, /name="64 B, 1 Mbit\/s: p50 &lt; 1ns" time="0">\n\s*<failure type="gate"/);

  const out = `${folder.path}/s`;
  const sweep = [
    "sweep",
    ...what,
    "--over",
    "size=64,128",
    "--out",
    out,
    "--gate",
    "max<60s",
    "--gate",
    "p50<1ns",
  ];
  const swept = await runProgram("ipbench", sweep);
  assert.equal(swept.code, 1, swept.stderr);
  assert.match(swept.stderr, /^ipbench: 128 B, 1 Mbit\/s: NOT as expected: p50<1ns/m);
  assert.match(swept.stderr, /2 points are not as expected/);

  const wrong = await runProgram("ipbench", ["run", ...what, "--gate", "p50<1%"]);
  assert.deepEqual([wrong.code, wrong.stdout], [2, ""]);
  assert.match(wrong.stderr, /--gate: response p50 is compared with a time, such as 200us, not with 1%/);
  const search = await runProgram("ipbench", ["search", ...what, "--max", "1M", "--gate", "p50<1s"]);
  assert.equal(search.code, 2);
  assert.match(search.stderr, /--gate: a search has goals instead/);
});
