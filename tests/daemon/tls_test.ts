/**
 * TLS at a real daemon, with certificates that openssl makes for the test.
 *
 * @module
 */
import assert from "node:assert/strict";
import { hasOpenssl, makeCertificates, RawClient, runProgram, TestDaemon } from "../util/mod.ts";

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

Deno.test({ name: "TLS: the recipe of docs/security.md works", ignore: !hasOpenssl() }, async () => {
  const dir = await Deno.makeTempDir();
  try {
    const page = await Deno.readTextFile(new URL("../../docs/security.md", import.meta.url));
    const recipe = /```\n(openssl req -x509[^`]*)```/.exec(page)?.[1];
    assert.ok(recipe !== undefined);
    const { code, stderr } = await new Deno.Command("sh", {
      args: ["-ec", recipe.replaceAll("lab1", "localhost")],
      cwd: dir,
      stderr: "piped",
    }).output();
    assert.equal(code, 0, new TextDecoder().decode(stderr));
    const [daemonLine, controllerLine] = ["ipbenchd", "ipbench"].map((program) => {
      const line = new RegExp(`^${program} ((?:status )?--tls-.*)$`, "m").exec(page)?.[1] ?? "";
      return line.replaceAll("lab1.", "localhost.").split(" ").map((word) =>
        /\.(pem|key)$/.test(word) ? `${dir}/${word}` : word
      );
    });
    assert.ok(daemonLine?.length === 6 && controllerLine?.length === 8, page);
    await using daemon = await TestDaemon.start({ args: daemonLine });
    const status = await runProgram("ipbench", [...controllerLine.slice(0, -1), `localhost:${daemon.port}`]);
    assert.equal(status.code, 0, status.stdout);
    const without = await runProgram("ipbench", [
      ...controllerLine.slice(0, 3),
      `localhost:${daemon.port}`,
    ]);
    assert.match(without.stdout, /421 This daemon asks for a certificate/);
    const mistaken = ["--tls-cert", `${dir}/localhost.pem`, "--tls-key", `${dir}/localhost.key`];
    const daemons = await runProgram("ipbench", [
      ...[...controllerLine.slice(0, 3), ...mistaken],
      `localhost:${daemon.port}`,
    ]);
    assert.match(daemons.stdout, /421 This daemon asks for a certificate/);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
