import assert from "node:assert/strict";
import { createProver, type Prover, socketAddress } from "../../protocol/mod.ts";
import { LIMITS } from "../limits.ts";
import { Peer } from "./peer.ts";
import type { RunPhase } from "../run/progress.ts";
import { RunError, type RunErrorCode } from "../run/run_error.ts";
import { SideChannel } from "./side_channel.ts";
import { scriptedDaemon, type Step } from "../../tests/fixtures/peers/scripted_daemon.ts";

const GREETING = "100 IPBENCH V1.0\n";
const OURS = "100 IPBENCH V1.0 (ipbenchd 1.0.0; ext=form,env,clock,at,watch,continue,stop)\n";
const OK = "200 OK\n";
const FIELDS = {
  target: "10.0.0.1",
  port: 7,
  args: "a=1",
  form: 0,
  runId: 1n,
  flowBase: 3,
  originalSpelling: false,
} as const;

function peerAt(port: number, role: "client" | "target" = "client", prover: Prover | null = null) {
  const log: string[] = [];
  const phases: RunPhase[] = [];
  const peer = new Peer({ role, index: 0, host: "127.0.0.1", port }, {
    limits: {
      ...LIMITS,
      greetingMs: 150,
      replyMs: 150,
      loadMs: 150,
      setupMs: 150,
      abortMs: 150,
      transferStallMs: 150,
    },
    tls: null,
    prover,
    debug: (message) => log.push(message),
    onPhase: (_, phase) => phases.push(phase),
  });
  return { peer, log, phases };
}

async function handshake(peer: Peer): Promise<void> {
  await peer.connect();
  await peer.hello(false);
  await peer.load("latency");
  await peer.setup(FIELDS);
}

/** The whole result of a peer that has been started. */
async function resultOf(peer: Peer) {
  const head = await peer.resultHead();
  const pieces: number[] = [];
  await peer.resultBody(head, (chunk) => {
    pieces.push(...chunk);
    return Promise.resolve();
  });
  return { ...head, data: new Uint8Array(pieces) };
}

async function fails(work: Promise<unknown>, code: RunErrorCode, pattern: RegExp): Promise<void> {
  await assert.rejects(work, (error: unknown) => {
    assert.ok(error instanceof RunError, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, pattern);
    return true;
  });
}

Deno.test("a whole dialogue with an original: its bytes, its debug lines, its result", async () => {
  await using daemon = scriptedDaemon([
    GREETING,
    "200 OK (Ready to go)\n",
    OK,
    OK,
    ["220 VALID DATA (Data to follow)\n", "Content-length: 3\n", "O", "K\0"],
  ]);
  const { peer, log, phases } = peerAt(daemon.port);
  await handshake(peer);
  await peer.start(null);
  const raw = await resultOf(peer);
  await peer.quit();
  assert.equal(peer.greeting?.peer, "ipbench-1.0");
  assert.equal(new TextDecoder().decode(raw.data), "OK\0");
  assert.equal(raw.valid, true);
  assert.equal(raw.stamps, null);
  assert.deepEqual(daemon.lines.slice(0, 4), [
    "HELLO\n",
    "LOAD latency\n",
    'SETUP target::10.0.0.1||port::7||args::"a=1"\n',
    "START\n",
  ]);
  assert.deepEqual(daemon.chunks.slice(0, 4), daemon.lines.slice(0, 4));
  assert.deepEqual(log, [
    "[IpbenchTestClient:__init__] : client 127.0.0.1",
    "[send_command] : HELLO",
    "[send_command] : LOAD latency",
    '[send_command] : SETUP target::10.0.0.1||port::7||args::"a=1"',
    "[send_command] : START",
    "[send_command] : QUIT",
  ]);
  assert.deepEqual(phases, ["connect", "hello", "load", "setup", "start", "collect"]);
});

Deno.test("extensions are used where they are announced, and only there", async () => {
  await using daemon = scriptedDaemon([
    OURS,
    OK,
    OK,
    OK,
    "220 VALID DATA (Data to follow, planned=5 actual=6 ended=9)\nContent-length: 0\n",
  ]);
  const { peer } = peerAt(daemon.port);
  await peer.connect();
  await peer.hello(false);
  await peer.load("latency");
  await peer.setup({ ...FIELDS, form: 1 });
  await peer.start(5n);
  const raw = await resultOf(peer);
  assert.deepEqual(raw.stamps, { plannedNs: 5n, actualNs: 6n, endedNs: 9n });
  assert.equal(
    daemon.lines[2],
    'SETUP target::10.0.0.1||port::7||args::"a=1"||form::1||run::0000000000000001||flow::3\n',
  );
  assert.equal(daemon.lines[3], "START at::5\n");
  peer.close();

  await using original = scriptedDaemon([GREETING, OK]);
  const plain = peerAt(original.port).peer;
  await plain.connect();
  assert.deepEqual(await plain.probeClock(3), []);
  assert.deepEqual(original.lines, []);
  plain.close();
});

