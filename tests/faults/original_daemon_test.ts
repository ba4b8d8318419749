/**
 * Original daemons whose controller leaves: they are freed, and nobody else's test is ended by a question.
 *
 * @module
 */
import assert from "node:assert/strict";
import { dummyConfig } from "../fixtures/dummy_run.ts";
import {
  type OriginalDaemon,
  originalLatencyResult,
  startOriginalDaemon,
} from "../fixtures/peers/original_daemon.ts";
import { RunningRun } from "../fixtures/running_run.ts";
import { RawClient, runProgram, until } from "../util/mod.ts";

const LASTS_MS = 20_000;

async function withDaemon(body: (daemon: OriginalDaemon, at: string) => Promise<void>): Promise<void> {
  const data = new TextEncoder().encode("text\0");
  const daemon = startOriginalDaemon({ tests: { dummy: { valid: true, lastsMs: LASTS_MS, data } } });
  try {
    await body(daemon, `127.0.0.1:${daemon.port}`);
  } finally {
    await daemon.close();
  }
}

Deno.test("an original tester that waits for samples of a lossy target is waited for", async () => {
  const samples = 100;
  const data = originalLatencyResult({
    timeUs: 11_000_000,
    size: 125,
    requestedBps: 1_000_000,
    achievedBps: 9_090,
    sentBps: 1_000_000,
    rttsUs: Array.from({ length: samples }, () => 50),
  });
  // Without loss it takes 0.1 s; our own testers give up after 3 s, and are given up 5 s later.
  const daemon = startOriginalDaemon({ tests: { latency: { valid: true, lastsMs: 11_000, data } } });
  try {
    const { code, stdout, stderr } = await runProgram("ipbench", [
      ...[
        "--client",
        "127.0.0.1",
        "--port",
        String(daemon.port),
        "--test",
        "latency",
        "--test-target",
        "127.0.0.1",
      ],
      ...["--test-args", `socktype=udp,bps=1M,size=125,samples=${samples},warmup=0,cooldown=0`],
    ]);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^1000000,9090,/);
    assert.match(stderr, /no result yet: an original tester waits until all its samples are in/);
  } finally {
    await daemon.close();
  }
});

async function isRunning(daemon: OriginalDaemon): Promise<boolean> {
  const client = await RawClient.connect({ hostname: "127.0.0.1", port: daemon.port });
  try {
    await client.readLine();
    return (await client.ask("STATUS", 3)).join("\n").includes("Running a test");
  } finally {
    client.close();
  }
}

async function startRun(daemon: OriginalDaemon): Promise<RunningRun> {
  const run = new RunningRun(dummyConfig([{ host: "127.0.0.1", port: daemon.port }], "seconds=20"));
  await until("START is there", 20_000, () => daemon.lines.includes("START"));
  return run;
}

Deno.test("an original daemon is free after Ctrl-C of its controller", async () => {
  await withDaemon(async (daemon) => {
    await using run = await startRun(daemon);
    assert.equal((await run.end("SIGINT")).code, 130);
    assert.equal(await isRunning(daemon), false, daemon.lines.join());
  });
});

Deno.test("--reset frees an original daemon whose controller has gone", async () => {
  await withDaemon(async (daemon) => {
    await using gone = await startRun(daemon);
    await gone.end("SIGKILL");
    assert.equal(await isRunning(daemon), true);
    const from = daemon.lines.length;
    const child = runProgram("ipbench", [
      ...["--reset", "--client", "127.0.0.1", "--port", String(daemon.port), "--test", "dummy"],
      ...["--test-target", "127.0.0.1", "--timeout", "1"],
    ]);
    await until("START is there", 20_000, () => daemon.lines.slice(from).includes("START"));
    assert.match((await child).stderr, /no result/);
  });
});

Deno.test("ipbench abort frees an original daemon, and ipbench status leaves it its test", async () => {
  await withDaemon(async (daemon, at) => {
    await using gone = await startRun(daemon);
    await gone.end("SIGKILL");
    const status = await runProgram("ipbench", ["status", at]);
    assert.match(status.stdout, /running a test/);
    assert.equal(await isRunning(daemon), true, "a question ends nothing");
    const { code, stdout, stderr } = await runProgram("ipbench", ["abort", at]);
    assert.deepEqual([code, stdout], [0, `${at}  aborted\n`], stderr);
    assert.equal(await isRunning(daemon), false);
    const again = await runProgram("ipbench", ["abort", at]);
    assert.deepEqual([again.code, again.stdout], [0, `${at}  there was nothing to abort: it is idle\n`]);
  });
});
