/** Testers that claim what they cannot have measured: the built controller refuses it, and says who it was. */
import assert from "node:assert/strict";
import { LIMITS } from "../../controller/limits.ts";
import { type ScriptedDaemon, scriptedDaemon } from "../fixtures/peers/scripted_daemon.ts";
import { dummyConfig } from "../fixtures/dummy_run.ts";
import { RunningRun } from "../fixtures/running_run.ts";
import { runProgram, TestDaemon, until } from "../util/mod.ts";

/** The original's bytes of a result of latency: a header of eight 64-bit words, then round trips. */
function originalResult(words: readonly bigint[], bytes = words.length * 8): string {
  const view = new DataView(new ArrayBuffer(words.length * 8));
  words.forEach((word, n) => view.setBigUint64(8 * n, word));
  return new TextDecoder("latin1").decode(new Uint8Array(view.buffer, 0, bytes));
}

/** An original daemon with that result. Bytes above 127 would not come through the script's text. */
function original(words: readonly bigint[], bytes?: number): ScriptedDaemon {
  const data = originalResult(words, bytes);
  const result = `220 VALID DATA (Data to follow)\nContent-length: ${data.length}\n${data}`;
  return scriptedDaemon(["100 IPBENCH V1.0\n", "200 OK\n", "200 OK\n", "200 OK\n", result]);
}

async function measure(
  ...testers: ScriptedDaemon[]
): Promise<{ code: number; stdout: string; stderr: string }> {
  const clients = testers.flatMap(({ port }) => ["--client", `127.0.0.1:${port}`]);
  return await runProgram("ipbench", [
    ...["run", ...clients, "--test", "latency", "--test-args", "samples=5,bps=1M"],
    ...["--test-target", "127.0.0.1"],
  ]);
}

const HONEST = [1024n, 2n, 64n, 2n, 2n, 100n, 90n, 95n, 11n, 13n];

Deno.test("a result that cannot be understood is told with its tester's host and port", async () => {
  await using good = original(HONEST);
  await using bad = original([1024n, 5n, 64n, 5n, 5n, 100n, 90n, 95n, 1n, 1n, 1n, 1n, 1n], 64 + 36);
  const { code, stdout, stderr } = await measure(good, bad);
  assert.equal(code, 1);
  assert.equal(stdout, "", stderr);
  const line = stderr.split("\n").find((text) => text.includes("5 samples and has 36 bytes"));
  assert.match(line ?? "", new RegExp(`client 127\\.0\\.0\\.1:${bad.port}: unmarshall: `), stderr);
  assert.doesNotMatch(stderr, new RegExp(`:${good.port}: unmarshall`));
});

Deno.test("numbers that nobody can have measured are refused, and honest ones are not", async () => {
  const most = 0x7f7f7f7f7f7f7f7fn; // the largest whose bytes are all plain text
  for (
    const [n, name] of ["time", "samples", "size", "sends", "recvs", "requested", "achieved", "sent"]
      .entries()
  ) {
    await using liar = original(HONEST.map((word, at) => at === n ? most : word));
    const { code, stderr } = await measure(liar);
    assert.equal(code, 1, `${name}: ${stderr}`);
    assert.match(
      stderr,
      new RegExp(`client 127\\.0\\.0\\.1:${liar.port}: unmarshall: `),
      `${name}: ${stderr}`,
    );
  }
  await using more = original([1024n, 3n, 64n, 2n, 2n, 100n, 90n, 95n, 11n, 13n, 17n]);
  assert.match((await measure(more)).stderr, /3 samples of 2 packets that were answered/);
  await using honest = original(HONEST);
  const { stdout } = await measure(honest);
  assert.equal(stdout, "100,90,95,64,11,12,13,1.00,13\n");
});

Deno.test("the process that reads results has a limit of memory", async () => {
  await using daemon = await TestDaemon.start();
  await using run = new RunningRun(dummyConfig([daemon], "seconds=30"));
  await until("the plugin's process is limited as the controller says", 20_000, async () => {
    for await (const { name } of Deno.readDir("/proc")) {
      if (!/^\d+$/.test(name)) continue;
      const status = await Deno.readTextFile(`/proc/${name}/status`).catch(() => "");
      if (!new RegExp(`^PPid:\\s${run.pid}$`, "m").test(status)) continue;
      const limits = await Deno.readTextFile(`/proc/${name}/limits`).catch(() => "");
      const bytes = Number(/^Max data size\s+(\d+)/m.exec(limits)?.[1] ?? NaN);
      // What the process has of its own is added: some hundred MiB of a JavaScript engine.
      if (bytes >= LIMITS.pluginMemoryBytes && bytes < 2 * LIMITS.pluginMemoryBytes) return true;
    }
    return false;
  });
});
