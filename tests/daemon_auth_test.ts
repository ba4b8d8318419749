/**
 * Authentication at a real daemon: what it answers without the secret, and who gets in.
 *
 * @module
 */
import assert from "node:assert/strict";
import { type Challenge, createNonce, createProver, parseGreeting, socketAddress } from "../protocol/mod.ts";
import { deadline, type RawClient, runProgram, TestDaemon } from "./util/mod.ts";

const SECRET = "correct horse battery staple";

async function startWithSecret(
  args: string[] = [],
): Promise<{ daemon: TestDaemon; done: () => Promise<void> }> {
  const file = await Deno.makeTempFile();
  await Deno.writeTextFile(file, SECRET + "\n", { mode: 0o600 });
  await Deno.chmod(file, 0o600);
  const daemon = await TestDaemon.start({ args: ["--secret-file", file, ...args] });
  return {
    daemon,
    done: async () => {
      await Deno.remove(file);
      await daemon[Symbol.asyncDispose]();
    },
  };
}

/** Runs a test against a daemon with a secret. */
function authTest(name: string, test: (daemon: TestDaemon) => Promise<void>): void {
  Deno.test(name, async () => {
    const { daemon, done } = await startWithSecret();
    try {
      await test(daemon);
    } finally {
      await done();
    }
  });
}

/** Connects and reads the challenge. */
async function challenged(daemon: TestDaemon): Promise<{ client: RawClient; challenge: Challenge }> {
  const client = await daemon.connect({ deadlineMs: 15_000 });
  const greeting = parseGreeting(await client.readLine());
  assert.ok(greeting.authNonce !== null);
  const { hostname, port } = client.conn.remoteAddr as Deno.NetAddr;
  const challenge = {
    daemonNonce: greeting.authNonce,
    clientNonce: createNonce(),
    address: socketAddress(hostname, port),
  };
  return { client, challenge };
}

const right = await createProver(new TextEncoder().encode(SECRET));
const wrong = await createProver(new TextEncoder().encode(SECRET + "!"));
const REFUSED = "430 AUTHENTICATION FAILED\n";

authTest("the right secret: the daemon proves itself, and everything is open", async (daemon) => {
  const { client, challenge } = await challenged(daemon);
  using _client = client;
  const hmac = await right.prove("controller", challenge);
  const [answer] = await client.ask(`AUTH ${challenge.clientNonce} ${hmac}`);
  const proof = /^200 OK \(proof=([0-9a-f]{64})\)$/.exec(answer ?? "");
  assert.ok(proof !== null, answer);
  assert.ok(await right.check("daemon", challenge, proof[1] ?? ""));
  assert.ok(!await wrong.check("daemon", challenge, proof[1] ?? ""));
  assert.deepEqual(await client.ask("HELLO"), ["200 OK (Ready to go)"]);
  assert.deepEqual(await client.ask("LOAD dummy"), ["200 OK"]);
});

authTest("without the secret: HELP, STATUS and QUIT are answered, nothing else is done", async (daemon) => {
  const { client, challenge } = await challenged(daemon);
  const hmac = await right.prove("controller", challenge);
  await client.ask(`AUTH ${challenge.clientNonce} ${hmac}`);
  await client.ask("HELLO");
  using _owner = client;
  const lines = [
    "HELLO",
    "ABORT",
    "CLOCK",
    "ENV",
    "WATCH",
    "CONTINUE",
    "LOAD dummy",
    "START",
    "STOP",
    "FOO",
    "",
  ];
  for (const line of lines) {
    using other = await daemon.connect();
    await other.send(`HELP\nSTATUS\n${line}\n`);
    const answer = await other.readToEnd();
    assert.match(
      answer,
      /HELP OPTIONS.*Running a test \([0-9]+\)\n200 OK\n430 AUTHENTICATION FAILED \([^()]*\)\n$/s,
      line,
    );
  }
  assert.notEqual(await daemon.testPid(), null, "the owner's test goes on");
  using quitter = await daemon.greeted();
  await quitter.send("QUIT\n");
  assert.equal(await quitter.readToEnd(), "222 CLOSING CONTROL CONNECTION (Come back soon!)\n");
});

