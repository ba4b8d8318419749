/**
 * The daemon's own half of the faults: a controller that vanishes in any phase, a test's process that dies or hangs in
 * any phase, peers that do not read. The slot is free again within a second, nobody is left, and the culprit is named.
 *
 * @module
 */
import assert from "node:assert/strict";
import {
  deadline,
  fixturePlugins,
  handshake,
  HANDSHAKE_STEPS,
  isAlive,
  kill,
  type RawClient,
  sleep,
  targetSetup,
  TestDaemon,
  testerSetup,
  until,
} from "../util/mod.ts";

/** A second, and what a busy machine needs on top. */
const FREE_MS = 1_500;

const VANISH: Record<string, (client: RawClient) => Promise<void>> = {
  close: (client) => {
    client.close();
    return Promise.resolve();
  },
  "half-close": (client) => client.closeWrite(),
  reset: async (client) => {
    // Unread bytes at the close make it a reset.
    await client.send("HELP\n");
    await sleep(20);
    client.close();
  },
};

for (const [how, vanish] of Object.entries(VANISH)) {
  Deno.test(`controller vanishes (${how}) in each phase: the test ends, the slot is free`, async () => {
    await using tester = await TestDaemon.start();
    await using target = await TestDaemon.start({ role: "target" });
    for (const step of HANDSHAKE_STEPS) {
      using first = await tester.greeted();
      await handshake(first, "dummy", testerSetup("seconds=60"), step);
      using second = await target.greeted();
      await handshake(second, "dummy_target", targetSetup(), step);
      const pids = [await tester.testPid(), await target.testPid()];
      assert.equal(pids.every((pid) => pid !== null), step !== "greeting", step);
      await Promise.all([vanish(first), vanish(second)]);
      await Promise.all([tester.assertFree(FREE_MS), target.assertFree(FREE_MS)]);
      for (const pid of pids) assert.ok(pid === null || !isAlive(pid), `${step}: ${pid} is left`);
    }
  });
}

Deno.test("controller vanishes while LOAD or SETUP is at work", async () => {
  await using daemon = await TestDaemon.start();
  for (const lines of ["HELLO\n", "HELLO\nLOAD dummy\n", `HELLO\nLOAD dummy\n${testerSetup()}\n`]) {
    using client = await daemon.greeted();
    await client.send(lines);
    client.close();
    await daemon.assertFree(FREE_MS);
  }
});

Deno.test("controller killed with SIGKILL: its connection's test ends", async () => {
  await using daemon = await TestDaemon.start();
  const script = `const c = await Deno.connect({hostname: "127.0.0.1", port: ${daemon.port}});` +
    `await c.write(new TextEncoder().encode(${
      JSON.stringify(`HELLO\nLOAD dummy\n${testerSetup("seconds=60")}\nSTART\n`)
    }));` + `for (;;) if (await c.read(new Uint8Array(999)) === null) break;`;
  const child = new Deno.Command(Deno.execPath(), { args: ["eval", script], stdout: "null", stderr: "null" })
    .spawn();
  await until("the test runs", 10_000, async () => await daemon.testPid() !== null);
  kill(child.pid, "SIGKILL");
  await daemon.assertFree(FREE_MS);
  await child.status;
});

Deno.test("the test's process is killed in each phase: 451 names the signal, the slot is free", async () => {
  for (const role of ["tester", "target"] as const) {
    await using daemon = await TestDaemon.start({ role });
    const [plugin, setup] = role === "tester"
      ? ["dummy", testerSetup("seconds=60")] as const
      : ["dummy_target", targetSetup()] as const;
    for (const step of HANDSHAKE_STEPS.slice(1)) {
      using client = await daemon.greeted();
      await handshake(client, plugin, setup, step);
      const pid = await daemon.testPid();
      assert.ok(pid !== null);
      kill(pid, "SIGKILL");
      const answer = await client.readToEnd();
      assert.match(answer, /^451 LOCAL PROCESSING ERROR \([^()]*SIGKILL[^()]*\)\n$/, `${role} after ${step}`);
      if (step !== "HELLO") assert.ok(answer.includes(plugin), answer);
      using next = await daemon.greeted();
      assert.deepEqual(await next.ask("HELLO"), ["200 OK (Ready to go)"], "free when the 451 is there");
    }
  }
});

Deno.test("a test's process that is stopped is no obstacle to ABORT, nor to the end of its connection", async () => {
  await using daemon = await TestDaemon.start();
  for (const step of ["LOAD", "START"] as const) {
    using client = await daemon.greeted();
    await handshake(client, "dummy", testerSetup("seconds=60"), step);
    const pid = await daemon.testPid();
    assert.ok(pid !== null);
    kill(pid, "SIGSTOP");
    using other = await daemon.greeted();
    await other.send("ABORT\n");
    await deadline("the ABORT's close", FREE_MS, other.readToEnd());
    await daemon.assertFree(FREE_MS);
  }
});

