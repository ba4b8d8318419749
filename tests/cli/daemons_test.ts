/** The subcommands that talk to daemons, against real ones. */
import assert from "node:assert/strict";
import { openDaemon } from "../../controller/link/daemon_access.ts";
import { LIMITS } from "../../controller/limits.ts";
import { readAccess } from "../../controller/link/read_access.ts";
import { type RawClient, runProgram, TestDaemon } from "../util/mod.ts";

/** A port of this machine on which nobody listens. */
function deadPort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return (listener.addr as Deno.NetAddr).port;
}

Deno.test("status: one line a daemon, in the order asked, the dead one named", async () => {
  await using tester = await TestDaemon.start();
  await using target = await TestDaemon.start({ role: "target" });
  const dead = deadPort();
  const { code, stdout, stderr } = await runProgram("ipbench", [
    "status",
    `127.0.0.1:${dead}`,
    `127.0.0.1:${target.port}`,
    `localhost:${tester.port}`,
  ]);
  const lines = stdout.trimEnd().split("\n");
  assert.equal(lines.length, 3, stdout);
  assert.match(
    lines[0] ?? "",
    new RegExp(`^127\\.0\\.0\\.1:${dead} +failed: cannot connect to 127\\.0\\.0\\.1:${dead} `),
  );
  assert.match(lines[1] ?? "", new RegExp(`^127\\.0\\.0\\.1:${target.port} +target  idle  ipbenchd/`));
  assert.match(lines[2] ?? "", new RegExp(`^localhost:${tester.port} +tester  idle  ipbenchd/`));
  assert.deepEqual([code, stderr], [1, ""]);
});

Deno.test("status and abort while somebody runs a test", async () => {
  await using tester = await TestDaemon.start();
  using owner: RawClient = await tester.greeted();
  assert.deepEqual(await owner.ask("HELLO"), ["200 OK (Ready to go)"]);
  assert.deepEqual(await owner.ask("LOAD dummy"), ["200 OK"]);
  assert.deepEqual(await owner.ask('SETUP target::127.0.0.1||port::1||args::"seconds=60"'), ["200 OK"]);
  owner.send("START\n");
  const at = `127.0.0.1:${tester.port}`;
  const busy = await runProgram("ipbench", ["status", at]);
  const pid = await tester.testPid();
  assert.match(
    busy.stdout,
    new RegExp(
      `  tester  running dummy of 127\\.0\\.0\\.1:\\d+ since \\d\\d:\\d\\d:\\d\\d \\(\\d+ s\\), phase \\w+ \\(pid ${pid}\\)  ipbenchd/`,
    ),
  );
  const check = await runProgram("ipbench", ["check", "-c", at, "-t", "dummy", "-T", "127.0.0.1"]);
  assert.match(check.stdout, /^WRONG {3}client .* is running dummy of 127\.0\.0\.1:\d+ since .* already$/m);
  const aborted = await runProgram("ipbench", ["abort", at]);
  assert.deepEqual([aborted.code, aborted.stdout], [0, `${at}  aborted\n`]);
  const idle = await runProgram("ipbench", ["status", at]);
  assert.match(idle.stdout, / {2}tester {2}idle {2}/);
});

Deno.test("abort: an idle daemon has nothing to abort, one that is taken has", async () => {
  await using tester = await TestDaemon.start();
  const at = `127.0.0.1:${tester.port}`;
  const idle = await runProgram("ipbench", ["abort", at]);
  assert.deepEqual([idle.code, idle.stdout], [0, `${at}  there was nothing to abort: it is idle\n`]);
  using owner: RawClient = await tester.greeted();
  assert.deepEqual(await owner.ask("HELLO"), ["200 OK (Ready to go)"]);
  const taken = await runProgram("ipbench", ["abort", at]);
  assert.deepEqual([taken.code, taken.stdout], [0, `${at}  aborted\n`]);
  using next: RawClient = await tester.greeted();
  assert.deepEqual(await next.ask("HELLO"), ["200 OK (Ready to go)"]);
});

Deno.test("continue: nothing waits", async () => {
  await using tester = await TestDaemon.start();
  const { code, stdout } = await runProgram("ipbench", ["continue", `127.0.0.1:${tester.port}`]);
  assert.match(stdout, /^127\.0\.0\.1:\d+ {2}failed: /);
  assert.equal(code, 1);
});

Deno.test("watch --until-idle ends at once where nothing runs", async () => {
  await using tester = await TestDaemon.start();
  const at = `127.0.0.1:${tester.port}`;
  const { code, stdout, stderr } = await runProgram("ipbench", ["watch", "--until-idle", at]);
  assert.deepEqual([code, stdout, stderr], [0, `${at}  idle\n`, ""]);
});

