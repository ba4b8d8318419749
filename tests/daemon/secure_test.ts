/** Whole runs with a shared secret, and over TLS. */
import assert from "node:assert/strict";
import { dummyConfig } from "../fixtures/dummy_run.ts";
import { EchoProcess } from "../fixtures/peers/echo_process.ts";
import { startOriginalDaemon } from "../fixtures/peers/original_daemon.ts";
import { runConfig } from "../fixtures/run_config.ts";
import { hasOpenssl, makeCertificates, makeClientCertificates, runProgram, TestDaemon } from "../util/mod.ts";

async function inFolder(task: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "ipbench-secure-" });
  try {
    await task(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function configOf(tester: TestDaemon, target: TestDaemon, host = "127.0.0.1") {
  return dummyConfig([{ host, port: tester.port }], "seconds=0.2", [{ host, port: target.port }]);
}

Deno.test("a run among daemons with a secret: the right one, a wrong one, none", () =>
  inFolder(async (folder) => {
    const secret = `${folder}/secret`, wrong = `${folder}/wrong`;
    await Deno.writeTextFile(secret, "correct horse battery staple\n", { mode: 0o600 });
    await Deno.writeTextFile(wrong, "incorrect horse, wrong battery\n", { mode: 0o600 });
    const args = ["--secret-file", secret];
    await using tester = await TestDaemon.start({ args });
    await using target = await TestDaemon.start({ role: "target", args });
    const config = configOf(tester, target);

    const good = await runConfig(config, ["--secret-file", secret]);
    assert.equal(good.code, 0, good.stderr);
    const fromEnvironment = await runConfig(config, [], { env: { IPBENCH_SECRET_FILE: secret } });
    assert.equal(fromEnvironment.code, 0, fromEnvironment.stderr);

    const bad = await runConfig(config, ["--secret-file", wrong]);
    assert.equal(bad.code, 1);
    assert.match(bad.stderr, /connect: the daemon refused the secret/);
    const none = await runConfig(config);
    assert.equal(none.code, 1);
    assert.match(none.stderr, /asks for a secret.*--secret-file/);
    await tester.assertFree();
  }));

Deno.test("daemons that ask for no secret are warned of, and refused with --require-secret", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/secret`, "an open secret of this test\n", { mode: 0o600 });
    const secret = ["--secret-file", `${folder}/secret`], strict = [...secret, "--require-secret"];
    await using tester = await TestDaemon.start();
    await using target = await TestDaemon.start({ role: "target" });
    await using knows = await TestDaemon.start({ args: secret });
    const data = new TextEncoder().encode("ok\0");
    const original = startOriginalDaemon({ tests: { dummy: { valid: true, data, lastsMs: 10 } } });
    const place = { host: "127.0.0.1", port: original.port };
    try {
      for (const config of [configOf(tester, target), dummyConfig([place], "")]) {
        const { code, stderr } = await runConfig(config, secret);
        assert.equal(code, 0, stderr);
        assert.match(stderr, /^ipbench: warning: .*asks for no secret: .*\(--require-secret refuses it\)$/m);
      }
      const before = original.lines.length;
      const refused = await runConfig(dummyConfig([knows, place], ""), strict);
      assert.equal(refused.code, 1);
      const culprit =
        `client 127.0.0.1:${place.port}: connect: the daemon asks for no secret, so it may be ` +
        "somebody else; start it with --secret-file, or leave out --require-secret\n";
      assert.ok(refused.stderr.includes(culprit), refused.stderr);
      assert.deepEqual(original.lines.slice(before), [], "nothing was said to it");
      const ours = await runConfig(configOf(tester, target), strict);
      assert.equal(ours.code, 1);
      assert.match(ours.stderr, /(client|target) 127\.0\.0\.1:\d+: connect: the daemon asks for no secret/);
      const proven = await runConfig(dummyConfig([knows], "seconds=0.1"), strict);
      assert.equal(proven.code, 0, proven.stderr);
      const client = `${tester.host}:${tester.port}`;
      const check = await runProgram("ipbench", ["check", "--test", "dummy", "--client", client, ...strict]);
      assert.equal(check.code, 1);
      assert.match(check.stdout, /^WRONG .*asks for no secret/m);
    } finally {
      await original.close();
    }
  }));

Deno.test("a search and a sweep warn once, however many runs they take", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/secret`, "an open secret of this test\n", { mode: 0o600 });
    await using tester = await TestDaemon.start();
    await using echo = await EchoProcess.start();
    const run = [
      ...["--client", `${tester.host}:${tester.port}`, "--secret-file", `${folder}/secret`],
      ...["--test", "latency", "--test-target", "127.0.0.1", "--test-port", String(echo.port)],
    ];
    const args = "socktype=udp,noise=0,drain=100ms,late=0";
    const search = await runProgram("ipbench", [
      ...["search", ...run, "--test-args", args, "--max", "1M", "--max-trials", "3"],
      ...["--goal", "ndr,initial=200ms,final=200ms,sum=1s,width=10%"],
    ]);
    assert.match(search.stderr, /^ipbench: 3 trials/m);
    assert.equal(search.stderr.match(/asks for no secret/g)?.length, 1, search.stderr);
    const sweep = await runProgram("ipbench", [
      ...["sweep", ...run, "--test-args", `${args},warmup=0,cooldown=0,duration=100ms`, "--quiet"],
      ...["--over", "bps=100k,200k,300k", "--out", `${folder}/sweep`],
    ]);
    assert.equal(sweep.stdout.trim().split("\n").length, 4, sweep.stdout + sweep.stderr);
    assert.equal(sweep.stderr.match(/asks for no secret/g)?.length, 1, sweep.stderr);
  }));