Deno.test("a peer that sends and never reads is closed at its deadline and costs nobody else anything", async () => {
  await using daemon = await TestDaemon.start();
  using deaf = await daemon.connect({ deadlineMs: 50_000 });
  const flood = new TextEncoder().encode("HELP\n".repeat(4000));
  let sent = 0;
  const flooding = (async () => {
    for (let round = 0; round < 5000; round++) {
      await deaf.conn.write(flood);
      sent += flood.length;
    }
  })().catch(() => {});
  await sleep(500);
  const before = daemon.residentBytes;
  using other = await daemon.greeted();
  assert.equal((await other.ask("STATUS", 3))[2], "200 OK");
  await deadline("the deaf one is closed", 40_000, flooding);
  assert.ok(sent < 64 * 1024 * 1024, `the daemon took ${sent} bytes from a peer that does not read`);
  assert.ok(daemon.residentBytes < before + 64 * 1024 * 1024, "and does not keep their answers");
});

Deno.test("a big result arrives whole; a peer that does not read it loses it at the deadline, nobody else anything", async () => {
  const size = 32 * 1024 * 1024;
  await using daemon = await TestDaemon.start({ args: ["--plugin-dir", fixturePlugins()] });
  using deaf = await daemon.greeted({ deadlineMs: 20_000 });
  await handshake(deaf, "fault_big_result", testerSetup());
  await daemon.assertFree(3_000);
  using client = await daemon.greeted({ deadlineMs: 20_000 });
  await handshake(client, "fault_big_result", testerSetup());
  assert.equal(await client.readLine(), "220 VALID DATA (Data to follow)");
  assert.equal(await client.readLine(), `Content-length: ${size}`);
  const data = await client.readBytes(size);
  assert.ok(data.every((byte, at) => byte === at % 251));
  assert.equal(await client.readToEnd(), "", "nothing follows");
  await sleep(10_500);
  const rest = await deaf.readToEnd();
  assert.ok(rest.length < size, `the deaf one got ${rest.length} bytes`);
});

Deno.test("results that nobody reads have one bound, however many controllers they are for", async () => {
  const size = 32 * 1024 * 1024, controllers = 8;
  await using daemon = await TestDaemon.start({
    args: ["--plugin-dir", fixturePlugins(), "--max-result", String(size)],
  });
  const before = daemon.residentBytes;
  const deaf: RawClient[] = [];
  let largest = 0;
  try {
    for (let count = 0; count < controllers; count++) {
      const client = await daemon.greeted({ deadlineMs: 20_000 });
      deaf.push(client);
      await handshake(client, "fault_big_result", testerSetup());
      await daemon.assertFree(5_000);
      largest = Math.max(largest, daemon.residentBytes - before);
    }
    // The one on its way, one more that comes out of the test's process in pieces, and what the runtime has not freed yet.
    assert.ok(largest < 5 * size, `${Math.round(largest / 1024 / 1024)} MiB more are held`);
    assert.equal(await deaf.at(-1)?.readLine(), "220 VALID DATA (Data to follow)");
    await deaf.at(-1)?.readLine();
    assert.equal((await deaf.at(-1)?.readBytes(size))?.length, size, "the last one is whole");
    assert.ok(daemon.log.some((line) => line.includes("its result was not read in time")));
  } finally {
    for (const client of deaf) client.close();
  }
});

Deno.test("SIGKILL of the daemon leaves no process", async () => {
  for (const step of ["SETUP", "START"] as const) {
    await using daemon = await TestDaemon.start();
    using client = await daemon.greeted();
    await handshake(client, "dummy", testerSetup("seconds=60"), step);
    const pid = await daemon.testPid();
    assert.ok(pid !== null);
    assert.notEqual(await daemon.stop("SIGKILL"), 0);
    await until(`after ${step} the test's process ends with the daemon`, 2_000, () => !isAlive(pid));
  }
});

Deno.test("SIGTERM and SIGINT during a test: it ends, nobody is left, status 0", async () => {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    await using daemon = await TestDaemon.start();
    using client = await daemon.greeted();
    await handshake(client, "dummy", testerSetup("seconds=60"));
    const pid = await daemon.testPid();
    const started = performance.now();
    assert.equal(await daemon.stop(signal), 0);
    assert.ok(performance.now() - started < 4_000);
    assert.ok(pid !== null && !isAlive(pid));
    assert.match(await client.readToEnd(), /^421 SERVICE NOT AVAILABLE \(The daemon goes down\)\n$/);
  }
});

Deno.test("twenty tests in a row: no process, no memory, no slot is lost", async () => {
  await using daemon = await TestDaemon.start();
  for (let round = 0; round < 20; round++) {
    using client = await daemon.greeted();
    await client.send(`HELLO\nLOAD dummy\n${testerSetup("seconds=0.01")}\nSTART\n`);
    assert.match(await client.readToEnd(10_000), /220 VALID DATA/);
  }
  assert.ok(daemon.children().length <= 1, "at most the one that waits for the next test");
});
