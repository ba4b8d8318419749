/** A controller that dies leaves what had come in, and its daemons are free again. */
import assert from "node:assert/strict";
import { parseDocument } from "../results/parse.ts";
import { dummyConfig } from "./fixtures/dummy_run.ts";
import { xmlOf } from "./fixtures/run_config.ts";
import { assertNoneLeft, kill, programCommand, runProgram, TestDaemon, until } from "./util/mod.ts";

Deno.test("kill -9 of a controller in mid-run: its results are recovered, nothing is left, no slot is taken", async () => {
  await using quick = await TestDaemon.start();
  await using slow = await TestDaemon.start({ ip: "127.0.0.2" });
  const folder = await Deno.makeTempDir({ prefix: "ipbench-recover-" });
  try {
    const json = `${folder}/result.json`;
    await Deno.writeTextFile(
      `${folder}/run.xml`,
      xmlOf(dummyConfig([
        { host: quick.host, port: quick.port, args: "seconds=0.2,text=first" },
        slow,
      ], "seconds=30")),
    );
    const command = programCommand("ipbench");
    const mark = crypto.randomUUID();
    const controller = new Deno.Command(command.path, {
      args: [...command.args, "run", `${folder}/run.xml`, "--json", json],
      env: { NO_COLOR: "1", IPBENCH_TEST_MARK: mark },
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    await until("the first result is on disk", 20_000, async () => {
      const journal = await Deno.readTextFile(`${json}.journal`).catch(() => "");
      return journal.includes("ipbenchd/");
    });
    kill(controller.pid, "SIGKILL");
    await controller.status;
    await assertNoneLeft(`IPBENCH_TEST_MARK=${mark}`);
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
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("Ctrl-C ends the test on every daemon, writes the document and exits 130", async () => {
  await using first = await TestDaemon.start();
  await using second = await TestDaemon.start({ ip: "127.0.0.2" });
  await using target = await TestDaemon.start({ role: "target" });
  const folder = await Deno.makeTempDir({ prefix: "ipbench-interrupt-" });
  try {
    const json = `${folder}/result.json`;
    await Deno.writeTextFile(
      `${folder}/run.xml`,
      xmlOf(dummyConfig([first, second], "seconds=30", [target])),
    );
    const command = programCommand("ipbench");
    const controller = new Deno.Command(command.path, {
      args: [...command.args, "run", `${folder}/run.xml`, "--json", json],
      env: { NO_COLOR: "1" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const output = controller.output();
    await until("the test runs", 20_000, async () => {
      using watcher = await first.greeted();
      await watcher.send("WATCH\n");
      return /phase=(measure|warmup)|elapsed=[1-9]/.test(await watcher.readLine());
    });
    const began = performance.now();
    kill(controller.pid, "SIGINT");
    const { code, stdout } = await output;
    assert.equal(code, 130);
    assert.ok(performance.now() - began < 5_000);
    assert.equal(new TextDecoder().decode(stdout), "");
    const document = parseDocument(await Deno.readTextFile(json));
    assert.equal(document.run.interrupted, true);
    assert.equal(document.run.verdict, "INVALID");
    for (const daemon of [first, second, target]) await daemon.assertFree();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
