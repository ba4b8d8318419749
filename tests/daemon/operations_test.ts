/**
 * The daemon as an operator has it: limits, ranges, logs, service manager, signals, the options that end it.
 *
 * @module
 */
import assert from "node:assert/strict";
import { connect } from "node:net";
import {
  deadline,
  fixturePlugins,
  handshake,
  kill,
  programCommand,
  RawClient,
  runProgram,
  sleep,
  TestDaemon,
  testerSetup,
  until,
} from "../util/mod.ts";

Deno.test("--allow: addresses outside are closed without a word, and logged", async () => {
  await using outside = await TestDaemon.start({ args: ["--allow", "10.0.0.0/8"] });
  using refused = await outside.connect();
  assert.equal(await refused.readToEnd(), "");
  await until(
    "the log tells",
    2_000,
    () => outside.log.some((line) => /127\.0\.0\.1:[0-9]+ is outside/.test(line)),
  );
  await using inside = await TestDaemon.start({ args: ["--allow", "10.0.0.0/8", "--allow", "127.0.0.0/8"] });
  using client = await inside.greeted();
  assert.deepEqual(await client.ask("HELLO"), ["200 OK (Ready to go)"]);
});

Deno.test("--max-connections: the longest silent one makes room; owner and watcher stay", async () => {
  await using daemon = await TestDaemon.start({ args: ["--max-connections", "4"] });
  using owner = await daemon.greeted();
  await owner.ask("HELLO");
  using watcher = await daemon.greeted();
  await watcher.ask("WATCH");
  const idle: RawClient[] = [];
  for (let count = 0; count < 4; count++) {
    idle.push(await daemon.greeted());
    await sleep(30);
  }
  assert.equal(await idle[0]?.readToEnd(), "421 SERVICE NOT AVAILABLE (Too many connections)\n");
  assert.deepEqual(await owner.ask("LOAD dummy"), ["200 OK"]);
  assert.match(await watcher.readLine(), /^150 PROGRESS/);
  for (const client of idle) client.close();
});

Deno.test("--idle-timeout: a silent connection is closed, one with the test is not", async () => {
  await using daemon = await TestDaemon.start({ args: ["--idle-timeout", "1"] });
  using silent = await daemon.greeted();
  using owner = await daemon.greeted();
  await owner.ask("HELLO");
  assert.equal(
    await silent.readToEnd(),
    "421 SERVICE NOT AVAILABLE (Nothing heard for 1 s)\n",
  );
  assert.deepEqual(await owner.ask("LOAD dummy"), ["200 OK"]);
});

Deno.test("--max-test-time: a test that takes longer is ended, by name", async () => {
  await using daemon = await TestDaemon.start({ args: ["--max-test-time", "0.5"] });
  using client = await daemon.greeted();
  await handshake(client, "dummy", testerSetup("seconds=60"));
  assert.match(
    await client.readToEnd(),
    /^451 LOCAL PROCESSING ERROR \(Plugin failed to start!: dummy: start did not return within 0\.5 s\)\n$/,
  );
  await daemon.assertFree();
});

