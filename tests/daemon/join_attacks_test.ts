/**
 * Strangers at the port where daemons dial in: whatever they do, those who know the secret get in, and the run goes on.
 *
 * @module
 */
import assert from "node:assert/strict";
import { TemporaryFolder } from "../fixtures/folders.ts";
import { freePort, JoinedDaemon, runProgram, sleep, until } from "../util/mod.ts";

const NONCE = "00".repeat(16), PROOF = "00".repeat(32);

/** Connects as soon as somebody listens. */
async function connect(port: number): Promise<Deno.TcpConn> {
  return await until("the controller listens", 20_000, async () => {
    try {
      return await Deno.connect({ hostname: "127.0.0.1", port });
    } catch {
      return undefined;
    }
  });
}

/** What comes until the other end closes, or an error. */
async function readToEnd(conn: Deno.TcpConn): Promise<string> {
  const buffer = new Uint8Array(4096);
  let text = "";
  try {
    for (let count = await conn.read(buffer); count !== null; count = await conn.read(buffer)) {
      text += new TextDecoder().decode(buffer.subarray(0, count));
    }
  } catch {
    // A reset is an end, too.
  }
  conn.close();
  return text;
}

async function say(port: number, bytes: Uint8Array | string): Promise<string> {
  const conn = await connect(port);
  await conn.write(typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes).catch(() => {});
  return await readToEnd(conn);
}

Deno.test("garbage, silence, half a line, a wrong proof and a second daemon of one number keep nobody out", async () => {
  using folder = TemporaryFolder.make();
  const secret = folder.write("secret", "sixteen bytes, or rather more of them");
  Deno.chmodSync(secret, 0o600);
  const port = freePort();
  const run = runProgram("ipbench", [
    ...["run", "--listen", `127.0.0.1:${port}`, "--expect", "2", "--wait", "50s", "--secret-file", secret],
    ...["--test", "dummy", "--test-args", "seconds=0.5"],
  ], { deadlineMs: 90_000 });
  const silent: Deno.TcpConn[] = [];
  try {
    for (let n = 0; n < 300; n++) silent.push(await connect(port));
    const slow = await connect(port);
    silent.push(slow);
    const dripping = (async () => {
      for (const letter of "JOIN role::tester||name::slow||index::0") {
        await slow.write(new TextEncoder().encode(letter)).catch(() => {});
        await sleep(100);
      }
    })();
    const noise = crypto.getRandomValues(new Uint8Array(4000));
    assert.ok(!(await say(port, noise)).includes("200 OK"));
    assert.match(await say(port, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"), /500 SYNTAX ERROR \(expected JOIN/);
    assert.match(await say(port, "HELLO\n"), /^100 IPBENCH V1\.0 \(ipbench [^;]+; join=[0-9a-f]{32}\)\n500 /);
    assert.ok(!(await say(port, "JOIN ".padEnd(10_000, "x"))).includes("200 OK"));
    assert.match(await say(port, "JOIN role::king||name::a\n"), /500 SYNTAX ERROR \(role has to be/);
    assert.match(await say(port, "JOIN role::tester||name::a||index::-1\n"), /500 SYNTAX ERROR \(index/);
    assert.match(
      await say(port, "JOIN role::tester||name::a||index::0\n"),
      /430 .*this run asks for a secret/,
    );
    const forged = `JOIN role::tester||name::a||index::0||nonce::${NONCE}||proof::${PROOF}\n`;
    assert.match(await say(port, forged), /430 .*the secret is not the one of this run/);

    const place = `127.0.0.1:${port}`, own = ["--secret-file", secret, "--index"];
    await using first = new JoinedDaemon(place, [...own, "0", "--once"]);
    await until(
      "the first is taken",
      30_000,
      () => first.log.some((line) => /joined/.test(line)) || undefined,
    );
    await using again = new JoinedDaemon(place, [...own, "0"]);
    await using far = new JoinedDaemon(place, [...own, "9"]);
    await until(
      "the second of one number is refused, and one that is not expected",
      30_000,
      () =>
        /the place of tester 0 is taken by /.test(again.log.join("\n")) &&
          /tester 9 is not: testers 0 to 1 are expected/.test(far.log.join("\n")) || undefined,
    );
    await using second = new JoinedDaemon(place, [...own, "1", "--once"]);
    const { code, stderr } = await run;
    assert.equal(code, 0, stderr);
    assert.match(stderr, /was refused: the secret is not the one of this run/);
    assert.match(stderr, /further refusals are not reported one by one/);
    assert.ok(stderr.split("\n").length < 40, stderr);
    for (const daemon of [first, second]) assert.equal(await daemon.end(15_000), 0, daemon.log.join(" | "));
    await dripping;
  } finally {
    for (const conn of silent) {
      try {
        conn.close();
      } catch {
        // Closed already.
      }
    }
  }
});

Deno.test("who cannot listen, or trusts what is no certificate, says why and what to do", async () => {
  using folder = TemporaryFolder.make();
  const none = folder.write("none.pem", "no certificate");
  const wrong = async (program: "ipbench" | "ipbenchd", ...args: string[]): Promise<string> => {
    const before = program === "ipbench"
      ? ["run", "--expect", "1", "--wait", "0.5s", "--test", "dummy", "--listen"]
      : ["--join"];
    const { code, stderr } = await runProgram(program, [...before, ...args]);
    assert.equal(code, 2, stderr);
    return stderr;
  };
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  assert.match(
    await wrong("ipbench", `127.0.0.1:${taken.addr.port}`),
    /in use.*another run may listen there: --listen takes another port/,
  );
  assert.match(await wrong("ipbench", "203.0.113.9:8038"), /--listen takes an address of this machine/);
  const tls = ["--tls-cert", none, "--tls-key", none];
  assert.match(
    await wrong("ipbench", "0", ...tls),
    /cannot read the certificate .*none\.pem: it is no PEM file/,
  );
  assert.match(
    await wrong("ipbenchd", "127.0.0.1:9", "--tls-ca", none),
    /none\.pem: there is no certificate/,
  );
  assert.match(await wrong("ipbenchd", "127.0.0.1:0"), /Expected HOST:PORT, such as controller:8038/);
});

Deno.test("without a secret a controller listens on loopback alone, unless an address is given", async () => {
  const args = (listen: string) => [
    ...["run", "--listen", listen, "--expect", "1", "--wait", "0.5s", "--test", "dummy"],
  ];
  const port = freePort();
  const quiet = await runProgram("ipbench", args(String(port)));
  assert.match(quiet.stderr, new RegExp(`waiting for 1 daemon\\(s\\) on 127\\.0\\.0\\.1:${port}`));
  const open = await runProgram("ipbench", args(`0.0.0.0:${port}`));
  assert.match(
    open.stderr,
    new RegExp(`anybody who reaches 0\\.0\\.0\\.0:${port} can take part in this run`),
  );
});
