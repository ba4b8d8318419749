/** A daemon behind TLS and one that refuses our address: every command says what it may be. */
import assert from "node:assert/strict";
import { hasOpenssl, makeCertificates, runProgram, TestDaemon } from "../util/mod.ts";

/** Commands that reach for a daemon, with its address. */
function commandsAt(at: string, folder: string): string[][] {
  const run = [
    "--client",
    at,
    "--test",
    "latency",
    "--test-args",
    "socktype=udp",
    "--test-target",
    "127.0.0.1",
  ];
  return [
    ["status", at],
    ["watch", at],
    ["abort", at],
    ["continue", at],
    ["check", ...run],
    ["run", ...run],
    ["search", ...run, "--max", "1M", "--max-trials", "1"],
    [
      "sweep",
      ...run,
      "--over",
      "bps=1M",
      "--retry",
      "0",
      "--out",
      `${folder}/sweep-${at.replace(/\W/g, "-")}`,
    ],
    ["rfc2544", ...run, "--line-rate", "1M", "--frames", "64", "--tests", "throughput"],
  ];
}

/** Each command fails, and what it says of the daemon names the culprit and the remedy. */
async function assertEachSays(commands: string[][], says: RegExp): Promise<void> {
  await Promise.all(commands.map(async (command) => {
    const { code, stdout, stderr } = await runProgram("ipbench", command);
    assert.equal(code, 1, `${command.join(" ")}: ${stdout}${stderr}`);
    assert.match(stdout + stderr, says, command.join(" "));
  }));
}

const inFolder = async (body: (folder: string) => Promise<void>): Promise<void> => {
  const folder = await Deno.makeTempDir({ prefix: "ipbench-silent-" });
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
};

Deno.test(
  { name: "a daemon behind TLS, asked without --tls-ca", ignore: !hasOpenssl() },
  () =>
    inFolder(async (folder) => {
      await makeCertificates(folder);
      await using daemon = await TestDaemon.start({
        args: ["--tls-cert", `${folder}/cert.pem`, "--tls-key", `${folder}/key.pem`],
      });
      await assertEachSays(
        commandsAt(`127.0.0.1:${daemon.port}`, folder),
        /it accepted the connection and did not greet: no answer within 2\.5 s; does the daemon speak TLS \(then give --tls-ca FILE\)/,
      );
    }),
);

Deno.test(
  { name: "a daemon that refuses our address, with and without TLS", ignore: !hasOpenssl() },
  () =>
    inFolder(async (folder) => {
      await using plain = await TestDaemon.start({ args: ["--allow", "192.0.2.1/32"] });
      await assertEachSays(
        commandsAt(`127.0.0.1:${plain.port}`, folder),
        /; it may refuse this address \(its --allow\), have no place left \(--max-connections\) or speak TLS \(then give --tls-ca FILE\); its log says which/,
      );
      assert.match(plain.log.join("\n"), /127\.0\.0\.1:\d+ is outside of what --allow allows/);
      await makeCertificates(folder);
      await using secure = await TestDaemon.start({
        args: [
          ...["--allow", "192.0.2.1/32"],
          ...["--tls-cert", `${folder}/cert.pem`, "--tls-key", `${folder}/key.pem`],
        ],
      });
      await assertEachSays(
        [["status", `localhost:${secure.port}`, "--tls-ca", `${folder}/ca.pem`]],
        /localhost:\d+ +failed: .*; it may refuse this address \(its --allow\)/,
      );
    }),
);

/** A daemon that knows what a run says to it and answers `reply` to everything else. */
async function serveBare(listener: Deno.Listener, reply: string): Promise<void> {
  for await (const connection of listener) {
    await connection.write(new TextEncoder().encode("100 IPBENCH V1.0\n"));
    if (await connection.read(new Uint8Array(64)) !== null) {
      await connection.write(new TextEncoder().encode(`${reply}\n`));
    }
    connection.close();
  }
}

for (const reply of ["200 OK", "400 ERROR", "500 SYNTAX ERROR"]) {
  Deno.test(`check and status: a target without an operating system, STATUS gets ${reply}`, async () => {
    await using tester = await TestDaemon.start();
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const port = String((listener.addr as Deno.NetAddr).port);
    const served = serveBare(listener, reply).catch(() => {});
    const run = (client: string) =>
      runProgram("ipbench", [
        ...["check", "--client", `127.0.0.1:${client}`, "--test", "latency", "--test-target", "127.0.0.1"],
        ...["--target-test", "cpu_target_lukem", "--target-test-port", port],
      ]);
    const good = await run(String(tester.port));
    assert.match(good.stdout, /^ok {6}target .* ipbench-1\.0, does not report its status$/m);
    assert.deepEqual([good.code, good.stderr], [0, "ipbench: this could run\n"]);
    // A tester that cannot tell is none.
    const bad = await run(port);
    assert.match(bad.stdout, /^WRONG {3}client .* does not report its status, as every tester does/m);
    assert.equal(bad.code, 1);
    const status = await runProgram("ipbench", ["status", `127.0.0.1:${port}`]);
    assert.match(status.stdout, /does not report its status {2}ipbench-1\.0$/m);
    assert.equal(status.code, 0);
    listener.close();
    await served;
  });
}
