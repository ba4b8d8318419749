/** The operator gets in, whoever floods his daemon with connections. */
import assert from "node:assert/strict";
import { createNonce, createProver, parseGreeting, socketAddress } from "../../protocol/mod.ts";
import { Flood } from "../fixtures/network/flood.ts";
import {
  hasOpenssl,
  makeCertificates,
  makeClientCertificates,
  RawClient,
  sleep,
  TestDaemon,
  until,
} from "../util/mod.ts";

const TRIES = 50;
/** How long the flood has the daemon for itself first: until all places are taken, and more. */
const HEAD_START_MS = 2_500;
/** How long one try may take. */
const TRY_MS = 3_000;
const SECRET = "correct horse battery staple";
const prover = await createProver(new TextEncoder().encode(SECRET));

/** Connects, shows the secret where one is asked for, takes the daemon, and leaves it. */
async function getIn(connect: () => Promise<Deno.Conn>, port: number): Promise<void> {
  using client = new RawClient(await connect(), TRY_MS);
  const { authNonce } = parseGreeting(await client.readLine());
  if (authNonce !== null) {
    const challenge = {
      daemonNonce: authNonce,
      clientNonce: createNonce(),
      address: socketAddress("127.0.0.1", port),
    };
    const hmac = await prover.prove("controller", challenge);
    const [answer] = await client.ask(`AUTH ${challenge.clientNonce} ${hmac}`);
    assert.match(answer ?? "", /^200 OK/);
  }
  assert.deepEqual(await client.ask("HELLO"), ["200 OK (Ready to go)"]);
  await client.send("QUIT\n");
  await client.readToEnd();
}

/** Tries so often, while the flood goes on. */
async function tryAll(
  daemon: TestDaemon,
  flood: Omit<ConstructorParameters<typeof Flood>[0], "host" | "port">,
  connect = () => Deno.connect({ hostname: "127.0.0.1", port: daemon.port }) as Promise<Deno.Conn>,
): Promise<void> {
  using running = new Flood({ host: "127.0.0.1", port: daemon.port, ...flood });
  await sleep(HEAD_START_MS);
  const failures: string[] = [];
  for (let count = 0; count < TRIES; count++) {
    await getIn(connect, daemon.port).catch((error) => failures.push(String(error)));
    await sleep(20);
  }
  assert.deepEqual(failures, [], `${failures.length} of ${TRIES} tries failed`);
  assert.ok(running.begun > flood.perSecond * HEAD_START_MS / 1000, "the flood was one");
  assert.deepEqual(daemon.internalErrors(), []);
}

async function inFolder(task: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/secret`, SECRET, { mode: 0o600 });
    await task(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

for (
  const [what, says] of [["say nothing", ""], ["ask for STATUS", "STATUS\n"], ["watch", "WATCH\n"]] as const
) {
  Deno.test(`300 connections a second that ${what}: the operator gets in`, async () => {
    await using daemon = await TestDaemon.start();
    await tryAll(daemon, { perSecond: 300, says });
  });
}

Deno.test("300 connections a second, and a secret: the operator gets in, also when they guess", () =>
  inFolder(async (folder) => {
    for (const says of ["", `AUTH ${createNonce()} ${"0".repeat(64)}\n`]) {
      await using daemon = await TestDaemon.start({ args: ["--secret-file", `${folder}/secret`] });
      await tryAll(daemon, { perSecond: 300, says });
    }
  }));

for (const certified of [false, true]) {
  Deno.test({
    name: `60 TLS connections a second that say nothing${certified ? ", and client certificates" : ""}: ` +
      "the operator gets in",
    ignore: !hasOpenssl(),
    fn: () =>
      inFolder(async (folder) => {
        await makeCertificates(folder);
        await makeClientCertificates(folder);
        const caCerts = [await Deno.readTextFile(`${folder}/ca.pem`)];
        const own = certified
          ? {
            cert: await Deno.readTextFile(`${folder}/client.pem`),
            key: await Deno.readTextFile(`${folder}/client.key`),
          }
          : {};
        const args = ["--tls-cert", `${folder}/cert.pem`, "--tls-key", `${folder}/key.pem`];
        if (certified) args.push("--tls-client-ca", `${folder}/ca.pem`);
        await using daemon = await TestDaemon.start({ args });
        // 60 a second in the long run; the places are taken at once.
        using first = new Flood({ host: "127.0.0.1", port: daemon.port, perSecond: 300 });
        await until("all places are taken", 5_000, () => first.begun >= 300);
        await tryAll(
          daemon,
          { perSecond: 60 },
          () => Deno.connectTls({ hostname: "localhost", port: daemon.port, caCerts, ...own }),
        );
      }),
  });
}

Deno.test("256 that watch make room, the longest silent one first", async () => {
  await using daemon = await TestDaemon.start();
  const watchers: RawClient[] = [];
  try {
    for (let count = 0; count < 256; count++) {
      const client = await daemon.greeted();
      assert.match((await client.ask("WATCH"))[0] ?? "", /^150 PROGRESS/);
      watchers.push(client);
    }
    await getIn(() => Deno.connect({ hostname: "127.0.0.1", port: daemon.port }), daemon.port);
    assert.match(
      await watchers[0]?.readToEnd() ?? "",
      /421 SERVICE NOT AVAILABLE \(Too many connections\)\n$/,
    );
    assert.match(await watchers[255]?.readLine() ?? "", /^150 PROGRESS/);
  } finally {
    for (const watcher of watchers) watcher.close();
  }
});
