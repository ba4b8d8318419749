/**
 * The protocol's extensions at the real daemons: clock, agreed start and stop, environment, progress, continue.
 *
 * @module
 */
import assert from "node:assert/strict";
import { parseClock, parseProgress, parseReply, parseResultStamps } from "../../protocol/mod.ts";
import { monotonicNowNs } from "../../ffi/mod.ts";
import { handshake, type RawClient, targetSetup, TestDaemon, testerSetup, until } from "../util/mod.ts";

async function clockOf(client: RawClient): Promise<{ rxNs: bigint; txNs: bigint }> {
  return parseClock(parseReply((await client.ask("CLOCK"))[0] ?? ""));
}

async function resultOf(client: RawClient): Promise<{ line: string; data: string }> {
  const line = await client.readLine(10_000);
  const length = /^Content-length: ([0-9]+)$/.exec(await client.readLine());
  assert.ok(length !== null);
  return { line, data: new TextDecoder().decode(await client.readBytes(Number(length[1]))) };
}

Deno.test("CLOCK: stamps lie between the controller's own, in every state", async () => {
  await using daemon = await TestDaemon.start();
  using client = await daemon.greeted();
  for (const line of ["", "HELLO", "LOAD dummy", testerSetup("seconds=5"), "START"]) {
    if (line === "START") await client.send("START\n");
    else if (line !== "") await client.ask(line);
    const before = monotonicNowNs();
    const { rxNs, txNs } = await clockOf(client);
    const after = monotonicNowNs();
    assert.ok(before <= rxNs && rxNs <= txNs && txNs <= after, line);
  }
});

Deno.test("CLOCK, START at, and the stamps of a result follow a shifted clock", async () => {
  for (const shift of [-3_000_000_000n, 3_000_000_000n]) {
    await using daemon = await TestDaemon.start({ env: { IPBENCH_TEST_CLOCK_SHIFT_NS: String(shift) } });
    using client = await daemon.greeted();
    const { rxNs } = await clockOf(client);
    const distance = rxNs - shift - monotonicNowNs();
    assert.ok(distance < 0n && distance > -10_000_000_000n, `${distance}`);
    await handshake(client, "dummy", testerSetup("seconds=0.1"), "SETUP");
    const planned = (await clockOf(client)).txNs + 300_000_000n;
    await client.send(`START at::${planned}\n`);
    const { line } = await resultOf(client);
    assert.match(
      line,
      /^220 VALID DATA \(Data to follow, (?:links=\S+ )?planned=[0-9]+ actual=[0-9]+ ended=[0-9]+\)$/,
    );
    const stamps = parseResultStamps(parseReply(line));
    assert.ok(stamps !== null);
    assert.equal(stamps.plannedNs, planned);
    assert.ok(stamps.actualNs >= planned && stamps.actualNs < planned + 5_000_000_000n);
    assert.ok(stamps.endedNs >= stamps.actualNs + 100_000_000n);
  }
});

