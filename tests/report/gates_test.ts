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
  const wrongName = await runProgram("ipbench", ["run", ...what, "--gate", "p98<1s"]);
  assert.deepEqual([wrongName.code, wrongName.stdout], [2, ""]);
  assert.equal(
    wrongName.stderr,
    'ipbench: --gate: this run has no figure "p98"; did you mean "p90" or "p99"?\n',
  );
  const search = await runProgram("ipbench", ["search", ...what, "--max", "1M", "--gate", "p50<1s"]);
  assert.equal(search.code, 2);
  assert.match(search.stderr, /--gate: a search has goals instead/);
});

Deno.test("check, run and sweep refuse gates that nothing can meet, all at once and each at its place", async () => {
  using folder = TemporaryFolder.make();
  const file = `${folder.path}/gates.xml`;
  const test = (attributes: string, ...expects: string[]) =>
    `<test ${attributes} target="127.0.0.1">\n${expects.map((text) => `<expect ${text}/>\n`).join("")}`;
  Deno.writeTextFileSync(
    file,
    `<ipbench>\n${
      test(
        'name="latency" class="victim" args="socktype=udp,size=64,bps=1M"',
        'metric="p98" below="200us"',
        'metric="p99" below="5%"',
        'metric="loss" at_most="0"',
      )
    }<client hostname="127.0.0.1" port="9"/></test>\n${
      test(
        'name="stream" class="bulk"',
        'metric="p99" below="1ms"',
        'metric="goodput_up" at_least="1ms"',
        'metric="goodput" at_least="1M"',
      )
    }<client hostname="127.0.0.2" port="9"/></test>\n</ipbench>\n`,
  );
  const all = [
    `${file}:3:17: the class victim has no figure "p98"; did you mean "p90" or "p99"?`,
    `${file}:4:29: response p99 is compared with a time, such as 200us, not with 5%`,
    `${file}:8:17: the test stream has no response p99`,
    `${file}:9:39: goodput_up is compared with a number, not with 1ms`,
    "ipbench: --gate: the class victim has no target that reports its CPU use; --target-test cpu_target measures it",
  ];
  for (
    const [command, ...more] of [
      ["check"],
      ["run", "--json", `${folder.path}/r.json`],
      ["sweep", "--over", "victim.size=64,128", "--out", `${folder.path}/s`],
    ]
  ) {
    const found = await runProgram("ipbench", [command!, file, ...more, "--gate", "cpu<5%"]);
    assert.deepEqual([found.code, found.stdout], [2, ""], command);
    assert.equal(found.stderr, all.join("\n") + "\n", command);
  }
  assert.deepEqual([...Deno.readDirSync(folder.path)].map(({ name }) => name), ["gates.xml"]);
  const one = await runProgram("ipbench", [
    ...["check", "-c", "127.0.0.1:9", "-t", "discard", "-T", "127.0.0.1", "--target-test", "sink"],
    ...["--gate", "loss<1%", "--gate", "sink.loss<1%", "--gate", "received_rate>1M"],
  ]);
  assert.equal(one.stderr, "ipbench: --gate: the test discard has no loss; there is sink.loss\n");
  const open = await runProgram("ipbench", [
    ...["check", "-c", "127.0.0.1:9", "-t", "latency", "-T", "127.0.0.1", "--target-test", "cpu_target"],
    ...["-a", "socktype=udp", "--gate", "pd.eth.cycles<5k"],
  ]);
  assert.match(
    open.stderr,
    /^ipbench: warning: only the run can tell whether there is a figure "pd.eth.cycles": cpu_target may report one/,
  );
});