Deno.test({
  name: "a run over TLS: trusted, not trusted, expired, and plain against TLS",
  ignore: !hasOpenssl(),
  fn: () =>
    inFolder(async (folder) => {
      await makeCertificates(folder);
      const trust = ["--tls-ca", `${folder}/ca.pem`];
      const daemons = async (certificate: string) => {
        const args = ["--tls-cert", `${folder}/${certificate}`, "--tls-key", `${folder}/key.pem`];
        return await Promise.all([TestDaemon.start({ args }), TestDaemon.start({ role: "target", args })]);
      };
      const [goodTester, goodTarget] = await daemons("cert.pem");
      await using tester = goodTester;
      await using target = goodTarget;
      const config = configOf(tester, target, "localhost");

      const good = await runConfig(config, trust);
      assert.equal(good.code, 0, good.stderr);
      assert.equal(good.document.clients[0]!.start !== null, true);
      const plain = await runConfig(config, ["--timeout", "2"]);
      assert.equal(plain.code, 1, plain.stderr);
      assert.match(plain.stderr, /client localhost:\d+: connect: /);
      const other = await runConfig(config, ["--tls-ca", `${folder}/other.pem`]);
      assert.equal(other.code, 1);
      assert.match(
        other.stderr,
        /TLS with localhost:\d+ failed \(.*UnknownIssuer.*is --tls-ca the authority/,
      );

      const [oldTester, oldTarget] = await daemons("expired.pem");
      await using staleTester = oldTester;
      await using staleTarget = oldTarget;
      const stale = await runConfig(configOf(staleTester, staleTarget, "localhost"), trust);
      assert.equal(stale.code, 1);
      // The first that fails ends the run.
      assert.match(
        stale.stderr,
        /(client|target) (localhost:\d+): connect: TLS with \2 failed \(.*expired.*\); renew the daemon's certificate/,
      );
    }),
});

Deno.test({
  name:
    "--tls-ca is trusted alone: a daemon that another authority has signed is refused, however trusted that one is",
  ignore: !hasOpenssl(),
  fn: () =>
    inFolder(async (folder) => {
      await makeCertificates(folder);
      await makeClientCertificates(folder);
      const args = ["--tls-cert", `${folder}/foreign.pem`, "--tls-key", `${folder}/key.pem`];
      await using foreign = await TestDaemon.start({ args });
      const place = `localhost:${foreign.port}`;
      const other = `${folder}/other.pem`;
      const trusted = [
        { DENO_CERT: other },
        { DENO_TLS_CA_STORE: "system", SSL_CERT_FILE: other },
        { NODE_EXTRA_CA_CERTS: other },
      ];
      const run = ["--test", "dummy", "--client", place];
      const commands = [
        ...["status", "abort", "watch", "continue"].map((name) => [name, place]),
        ...[["run", ...run], ["check", ...run]],
      ];
      const own = ["--tls-cert", `${folder}/client.pem`, "--tls-key", `${folder}/client.key`];
      for (const env of trusted) {
        for (const shown of [[], own]) {
          for (const command of env === trusted[0] ? commands : commands.slice(0, 1)) {
            const line = [...command, "--tls-ca", `${folder}/ca.pem`, ...shown];
            const { code, stdout, stderr } = await runProgram("ipbench", line, { env });
            assert.equal(code, 1, `${line.join(" ")}: ${stdout}${stderr}`);
            assert.match(stdout + stderr, /TLS with localhost:\d+ failed \(.*UnknownIssuer/, line.join(" "));
          }
        }
      }
      const right = await runProgram("ipbench", ["status", "--tls-ca", other, place]);
      assert.equal(right.code, 0, right.stdout);
    }),
});
