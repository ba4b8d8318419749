/**
 * What `ps` shows of our processes: who each of them is, not how the runtime was started.
 *
 * @module
 */
import assert from "node:assert/strict";
import { childrenOf, freePort, kill, programCommand, readProcess, TestDaemon, until } from "../util/mod.ts";

/** The command line of a process, as `ps -o args` prints it. */
const shown = (pid: number): string => readProcess(pid)?.command ?? "";

for (const role of ["tester", "target"] as const) {
  Deno.test(`ps: a ${role} daemon, and the test in it`, async () => {
    await using daemon = await TestDaemon.start({ role });
    assert.equal(shown(daemon.pid), `ipbenchd: ${role} 127.0.0.1:${daemon.port}`);
    // What `killall ipbenchd` and `top` go by stays as it was.
    assert.equal(Deno.readTextFileSync(`/proc/${daemon.pid}/comm`), "ipbenchd\n");
    using owner = await daemon.greeted();
    await owner.ask("HELLO");
    const pid = await daemon.testPid();
    await until("a process that has no test yet", 10_000, () => shown(pid!) === "ipbench: plugin");
    const test = role === "tester" ? "dummy" : "dummy_target";
    assert.deepEqual(await owner.ask(`LOAD ${test}`), ["200 OK"]);
    assert.equal(shown(pid!), `ipbench: plugin ${test}`);
  });
}

Deno.test("ps: a daemon on all addresses", async () => {
  await using daemon = await TestDaemon.start({ ip: null });
  assert.match(shown(daemon.pid), new RegExp(`^ipbenchd: tester (\\[::\\]|0\\.0\\.0\\.0):${daemon.port}$`));
});

Deno.test("ps: the controller shows its command line as it was typed, its test's half the test", async () => {
  const { path, args } = programCommand("ipbench");
  const line = ["echo", "--ip", "127.0.0.1", "--tcp", String(freePort())];
  const child = new Deno.Command(path, {
    args: [...args, ...line],
    env: { SECRET_OF_THE_ENVIRONMENT: "kept" },
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  try {
    await until("its command line", 20_000, () => shown(child.pid) === `ipbench ${line.join(" ")}`);
    await until(
      "the test's process",
      20_000,
      () => childrenOf(child.pid).some(({ command }) => command === "ipbench: plugin echo"),
    );
    const environment = Deno.readTextFileSync(`/proc/${child.pid}/environ`).split("\0");
    assert.ok(
      environment.includes("SECRET_OF_THE_ENVIRONMENT=kept"),
      "the environment beside it is untouched",
    );
  } finally {
    kill(child.pid, "SIGTERM");
    await child.status;
  }
});
