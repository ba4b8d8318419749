/** A controller that dies leaves what had come in, and its daemons are free again. */
import assert from "node:assert/strict";
import { parseDocument } from "../../results/document/parse.ts";
import { dummyConfig } from "../fixtures/dummy_run.ts";
import { TemporaryFolder } from "../fixtures/folders.ts";
import { RunningRun } from "../fixtures/running_run.ts";
import { assertNoneLeft, kill, programCommand, runProgram, TestDaemon, until } from "../util/mod.ts";

Deno.test("kill -9 of a controller in mid-run: its results are recovered, nothing is left, no slot is taken", async () => {
  await using quick = await TestDaemon.start();
  await using slow = await TestDaemon.start({ ip: "127.0.0.2" });
  const first = { host: quick.host, port: quick.port, args: "seconds=0.2,text=first" };
  await using run = new RunningRun(dummyConfig([first, slow], "seconds=30"));
  const { json } = run;
  await run.untilFirstResult();
  await run.end("SIGKILL");
  await assertNoneLeft(run.mark);
  await quick.assertFree(5_000);
  await slow.assertFree(5_000);

  const recovered = await runProgram("ipbench", ["recover", json]);
  assert.equal(recovered.code, 0, recovered.stderr);
  assert.match(recovered.stderr, /recovered 1 of 2 client results/);
  const document = parseDocument(await Deno.readTextFile(json));
  assert.equal(document.run.verdict, "INVALID");
  assert.equal(document.run.failed, true);
  assert.equal(document.clients[0]?.metrics[0]?.name, "text_size");
  assert.equal(document.clients[1]?.peer, null);
  await assert.rejects(Deno.stat(`${json}.journal`), Deno.errors.NotFound);

  const again = await runProgram("ipbench", ["recover", json]);
  assert.equal(again.code, 0);
  assert.match(again.stderr, /complete/);
});

Deno.test("a second run that is killed before anything came in: the first one's document stays, and is not called complete", async () => {
  await using tester = await TestDaemon.start();
  using folder = TemporaryFolder.make();
  const json = `${folder.path}/result.json`;
  const line = (seconds: number) => [
    ...["run", "--client", `${tester.host}:${tester.port}`, "--test", "dummy"],
    ...["--test-args", `seconds=${seconds}`, "--json", json],
  ];
  const first = await runProgram("ipbench", line(0.1));
  assert.equal(first.code, 0, first.stderr);
  const document = await Deno.readTextFile(json);
  const { path, args } = programCommand("ipbench");
  const second = new Deno.Command(path, {
    args: [...args, ...line(60)],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  const hasBegun = () => Deno.stat(`${json}.journal`).then(({ size }) => size > 0, () => false);
  await until("the second run has begun", 20_000, hasBegun);
  kill(second.pid, "SIGKILL");
  await second.status;

  const report = await runProgram("ipbench", ["report", json, "--markdown"]);
  assert.equal(report.code, 0, report.stderr);
  assert.match(
    report.stderr,
    /of a later run no result has come in; this is the result of the run before it/,
  );
  const recovered = await runProgram("ipbench", ["recover", json]);
  assert.equal(recovered.code, 1, recovered.stderr);
  assert.match(
    recovered.stderr,
    /nothing to recover: the run [0-9a-f]+ of .* died before any result had come in; .* is the result of an earlier run/,
  );
  assert.equal(await Deno.readTextFile(json), document);
  await assert.rejects(Deno.stat(`${json}.journal`), Deno.errors.NotFound);
});

Deno.test("Ctrl-C ends the test on every daemon, writes the document and exits 130", async () => {
  await using first = await TestDaemon.start();
  await using second = await TestDaemon.start({ ip: "127.0.0.2" });
  await using target = await TestDaemon.start({ role: "target" });
  await using run = new RunningRun(dummyConfig([first, second], "seconds=30", [target]));
  await until("the test runs", 20_000, async () => {
    using watcher = await first.greeted();
    await watcher.send("WATCH\n");
    return /phase=(measure|warmup)|elapsed=[1-9]/.test(await watcher.readLine());
  });
  await run.interrupt("SIGINT");
  for (const daemon of [first, second, target]) await daemon.assertFree();
});
