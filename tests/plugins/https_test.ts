/**
 * https: `http` with tls=1 against nginx and `openssl s_server`, and what is said where TLS fails.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Counts, Metric } from "../../results/document/document.ts";
import { drive, drivenRow, peakOf } from "../fixtures/driven.ts";
import { TemporaryFolder } from "../fixtures/folders.ts";
import { Nginx } from "../fixtures/peers/nginx.ts";
import { hasOpenssl, makeCertificates } from "../util/certificates.ts";
import { freePort, hasNamespaces, isInstalled, projectRoot, sleep, until } from "../util/mod.ts";

interface Result {
  counts: Counts;
  metrics: Metric[];
  reasons: { level: string; code: string; text: string }[];
}

const QUIET = "tls=1,wait=sleep,limits=shared,warmup=0,cooldown=0";
/** What a tester may take, kB. */
const MEMORY_KB = 256 * 1024;
const CONNECTIONS_MAX = 6500;

function hasPlugin(): boolean {
  try {
    return Deno.statSync(`${projectRoot()}/build/plugins/http.so`).isFile;
  } catch {
    return false;
  }
}

const hasHttps = hasPlugin() && hasOpenssl();
const ignore = !hasHttps || !isInstalled("nginx");

function https(port: number, args: string, wrap?: string[], target = "127.0.0.1"): Deno.ChildProcess {
  const more = wrap === undefined ? {} : { wrap };
  return drive({ plugin: "http", target, port, args: `${QUIET},${args}`, ...more });
}

const run = async (...call: Parameters<typeof https>) => (await drivenRow<Result>(https(...call))).result;

const figure = ({ metrics }: Result, name: string) => metrics.find((metric) => metric.name === name)?.value;

