/**
 * Authentication at a real daemon: what it answers without the secret, and who gets in.
 *
 * @module
 */
import assert from "node:assert/strict";
import { connect } from "node:net";
import {
  type Challenge,
  createNonce,
  createProver,
  parseGreeting,
  socketAddress,
} from "../../protocol/mod.ts";
import { deadline, type RawClient, runProgram, TestDaemon, until } from "../util/mod.ts";

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
  const lines = ["HELLO", "ABORT", "WATCH", "FOO", ""]; // every command: protocol/daemon_state_test.ts
  const started = performance.now();
  await Promise.all(lines.map(async (line) => {
    using other = await daemon.connect();
    await other.send(`HELP\nSTATUS\n${line}\n`);
    const answer = await other.readToEnd();
    assert.match(
      answer,
      /HELP OPTIONS.*Running a test \([0-9]+\)\n200 OK\n430 AUTHENTICATION FAILED \([^()]*\)\n$/s,
      line,
    );
  }));
  assert.ok(performance.now() - started > 1_500, "the refusals are kept back");
  await toldOf(daemon, "no secret", lines.length);
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
  await until(
    "the truncated one is logged",
    2_000,
    () => daemon.log.some((line) => line.includes("malformed proof of the secret, refusal 5 of 127.0.0.1;")),
  );
  assert.equal(daemon.log.filter((line) => line.includes("wrong secret")).length, 4);
  assert.ok(!daemon.log.some((line) => line.includes(SECRET)), "the secret is never logged");
});

/** Waits until the log has told of so many refusals, one by one or as those that were not looked at. */
async function toldOf(daemon: TestDaemon, what: string, count: number): Promise<void> {
  const told = () =>
    daemon.log.reduce((sum, line) => {
      const unseen = Number(/([0-9]+) more were/.exec(line)?.[1] ?? 0);
      return sum + unseen + (line.includes(`: ${what}, refusal `) ? 1 : 0);
    }, 0);
  await until(`the log tells of ${count} refusals`, 10_000, () => told() >= count);
  assert.equal(told(), count);
}

authTest("guesses from the same address keep nobody out who knows the secret", async (daemon) => {
  const peers = await Promise.all(Array.from({ length: 128 }, () => challenged(daemon)));
  let refused = 0;
  await Promise.all(peers.map(async ({ client, challenge }) => {
    await client.send(`AUTH ${challenge.clientNonce} ${"0".repeat(64)}\n`);
    client.readToEnd().then((answer) => refused += answer === REFUSED ? 1 : 0, () => {});
  }));
  await until("all are refused but those that are kept back", 10_000, () => refused >= peers.length - 8);
  const { client, challenge } = await challenged(daemon);
  using _client = client;
  const asked = performance.now();
  const hmac = await right.prove("controller", challenge);
  assert.match((await client.ask(`AUTH ${challenge.clientNonce} ${hmac}`))[0] ?? "", /^200 OK/);
  assert.ok(performance.now() - asked < 1_000, "it is let in at once");
  const kept = () => daemon.log.filter((line) => line.includes("wrong secret")).length;
  await until("the log tells of those that are kept back", 5_000, () => kept() >= 8);
  // Those that arrived after the first delays had a place again.
  assert.ok(kept() <= 32, `${kept()} were kept back`);
  for (const each of peers) each.client.close();
});

/** Guesses in the suite, from so many addresses of this machine, so many of each at a time. */
const GUESSES = 10_000, GUESSING_ADDRESSES = 20, AT_ONCE = 20;

/** One guess from an address of this machine; gives all that the daemon said. */
function guess(daemon: TestDaemon, localAddress: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = "";
    const socket = connect({ host: daemon.host, port: daemon.port, localAddress });
    socket.setEncoding("utf8").setTimeout(30_000, () => socket.destroy(new Error(`no answer after ${said}`)));
    socket.on("data", (text: string) => {
      if (said === "") socket.write(`AUTH ${createNonce()} ${"0".repeat(64)}\n`);
      said += text;
    });
    socket.on("end", () => resolve(said)).on("error", reject);
  });
}

