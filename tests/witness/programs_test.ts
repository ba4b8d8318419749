/**
 * What wrappers, wait and dummy say of programs and times, against those programs' own clocks and files.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Metric } from "../../results/document/document.ts";
import { output } from "../fixtures/output.ts";
import { runConfig } from "../fixtures/run_config.ts";
import { within } from "../fixtures/samples.ts";
import { isInstalled, runProgram, TestDaemon, until } from "../util/mod.ts";

const ignore = !isInstalled("date") || !isInstalled("wc");

function figuresOf(metrics: readonly Metric[]): Record<string, number> {
  return Object.fromEntries(metrics.map(({ name, value }) => [name, value]));
}

/** A program that writes down when it ran, by date, and what it printed. */
async function writeProgram(folder: string, name: string, text: string, rest: string): Promise<string> {
  const path = `${folder}/${name}.sh`;
  await Deno.writeTextFile(
    path,
    `#!/bin/sh\ndate +%s%N >"${folder}/${name}.times"\nprintf '${text}' | tee "${folder}/${name}.text"\n${rest}\n` +
      `date +%s%N >>"${folder}/${name}.times"\n`,
    { mode: 0o755 },
  );
  return path;
}

Deno.test({ name: "wrappers against their programs' clocks and output", ignore }, async () => {
  const folder = await Deno.makeTempDir({ prefix: "ipbench-witness-" });
  try {
    const work = await writeProgram(folder, "work", "first line\\nsecond\\n", "sleep 0.4");
    const load = await writeProgram(folder, "load", "load\\n", "sleep 0.1");
    const told = await writeProgram(folder, "told", "what the target has to say", "exit 0");
    await using tester = await TestDaemon.start({ args: ["--allow-exec", folder] });
    await using target = await TestDaemon.start({ role: "target", args: ["--allow-exec", folder] });
    const { stdout, stderr, document, ms } = await runConfig({
      test: "client_wrapper",
      args: `start=${work}`,
      clients: [{ host: tester.host, port: tester.port }],
      targets: [{
        test: "target_wrapper",
        args: `start=${load},output=${told}`,
        host: target.host,
        port: target.port,
      }],
    });
    assert.equal(document.run.failed, undefined, stderr);
    const bytes = (name: string) => Number(output("wc", "-c", `${folder}/${name}.text`).split(" ")[0]);
    const [began, ended] = (await Deno.readTextFile(`${folder}/work.times`)).trim().split("\n").map(BigInt);
    const client = figuresOf(document.clients[0]!.metrics), other = figuresOf(document.targets[0]!.metrics);
    // The shell takes a while to be there and to end.
    const ran = Number(ended! - began!) / 1e9;
    within(client["run_time"], ran, ran + 2, "run_time");
    assert.equal(client["output_bytes"], bytes("work"));
    assert.equal(client["start_exit_status"], 0);
    assert.equal(other["output_bytes"], bytes("told"));
    assert.equal(other["output_exit_status"], 0);
    within(other["run_time"], 0.1, ms / 1000, "run_time of the target's program");
    assert.equal(stdout, "first line\nsecond\nwhat the target has to say\n");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("wait against the clock of who lets it go on", async () => {
  await using tester = await TestDaemon.start();
  const began = performance.now();
  const clients = [{ host: tester.host, port: tester.port }];
  const run = runConfig({ test: "wait", args: "deadline=60", clients, targets: [] });
  await until("the test waits", 20_000, async () => await tester.testPid() !== null);
  const seen = performance.now();
  await until("the daemon lets the test continue", 20_000, async () => {
    return (await runProgram("ipbench", ["continue", `${tester.host}:${tester.port}`])).code === 0;
  });
  const ended = performance.now();
  const { document, stderr } = await run;
  assert.equal(document.run.failed, undefined, stderr);
  // It was seen once it was set up, and started within the second that testers are given to be ready.
  const waited = figuresOf(document.clients[0]!.metrics)["waited"];
  within(waited, Math.max(0, (ended - seen) / 1000 - 2), (performance.now() - began) / 1000, "waited");
});

Deno.test("dummy and dummy_target against the length of their texts", async () => {
  await using tester = await TestDaemon.start();
  await using target = await TestDaemon.start({ role: "target" });
  const text = "a text of thirty-one characters";
  const { document, stdout, stderr } = await runConfig({
    test: "dummy",
    args: `seconds=0.1,text=${text}`,
    clients: [{ host: tester.host, port: tester.port }],
    targets: [{ test: "dummy_target", host: target.host, port: target.port }],
  });
  assert.equal(document.run.failed, undefined, stderr);
  assert.equal(figuresOf(document.clients[0]!.metrics)["text_size"], text.length);
  const [client, other] = stdout.trim().split("\n");
  assert.ok(client!.endsWith(text), stdout);
  const size = figuresOf(document.targets[0]!.metrics)["text_size"]!;
  assert.ok(other!.length >= size && size > 0, stdout);
});