Deno.test("clock and environment come over connections of their own kind", async () => {
  const record = '{"kernel":"6.18"}';
  await using daemon = scriptedDaemon([
    OURS,
    "200 OK (rx=100 tx=120)\n",
    "200 OK (rx=200 tx=220)\n",
    "200 OK (Ready to go)\n",
  ], [
    OURS,
    `220 VALID DATA (Data to follow)\nContent-length: ${record.length}\n${record}`,
    "150 PROGRESS (idle)\n150 PROGRESS (pid=1 test=x phase=measure sent=5)\n",
    "200 OK\n",
    "200 OK (rx=300 tx=320)\n",
  ]);
  const { peer } = peerAt(daemon.port);
  await peer.connect();
  const probes = await peer.probeClock(2);
  assert.deepEqual(probes.map((p) => [p.rxNs, p.txNs]), [[100n, 120n], [200n, 220n]]);
  assert.ok(probes.every((p) => p.receivedNs > p.sentNs));
  await peer.hello(false);

  const side = (await SideChannel.open(peer.name, peer.context))!;
  assert.equal(await side.environment("eth0", "10.0.0.1"), record);
  assert.equal(daemon.lines.at(-1), "ENV iface::eth0||target::10.0.0.1\n");
  const seen = Promise.withResolvers<number>();
  side.watch((report) => seen.resolve(report.sent ?? 0));
  assert.equal(await seen.promise, 5);
  assert.deepEqual((await side.finish(1)).map((p) => p.rxNs), [300n]);
  peer.close();
});

const FAULTS: { name: string; script: Step[]; code: RunErrorCode; says: RegExp }[] = [
  {
    name: "no greeting",
    script: ["SILENT"],
    code: "timeout",
    says: /connect: it accepted .* did not greet: no answer within .*TLS/,
  },
  { name: "closes at once", script: ["CLOSE"], code: "closed", says: /before its greeting/ },
  {
    name: "another service",
    script: ["SSH-2.0-OpenSSH_10\r\n"],
    code: "protocol",
    says: /is that an ipbench daemon/,
  },
  { name: "bytes that are no text", script: ["\x00\x01\x02\n"], code: "protocol", says: /nul/ },
  { name: "an endless line", script: ["1".repeat(20_000)], code: "protocol", says: /too-long/ },
  {
    name: "busy",
    script: [GREETING, "421 SERVICE NOT AVAILABLE (Already Running)\n"],
    code: "busy",
    says: /"ipbench abort 127\.0\.0\.1:\d+"/,
  },
  { name: "silent after HELLO", script: [GREETING, "SILENT"], code: "timeout", says: /hello: no answer/ },
  {
    name: "no such test",
    script: [GREETING, OK, "451 LOCAL PROCESSING ERROR (Can not find plugin: latency)\n"],
    code: "plugin",
    says: /load: Can not find plugin: latency/,
  },
  {
    name: "set-up refused",
    script: [GREETING, OK, OK, "451 LOCAL PROCESSING ERROR (bps=0 is not in 1..1e12)\n"],
    code: "plugin",
    says: /setup: bps=0 is not in/,
  },
  { name: "closes in set-up", script: [GREETING, OK, OK, "CLOSE"], code: "closed", says: /setup: .*SETUP/ },
  {
    name: "a result too early",
    script: [GREETING, OK, OK, "220 VALID DATA\nContent-length: 1\nx"],
    code: "protocol",
    says: /a result came/,
  },
];

for (const { name, script, code, says } of FAULTS) {
  Deno.test(`set-up names the culprit: ${name}`, async () => {
    await using daemon = scriptedDaemon(script);
    const { peer } = peerAt(daemon.port);
    await fails(handshake(peer), code, says);
    await fails(Promise.reject(peer.error), code, /^client 127\.0\.0\.1:\d+: /);
    await peer.abort();
  });
}

const RESULT_FAULTS: { name: string; result: Step; code: RunErrorCode; says: RegExp }[] = [
  {
    name: "plugin failed",
    result: "451 LOCAL PROCESSING ERROR (Plugin failed to start!: x)\n",
    code: "plugin",
    says: /Plugin failed to start/,
  },
  { name: "closed without result", result: "CLOSE", code: "closed", says: /before its result/ },
  {
    name: "short result",
    result: ["220 VALID DATA (Data to follow)\nContent-length: 5\n", "abc"],
    code: "timeout",
    says: /after 3 of 5 bytes/,
  },
  {
    name: "no length",
    result: "220 VALID DATA (Data to follow)\nrubbish\n",
    code: "protocol",
    says: /Content-length/,
  },
  {
    name: "absurd length",
    result: "220 VALID DATA (Data to follow)\nContent-length: 999999999999\n",
    code: "limit",
    says: /over the limit/,
  },
  { name: "rubbish", result: "\xff\xfe\xfd\n", code: "protocol", says: /reply/ },
];