Deno.test("--max-result: a result over the limit is a 451 with both numbers", async () => {
  await using daemon = await TestDaemon.start({ args: ["--max-result", "10"] });
  using client = await daemon.greeted();
  await handshake(client, "dummy", testerSetup("seconds=0.05,text=0123456789ab"));
  assert.match(await client.readToEnd(), /^451 [^(]*\([^()]*dummy[^()]*13 bytes[^()]*limit of 10 bytes\)\n$/);
});

Deno.test("--child-memory: a test that needs more is lost, the daemon is not", async () => {
  await using daemon = await TestDaemon.start({
    args: ["--child-memory", "1000000", "--plugin-dir", fixturePlugins()],
  });
  using client = await daemon.greeted({ deadlineMs: 20_000 });
  await client.send(`HELLO\nLOAD fault_big_result\n${testerSetup()}\nSTART\n`);
  assert.match(await client.readToEnd(), /451 LOCAL PROCESSING ERROR \([^()]+\)\n$/);
  await daemon.assertFree();
});

Deno.test("--max-runs: ends after so many tests, when the last result is delivered", async () => {
  await using daemon = await TestDaemon.start({ args: ["--max-runs", "2"] });
  using looker = await daemon.greeted();
  await looker.ask("HELLO");
  await looker.send("QUIT\n");
  await looker.readToEnd();
  for (let round = 0; round < 2; round++) {
    using client = await daemon.greeted();
    await handshake(client, "dummy", testerSetup("seconds=0.05,text=run"));
    assert.match(await client.readToEnd(), /Content-length: 4\nrun\0$/);
  }
  await until("the daemon ends", 5_000, () => !daemon.alive);
  assert.equal(await daemon.stop(), 0);
});

Deno.test("--idle-exit: ends when nobody comes, not while somebody is there", async () => {
  await using daemon = await TestDaemon.start({ args: ["--idle-exit", "1"] });
  using client = await daemon.greeted();
  await sleep(1_800);
  assert.ok(daemon.alive);
  client.close();
  await until("the daemon ends", 5_000, () => !daemon.alive);
  assert.equal(await daemon.stop(), 0);
});

Deno.test("--log-format json: each line is a record, the ready line with address and port", async () => {
  await using daemon = await TestDaemon.start({ ip: null, args: ["--log-format", "json", "--debug"] });
  using client = await daemon.greeted();
  await client.send("HELLO\nLOAD nosuch\n");
  await client.readToEnd();
  await until("the log tells", 2_000, () => daemon.log.some((line) => line.includes("nosuch")));
  const records = daemon.log.map((line) => JSON.parse(line));
  const ready = records.find((record) => record.event === "ready");
  assert.equal(ready.port, daemon.port);
  assert.equal(ready.open, true);
  assert.match(
    ready.message,
    /anybody who reaches it can run tests here against machines that are near: --secret-file or --allow limit that$/,
  );
  assert.ok(records.every((record) => typeof record.time === "string" && typeof record.level === "string"));
});

Deno.test("--allow beyond loopback: the ready line says that no secret is asked for", async () => {
  await using daemon = await TestDaemon.start({ ip: null, args: ["--allow", "127.0.0.0/8"] });
  assert.match(daemon.log.join("\n"), /warning: ready: .*it asks for no secret: .*--secret-file limits that/);
  await using local = await TestDaemon.start({ args: ["--allow", "127.0.0.0/8"] });
  assert.doesNotMatch(local.log.join("\n"), /warning|secret/);
});

Deno.test("the journal gets priorities, a stderr that went elsewhere does not", async () => {
  const asService = 'JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2) exec "$@"';
  await using service = await TestDaemon.start({ wrap: ["sh", "-c", asService, "sh"] });
  assert.match(service.log[0] ?? "", /^<6>ipbenchd: ready: /);
  await using elsewhere = await TestDaemon.start({ env: { JOURNAL_STREAM: "8:1" } });
  assert.match(elsewhere.log[0] ?? "", /^ipbenchd: ready: /);
});

Deno.test("a log that nobody reads stops nothing: the daemon answers, and ends when it is told to", async () => {
  const { path, args } = programCommand("ipbenchd");
  const child = new Deno.Command(path, {
    args: [...args, "--ip", "127.0.0.1", "--port", "0", "--allow", "127.0.0.1", "--log-format", "json"],
    ...{ stdin: "null", stdout: "null", stderr: "piped" },
  }).spawn();
  try {
    const reader = child.stderr.getReader();
    const { value } = await deadline("the ready line", 60_000, reader.read());
    const { port } = JSON.parse(new TextDecoder().decode(value).split("\n")[0] ?? "");
    // Each of these is a line; a pipe holds 64 KiB, and this process reads a little ahead.
    const lines = 2_000, lanes = 50;
    const all = Array.from({ length: lanes }, async () => {
      for (let count = 0; count < lines / lanes; count++) await refusedFrom("127.9.0.1", port);
    });
    await deadline("so many connections", 30_000, Promise.all(all));
    using client = await RawClient.connect({ hostname: "127.0.0.1", port, deadlineMs: 5_000 });
    await client.readLine();
    assert.equal((await client.ask("STATUS", 3))[2], "200 OK");
    child.kill("SIGTERM");
    assert.equal((await deadline("the end", 10_000, child.status)).code, 0);
    await reader.cancel();
  } finally {
    kill(child.pid, "SIGKILL");
    await child.status;
  }
});

/** Connects from an address of this machine, and waits for the end. */
function refusedFrom(localAddress: string, port: number): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port, localAddress });
    socket.setTimeout(5_000, () => socket.destroy());
    socket.on("error", () => {}).on("close", () => resolve()).resume();
  });
}

Deno.test("SIGHUP breaks nothing", async () => {
  await using daemon = await TestDaemon.start();
  using client = await daemon.greeted();
  await handshake(client, "dummy", testerSetup("seconds=0.5,text=x"));
  daemon.signal("SIGHUP");
  assert.match(await client.readToEnd(), /^220 /);
  assert.ok(daemon.alive);
});

