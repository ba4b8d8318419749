/** `ipbench run` as scripts see it: stdout, files, exit statuses. */
import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { inFolder } from "../fixtures/folders.ts";
import {
  collectText,
  deadline,
  kill,
  programCommand,
  runProgram,
  soundlySaid,
  soundVerdict,
  TestDaemon,
  until,
} from "../util/mod.ts";

const DUMMY = ["--test", "dummy", "--test-target", "127.0.0.1", "--test-args", "seconds=0.3,text=client-row"];

function deadPort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return (listener.addr as Deno.NetAddr).port;
}

/** Starts a run and gives what it has said on stderr so far. */
function startRun(args: string[]): { child: Deno.ChildProcess; said: { text: string } } {
  const command = programCommand("ipbench");
  const child = new Deno.Command(command.path, {
    args: [...command.args, "run", ...args],
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  return { child, said: collectText(child.stderr) };
}

Deno.test("stdout is what the tests printed, files hold document and row, with and without the word run", async () => {
  await using tester = await TestDaemon.start();
  await using target = await TestDaemon.start({ role: "target" });
  await inFolder(async (folder) => {
    const args = [
      ...DUMMY,
      "-c",
      `127.0.0.1:${tester.port}`,
      "--target-test",
      "dummy_target",
      "--target-test-port",
      String(target.port),
      "--csv",
      `${folder}/rows.csv`,
    ];
    const first = await runProgram("ipbench", ["run", ...args, "--json", `${folder}/r.json`]);
    assert.equal(first.code, 0, first.stderr);
    const document = JSON.parse(await Deno.readTextFile(`${folder}/r.json`));
    assert.equal(document.format, "ipbench-result/1");
    const verdict = soundVerdict(document);
    assert.equal(document.csv, first.stdout);
    assert.match(first.stdout, /^DUMMY RETURNED: client-row\nDUMMY TARGET RETURNED: .+\n$/);
    assert.match(first.stderr, new RegExp(`^ipbench: ${verdict}$`, "m"));
    const second = await runProgram("ipbench", ["--quiet", ...args]);
    assert.deepEqual([second.code, second.stdout], [0, first.stdout]);
    assert.ok(
      second.stderr === "" || soundlySaid(second.stderr) && !/VALID/.test(second.stderr),
      second.stderr,
    );
    const rows = (await Deno.readTextFile(`${folder}/rows.csv`)).trimEnd().split("\n");
    assert.equal(rows.length, 3, "a header and two rows");
    assert.equal(rows[0], "Text,Text");
    assert.equal(rows[1], first.stdout.trimEnd().replaceAll("\n", ","), "a comma where a newline was");
    assert.equal(rows[2], rows[1]);
    assert.deepEqual(Array.from(Deno.readDirSync(folder), ({ name }) => name).sort(), ["r.json", "rows.csv"]);
  });
});

Deno.test("--debug: the lines that lab scripts wait for, on stderr alone", async () => {
  await using tester = await TestDaemon.start();
  await using target = await TestDaemon.start({ role: "target" });
  const { code, stdout, stderr } = await runProgram("ipbench", [
    "--debug",
    ...DUMMY,
    "--client",
    "127.0.0.1",
    "--port",
    String(tester.port),
    "--target-test",
    "dummy_target",
    "--target-test-hostname",
    "127.0.0.1",
    "--target-test-port",
    String(target.port),
  ]);
  assert.equal(code, 0, stderr);
  assert.match(stderr, /^\[IpbenchTestTarget:__init__\] : client 127\.0\.0\.1$/m);
  assert.match(stderr, /^\[send_command\] : START\b/m);
  assert.match(stderr, /^\[send_command\] : STOP\b/m);
  assert.doesNotMatch(stdout, /send_command/);
});

Deno.test("a tester that is not there: named, status 1, and a document", async () => {
  const port = deadPort();
  await inFolder(async (folder) => {
    const { code, stdout, stderr } = await runProgram("ipbench", [
      "run",
      ...DUMMY,
      "-c",
      `127.0.0.1:${port}`,
      "--json",
      `${folder}/r.json`,
    ]);
    assert.deepEqual([code, stdout], [1, ""]);
    assert.match(stderr, new RegExp(`error: .*127\\.0\\.0\\.1:${port}`));
    assert.match(stderr, /^ipbench: INVALID/m);
    const document = JSON.parse(await Deno.readTextFile(`${folder}/r.json`));
    assert.equal(document.run.failed, true);
    assert.match(document.clients[0].error, new RegExp(String(port)));
  });
});

Deno.test("--require: a run that goes on without one is SUSPECT, status 0, and 3 with --strict", async () => {
  await using tester = await TestDaemon.start();
  const args = [
    "run",
    ...DUMMY,
    "-c",
    `127.0.0.1:${tester.port}`,
    "-c",
    `127.0.0.1:${deadPort()}`,
    "--require",
    "1",
  ];
  const plain = await runProgram("ipbench", args);
  assert.equal(plain.code, 0, plain.stderr);
  assert.match(plain.stderr, /^ipbench: SUSPECT$/m);
  const strict = await runProgram("ipbench", [...args, "--strict"]);
  assert.equal(strict.code, 3, strict.stderr);
  assert.equal(strict.stdout, plain.stdout);
});

Deno.test("wrong arguments of a test: its sentence reaches the user, status 2", async () => {
  await using tester = await TestDaemon.start();
  const { code, stderr } = await runProgram("ipbench", [
    "run",
    "-t",
    "dummy",
    "-T",
    "127.0.0.1",
    "-a",
    "secnods=1",
    "-c",
    `127.0.0.1:${tester.port}`,
  ]);
  assert.equal(code, 2);
  assert.match(stderr, /^ipbench: --test-args: .*did you mean "seconds" instead of "secnods"\?\n$/);
});

Deno.test("Ctrl-C ends the test on the daemon, status 130, the document says so", async () => {
  await using tester = await TestDaemon.start();
  await inFolder(async (folder) => {
    const { child, said } = startRun([
      "-t",
      "dummy",
      "-T",
      "127.0.0.1",
      "-a",
      "seconds=60",
      "-c",
      `127.0.0.1:${tester.port}`,
      "--json",
      `${folder}/r.json`,
    ]);
    await until("the test runs", 20_000, () => /^running /m.test(said.text));
    kill(child.pid, "SIGINT");
    const { code } = await deadline("the run ends", 10_000, child.status);
    assert.equal(code, 130, said.text);
    assert.match(said.text, /SIGINT: ending the test on every daemon/);
    const document = JSON.parse(await Deno.readTextFile(`${folder}/r.json`));
    assert.equal(document.run.interrupted, true);
    const status = await runProgram("ipbench", ["status", `127.0.0.1:${tester.port}`]);
    assert.match(status.stdout, / idle /);
  });
});

Deno.test("recover makes a document of what a killed run has left", async () => {
  await using quick = await TestDaemon.start();
  await using slow = await TestDaemon.start();
  await inFolder(async (folder) => {
    const path = `${folder}/r.json`;
    await Deno.writeTextFile(
      `${folder}/run.xml`,
      `<ipbench><test name="dummy" target="127.0.0.1">
      <client hostname="127.0.0.1" port="${quick.port}" test_args="seconds=0.2"/>
      <client hostname="127.0.0.1" port="${slow.port}" test_args="seconds=60"/></test></ipbench>`,
    );
    const { child } = startRun([`${folder}/run.xml`, "--json", path]);
    await until("one result is in the journal", 20_000, () => {
      try {
        return Deno.readTextFileSync(`${path}.journal`).includes("ipbenchd/");
      } catch {
        return false;
      }
    });
    kill(child.pid, "SIGKILL");
    await child.status;
    const { code, stderr } = await runProgram("ipbench", ["recover", path]);
    assert.equal(code, 0, stderr);
    assert.match(stderr, /recovered 1 of 2 client results/);
    const document = JSON.parse(await Deno.readTextFile(path));
    assert.equal(document.run.verdict, "INVALID");
    const again = await runProgram("ipbench", ["recover", path]);
    assert.deepEqual([again.code, again.stderr], [0, `ipbench: ${path} is complete; nothing to recover\n`]);
    const nothing = await runProgram("ipbench", ["recover", `${folder}/none.json`]);
    assert.equal(nothing.code, 1);
    assert.match(nothing.stderr, /^ipbench: nothing to recover: neither .* is there\n$/);
  });
});

for (const trains of [false, true]) {
  Deno.test(`an echo says that it is ready, echoes, and says how much${trains ? ", in trains" : ""}`, async () => {
    const command = programCommand("ipbench");
    const port = deadPort();
    const child = new Deno.Command(command.path, {
      args: [
        ...command.args,
        "echo",
        "--udp",
        String(port),
        "--ip",
        "127.0.0.1",
        ...trains ? ["--trains"] : [],
      ],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const said = collectText(child.stderr);
    try {
      await until(
        "the echo is ready",
        20_000,
        () => said.text.includes(`ready (UDP port ${port} at 127.0.0.1${trains ? ", in trains" : ""})\n`),
      );
      const socket = createSocket("udp4");
      const answers: number[][] = [];
      socket.on("message", (back) => answers.push(Array.from(back)));
      for (let i = 0; i < 3; i++) socket.send(new Uint8Array([1, 2, 3, i]), port, "127.0.0.1");
      await until("three answers", 5_000, () => answers.length === 3);
      assert.deepEqual(answers.toSorted(), [[1, 2, 3, 0], [1, 2, 3, 1], [1, 2, 3, 2]]);
      socket.close();
    } finally {
      kill(child.pid, "SIGINT");
    }
    const { code } = await deadline("the echo ends", 8_000, child.status);
    await said.ended;
    assert.equal(code, 0, said.text);
    assert.match(said.text, /ipbench echo: \w*Packets 3, \w*Bytes 12\b/);
    assert.equal(await new Response(child.stdout).text(), "");
  });
}