Deno.test("10,000 guesses from 20 addresses: all refused, slowed down, logged; others get in", async () => {
  const { daemon, done } = await startWithSecret(["--max-connections", "1000"]);
  try {
    const started = performance.now();
    let refused = 0;
    const left = new Array<number>(GUESSING_ADDRESSES).fill(GUESSES / GUESSING_ADDRESSES);
    const guessers = Array.from({ length: GUESSING_ADDRESSES * AT_ONCE }, async (_, number) => {
      const from = number % GUESSING_ADDRESSES;
      while (left[from]! > 0) {
        left[from]!--;
        if ((await guess(daemon, `127.9.0.${from + 1}`)).endsWith(`)\n${REFUSED}`)) refused++;
      }
    });
    const all = deadline("all guesses", 120_000, Promise.all(guessers));
    all.catch(() => {});
    const { client, challenge } = await challenged(daemon);
    using _client = client;
    const hmac = await right.prove("controller", challenge);
    assert.match((await client.ask(`AUTH ${challenge.clientNonce} ${hmac}`))[0] ?? "", /^200 OK/);
    await all;
    assert.equal(refused, GUESSES);
    const seconds = (performance.now() - started) / 1000;
    await toldOf(daemon, "wrong secret", GUESSES);
    const looked = daemon.log.filter((line) => line.includes("wrong secret")).length;
    // Of one address: the first eight, then one whenever a delay is over, of which six are shorter than 5 s.
    const most = GUESSING_ADDRESSES * (8 + 6 + 8 * Math.ceil(seconds / 5));
    assert.ok(looked >= 8 * GUESSING_ADDRESSES && looked <= most, `${looked} were kept back`);
    assert.deepEqual(daemon.internalErrors(), []);
  } finally {
    await done();
  }
});

authTest("connections without the secret do not drive out one that has shown it", async (daemon) => {
  const { client, challenge } = await challenged(daemon);
  using _client = client;
  const hmac = await right.prove("controller", challenge);
  await client.ask(`AUTH ${challenge.clientNonce} ${hmac}`);
  const others: RawClient[] = [];
  for (let count = 0; count < 300; count++) others.push(await daemon.greeted());
  assert.match(await others[0]?.readToEnd() ?? "", /^421 .*Too many connections/);
  assert.match((await client.ask("CLOCK"))[0] ?? "", /^200 OK/);
  for (const other of others) other.close();
});

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

Deno.test("--new-secret makes one that only its owner reads, and overwrites nothing", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const file = `${folder}/secret`;
    const make = () => runProgram("ipbenchd", ["--new-secret", file]);
    const made = await make();
    assert.equal(made.code, 0, made.stderr);
    const secret = await Deno.readTextFile(file);
    assert.match(secret, /^[0-9a-f]{64}\n$/);
    assert.equal((await Deno.stat(file)).mode! & 0o777, 0o600);
    const again = await make();
    assert.equal(again.code, 2);
    assert.match(again.stderr, /cannot make the secret file .*: something of that name is there$/m);
    assert.equal(await Deno.readTextFile(file), secret);
    await Deno.symlink(`${folder}/elsewhere`, `${folder}/link`);
    assert.equal((await runProgram("ipbenchd", ["--new-secret", `${folder}/link`])).code, 2);
    await assert.rejects(Deno.stat(`${folder}/elsewhere`), Deno.errors.NotFound);
    await Deno.writeTextFile(file, "abc\n");
    const short = await runProgram("ipbenchd", ["--port", "0", "--secret-file", file]);
    assert.equal(short.code, 2);
    assert.match(short.stderr, /the secret has 3 bytes.*--new-secret/);
    const sides = await runProgram("ipbench", ["status", "--secret-file", file, "127.0.0.1:1"]);
    assert.equal(sides.code, 2);
    assert.match(sides.stderr, /the secret has 3 bytes/);
    await Deno.writeTextFile(file, secret);
    await Deno.chmod(file, 0o640);
    const open = await runProgram("ipbench", ["status", "--secret-file", file, "127.0.0.1:1"]);
    assert.match(open.stderr, /warning: the secret file .* can be read by others: chmod 600/);
  } finally {
    await Deno.remove(folder, { recursive: true });
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
