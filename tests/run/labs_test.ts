/** Scripts of labs that use the original, with our programs in their places. */
import assert from "node:assert/strict";
import { EchoProcess } from "../fixtures/peers/echo_process.ts";
import { startSmallTarget } from "../fixtures/peers/small_target.ts";
import { RawClient, runProgram, TestDaemon } from "../util/mod.ts";

/** What the lab's script does before and after a run: a line, half a close, everything up to the end. */
async function abort(daemon: TestDaemon): Promise<string> {
  const connection = await Deno.connect({ hostname: daemon.host, port: daemon.port });
  await connection.write(new TextEncoder().encode("ABORT\n"));
  await connection.closeWrite();
  let text = "";
  const buffer = new Uint8Array(256);
  for (let length = await connection.read(buffer); length !== null; length = await connection.read(buffer)) {
    text += new TextDecoder().decode(buffer.subarray(0, length));
  }
  connection.close();
  return text;
}

/** latency-check at 1 Mbit/s, in the original's spelling. */
function checkLatency(
  tester: TestDaemon,
  echo: EchoProcess,
  phases: string,
  more: string[] = [],
): ReturnType<typeof runProgram> {
  return runProgram("ipbench", [
    ...["--test", "latency-check", "--test-args", `socktype=udp,bps=1000000,size=128,${phases}`],
    ...["--port", String(tester.port), "--client", tester.host],
    ...["--test-target", "127.0.0.1", "--test-port", String(echo.port)],
    ...more,
  ]);
}

/** The call of the sDDF project's script, and everything that the script reads of it. */
async function callAsSddf(tester: TestDaemon, echo: EchoProcess): Promise<void> {
  const target = startSmallTarget({ idle: 123456n, total: 654321n });
  try {
    for (let n = 0; n < 2; n++) assert.match(await abort(tester), /^100 IPBENCH V1\.0( \([^()]*\))?\n$/);
    const { code, stdout, stderr } = await checkLatency(tester, echo, "warmup=1,cooldown=1,samples=500", [
      "--debug",
      "--target-test",
      "cpu_target_lukem",
      "--target-test-hostname",
      "127.0.0.1",
      "--target-test-port",
      String(target.port),
    ]);
    assert.equal(code, 0, stderr); // whatever the verdict: the row was printed
    await abort(tester);
    const row = stdout.replaceAll("\n", "");
    const columns = row.split(",");
    assert.equal(columns.length, 12, row);
    assert.equal(columns[0], "1000000");
    assert.equal(columns[3], "128");
    assert.equal(columns[9], "0", "bad packets");
    assert.deepEqual(columns.slice(10), ["123456", "654321"]);
    assert.deepEqual(target.violations, []);
    assert.deepEqual(target.segments.filter((segment) => segment !== "QUIT\n"), [
      "HELLO\n",
      "LOAD cpu_target_lukem\n",
      'SETUP args::""\n',
      "START\n",
      "STOP\n",
    ]);
    for (
      const line of [
        "[IpbenchTestTarget:__init__] : client 127.0.0.1",
        "[send_command] : START",
        "[send_command] : STOP",
      ]
    ) {
      assert.ok(stderr.split("\n").includes(line), `no line ${line} in ${stderr}`);
    }
  } finally {
    await target.close();
  }
}

Deno.test("the sDDF project's call: 12 columns on stdout, a small target, ABORTs before and after", async () => {
  await using echo = await EchoProcess.start({ args: ["--check"] });
  await using tester = await TestDaemon.start();
  await callAsSddf(tester, echo);
});

Deno.test("latency-check counts every reply of a plain echo as bad", async () => {
  await using echo = await EchoProcess.start();
  await using tester = await TestDaemon.start();
  const { stdout, stderr } = await checkLatency(tester, echo, "warmup=0,cooldown=0,samples=300");
  const columns = stdout.trim().split(",");
  assert.equal(columns.length, 10, stdout + stderr);
  assert.ok(Number(columns[9]) >= 300, stdout);
});

Deno.test("dump_dir: every client's round trips in a file of its own, a line each", async () => {
  await using echo = await EchoProcess.start();
  await using first = await TestDaemon.start();
  await using second = await TestDaemon.start({ ip: "127.0.0.2", port: first.port });
  const folder = await Deno.makeTempDir();
  try {
    const run = (dir: string, more = "") =>
      runProgram("ipbench", [
        ...[
          "--test",
          "latency",
          "--port",
          String(first.port),
          "--client",
          first.host,
          "--client",
          second.host,
        ],
        ...["--test-args", `socktype=udp,bps=500k,size=64,warmup=,cooldown=,samples=300,noise=0${more}`],
        ...["--test-controller-args", `dump_dir=${dir},dump_prefix=lab`],
        ...["--test-target", "127.0.0.1", "--test-port", String(echo.port)],
      ]);
    const refused = await run(`${folder}/nothing`);
    assert.equal(refused.code, 1);
    assert.equal(refused.stdout, "");
    assert.match(refused.stderr, /dump_dir: cannot use \S+nothing: No such file/);
    const { stdout, stderr } = await run(folder); // on a busy machine it may be INVALID, with its files all the same
    assert.equal(stdout.trim().split(",").length, 9, stderr);
    for (const file of ["lab_0.dmp", "lab_1.dmp"]) {
      const lines = (await Deno.readTextFile(`${folder}/${file}`)).trimEnd().split("\n");
      assert.ok(lines.length >= 300, `${file} has ${lines.length} lines`);
      for (const line of lines) assert.match(line, /^\d+(\.\d+)?$/);
    }
    await Deno.remove(`${folder}/lab_0.dmp`);
    await Deno.mkdir(`${folder}/lab_0.dmp`);
    const spoilt = await run(folder, ",dump_prefix=x,with_cpu_target");
    assert.equal(spoilt.stdout.trim().split(",").length, 9, "it costs no row");
    assert.match(
      spoilt.stderr,
      /^ipbench: warning: latency: dump_dir: cannot write \S+lab_0\.dmp: Is a directory$/m,
    );
    assert.match(
      spoilt.stderr,
      /^ipbench: warning: latency: arguments without effect here, .* --test-controller-args: with_cpu_target dump_prefix$/m,
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a person with telnet: HELP, STATUS, QUIT with CRLF", async () => {
  await using tester = await TestDaemon.start();
  const client = await RawClient.connect({ hostname: tester.host, port: tester.port });
  try {
    assert.match(await client.readLine(), /^100 IPBENCH V1\.0/);
    assert.deepEqual(await client.ask("STATUS\r", 3), [
      "Testing Daemon mode",
      "Not running a test",
      "200 OK",
    ]);
    assert.deepEqual(await client.ask("QUIT\r", 1), ["222 CLOSING CONTROL CONNECTION (Come back soon!)"]);
  } finally {
    client.close();
  }
});