/** The program's own server: one connection for each answer, and HTTP/1.0. */
async function withServer(
  folder: string,
  more: string[],
  body: (port: number) => Promise<void>,
): Promise<void> {
  const port = freePort();
  const files = ["-cert", `${folder}/cert.pem`, "-key", `${folder}/key.pem`];
  const child = new Deno.Command("openssl", {
    args: ["s_server", "-accept", `127.0.0.1:${port}`, ...files, "-www", "-quiet", ...more],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  try {
    await until("s_server listens", 10_000, () => {
      const hex = port.toString(16).toUpperCase().padStart(4, "0");
      return Deno.readTextFileSync("/proc/net/tcp").includes(`:${hex} 00000000:0000 0A`);
    });
    await body(port);
  } finally {
    child.kill("SIGTERM");
    await child.status;
  }
}

Deno.test({ name: "https counts what nginx's access log has (nginx-light, openssl)", ignore }, async (t) => {
  using folder = TemporaryFolder.make();
  await makeCertificates(folder.path);
  await using server = await Nginx.start("x".repeat(40_000), folder.path);
  let logged = 0;
  for (const args of ["kept=1", "kept=0", `kept=1,verify=1`]) {
    await t.step(args, async () => {
      const trusted = ["env", `SSL_CERT_FILE=${folder.path}/ca.pem`];
      const result = await run(server.port, `rate=100,duration=1,connections=5,${args}`, trusted);
      assert.deepEqual([result.counts.sent, result.counts.ok], [100, 100], JSON.stringify(result.reasons));
      await until("all is logged", 5000, async () => (await server.served()).length >= logged + 100);
      const served = (await server.served()).slice(logged);
      logged += served.length;
      assert.equal(served.length, 100);
      assert.equal(figure(result, "status_2xx"), 100);
      assert.equal(figure(result, "body_bytes"), served.reduce((sum, { bodyBytes }) => sum + bodyBytes, 0));
      assert.equal(figure(result, "body_bytes"), 100 * 40_000);
      // Each of the five connections may be opened beside the phase that its request is of.
      const opened = figure(result, "connections_opened")!;
      if (args.startsWith("kept=0")) assert.ok(Math.abs(opened - 100) <= 5, `${opened} connections`);
      else assert.equal(opened, 0);
    });
  }
});

Deno.test({ name: "https to openssl s_server, with 1.2 and 1.3 (openssl)", ignore: !hasHttps }, async (t) => {
  using folder = TemporaryFolder.make();
  await makeCertificates(folder.path);
  for (const version of ["-tls1_2", "-tls1_3"]) {
    await t.step(version, () =>
      withServer(folder.path, [version], async (port) => {
        const result = await run(port, "rate=20,duration=1,connections=4,kept=0,drain=5");
        assert.deepEqual([result.counts.sent, result.counts.ok], [20, 20], JSON.stringify(result));
        assert.equal(figure(result, "status_2xx"), 20);
      }));
  }
});

Deno.test({ name: "where TLS fails it is said why (nginx-light, openssl)", ignore }, async (t) => {
  using folder = TemporaryFolder.make();
  await makeCertificates(folder.path);
  await using server = await Nginx.start("hello", folder.path);
  await using plain = await Nginx.start("hello");
  const other = ["env", `SSL_CERT_FILE=${folder.path}/other.pem`];
  const good = ["env", `SSL_CERT_FILE=${folder.path}/ca.pem`];
  const fresh = "kept=0,rate=50,duration=10,connections=4";
  for (
    const [what, port, args, wrap, said] of [
      [
        "another authority",
        server.port,
        "verify=1",
        other,
        /the server's certificate is refused: unable to get/,
      ],
      [
        "another host",
        server.port,
        "verify=1,host=example.org",
        good,
        /certificate is refused: hostname mismatch/i,
      ],
      ["a server without TLS", plain.port, "", undefined, /TLS failed: (wrong version number|packet length)/],
    ] as const
  ) {
    await t.step(`${what}: kept connections fail in set-up`, async () => {
      await assert.rejects(
        () => run(port, `duration=1,connections=2,${args}`, wrap === undefined ? undefined : [...wrap]),
        (error: Error) => {
          assert.match(error.message, /ended while it was set up/);
          assert.match(error.message, said);
          return true;
        },
      );
    });
    await t.step(`${what}: fresh ones end the run, and are counted`, async () => {
      const result = await run(port, `${fresh},${args}`, wrap === undefined ? undefined : [...wrap]);
      const { sent, ok, lost } = result.counts;
      assert.deepEqual([ok, lost], [0, sent]);
      // One that is being connected when the run ends has not failed yet.
      const failed = figure(result, "other_failures")!;
      assert.ok(failed <= sent && failed >= sent - 1, `${failed} of ${sent}`);
      const reason = result.reasons.find(({ code }) => code === "target-unreachable");
      assert.match(reason?.text ?? JSON.stringify(result.reasons), said);
    });
  }
  await t.step("versions that do not meet", () =>
    withServer(folder.path, ["-tls1_3"], async (port) => {
      const config = folder.write(
        "old.cnf",
        [
          "openssl_conf = all",
          "[all]\nssl_conf = ssl",
          "[ssl]\nsystem_default = most",
          "[most]\nMaxProtocol = TLSv1.2\n",
        ].join("\n"),
      );
      const result = await run(port, fresh, ["env", `OPENSSL_CONF=${config}`]);
      assert.match(JSON.stringify(result.reasons), /TLS failed: .*(protocol version|unsupported protocol)/);
    }));
});

Deno.test(
  { name: "https to a server that goes: silent, reset, gone (nginx-light, openssl)", ignore },
  async (t) => {
    using folder = TemporaryFolder.make();
    await makeCertificates(folder.path);
    await t.step("it dies in the middle", async () => {
      const server = await Nginx.start("hello", folder.path);
      const running = run(server.port, "rate=100,duration=20,connections=4,drain=0.5,late=0.2");
      await sleep(1500);
      await server[Symbol.asyncDispose]();
      const result = await running;
      const { sent, ok, lost } = result.counts;
      assert.ok(ok > 0 && lost > 0 && sent === ok + lost, JSON.stringify(result.counts));
      assert.match(JSON.stringify(result.reasons), /"INVALID","code":"target-died"/);
    });
    await t.step("it stands still", async () => {
      await using server = await Nginx.start("hello", folder.path);
      const worker = server.worker();
      const running = run(server.port, "rate=100,duration=20,connections=4,drain=0.5,late=0.2");
      await sleep(1500);
      Deno.kill(worker, "SIGSTOP");
      try {
        const result = await running;
        assert.match(JSON.stringify(result.reasons), /"INVALID","code":"target-(died|silent)"/);
        assert.ok(figure(result, "timed_out")! > 0);
      } finally {
        Deno.kill(worker, "SIGCONT");
      }
    });
  },
);

Deno.test({
  name: "a tester without OpenSSL says what is missing, and measures http (nginx-light)",
  ignore: ignore || !hasNamespaces() || !isInstalled("unshare"),
}, async () => {
  await using plain = await Nginx.start("hello");
  const hide = "for f in $(ldconfig -p | sed -n 's/.*libssl\\.so\\.[13][^>]*=> //p'); do " +
    'mount --bind /dev/null "$(readlink -f "$f")" || exit 9; done; exec "$@"';
  const without = ["unshare", "--mount", "sh", "-c", hide, "sh"];
  await assert.rejects(
    () => run(plain.port, "duration=0.2", without),
    /argument tls: https needs OpenSSL on the tester, and there is no libssl\.so\.3 \(Debian: apt-get install libssl3\)/,
  );
  const result = await run(plain.port, "tls=0,rate=50,duration=0.2", without);
  assert.equal(result.counts.ok, 10);
});

Deno.test({
  name: "6,500 connections with TLS fit into 256 MB, more are refused (nginx-light, openssl)",
  ignore: ignore || Deno.uid() !== 0,
}, async () => {
  using folder = TemporaryFolder.make();
  // A key with which a server signs in a tenth of the time.
  const made = await new Deno.Command("openssl", {
    args: [
      ...[
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
      ],
      ...["-keyout", "key.pem", "-out", "cert.pem", "-subj", "/CN=localhost"],
    ],
    cwd: folder.path,
    stderr: "null",
  }).output();
  assert.ok(made.success);
  await using server = await Nginx.start("x".repeat(100_000), folder.path);
  await assert.rejects(
    () => run(server.port, `connections=${CONNECTIONS_MAX + 1}`),
    /argument connections: 6501 connections with tls=1 may take more than 256 MB of memory: at most 6500 for one tester/,
  );
  const child = https(server.port, `rate=1000,duration=2,connections=${CONNECTIONS_MAX},drain=20`);
  const watching = peakOf(child.pid);
  const { result } = await drivenRow<Result>(child);
  const { peakKb, files } = await watching;
  assert.equal(result.counts.ok, 2000, JSON.stringify(result));
  assert.ok(files >= CONNECTIONS_MAX, `${files}`);
  assert.ok(peakKb > 0 && peakKb < MEMORY_KB, `${peakKb} kB`);
});
