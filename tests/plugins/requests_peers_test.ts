/**
 * rr, connections and http whatever becomes of the other end: a server that dies or stands still, a target that is none or
 * has several addresses, and daemons that run them.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Nginx } from "../fixtures/peers/nginx.ts";
import { EchoProcess } from "../fixtures/peers/echo_process.ts";
import { figuresOf, hasHttp, QUIET, run, withStreamTarget } from "./requests/runs.ts";
import { runConfig } from "../fixtures/run_config.ts";
import { near } from "../fixtures/samples.ts";
import { freePort, isInstalled, sleep, TestDaemon } from "../util/mod.ts";

Deno.test(
  { name: "http to a server that goes: dead or silent in the middle (nginx-light)", ignore: !hasHttp },
  async (t) => {
    const load = "rate=100,duration=20,connections=4,drain=0.5,late=0.2";
    for (const kept of [1, 0]) {
      const which = kept === 1 ? "kept connections" : "a connection each";
      await t.step(`it dies, ${which}`, async () => {
        const server = await Nginx.start("hello");
        const running = run("http", server.port, `${load},kept=${kept}`);
        await sleep(1500);
        await server[Symbol.asyncDispose]();
        const { result } = await running;
        const { sent, ok, lost } = result.counts;
        assert.ok(ok > 0 && lost > 0 && sent === ok + lost, JSON.stringify(result.counts));
        assert.match(JSON.stringify(result.reasons), /"INVALID","code":"target-died"/);
        assert.ok(figuresOf(result).refused! > 0, JSON.stringify(result.metrics));
      });
      await t.step(`it stands still, ${which}`, async () => {
        await using server = await Nginx.start("hello");
        const worker = server.worker();
        const running = run("http", server.port, `${load},kept=${kept}`);
        await sleep(1500);
        Deno.kill(worker, "SIGSTOP");
        try {
          const { result } = await running;
          assert.match(JSON.stringify(result.reasons), /"INVALID","code":"target-(died|silent)"/);
          assert.ok(figuresOf(result).timed_out! > 0, JSON.stringify(result.metrics));
        } finally {
          Deno.kill(worker, "SIGCONT");
        }
      });
    }
  },
);

Deno.test("rr and connections run by daemons, and two testers add up", async (t) => {
  await using one = await TestDaemon.start();
  await using two = await TestDaemon.start();
  await using echo = await EchoProcess.start();
  for (const test of ["rr", "connections"]) {
    await t.step(test, async () => {
      const { document, stdout, stderr } = await runConfig({
        test,
        args: `${QUIET},rate=100,duration=1,connections=4`,
        testPort: echo.port,
        clients: [{ host: one.host, port: one.port }, { host: two.host, port: two.port }],
        targets: [],
      });
      assert.equal(document.run.failed, undefined, stderr);
      assert.equal(document.total!.counts!.ok, 200);
      const rate = document.total!.metrics!.find(({ name }) => name === "completed_rate")!;
      assert.equal(rate.of, 2);
      near(rate.value, 200, 20, "completed_rate");
      const row = stdout.trim().split("\n").at(-1)!.split(",").map(Number);
      assert.deepEqual([row[0], row[2], row[3]], [200, 200, 200]);
      assert.ok(document.clients[0]!.series!.length > 5);
    });
  }
});

Deno.test("rr over UDP asks stream_target from several addresses, and tells why it cannot", async (t) => {
  await t.step("bind", async () => {
    const figures = await withStreamTarget(3, async (port) => {
      const { result } = await run(
        "rr",
        port,
        `proto=udp,peer=ipbench,rate=300,duration=0.5,connections=6,response=9,"bind=127.0.0.7;127.0.0.8;127.0.0.9"`,
      );
      assert.deepEqual([result.counts.sent, result.counts.ok], [150, 150]);
    });
    assert.deepEqual([figures.request_connections, figures.responses], [3, 150]);
  });
  await t.step("an echo is no stream_target", async () => {
    await using echo = await EchoProcess.start();
    await assert.rejects(
      () => run("rr", echo.port, "proto=udp,peer=ipbench,duration=0.2"),
      /the target gave no welcome for requests over UDP; is it stream_target\?/,
    );
  });
  await t.step("nobody is there", async () => {
    await assert.rejects(
      () => run("rr", freePort(), "proto=udp,peer=ipbench,duration=0.2"),
      /takes no connection \(TCP\) beside requests over UDP; is it stream_target\?.*refused/s,
    );
  });
});

Deno.test(
  { name: "rr says why stream_target refuses it (prlimit)", ignore: !isInstalled("prlimit") },
  async () => {
    await withStreamTarget(4, async (port) => {
      await assert.rejects(
        () => run("rr", port, "peer=ipbench,connections=100,rate=500,duration=0.5"),
        /the target refuses: the target has no room for one more connection/,
      );
    }, ["prlimit", "--nofile=60:60"]);
  },
);