authTest("wrong, replayed, reflected, truncated, for another address: refused and logged", async (daemon) => {
  const recorded = await challenged(daemon);
  const recordedHmac = await right.prove("controller", recorded.challenge);
  assert.match(
    (await recorded.client.ask(`AUTH ${recorded.challenge.clientNonce} ${recordedHmac}`))[0] ?? "",
    /^200 OK/,
  );
  recorded.client.close();
  const attempts: Record<string, (challenge: Challenge) => Promise<string>> = {
    wrong: async (challenge) => `AUTH ${challenge.clientNonce} ${await wrong.prove("controller", challenge)}`,
    replayed: () => Promise.resolve(`AUTH ${recorded.challenge.clientNonce} ${recordedHmac}`),
    reflected: async (challenge) => `AUTH ${challenge.clientNonce} ${await right.prove("daemon", challenge)}`,
    "another address": async (challenge) => {
      const moved = { ...challenge, address: "127.0.0.1:1" };
      return `AUTH ${challenge.clientNonce} ${await right.prove("controller", moved)}`;
    },
  };
  for (const [what, attempt] of Object.entries(attempts)) {
    const { client, challenge } = await challenged(daemon);
    await client.send(await attempt(challenge) + "\nHELLO\n");
    assert.equal(await client.readToEnd(15_000), REFUSED, what);
    client.close();
  }
  const { client, challenge } = await challenged(daemon);
  const hmac = await right.prove("controller", challenge);
  await client.send(`AUTH ${challenge.clientNonce} ${hmac.slice(0, -2)}\n`);
  assert.match(await client.readToEnd(), /^430 AUTHENTICATION FAILED/, "truncated");
  client.close();
  assert.equal(await daemon.testPid(), null);
  assert.equal(daemon.log.filter((line) => line.includes("wrong secret")).length, 4);
  assert.ok(!daemon.log.some((line) => line.includes(SECRET)), "the secret is never logged");
});

/** A run by hand may want more. */
const GUESSES = Number(Deno.env.get("IPBENCH_TEST_GUESSES") ?? 300);

authTest(
  "many guesses: all refused, slowed down, logged in bounded number; then the right secret",
  async (daemon) => {
    const started = performance.now();
    let refused = 0;
    const guess = async (): Promise<void> => {
      const { client, challenge } = await challenged(daemon);
      try {
        await client.send(`AUTH ${challenge.clientNonce} ${"0".repeat(64)}\n`);
        if (await client.readToEnd(15_000) === REFUSED) refused++;
      } finally {
        client.close();
      }
    };
    let left = GUESSES;
    const worker = async (): Promise<void> => {
      while (left-- > 0) await guess();
    };
    await deadline("all guesses", 60_000 + GUESSES * 50, Promise.all(Array.from({ length: 20 }, worker)));
    assert.equal(refused, GUESSES);
    assert.ok(performance.now() - started > 1_000, "guessing is slow");
    const logged = daemon.log.filter((line) => line.includes("wrong secret")).length;
    assert.ok(logged >= 4 && logged < GUESSES / 2, `${logged} lines`);
    const { client, challenge } = await challenged(daemon);
    using _client = client;
    const hmac = await right.prove("controller", challenge);
    assert.match((await client.ask(`AUTH ${challenge.clientNonce} ${hmac}`))[0] ?? "", /^200 OK/);
  },
);

Deno.test("--secret-file that cannot be read, or is empty: one sentence, status 2", async () => {
  const empty = await Deno.makeTempFile();
  try {
    for (const file of ["/nonexistent/secret", empty]) {
      const { code, stderr } = await runProgram("ipbenchd", ["--port", "0", "--secret-file", file]);
      assert.equal(code, 2);
      assert.match(stderr, new RegExp(`cannot take the secret from ${file}`));
    }
  } finally {
    await Deno.remove(empty);
  }
});

Deno.test("a daemon with a secret does not warn that anybody may use it", async () => {
  const { daemon, done } = await startWithSecret();
  try {
    assert.ok(!daemon.log.some((line) => line.includes("anybody")));
  } finally {
    await done();
  }
});
