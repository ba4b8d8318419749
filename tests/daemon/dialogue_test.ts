/**
 * Dialogues with both real daemons, byte for byte.
 *
 * @module
 */
import assert from "node:assert/strict";
import { formatHelp } from "../../protocol/mod.ts";
import { handshake, sleep, targetSetup, TestDaemon, testerSetup, until } from "../util/mod.ts";

const GREETING = /^100 IPBENCH V1\.0 \(ipbenchd [0-9.]+; ext=form,env,clock,at,watch,continue,stop\)$/;
const ERROR = "500 SYNTAX ERROR";
const BYE = "222 CLOSING CONTROL CONNECTION (Come back soon!)\n";
const READY = "200 OK (Ready to go)";

Deno.test("tester: greeting, HELP, STATUS, QUIT", async () => {
  await using daemon = await TestDaemon.start();
  using client = await daemon.connect();
  assert.match(await client.readLine(), GREETING);
  await client.send("HELP\n");
  const help = formatHelp("tester", false);
  assert.equal(new TextDecoder().decode(await client.readBytes(help.length)), help);
  assert.deepEqual(await client.ask("STATUS", 3), ["Testing Daemon mode", "Not running a test", "200 OK"]);
  await client.send("QUIT\n");
  assert.equal(await client.readToEnd(), BYE);
});

Deno.test("target: HELP, STATUS, a whole run with STATUS and errors in the middle", async () => {
  await using daemon = await TestDaemon.start({ role: "target" });
  using client = await daemon.connect();
  assert.match(await client.readLine(), GREETING);
  await client.send("HELP\n");
  const help = formatHelp("target", false);
  assert.equal(new TextDecoder().decode(await client.readBytes(help.length)), help);
  assert.deepEqual(await client.ask("STATUS", 3), ["Target Daemon mode", "Not running a test", "200 OK"]);
  await handshake(client, "dummy_target", targetSetup("text=hello"), "SETUP");
  assert.deepEqual(await client.ask("STOP"), [ERROR]);
  await client.send("START\n");
  const [mode, running, ok] = await client.ask("STATUS", 3);
  assert.equal(mode, "Target Daemon mode");
  assert.match(running ?? "", /^Running a test \([0-9]+\)$/);
  assert.equal(ok, "200 OK");
  assert.deepEqual(await client.ask("FOO"), [ERROR], "an unknown line does not end the test");
  await client.send("STOP\n");
  assert.equal(await client.readToEnd(), "220 VALID DATA (Data to follow)\nContent-length: 6\nhello\0");
  await daemon.assertFree();
});

Deno.test("tester: a whole run, pipelined up to START; the slot is free when the result is there", async () => {
  await using daemon = await TestDaemon.start();
  using client = await daemon.greeted();
  await client.send(`HELLO\nLOAD dummy\n${testerSetup("seconds=0.1,text=abc")}\nSTART\n`);
  const answers = "200 OK (Ready to go)\n200 OK\n200 OK\n";
  assert.equal(
    await client.readToEnd(),
    answers + "220 VALID DATA (Data to follow)\nContent-length: 4\nabc\0",
  );
  using next = await daemon.greeted();
  assert.deepEqual(await next.ask("STATUS", 3), ["Testing Daemon mode", "Not running a test", "200 OK"]);
  assert.deepEqual(await next.ask("HELLO"), [READY]);
});

Deno.test("syntax errors in each state leave it as it is", async () => {
  await using daemon = await TestDaemon.start();
  using client = await daemon.greeted();
  for (const line of ["FOO", "hello", "", "   ", "LOAD dummy", "START", "STOP"]) {
    assert.deepEqual(await client.ask(line), [ERROR], line);
  }
  assert.deepEqual(await client.ask("HELLO\r"), [READY]);
  for (const line of ["FOO", "HELLO", "LOAD", "", "FOO bar", "START", "LOAD ../dummy"]) {
    assert.deepEqual(await client.ask(line), [ERROR], line);
  }
  assert.deepEqual(await client.ask("  LOAD dummy  \r"), ["200 OK"]);
  for (const line of ["FOO", "START", "FOO a::b", ""]) {
    assert.deepEqual(await client.ask(line), [ERROR], line);
  }
  assert.match(
    (await client.ask("SETUP target::h"))[0] ?? "",
    /^500 SYNTAX ERROR \(SETUP needs args::"ARGS"\)$/,
  );
  assert.deepEqual(await client.ask(testerSetup()), ["200 OK"]);
  for (const line of ["FOO", "STOP", ""]) assert.deepEqual(await client.ask(line), [ERROR], line);
  await client.send("QUIT\n");
  assert.equal(await client.readToEnd(), BYE);
  await daemon.assertFree();
});

Deno.test("LOAD of an unknown plugin, and SETUP that a plugin refuses: 451, close, free", async () => {
  await using daemon = await TestDaemon.start();
  using client = await daemon.greeted();
  await client.send("HELLO\nLOAD nosuch\n");
  assert.equal(
    await client.readToEnd(),
    "200 OK (Ready to go)\n451 LOCAL PROCESSING ERROR (Can not find plugin: nosuch)\n",
  );
  using other = await daemon.greeted();
  await handshake(other, "dummy", "", "LOAD");
  await other.send(testerSetup("seconds=nonsense") + "\n");
  const answer = await other.readToEnd();
  assert.match(answer, /^451 LOCAL PROCESSING ERROR \(Client setup failed: dummy: [^()]*nonsense[^()]*\)\n$/);
  using next = await daemon.greeted();
  assert.deepEqual(await next.ask("HELLO"), [READY], "free when the 451 is there");
});

