/**
 * TLS at a real daemon, with certificates that openssl makes for the test.
 *
 * @module
 */
import assert from "node:assert/strict";
import { RawClient, runProgram, TestDaemon } from "./util/mod.ts";

async function openssl(cwd: string, ...args: string[]): Promise<void> {
  const { code, stderr } = await new Deno.Command("openssl", { args, cwd, stdout: "null", stderr: "piped" })
    .output();
  if (code !== 0) throw new Error(`openssl ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
}

function hasOpenssl(): boolean {
  try {
    return new Deno.Command("openssl", { args: ["version"], stdout: "null", stderr: "null" }).outputSync()
      .success;
  } catch {
    return false;
  }
}

/** A certification authority, a good certificate, and one that has expired. */
async function makeCertificates(dir: string): Promise<void> {
  for (const ca of ["ca", "other"]) {
    await openssl(
      dir,
      ...[
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        `${ca}.key`,
        "-out",
        `${ca}.pem`,
        "-days",
        "2",
      ],
      ...["-subj", `/CN=ipbench test ${ca}`, "-addext", "basicConstraints=critical,CA:TRUE"],
    );
  }
  await Deno.writeTextFile(
    `${dir}/ext`,
    "subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\n",
  );
  await openssl(
    dir,
    ...[
      "req",
      "-newkey",
      "rsa:2048",
      "-nodes",
      "-keyout",
      "key.pem",
      "-out",
      "req.pem",
      "-subj",
      "/CN=localhost",
    ],
  );
  const sign = ["x509", "-req", "-in", "req.pem", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"];
  await openssl(dir, ...sign, "-extfile", "ext", "-days", "2", "-out", "cert.pem");
  // Only `openssl ca` makes a certificate of the past.
  await Deno.writeTextFile(`${dir}/index`, "");
  await Deno.writeTextFile(
    `${dir}/ca.conf`,
    "[ca]\ndefault_ca=d\n[d]\ndatabase=index\nnew_certs_dir=.\nrand_serial=yes\ndefault_md=sha256\npolicy=p\n" +
      "[p]\ncommonName=supplied\n",
  );
  await openssl(
    dir,
    ...[
      "ca",
      "-batch",
      "-config",
      "ca.conf",
      "-cert",
      "ca.pem",
      "-keyfile",
      "ca.key",
      "-in",
      "req.pem",
      "-notext",
    ],
    ...["-extfile", "ext", "-startdate", "200101000000Z", "-enddate", "200102000000Z", "-out", "expired.pem"],
  );
}

async function connectTls(port: number, caFile: string): Promise<RawClient> {
  const caCerts = [await Deno.readTextFile(caFile)];
  const conn = await Deno.connectTls({ hostname: "localhost", port, caCerts });
  await conn.handshake();
  return new RawClient(conn);
}

Deno.test({
  name: "TLS: the right authority, a wrong one, an expired certificate, a plain client",
  ignore: !hasOpenssl(),
}, async (t) => {
  const dir = await Deno.makeTempDir();
  try {
    await makeCertificates(dir);
    const start = (cert: string) =>
      TestDaemon.start({ args: ["--tls-cert", `${dir}/${cert}`, "--tls-key", `${dir}/key.pem`] });
    await t.step("the whole dialogue runs inside of TLS", async () => {
      await using daemon = await start("cert.pem");
      using client = await connectTls(daemon.port, `${dir}/ca.pem`);
      assert.match(await client.readLine(), /^100 IPBENCH V1\.0/);
      await client.send(
        'HELLO\nLOAD dummy\nSETUP target::h||port::1||args::"seconds=0.05,text=tls"\nSTART\n',
      );
      assert.match(
        await client.readToEnd(),
        /\n220 VALID DATA \(Data to follow\)\nContent-length: 4\ntls\0$/,
      );
    });
    await t.step("half-closing, and vanishing, end the test", async () => {
      await using daemon = await start("cert.pem");
      for (const how of ["closeWrite", "close"] as const) {
        using client = await connectTls(daemon.port, `${dir}/ca.pem`);
        await client.readLine();
        assert.deepEqual(await client.ask("HELLO"), ["200 OK (Ready to go)"]);
        if (how === "close") client.close();
        else await client.closeWrite();
        await new Promise((resolve) => setTimeout(resolve, 300));
        using next = await connectTls(daemon.port, `${dir}/ca.pem`);
        await next.readLine();
        assert.equal((await next.ask("STATUS", 3))[1], "Not running a test");
      }
    });
    await t.step("a wrong authority is refused by the client, and costs the daemon nothing", async () => {
      await using daemon = await start("cert.pem");
      await assert.rejects(connectTls(daemon.port, `${dir}/other.pem`), /certificate|UnknownIssuer/i);
      using client = await connectTls(daemon.port, `${dir}/ca.pem`);
      assert.match(await client.readLine(), /^100 /);
    });
    await t.step("a plain client gets no greeting and is closed", async () => {
      await using daemon = await start("cert.pem");
      using plain = await RawClient.connect({ hostname: "127.0.0.1", port: daemon.port, deadlineMs: 10_000 });
      await plain.send("ABORT\n");
      assert.ok(!(await plain.readToEnd()).includes("IPBENCH"));
      using client = await connectTls(daemon.port, `${dir}/ca.pem`);
      assert.match(await client.readLine(), /^100 /);
    });
    await t.step("an expired certificate is refused by the client", async () => {
      await using daemon = await start("expired.pem");
      await assert.rejects(connectTls(daemon.port, `${dir}/ca.pem`), /expired/i);
    });
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("TLS: files that cannot be read are wrong use", async () => {
  const { code, stderr } = await runProgram("ipbenchd", [
    ...["--port", "0", "--tls-cert", "/nonexistent/cert.pem", "--tls-key", "/nonexistent/key.pem"],
  ]);
  assert.equal(code, 2);
  assert.match(stderr, /cannot read \/nonexistent\/cert\.pem/);
});
