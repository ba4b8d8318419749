/** Whole runs with `dist/` in which testers are absent, taken or die: who is named, and what is kept of the others. */
import assert from "node:assert/strict";
import { dummyConfig } from "../fixtures/dummy_run.ts";
import { runConfig } from "../fixtures/run_config.ts";
import { runProgram, TestDaemon, until } from "../util/mod.ts";

Deno.test("a tester that is not there fails the run, and is done without when the rest is enough", async () => {
  await using tester = await TestDaemon.start();
  const gone = await TestDaemon.start();
  await gone.stop();
  const config = dummyConfig([gone, tester], "seconds=0.2");
  const strict = await runConfig(config);
  assert.equal(strict.code, 1);
  assert.equal(strict.document.run.failed, true);
  assert.match(
    strict.document.clients[0]!.error!,
    new RegExp(`client 127\\.0\\.0\\.1:${gone.port}: connect: `),
  );
  assert.equal(strict.document.csv, "");
  assert.equal(strict.stdout, "");
  await tester.assertFree();

  const lenient = await runConfig(config, ["--require", "50%"]);
  assert.equal(lenient.code, 0, lenient.stderr);
  assert.equal(lenient.document.run.verdict, "SUSPECT", lenient.document.run.reasons.join("; "));
  assert.match(lenient.document.clients[0]!.error!, /connect/);
  assert.equal(lenient.document.clients[1]!.error, undefined);
  assert.notEqual(lenient.document.csv, "");
});

Deno.test("a taken daemon is named with the way out, and --reset takes it", async () => {
  await using tester = await TestDaemon.start();
  using holder = await tester.greeted();
  assert.deepEqual(await holder.ask("HELLO"), ["200 OK (Ready to go)"]);
  const config = dummyConfig([tester], "seconds=0.2");
  const refused = await runConfig(config);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /already runs a test.*"ipbench abort 127\.0\.0\.1:\d+".*--reset/);
  const forced = await runConfig(config, ["--reset"]);
  assert.equal(forced.code, 0, forced.stderr);
});

Deno.test("a test or an argument that is nowhere is named, and the tester stays free", async () => {
  await using tester = await TestDaemon.start();
  const client = ["run", "--client", `${tester.host}:${tester.port}`, "--test-target", "127.0.0.1"];
  const argument = await runProgram("ipbench", [...client, "--test", "latency", "--test-args", "bsp=1"]);
  assert.equal(argument.code, 2);
  assert.match(argument.stderr, /"bsp" is not known; did you mean "bps"\?/);
  const test = await runProgram("ipbench", [...client, "--test", "no_such_test"]);
  assert.equal(test.code, 2);
  assert.match(test.stderr, /no_such_test.*"ipbench plugins"/);
  await tester.assertFree();
});

Deno.test("a tester that dies in mid-run: without it when the rest is enough, results of the others kept either way", async () => {
  for (const lenient of [false, true]) {
    await using steady = await TestDaemon.start();
    const dying = await TestDaemon.start({ ip: "127.0.0.2" });
    const timer = setInterval(async () => {
      if (await steady.testPid().catch(() => null) === null && started) {
        clearInterval(timer);
        dying.signal("SIGKILL");
      }
    }, 50);
    let started = false;
    const running = runConfig(
      dummyConfig([{ host: steady.host, port: steady.port, args: "seconds=0.3" }, dying], "seconds=20"),
      lenient ? ["--require", "1"] : [],
    );
    await until("the test runs", 20_000, async () => started = await steady.testPid() !== null);
    const { code, document, stderr, ms } = await running;
    clearInterval(timer);
    await dying.stop("SIGKILL").catch(() => {});
    assert.equal(code, lenient ? 0 : 1, stderr);
    assert.equal(document.run.verdict, lenient ? "SUSPECT" : "INVALID", document.run.reasons.join("; "));
    assert.match(document.clients[1]!.error!, new RegExp(`client 127\\.0\\.0\\.2:${dying.port}: run: `));
    assert.equal(document.clients[0]!.metrics[0]?.name, "text_size", "what came in is kept");
    assert.equal(document.csv !== "", lenient, "a failed run has no row");
    assert.ok(ms < 15_000, `ended after ${ms} ms, not when the dead tester's test would have`);
  }
});