Deno.test("HELLO when busy: 421 and close; free again after QUIT", async () => {
  await using daemon = await TestDaemon.start();
  using first = await daemon.greeted();
  await first.ask("HELLO");
  using second = await daemon.greeted();
  assert.match((await second.ask("STATUS", 3))[1] ?? "", /^Running a test \([0-9]+\)$/);
  await second.send("HELLO\n");
  assert.equal(await second.readToEnd(), "421 SERVICE NOT AVAILABLE (Already Running)\n");
  await first.send("QUIT\n");
  assert.equal(await first.readToEnd(), BYE);
  using third = await daemon.greeted();
  assert.deepEqual(await third.ask("HELLO"), [READY]);
});

Deno.test("ABORT from another connection: no answer, close, the owner hears why, slot free before the close", async () => {
  for (const role of ["tester", "target"] as const) {
    await using daemon = await TestDaemon.start({ role });
    using owner = await daemon.greeted();
    const [plugin, setup] = role === "tester"
      ? ["dummy", testerSetup("seconds=60")]
      : ["dummy_target", targetSetup()];
    await handshake(owner, plugin, setup);
    const pid = await daemon.testPid();
    assert.ok(pid !== null);
    using other = await daemon.greeted();
    await other.send("ABORT\n");
    assert.equal(await other.readToEnd(), "");
    assert.equal(await daemon.testPid(), null);
    assert.match(
      await owner.readToEnd(),
      /^451 LOCAL PROCESSING ERROR \(Test aborted by 127\.0\.0\.1:[0-9]+\)\n$/,
    );
  }
});

Deno.test("ABORT with a half-closed socket, twice, as lab scripts do it; ABORT when nothing runs", async () => {
  await using daemon = await TestDaemon.start();
  using owner = await daemon.greeted();
  await handshake(owner, "dummy", testerSetup("seconds=60"));
  for (let round = 0; round < 2; round++) {
    using script = await daemon.connect();
    await script.send("ABORT\n");
    await script.closeWrite();
    assert.match(await script.readToEnd(), /^100 IPBENCH V1\.0 [^\n]*\n$/);
  }
  await daemon.assertFree();
});

Deno.test("the original's --reset: ABORT and its end, connect before the close, HELLO at once", async () => {
  await using daemon = await TestDaemon.start({ role: "target" });
  for (let round = 0; round < 3; round++) {
    using first = await daemon.greeted();
    await first.send("ABORT\n");
    using second = await daemon.connect();
    await first.closeWrite();
    await second.readLine();
    assert.deepEqual(await second.ask("HELLO"), [READY]);
    assert.equal(await first.readToEnd(), "");
    await handshakeRest(second);
    // The next round's ABORT ends this test, whose connection is still open.
    using owner = await daemon.greeted();
    await owner.send("ABORT\n");
    using next = await daemon.greeted();
    assert.deepEqual(await next.ask("HELLO"), [READY], "HELLO waits for a test that is being cleared away");
  }
});

async function handshakeRest(client: Awaited<ReturnType<TestDaemon["greeted"]>>): Promise<void> {
  assert.deepEqual(await client.ask("LOAD dummy_target"), ["200 OK"]);
  assert.deepEqual(await client.ask('SETUP args::""'), ["200 OK"]);
  await client.send("START\n");
}

Deno.test("lines that are none: NUL, not UTF-8, over 8 KiB, half at the end", async () => {
  await using daemon = await TestDaemon.start();
  using client = await daemon.greeted();
  assert.deepEqual(await client.ask("HEL\0LO"), [ERROR]);
  await client.send(Uint8Array.of(0xff, 0xfe, 10));
  assert.equal(await client.readLine(), ERROR);
  assert.deepEqual(await client.ask("x".repeat(8192)), [ERROR]);
  assert.deepEqual(await client.ask("HELLO"), [READY]);
  await client.send("y".repeat(20_000));
  assert.equal(await client.readToEnd(), ERROR + "\n");
  await daemon.assertFree();
  using half = await daemon.greeted();
  await half.send("HELLO\nLOAD dum");
  await half.closeWrite();
  assert.equal(await half.readToEnd(), READY + "\n");
  await daemon.assertFree();
});

Deno.test("one byte a segment, and many lines in one", async () => {
  await using daemon = await TestDaemon.start({ role: "target" });
  using slow = await daemon.greeted();
  for (const byte of new TextEncoder().encode("HELLO\r\n")) {
    await slow.send(Uint8Array.of(byte));
    await sleep(2);
  }
  assert.equal(await slow.readLine(), READY);
  await slow.send("QUIT\n");
  assert.equal(await slow.readToEnd(), BYE);
  using fast = await daemon.greeted();
  await fast.send("STATUS\n".repeat(50) + "QUIT\n");
  const answer = await fast.readToEnd();
  assert.equal(answer, "Target Daemon mode\nNot running a test\n200 OK\n".repeat(50) + BYE);
});

Deno.test("both address families on one port, and an explicit port in both roles", async () => {
  await using daemon = await TestDaemon.start({ ip: null, role: "target" });
  for (const hostname of ["127.0.0.1", "::1"]) {
    using client = await daemon.greeted({ hostname });
    assert.deepEqual(await client.ask("STATUS", 3), ["Target Daemon mode", "Not running a test", "200 OK"]);
  }
  assert.ok(daemon.log.some((line) => line.includes("--secret-file")), "it warns that anybody may use it");
  await until("nothing", 1000, () => daemon.children().length <= 1);
});
