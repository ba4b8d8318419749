/** A daemon that serves only clients that show a certificate (`--tls-client-ca`): who gets in, and who is told why not. */
import assert from "node:assert/strict";
import { dummyConfig } from "../fixtures/dummy_run.ts";
import { runConfig } from "../fixtures/run_config.ts";
import {
  hasOpenssl,
  makeCertificates,
  makeClientCertificates,
  RawClient,
  runProgram,
  sleep,
  TestDaemon,
  until,
} from "../util/mod.ts";

const REFUSAL = /421 SERVICE NOT AVAILABLE \(This daemon asks for a certificate that its --tls-client-ca has/;
const ignore = !hasOpenssl();

async function inFolder(task: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "ipbench-clients-" });
  try {
    await makeCertificates(folder);
    await makeClientCertificates(folder);
    await task(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function start(folder: string, role: "tester" | "target" = "tester"): Promise<TestDaemon> {
  const tls = ["--tls-cert", `${folder}/cert.pem`, "--tls-key", `${folder}/key.pem`];
  return TestDaemon.start({ role, args: [...tls, "--tls-client-ca", `${folder}/ca.pem`] });
}

/** What shows that certificate; `null`: none. */
function options(folder: string, certificate: string | null): string[] {
  const own = ["--tls-cert", `${folder}/${certificate}`, "--tls-key", `${folder}/client.key`];
  return ["--tls-ca", `${folder}/ca.pem`, ...certificate === null ? [] : own];
}

async function connect(folder: string, port: number, certificate: string | null): Promise<RawClient> {
  const own = certificate === null ? {} : {
    cert: await Deno.readTextFile(`${folder}/${certificate}`),
    key: await Deno.readTextFile(`${folder}/client.key`),
  };
  const caCerts = [await Deno.readTextFile(`${folder}/ca.pem`)];
  return new RawClient(await Deno.connectTls({ hostname: "localhost", port, caCerts, ...own }));
}

Deno.test({
  name: "client certificates: the right one runs a test, all others are told and logged",
  ignore,
  fn: () =>
    inFolder(async (folder) => {
      await using daemon = await start(folder);
      using good = await connect(folder, daemon.port, "client.pem");
      assert.match(await good.readLine(), /^100 IPBENCH/);
      await good.send('HELLO\nLOAD dummy\nSETUP target::h||port::1||args::"seconds=0.05,text=tls"\nSTART\n');
      assert.match(
        await good.readToEnd(),
        /\n220 VALID DATA \(Data to follow\)\nContent-length: 4\ntls\0$/,
      );
      for (
        const [certificate, why] of [
          [null, /it shows no certificate/],
          ["stranger.pem", /"a controller" is refused: --tls-client-ca has not signed it for a client/],
          ["server-only.pem", /"a controller" is refused: --tls-client-ca has not signed it for a client/],
          ["client-expired.pem", /"a controller" is refused: it has expired/],
        ] as const
      ) {
        using refused = await connect(folder, daemon.port, certificate);
        assert.match(await refused.readToEnd(), REFUSAL, String(certificate));
        await until("the log says why", 2_000, () => why.test(daemon.log.at(-1) ?? ""));
      }
      using again = await connect(folder, daemon.port, "client.pem");
      assert.match(await again.readLine(), /^100 IPBENCH/);
    }),
});

Deno.test({
  name: "client certificates: no session that was resumed, and no X.509 v1, gets in",
  ignore,
  fn: () =>
    inFolder(async (folder) => {
      await using daemon = await start(folder);
      const openssl = async (...args: string[]) => {
        const place = ["-connect", `127.0.0.1:${daemon.port}`, "-ign_eof"];
        const { stdout } = await new Deno.Command("timeout", {
          args: ["5", "openssl", "s_client", ...place, "-key", "client.key", ...args],
          ...{ cwd: folder, stdin: "null", stdout: "piped", stderr: "null" },
        }).output();
        return new TextDecoder().decode(stdout);
      };
      for (const version of ["-tls1_3", "-tls1_2"]) {
        const greeted = await openssl(version, "-cert", "client.pem");
        assert.match(greeted, /100 IPBENCH/, version);
        const old = await openssl(version, "-cert", "client-v1.pem");
        assert.match(old, REFUSAL, version);
        const first = await openssl(version, "-cert", "stranger.pem", "-sess_out", "session");
        assert.match(first, REFUSAL, version);
        const resumed = await openssl(version, "-cert", "stranger.pem", "-sess_in", "session");
        assert.match(resumed, /^Reused, /m, `${version}: the attack is one`);
        assert.doesNotMatch(resumed, /IPBENCH/, version);
        assert.match(resumed, REFUSAL, version);
      }
    }),
});

Deno.test({
  name: "client certificates: half-closing and vanishing end the test; who is silent goes after 5 s",
  ignore,
  fn: () =>
    inFolder(async (folder) => {
      await using daemon = await start(folder);
      const shy = await daemon.connect();
      const began = performance.now();
      for (const how of ["closeWrite", "close"] as const) {
        using client = await connect(folder, daemon.port, "client.pem");
        await client.readLine();
        assert.deepEqual(await client.ask("HELLO"), ["200 OK (Ready to go)"]);
        if (how === "close") client.close();
        else await client.closeWrite();
        await sleep(300);
        using next = await connect(folder, daemon.port, "client.pem");
        await next.readLine();
        assert.equal((await next.ask("STATUS", 3))[1], "Not running a test");
      }
      assert.equal(await shy.readToEnd(10_000), "");
      const seconds = (performance.now() - began) / 1000;
      assert.ok(seconds > 4 && seconds < 8, `${seconds} s`);
      shy.close();
    }),
});

Deno.test({
  name: "client certificates: a whole run with one; without, and with a stranger's, a sentence on both ends",
  ignore,
  fn: () =>
    inFolder(async (folder) => {
      await using tester = await start(folder);
      await using target = await start(folder, "target");
      const places = [tester, target].map(({ port }) => ({ host: "localhost", port }));
      const config = dummyConfig([places[0]!], "seconds=0.2", [places[1]!]);
      const good = await runConfig(config, options(folder, "client.pem"));
      assert.equal(good.code, 0, good.stderr);
      for (const certificate of [null, "stranger.pem"]) {
        const args = options(folder, certificate);
        const refused = await runConfig(config, args);
        assert.equal(refused.code, 1);
        assert.match(
          refused.stderr,
          /(client|target) localhost:\d+: connect: the daemon does not serve us: 421 This daemon asks for a cert/,
        );
        for (const command of ["status", "abort", "continue", "watch"]) {
          const place = `localhost:${tester.port}`;
          const one = await runProgram("ipbench", [command, ...args, place]);
          assert.equal(one.code, 1, command);
          assert.match(one.stdout + one.stderr, /421 This daemon asks for a certificate/, command);
        }
      }
      const mixed = [...options(folder, "client.pem").slice(0, 4), "--tls-key", `${folder}/key.pem`];
      const wrong = await runConfig(config, mixed);
      assert.match(
        wrong.stderr,
        /TLS with localhost:\d+ failed \(.*\); --tls-key has to be the key of --tls-cert/,
      );
    }),
});

Deno.test({
  name: "client certificates: who proves himself so may do what a secret allows",
  ignore,
  fn: () =>
    inFolder(async (folder) => {
      const tls = ["--tls-cert", `${folder}/cert.pem`, "--tls-key", `${folder}/key.pem`];
      const args = [...tls, "--allow-exec", "/usr/bin"];
      const open = await runProgram("ipbenchd", ["--port", "0", ...args]);
      assert.equal(open.code, 2);
      assert.match(open.stderr, /--allow-exec would let anybody .* --tls-client-ca FILE/);
      await using daemon = await TestDaemon.start({
        ip: null,
        args: [...args, "--tls-client-ca", `${folder}/ca.pem`],
      });
      assert.doesNotMatch(daemon.log.join("\n"), /anybody who reaches it/);
      using client = await connect(folder, daemon.port, "client.pem");
      assert.match(await client.readLine(), /^100 IPBENCH/);
    }),
});

Deno.test({
  name: "client certificates: options that do not fit, and files of no use, are wrong use",
  ignore,
  fn: () =>
    inFolder(async (folder) => {
      const tls = ["--port", "0", "--tls-cert", `${folder}/cert.pem`, "--tls-key", `${folder}/key.pem`];
      for (
        const [args, says] of [
          [["--tls-client-ca", `${folder}/ca.pem`], /--tls-client-ca needs TLS/],
          [[...tls, "--tls-client-ca", `${folder}/none.pem`], /authority of clients from .*none\.pem/],
          [[...tls, "--tls-client-ca", `${folder}/ext`], /it holds no certificate \(PEM\)/],
          [
            [...tls, "--tls-client-ca", `${folder}/client-v1.pem`],
            /"CN=a controller" is not the certificate of an authority/,
          ],
        ] as const
      ) {
        const { code, stderr } = await runProgram("ipbenchd", [...args]);
        assert.equal(code, 2, stderr);
        assert.match(stderr, says);
      }
      for (
        const [args, says] of [
          [["--tls-cert", "a", "--tls-key", "b"], /--tls-cert: name the authority .*--tls-ca FILE/],
          [["--tls-ca", "a", "--tls-cert", "b"], /--tls-cert: certificate and key belong together/],
          [["--tls-ca", "a", "--tls-key", "b"], /--tls-key: certificate and key belong together/],
        ] as const
      ) {
        for (const command of [["status"], ["run", "--test", "dummy", "--client"]]) {
          const { code, stderr } = await runProgram("ipbench", [...command, "127.0.0.1:1", ...args]);
          assert.equal(code, 2, stderr);
          assert.match(stderr, says);
        }
      }
    }),
});
