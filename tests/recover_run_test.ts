/** A controller that dies leaves what had come in, and its daemons are free again. */
import assert from "node:assert/strict";
import { parseDocument } from "../results/parse.ts";
import { dummyConfig } from "./fixtures/dummy_run.ts";
import { RunningRun } from "./fixtures/running_run.ts";
import { assertNoneLeft, runProgram, TestDaemon, until } from "./util/mod.ts";

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
  const began = performance.now();
  const { code, stdout } = await run.end("SIGINT");
  assert.equal(code, 130);
  assert.ok(performance.now() - began < 5_000);
  assert.equal(stdout, "");
  const document = parseDocument(await Deno.readTextFile(run.json));
  assert.equal(document.run.interrupted, true);
  assert.equal(document.run.verdict, "INVALID");
  for (const daemon of [first, second, target]) await daemon.assertFree();
});