Deno.test("sd_notify: READY=1 when it listens, STOPPING=1 when it goes", async () => {
  const dir = await Deno.makeTempDir();
  const script =
    "import socket,sys\ns=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM)\ns.bind(sys.argv[1])\n" +
    "print('bound',flush=True)\n" +
    "for _ in range(2): print(s.recv(100).decode(),flush=True)\n";
  let receiver: Deno.ChildProcess;
  try {
    receiver = new Deno.Command("python3", {
      args: ["-c", script, `${dir}/notify`],
      stdout: "piped",
      stderr: "null",
    }).spawn();
  } catch {
    await Deno.remove(dir, { recursive: true });
    return; // No Python to play the service manager.
  }
  try {
    const reader = receiver.stdout.pipeThrough(new TextDecoderStream()).getReader();
    let heard = "";
    const hear = async (what: string): Promise<void> => {
      while (!heard.includes(what)) {
        heard += (await deadline(what, 10_000, reader.read())).value ?? what + " (end)";
      }
    };
    await hear("bound");
    await using daemon = await TestDaemon.start({ env: { NOTIFY_SOCKET: `${dir}/notify` } });
    await hear("READY=1");
    assert.equal(await daemon.stop(), 0);
    await hear("STOPPING=1");
    await reader.cancel();
  } finally {
    kill(receiver.pid, "SIGKILL");
    await receiver.status;
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("an address in use: one sentence with the address, status 1", async () => {
  await using daemon = await TestDaemon.start();
  const { code, stderr } = await runProgram("ipbenchd", ["--ip", "127.0.0.1", "--port", String(daemon.port)]);
  assert.equal(code, 1);
  assert.match(stderr, new RegExp(`cannot listen on 127\\.0\\.0\\.1:${daemon.port}: .*in use`, "i"));
});

Deno.test("--allow-exec takes folders that are there; wrong use is status 2 on stderr, help 0 on stdout", async () => {
  const missing = await runProgram("ipbenchd", [
    "--ip",
    "127.0.0.1",
    "--port",
    "0",
    "--allow-exec",
    "/nonexistent",
  ]);
  assert.equal(missing.code, 2);
  assert.match(missing.stderr, /--allow-exec \/nonexistent/);
  const wrong = await runProgram("ipbenchd", ["--port", "http"]);
  assert.deepEqual([wrong.code, wrong.stdout], [2, ""]);
  const help = await runProgram("ipbenchd", ["--help"]);
  assert.deepEqual([help.code, help.stderr], [0, ""]);
  assert.match(help.stdout, /--secret-file/);
});

Deno.test("ulimit -n 64: the places follow the limit, and the operator gets in", async () => {
  await using daemon = await TestDaemon.start({ wrap: ["sh", "-c", 'ulimit -n 64; exec "$@"', "sh"] });
  assert.match(daemon.log.join("\n"), /limit of 64 open files .* leaves room for 8 connections/);
  const idle: RawClient[] = [];
  try {
    for (let count = 0; count < 100; count++) idle.push(await daemon.connect());
    using client = await daemon.greeted();
    await handshake(client, "dummy", testerSetup("seconds=0.05,text=in"));
    assert.match(await client.readToEnd(), /in\0$/);
    assert.ok(!daemon.log.some((line) => line.includes("cannot accept")), daemon.log.join("\n"));
  } finally {
    for (const each of idle) each.close();
  }
});

Deno.test("stdout to a full device, and a folder that is gone: one sentence", async () => {
  const commands = [
    ...["ipbenchd --help", "ipbenchd -h", "ipbenchd --version", "ipbenchd --debug --version"],
    ...["ipbench --help", "ipbench --version", "ipbench -V", "ipbench --vers", "ipbench help status"],
    ...[
      "ipbench plugins",
      "ipbench plugins latency",
      "ipbench status 127.0.0.1:1",
      "ipbench abort 127.0.0.1:1",
    ],
    ...[
      "ipbench watch 127.0.0.1:1",
      "ipbench check --test dummy --client 127.0.0.1:1",
      "ipbench man ipbenchd",
    ],
    ...["ipbench completions bash", "ipbench echo --help", "ipbench report --help"],
  ];
  for (const command of commands) {
    const [name, ...args] = command.split(" ") as ["ipbench" | "ipbenchd", string];
    const { path, args: before } = programCommand(name);
    const { code, stderr } = await new Deno.Command("sh", {
      args: ["-c", '"$@" >/dev/full', "sh", path, ...before, ...args],
      stderr: "piped",
    }).output();
    assert.equal(code, 1, command);
    const said = new TextDecoder().decode(stderr);
    assert.ok(!/\n\s+at |Stack|Uncaught/.test(said), said);
    assert.match(
      said,
      new RegExp(`^${name}: cannot write the result to standard output: No space left on device .*\n$`, "m"),
      command,
    );
  }
  const { path, args } = programCommand("ipbench");
  const gone = 'd=$(mktemp -d) && cd "$d" && rmdir "$d" && exec "$@"';
  const { code, stderr } = await new Deno.Command("sh", {
    args: ["-c", gone, "sh", path, ...args, "plugins"],
    stderr: "piped",
  }).output();
  assert.equal(code, 1);
  assert.match(
    new TextDecoder().decode(stderr),
    /^ipbench: the current folder is gone \(.*\): change to one that is there\n$/,
  );
});
