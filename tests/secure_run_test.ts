/** Whole runs with a shared secret, and over TLS. */
import assert from "node:assert/strict";
import { dummyConfig } from "./fixtures/dummy_run.ts";
import { runConfig } from "./fixtures/run_config.ts";
import { hasOpenssl, makeCertificates, TestDaemon } from "./util/mod.ts";

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
    await Deno.writeTextFile(wrong, "incorrect horse\n", { mode: 0o600 });
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

Deno.test("a daemon that asks for no secret is warned of when one was given", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/secret`, "s3cret\n", { mode: 0o600 });
    await using tester = await TestDaemon.start();
    await using target = await TestDaemon.start({ role: "target" });
    const { code, stderr } = await runConfig(configOf(tester, target), ["--secret-file", `${folder}/secret`]);
    assert.equal(code, 0, stderr);
    assert.match(stderr, /asks for no secret/);
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