Deno.test("watch follows a test to its end", async () => {
  await using tester = await TestDaemon.start();
  using owner: RawClient = await tester.greeted();
  await owner.ask("HELLO");
  await owner.ask("LOAD dummy");
  await owner.ask('SETUP target::127.0.0.1||port::1||args::""');
  owner.send("START\n");
  const at = `127.0.0.1:${tester.port}`;
  const { code, stdout } = await runProgram("ipbench", ["watch", "--until-idle", at], { deadlineMs: 30_000 });
  const lines = stdout.trimEnd().split("\n");
  assert.match(lines[0] ?? "", /^127\.0\.0\.1:\d+ {2}dummy {2}/);
  assert.equal(lines.at(-1), `${at}  idle`);
  assert.equal(code, 0);
});

Deno.test("a daemon with a secret: status answers, abort needs the secret", async () => {
  const secret = await Deno.makeTempFile();
  const wrong = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(secret, "a secret that is long enough\n");
    await Deno.writeTextFile(wrong, "another secret, also long enough\n");
    await Deno.chmod(secret, 0o600);
    await using tester = await TestDaemon.start({ args: ["--secret-file", secret] });
    const at = `127.0.0.1:${tester.port}`;
    const status = await runProgram("ipbench", ["status", at]);
    assert.match(status.stdout, / {2}tester {2}idle {2}ipbenchd\/[\d.]+, asks for a secret\n$/);
    const without = await runProgram("ipbench", ["abort", at]);
    assert.match(
      without.stdout,
      /failed: the daemon asks for a secret; give the file that holds it with --secret-file/,
    );
    assert.equal(without.code, 1);
    const refused = await runProgram("ipbench", ["abort", at, "--secret-file", wrong]);
    assert.match(refused.stdout, / {2}failed: /);
    assert.equal(refused.code, 1);
    // Whose test it is, and which, is for those alone who have the secret.
    const access = await readAccess({ secretFile: secret, tls: null }, LIMITS);
    const { connection } = await openDaemon({ host: "127.0.0.1", port: tester.port }, access);
    await connection.send({ name: "HELLO" });
    await connection.receive(LIMITS.replyMs);
    const pid = await tester.testPid();
    const running = async (...args: string[]) =>
      (await runProgram("ipbench", ["status", at, ...args])).stdout.split(/ {2,}/)[2];
    assert.equal(await running(), `running a test (pid ${pid})`);
    assert.equal(await running("--secret-file", wrong), `running a test (pid ${pid})`);
    assert.match(
      await running("--secret-file", secret) ?? "",
      new RegExp(
        `^running a test of 127\\.0\\.0\\.1:\\d+ since \\S+ \\(\\d+ s\\), phase idle \\(pid ${pid}\\)$`,
      ),
    );
    const done = await runProgram("ipbench", ["abort", at], { env: { IPBENCH_SECRET_FILE: secret } });
    assert.deepEqual([done.code, done.stdout], [0, `${at}  aborted\n`]);
    connection.close();
  } finally {
    await Deno.remove(secret);
    await Deno.remove(wrong);
  }
});

Deno.test("check: what could run, and what could not", async () => {
  await using tester = await TestDaemon.start();
  await using target = await TestDaemon.start({ role: "target" });
  const base = ["check", "--client", `127.0.0.1:${tester.port}`, "--test-target", "127.0.0.1"];
  const good = await runProgram("ipbench", [
    ...base,
    "--test",
    "dummy",
    "--target-test",
    "dummy_target",
    "--target-test-port",
    String(target.port),
  ]);
  assert.match(good.stdout, /^ok {6}test {4}dummy .*$/m);
  assert.match(
    good.stdout,
    new RegExp(`^ok {6}client  127\\.0\\.0\\.1:${tester.port}  tests 127\\.0\\.0\\.1 `, "m"),
  );
  assert.match(good.stdout, new RegExp(`^ok {6}target  127\\.0\\.0\\.1:${target.port}  dummy_target `, "m"));
  assert.equal(good.stderr, "ipbench: this could run\n");
  assert.equal(good.code, 0);
  const misplaced = ["--target-test", "dummy_target", "--target-test-port", String(tester.port)];
  const bad = await runProgram("ipbench", [...base, "--test", "dummy", ...misplaced]);
  assert.match(bad.stdout, /^WRONG {3}target .* is a tester daemon, a target is needed$/m);
  assert.equal(bad.stderr, "ipbench: 1 of 4 would stop the run\n");
  assert.equal(bad.code, 1);
  // A test that this machine lacks is told before anybody is contacted.
  const unknown = await runProgram("ipbench", [...base, "--test", "nosuch", ...misplaced]);
  assert.deepEqual([unknown.code, unknown.stdout], [2, ""]);
  assert.match(unknown.stderr, /^ipbench: --test: Can not find plugin: nosuch; /);
});