Deno.test("START at an instant that has passed starts at once; one more than a minute away is a 451", async () => {
  await using daemon = await TestDaemon.start();
  using late = await daemon.greeted();
  await handshake(late, "dummy", testerSetup("seconds=0.05"), "SETUP");
  await late.send(`START at::${monotonicNowNs() - 5_000_000_000n}\n`);
  assert.match((await resultOf(late)).line, /^220 /);
  using far = await daemon.greeted();
  await handshake(far, "dummy", testerSetup("seconds=0.05"), "SETUP");
  await far.send(`START at::${monotonicNowNs() + 90_000_000_000n}\n`);
  assert.match(
    await far.readToEnd(),
    /^451 [^(]*\(Plugin failed to start!: dummy: [^()]*more than a minute[^()]*\)\n$/,
  );
  await daemon.assertFree();
});

Deno.test("ABORT while a test waits for its instant", async () => {
  await using daemon = await TestDaemon.start();
  using client = await daemon.greeted();
  await handshake(client, "dummy", testerSetup("seconds=0.05"), "SETUP");
  await client.send(`START at::${monotonicNowNs() + 30_000_000_000n}\n`);
  await client.send("ABORT\n");
  assert.equal(await client.readToEnd(), "");
  await daemon.assertFree();
});

Deno.test("STOP at: a target's test ends at the instant", async () => {
  await using daemon = await TestDaemon.start({ role: "target" });
  using client = await daemon.greeted();
  await handshake(client, "dummy_target", targetSetup("text=x"), "SETUP");
  const start = monotonicNowNs() + 100_000_000n;
  await client.send(`START at::${start}\n`);
  await client.send(`STOP at::${start + 300_000_000n}\n`);
  const { line, data } = await resultOf(client);
  const stamps = parseResultStamps(parseReply(line));
  assert.ok(stamps !== null && stamps.plannedNs === start);
  assert.ok(stamps.endedNs >= start + 300_000_000n, `ended ${stamps.endedNs - start} ns after its start`);
  assert.equal(data, "x\0");
});

Deno.test("STOP at: ABORT, and the end of the connection, do not wait for the instant", async () => {
  await using daemon = await TestDaemon.start({ role: "target" });
  for (const how of ["ABORT", "close"]) {
    using client = await daemon.greeted();
    await handshake(client, "dummy_target", targetSetup("text=x"));
    await client.send(`STOP at::${monotonicNowNs() + 30_000_000_000n}\n`);
    if (how === "ABORT") await client.send("ABORT\n");
    else client.close();
    await daemon.assertFree();
  }
});

Deno.test("a plain START gets the original's result line", async () => {
  await using daemon = await TestDaemon.start({ role: "target" });
  using client = await daemon.greeted();
  await handshake(client, "dummy_target", targetSetup());
  await client.send("STOP\n");
  assert.equal((await resultOf(client)).line, "220 VALID DATA (Data to follow)");
});

Deno.test("ENV: JSON, before HELLO and after, and the connection goes on", async () => {
  await using daemon = await TestDaemon.start();
  using client = await daemon.greeted();
  for (const line of ["ENV", "ENV target::127.0.0.1", "ENV iface::lo"]) {
    await client.send(line + "\n");
    const { line: status, data } = await resultOf(client);
    assert.equal(status, "220 VALID DATA (Data to follow)");
    const record = JSON.parse(data);
    assert.equal(typeof record.kernel, "string");
  }
  await client.ask("HELLO");
  await client.send("ENV\n");
  assert.ok(JSON.parse((await resultOf(client)).data));
  assert.deepEqual(await client.ask("LOAD dummy"), ["200 OK"]);
  await client.send("ENV\nQUIT\n");
  assert.match(await client.readToEnd(), /^220 .*\nContent-length: [0-9]+\n\{.*\}222 CLOSING/s);
});

Deno.test("ENV: many at once take turns, and none disturbs the test of another", async () => {
  await using daemon = await TestDaemon.start();
  const clients = await Promise.all(Array.from({ length: 12 }, () => daemon.greeted({ deadlineMs: 20_000 })));
  for (const client of clients) await client.send("ENV\n");
  using owner = await daemon.greeted({ deadlineMs: 20_000 });
  await handshake(owner, "dummy", testerSetup("seconds=0.3,text=x"));
  assert.match((await resultOf(owner)).line, /^220 /);
  for (const client of clients) {
    assert.match(await client.readLine(), /^220 |^400 ERROR \(a test is running\)$/);
    client.close();
  }
});

Deno.test("WATCH: idle, then a test's progress from elsewhere, five times a second, until a line comes", async () => {
  await using daemon = await TestDaemon.start();
  using watcher = await daemon.greeted();
  assert.deepEqual(await watcher.ask("WATCH"), ["150 PROGRESS (idle)"]);
  using client = await daemon.greeted();
  await handshake(client, "dummy", testerSetup("seconds=30"));
  const started = performance.now();
  let reports = 0;
  let elapsed = 0;
  while (elapsed < 800_000_000) {
    const report = parseProgress(parseReply(await watcher.readLine()));
    reports++;
    if (report === null || report.phase !== "measure") continue;
    assert.equal(report.test, "dummy");
    assert.equal(report.expectedNs, 30_000_000_000);
    assert.ok(report.elapsedNs >= elapsed);
    elapsed = report.elapsedNs;
  }
  // A busy machine may miss some; it never sends more.
  const seconds = (performance.now() - started) / 1000;
  assert.ok(reports >= 2 && reports <= seconds * 5 + 3, `${reports} reports in ${seconds} s`);
  await watcher.send("\n");
  let line = "150";
  while (line.startsWith("150")) line = await watcher.readLine();
  assert.equal(line, "200 OK");
  assert.deepEqual(await watcher.ask("FOO"), ["500 SYNTAX ERROR"]);
});

Deno.test("CONTINUE: 400 when no test waits", async () => {
  await using daemon = await TestDaemon.start();
  using client = await daemon.greeted();
  assert.deepEqual(await client.ask("CONTINUE"), ["400 ERROR (No test waits)"]);
  using owner = await daemon.greeted();
  await handshake(owner, "dummy", testerSetup("seconds=5"));
  assert.deepEqual(await client.ask("CONTINUE"), ["400 ERROR (No test waits)"]);
});

Deno.test("CONTINUE: the test wait goes on, and gives its result to its owner", async () => {
  await using daemon = await TestDaemon.start();
  using owner = await daemon.greeted();
  await handshake(owner, "wait", testerSetup("deadline=60s"));
  using other = await daemon.greeted();
  await until("it waits", 2_000, async () => (await other.ask("CONTINUE"))[0] === "200 OK");
  assert.match((await resultOf(owner)).line, /^220 VALID DATA/);
  await daemon.assertFree();
});

/** By then the runtime in a test's process has put its own signal handlers in place, over those of the test, in ms. */
const RUNTIME_SETTLED_MS = 1_500;

Deno.test("a SIGINT to the process that STATUS names ends the test wait, with the original's result", async () => {
  await using daemon = await TestDaemon.start();
  using owner = await daemon.greeted();
  await handshake(owner, "wait", testerSetup("deadline=60s"));
  using other = await daemon.greeted();
  const running = /^Running a test \((\d+)\)$/.exec((await other.ask("STATUS", 3))[1] ?? "");
  assert.ok(running, "STATUS names the process");
  await new Promise((resolve) => setTimeout(resolve, RUNTIME_SETTLED_MS));
  Deno.kill(Number(running[1]), "SIGINT");
  const { line, data } = await resultOf(owner);
  assert.match(line, /^220 VALID DATA/);
  assert.equal(data, "OK\0");
  await daemon.assertFree();
});

Deno.test("HELP EXTENSIONS lists what is new", async () => {
  await using daemon = await TestDaemon.start();
  using client = await daemon.greeted();
  await client.send("HELP EXTENSIONS\nQUIT\n");
  const text = await client.readToEnd();
  for (const word of ["AUTH", "ENV", "CLOCK", "START at::", "STOP at::", "WATCH", "CONTINUE"]) {
    assert.ok(text.includes(word), word);
  }
});