for (const { name, result, code, says } of RESULT_FAULTS) {
  Deno.test(`collecting names the culprit: ${name}`, async () => {
    await using daemon = scriptedDaemon([GREETING, OK, OK, OK, result]);
    const { peer } = peerAt(daemon.port);
    await handshake(peer);
    await peer.start(null);
    await fails(resultOf(peer), code, says);
    await peer.abort();
  });
}

Deno.test("a deaf daemon of our line is closed, not aborted: the slot may be somebody else's by then", async () => {
  await using daemon = scriptedDaemon([OURS, OK, OK, OK, "SILENT", "SILENT"], [OURS, "CLOSE"]);
  const { peer } = peerAt(daemon.port);
  await handshake(peer);
  await peer.start(null);
  await peer.abort();
  assert.equal(daemon.lines.filter((line) => line === "ABORT\n").length, 1);
  assert.equal(daemon.connections(), 1);
});

Deno.test("ABORT goes out for a test of an original that is ours, over a second connection when the first is deaf", async () => {
  await using daemon = scriptedDaemon([GREETING, OK, OK, OK, "SILENT", "SILENT"], [
    GREETING,
    "SILENT",
    "CLOSE",
  ]);
  const { peer } = peerAt(daemon.port);
  await handshake(peer);
  await peer.start(null);
  assert.equal(await peer.abort(), true);
  assert.equal(daemon.lines.filter((line) => line === "ABORT\n").length, 2);
});

Deno.test("a run that ends during the handshake leaves no daemon taken behind its back", async () => {
  await using daemon = scriptedDaemon([GREETING, "200 OK (Ready to go)\n", "SILENT"]);
  const { peer } = peerAt(daemon.port);
  await peer.connect();
  const greeting = peer.hello(false);
  const aborting = peer.abort();
  await greeting;
  await fails(peer.load("latency"), "closed", /the run has ended/);
  await aborting;
  assert.deepEqual(daemon.lines.slice(0, 3), ["HELLO\n", "STATUS\n", "ABORT\n"]);

  await using late = scriptedDaemon([GREETING, "SILENT"]);
  const other = peerAt(late.port).peer;
  const connecting = other.connect();
  await other.abort();
  await fails(connecting, "interrupted", /the run has ended/);
  assert.deepEqual(late.lines, []);
});

Deno.test("a daemon that is not ours is never aborted", async () => {
  await using daemon = scriptedDaemon([GREETING, "421 SERVICE NOT AVAILABLE (Already Running)\n", "SILENT"]);
  const { peer } = peerAt(daemon.port);
  await assert.rejects(handshake(peer));
  assert.equal(await peer.abort(), true);
  assert.deepEqual(daemon.lines, ["HELLO\n"]);
});

Deno.test("reset says ABORT after the greeting, connects again, and asks again while the slot is still taken", async () => {
  await using daemon = scriptedDaemon(
    [GREETING, "CLOSE"],
    [GREETING, "421 SERVICE NOT AVAILABLE (Already Running)\n", "CLOSE"],
    [GREETING, "Testing Daemon mode\nRunning a test (7)\n200 OK\n", "CLOSE"],
    [GREETING, "Testing Daemon mode\nNot running a test\n200 OK\n"],
    [GREETING, OK],
  );
  const { peer } = peerAt(daemon.port);
  await peer.connect();
  await peer.reset();
  await peer.hello(true);
  assert.deepEqual(daemon.lines, ["ABORT\n", "HELLO\n", "STATUS\n", "ABORT\n", "STATUS\n", "HELLO\n"]);
  peer.close();
});

Deno.test("a secret is proved both ways; a missing or wrong one is named", async () => {
  const prover = await createProver(new TextEncoder().encode("secret"));
  const nonce = "00112233445566778899aabbccddeeff";
  const greeting = `100 IPBENCH V1.0 (ipbenchd 1.0.0; ext=form,auth=${nonce})\n`;
  await using impostor = scriptedDaemon([greeting, `200 OK (proof=${"ab".repeat(32)})\n`]);
  await fails(
    peerAt(impostor.port, "client", prover).peer.connect(),
    "authentication",
    /does not know the secret/,
  );
  const [, clientNonce, hmac] = impostor.lines[0]!.trim().split(" ");
  const address = socketAddress("127.0.0.1", impostor.port);
  const challenge = { daemonNonce: nonce, clientNonce: clientNonce!, address };
  assert.equal(await prover.check("controller", challenge, hmac!), true);

  await using refusing = scriptedDaemon([greeting, "430 AUTHENTICATION FAILED\n"]);
  await fails(peerAt(refusing.port, "client", prover).peer.connect(), "authentication", /refused the secret/);
  await using asking = scriptedDaemon([greeting]);
  await fails(peerAt(asking.port).peer.connect(), "authentication", /--secret-file/);
});

Deno.test("nobody there is named with what to look at", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  await fails(
    peerAt(port, "target").peer.connect(),
    "connect",
    /^target 127\.0\.0\.1:\d+: connect: .*refused.*; is the daemon running/i,
  );
});
