/** A result that trickles in costs nobody else's: large results wait on disk, not in their daemons. */
import assert from "node:assert/strict";
import { parseDocument } from "../../results/document/parse.ts";
import { FaultProxy } from "../fixtures/peers/fault_proxy.ts";
import { xmlOf } from "../fixtures/run_config.ts";
import { fixturePlugins, runProgram, TestDaemon, until } from "../util/mod.ts";

Deno.test("two results of 32 MiB, the first a byte at a time: the second is kept, and only the first is blamed", async () => {
  const args = ["--plugin-dir", fixturePlugins()];
  await using slow = await TestDaemon.start({ args });
  await using quick = await TestDaemon.start({ args, ip: "127.0.0.2" });
  await using proxy = await FaultProxy.start(slow, {
    moment: "transfer",
    fault: "slow",
    side: "tester",
    delaysMs: { warmup: 0, measured: 0, marshall: 0, transfer: 0, output: 0 },
  });
  const folder = await Deno.makeTempDir({ prefix: "ipbench-slow-" });
  try {
    const json = `${folder}/result.json`;
    const clients = [{ host: "127.0.0.1", port: proxy.port }, { host: quick.host, port: quick.port }];
    await Deno.writeTextFile(
      `${folder}/run.xml`,
      xmlOf({ test: "fault_big_result", args: "", clients, targets: [] }),
    );
    const running = runProgram("ipbench", [
      "run",
      `${folder}/run.xml`,
      "--json",
      json,
      "--require",
      "1",
      ...args,
    ]);
    await until("one result is on disk", 30_000, async () => {
      const journal = await Deno.readTextFile(`${json}.journal`).catch(() => "");
      return journal.includes("ipbenchd/");
    });
    assert.notEqual(proxy.brokeAt, null, "the first result had begun to come");
    await proxy[Symbol.asyncDispose]();
    const { code, stderr } = await running;
    assert.equal(code, 0, stderr);
    const [first, second] = parseDocument(await Deno.readTextFile(json)).clients;
    assert.match(first!.error!, /^client 127\.0\.0\.1:\d+: collect: /);
    assert.equal(second!.error, undefined);
    await slow.assertFree(5_000);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
