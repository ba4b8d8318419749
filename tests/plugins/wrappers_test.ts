/** The wrapper tests in daemons of `dist/`: results, log, and that nothing is left of the programs. */
import assert from "node:assert/strict";
import { metric } from "../fixtures/metric.ts";
import { runConfig } from "../fixtures/run_config.ts";
import {
  handshake,
  markedProcesses,
  runProgram,
  targetSetup,
  TestDaemon,
  testerSetup,
  until,
} from "../util/mod.ts";

/** What the daemon says of a program that took too long. */
const TIMED_OUT = {
  client_wrapper: /^451 .*slow\.sh/,
  target_wrapper: /^451 .*no STOP came within 2 s/,
};

/** Waits for slow.sh and its child that left its session and ignores SIGTERM. */
async function programsRun(daemon: TestDaemon): Promise<void> {
  const sleeps = () => markedProcesses(daemon.mark).filter(({ command }) => command === "sleep 600");
  await until("the programs run", 10_000, () => sleeps().length === 2);
}

async function programsEnd(daemon: TestDaemon): Promise<void> {
  await until("nothing but the daemon and a warm child is left", 10_000, () => {
    return markedProcesses(daemon.mark).length <= 2;
  });
}

Deno.test("client_wrapper and target_wrapper run programs below an allowed directory", async (t) => {
  const folder = await Deno.makeTempDir({ prefix: "ipbench-exec-" });
  try {
    const program = `${folder}/work.sh`;
    await Deno.writeTextFile(
      program,
      '#!/bin/sh\necho "worked on $1 and $2"\necho note >&2\nexit ${3:-0}\n',
      { mode: 0o755 },
    );
    const slow = `${folder}/slow.sh`;
    await Deno.writeTextFile(
      slow,
      "#!/bin/sh\nsetsid sh -c 'trap \"\" TERM; exec sleep 600' &\nexec sleep 600\n",
      { mode: 0o755 },
    );
    await using tester = await TestDaemon.start({ args: ["--allow-exec", folder] });
    await using target = await TestDaemon.start({ role: "target", args: ["--allow-exec", folder] });
    const clients = [{ host: tester.host, port: tester.port }];
    await t.step("the output is the result, with quotes as typed", async () => {
      const { code, stdout, stderr, document } = await runConfig({
        test: "client_wrapper",
        args: `start="${program} 'one, two' three"`,
        clients,
        targets: [{
          test: "target_wrapper",
          args: `start=${slow},output="${program} a b"`,
          host: target.host,
          port: target.port,
        }],
      });
      assert.equal(code, 0, stderr);
      assert.equal(stdout, "worked on one, two and three\nworked on a and b\n");
      assert.equal(metric(document.clients[0]!.metrics, "start_exit_status"), 0);
      assert.equal(metric(document.targets[0]!.metrics, "output_exit_status"), 0);
    });
    await t.step("a program that fails fails the run, and its status is told", async () => {
      const { code, stderr } = await runConfig({
        test: "client_wrapper",
        args: `start="${program} a b 3"`,
        clients,
        targets: [],
      });
      assert.equal(code, 1);
      assert.match(stderr, /work\.sh ended with status 3/);
    });
    await t.step("what a program says on stderr is in the daemon's log", async () => {
      for (const [who, daemon] of [["client_wrapper", tester], ["target_wrapper", target]] as const) {
        await until(`the note of ${who}`, 5_000, () => daemon.log.some((line) => /\bnote\b/.test(line)));
      }
    });
    const abort = async (daemon: TestDaemon) => {
      const { code, stderr } = await runProgram("ipbench", ["abort", `${daemon.host}:${daemon.port}`]);
      assert.equal(code, 0, stderr);
    };
    await t.step("ABORT lets the stop program end", async () => {
      const undo = `${folder}/undo.sh`;
      await Deno.writeTextFile(undo, '#!/bin/sh\nsleep 0.2\necho undone >"$1"\n', { mode: 0o755 });
      const run = runConfig({
        test: "client_wrapper",
        args: `start=${slow}`,
        clients,
        targets: [{
          test: "target_wrapper",
          args: `start=${slow},stop="${undo} ${folder}/undone"`,
          host: target.host,
          port: target.port,
        }],
      });
      await until("the target's programs run", 10_000, () => {
        return markedProcesses(target.mark).length >= 5;
      });
      await abort(target);
      assert.equal((await run).code, 1);
      await until("the stop program has done its work", 10_000, async () => {
        return await Deno.readTextFile(`${folder}/undone`).catch(() => "") === "undone\n";
      });
    });
    await t.step("two clients' texts without a newline stand on lines of their own", async () => {
      await using other = await TestDaemon.start({ args: ["--allow-exec", folder] });
      const short = `${folder}/short.sh`;
      await Deno.writeTextFile(short, "#!/bin/sh\nprintf 12\n", { mode: 0o755 });
      const { stdout, stderr } = await runConfig({
        test: "client_wrapper",
        args: `start=${short}`,
        clients: [...clients, { host: other.host, port: other.port }],
        targets: [],
      });
      assert.equal(stdout, "12\n12\n", stderr);
    });
    const setups = [["client_wrapper", tester, testerSetup], [
      "target_wrapper",
      target,
      targetSetup,
    ]] as const;
    for (const [test, daemon, setup] of setups) {
      for (const how of ["ABORT", "the end of the connection"]) {
        await t.step(`${how} ends a ${test}'s program and all that it started`, async () => {
          using client = await daemon.greeted();
          await handshake(client, test, setup(`start=${slow}`));
          await programsRun(daemon);
          if (how === "ABORT") await abort(daemon);
          else client.close();
          await programsEnd(daemon);
        });
      }
      await t.step(`the deadline ends a ${test}'s program and all that it started`, async () => {
        using client = await daemon.greeted();
        await handshake(client, test, setup(`start=${slow},timeout=2`));
        await programsRun(daemon);
        if (test === "target_wrapper") {
          await programsEnd(daemon);
          await client.send("STOP\n");
        }
        assert.match(await client.readToEnd(10_000), TIMED_OUT[test]);
        await programsEnd(daemon);
      });
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a wrapper without permission says what to start the daemon with", async () => {
  await using tester = await TestDaemon.start();
  const { code, stderr } = await runConfig({
    test: "client_wrapper",
    args: "start=/bin/sh",
    clients: [{ host: tester.host, port: tester.port }],
    targets: [],
  });
  assert.equal(code, 1);
  assert.match(stderr, /start it with --allow-exec \/\S+/);
});
