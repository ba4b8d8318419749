/** A quick look that ends early, or whose host has less than it wants: what it says, and that nothing of it is left. */
import assert from "node:assert/strict";
import { TemporaryFolder } from "../fixtures/folders.ts";
import { Veth } from "../fixtures/network/veth.ts";
import { EchoServer } from "../fixtures/network/queue.ts";
import { assertScreen, look, marked } from "../fixtures/quick.ts";
import {
  assertNoneLeft,
  hasNamespaces,
  kill,
  markedProcesses,
  programCommand,
  runProgram,
  TestDaemon,
  until,
} from "../util/mod.ts";

Deno.test("Ctrl-C ends it, shows what there is, and leaves nothing", async () => {
  const run = marked();
  const { path, args } = programCommand("ipbench");
  const child = new Deno.Command(path, {
    args: [...args, "quick"],
    env: { NO_COLOR: "1", ...run.env },
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  await until("daemons of its own", 20_000, () => markedProcesses(run.name).length >= 5);
  kill(child.pid, "SIGINT");
  const began = performance.now();
  const { code, stdout } = await child.output();
  assert.equal(code, 130);
  assert.ok(performance.now() - began < 15_000);
  assertScreen(new TextDecoder().decode(stdout));
  await assertNoneLeft(run.name);
});

Deno.test("its daemons end with it even when it is killed, and the next one removes its folder", async () => {
  using temporary = TemporaryFolder.make();
  const run = marked();
  const env = { ...run.env, TMPDIR: temporary.path };
  const { path, args } = programCommand("ipbench");
  const child = new Deno.Command(path, {
    args: [...args, "quick"],
    env,
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  await until("daemons of its own", 20_000, () => markedProcesses(run.name).length >= 5);
  kill(child.pid, "SIGKILL");
  await child.status;
  await assertNoneLeft(run.name, 10_000);
  const folders = () =>
    [...Deno.readDirSync(temporary.path)].filter(({ name }) => name.startsWith("ipbench-quick"));
  const [left] = folders();
  assert.ok(left !== undefined, "it was killed before it could remove its folder");
  const old = new Date(Date.now() - 3_600_000);
  Deno.utimeSync(`${temporary.path}/${left.name}`, old, old);
  const { code } = await runProgram("ipbench", ["quick", "no-such-host.invalid"], { env });
  assert.equal(code, 1);
  assert.deepEqual(folders(), []);
});

Deno.test("wrong use is told before anything is started", async () => {
  const { code, stderr } = await runProgram("ipbench", ["quick", "--from", "10.0.0.2"]);
  assert.equal(code, 2);
  assert.match(stderr, /--from: which HOST is to be measured from there\?/);
});

const ignore = !hasNamespaces();

Deno.test({ name: "a host that does not answer is told in ten seconds", ignore }, async () => {
  using veth = Veth.make("q") ?? assert.fail();
  veth.silence();
  veth.set("down");
  const run = marked();
  const { code, stdout, stderr, ms } = await runProgram("ipbench", ["quick", veth.farAddress], run);
  await assertNoneLeft(run.name);
  assert.equal(code, 1);
  assert.equal(stdout, "");
  assert.ok(ms < 10_000, `${ms} ms`);
  assert.match(stderr, new RegExp(`${veth.farAddress} does not answer .*start "ipbenchd --target" there`));
});

Deno.test({ name: "a host with a tester alone is told what it needs", ignore }, async () => {
  using veth = Veth.make("t") ?? assert.fail();
  await using _tester = await TestDaemon.start({ ip: veth.farAddress, port: 8036, wrap: veth.wrap });
  const { code, stderr, ms } = await runProgram("ipbench", ["quick", veth.farAddress]);
  assert.equal(code, 1);
  assert.ok(ms < 10_000, `${ms} ms`);
  assert.match(stderr, /runs ipbenchd as a tester \(port 8036\).*start "ipbenchd --target" there/);
});

Deno.test(
  { name: "with an echo alone there are round trip and loss, and it says what is missing", ignore },
  async () => {
    using veth = Veth.make("e") ?? assert.fail();
    await using _echo = await EchoServer.start(veth);
    const run = marked();
    const { code, stdout, stderr, document } = await look([veth.farAddress], run);
    await assertNoneLeft(run.name);
    assert.equal(code, 0, `${stdout}\n${stderr}`);
    assertScreen(stdout);
    assert.deepEqual(document.phases.map(({ phase }) => phase), ["idle", "udp"]);
    assert.ok(document.phases[0]!.rtt!.count > 50 && document.phases[0]!.loss === 0);
    assert.notEqual(document.phases[1]!.loss, null);
    assert.match(
      stdout.replaceAll(/\s+/g, " "),
      /Not measured: TCP rates.*has an echo alone; start "ipbenchd --target" there/,
    );
  },
);
