/** A sweep against a real echo, interrupted half-way and resumed. */
import assert from "node:assert/strict";
import { EchoProcess } from "../fixtures/peers/echo_process.ts";
import { deadline, kill, programCommand, runProgram, TestDaemon, until } from "../util/mod.ts";

const POINTS = 16;
/** Real-time priority, because tests run on busy machines; short phases and waits. */
const TEST_ARGS = "socktype=udp,warmup=0,cooldown=0,duration=200ms,rt=5,drain=100ms,late=50ms,noise=20ms";

function arguments_(tester: TestDaemon, echo: EchoProcess, folder: string): string[] {
  return [
    "sweep",
    ...["--client", `${tester.host}:${tester.port}`],
    ...["--test", "latency", "--test-target", "127.0.0.1", "--test-port", String(echo.port)],
    ...["--test-args", TEST_ARGS],
    ...["--over", "bps=1M:4M:1M", "--over", "size=64,512", "--repeat", "2", "--retry", "5", "--out", folder],
  ];
}

/** Run identities of the documents in a folder, by file. */
function documents(folder: string): Map<string, { id: string; verdict: string }> {
  const found = new Map<string, { id: string; verdict: string }>();
  for (const { name } of Deno.readDirSync(folder)) {
    if (!/^point-\d+\.json$/.test(name)) continue;
    const { run } = JSON.parse(Deno.readTextFileSync(`${folder}/${name}`));
    found.set(name, { id: run.id, verdict: run.verdict });
  }
  return found;
}

Deno.test("4 rates x 2 sizes x 2 repetitions, Ctrl-C half-way, --resume: 16 documents, none measured twice", async () => {
  await using echo = await EchoProcess.start();
  await using tester = await TestDaemon.start();
  const folder = await Deno.makeTempDir({ prefix: "ipbench-sweep-" });
  try {
    const args = arguments_(tester, echo, folder);
    const command = programCommand("ipbench");
    const child = new Deno.Command(command.path, {
      args: [...command.args, ...args],
      env: { NO_COLOR: "1" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const output = child.output();
    await until("half of the points", 60_000, () => documents(folder).size >= POINTS / 2);
    kill(child.pid, "SIGINT");
    const first = await deadline("the sweep ends on SIGINT", 10_000, output);
    const said = new TextDecoder().decode(first.stderr);
    assert.equal(first.code, 130, said);
    assert.match(said, /interrupted; go on with: ipbench sweep --resume --out /);
    const before = documents(folder);
    assert.ok(before.size >= POINTS / 2 && before.size < POINTS, String(before.size));
    await tester.assertFree();

    const refused = await runProgram("ipbench", args);
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, /holds a sweep already; give --resume/);

    // The folder knows the plan, the run and how it was to be run.
    const resume = ["sweep", "--resume", "--out", folder];
    const second = await runProgram("ipbench", resume, { deadlineMs: 90_000 });
    assert.equal(second.code, 0, second.stderr);
    const after = documents(folder);
    assert.equal(after.size, POINTS);
    assert.equal(new Set([...after.values()].map(({ id }) => id)).size, POINTS);
    for (const [file, { id, verdict }] of before) {
      if (verdict !== "INVALID") assert.equal(after.get(file)?.id, id, `${file} was measured again`);
    }
    assert.match(second.stderr, /16 of 16 points measured/);
    const rows = second.stdout.trimEnd().split("\n");
    assert.equal(rows.length, 1 + POINTS);
    assert.match(rows[0] ?? "", /^bps,size,repetition,verdict,requested_bps,/);
    assert.ok(
      rows.slice(1).every((row) => /^[1-4]000000,(64|512),[12],(VALID|SUSPECT),/.test(row)),
      second.stdout,
    );
    const index = JSON.parse(Deno.readTextFileSync(`${folder}/index.json`));
    assert.equal(index.format, "ipbench-sweep/1");
    assert.ok(index.points.every((point: { status: string }) => point.status === "done"));

    const report = await runProgram("ipbench", ["report", folder, "-o", `${folder}/report.html`]);
    assert.equal(report.code, 0, report.stderr);
    const html = Deno.readTextFileSync(`${folder}/report.html`);
    assert.ok(/^\s*<!doctype html>/i.test(html) && html.includes("16 runs"), html.slice(0, 200));

    assert.deepEqual(index.settings, { until: [], retry: 5, cooldownSeconds: 0 });

    const done = await runProgram("ipbench", [...args, "--resume"]);
    assert.equal(done.code, 0, done.stderr);
    assert.deepEqual(documents(folder), after);

    const other = await runProgram("ipbench", [...resume, "--over", "bps=5M"]);
    assert.equal(other.code, 2);
    assert.match(other.stderr, /cannot resume: the axes of the sweep on disk differ/);
    const nothing = await runProgram("ipbench", ["sweep", "--resume", "--out", `${folder}/nothing`]);
    assert.equal(nothing.code, 2);
    assert.match(nothing.stderr, /there is no sweep to resume in .*nothing: it has no index.json/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
