import assert from "node:assert/strict";
import fc from "fast-check";
import { daemonTransition, initialDaemonState, ownsSlot } from "./daemon_state.ts";
import type { DaemonEffect, DaemonEvent, DaemonState } from "./daemon_types.ts";
import { formatGreeting } from "./greeting.ts";
import { MAX_QUEUED_LINES } from "./limits.ts";
import { LineReader } from "./line_reader.ts";
import { formatResultHeader } from "./result.ts";
import { type DaemonRole, formatStatus } from "./texts.ts";

const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** What the plugins of these dialogues do: names that LOAD finds, and what their test gives. */
const PLUGINS: Readonly<Record<string, { valid: boolean; data: string }>> = {
  dummy: { valid: false, data: "You have unsuccessfully called the dummy test!\n\0" },
  dummy_target: { valid: true, data: "You have successfully called the dummy target test!\0" },
  wait: { valid: true, data: "OK\0" },
  "latency-check": { valid: true, data: "" },
};

/** A daemon without sockets and plugins: one slot, sessions that answer their effects at once. */
class Bench {
  owner: Peer | null = null;
  constructor(readonly role: DaemonRole, readonly secret = false) {}
}

class Peer {
  state: DaemonState;
  out = "";
  closed = false;
  /** What it was turned away for. */
  readonly turnedAway: string[] = [];
  readonly #reader = new LineReader();

  constructor(readonly bench: Bench) {
    this.state = initialDaemonState(bench.role, bench.secret);
    this.out += formatGreeting("test 1", null).replace(/ \(.*\)/, "");
  }

  /** Sends bytes one by one and gives what came back. */
  say(text: string): string {
    for (const byte of encoder.encode(text)) {
      this.#reader.push(Uint8Array.of(byte));
      for (let token = this.#reader.readLine(); token !== null; token = this.#reader.readLine()) {
        this.happens({ type: "line", line: { text: token.type === "line" ? token.text : null, rxNs: 1n } });
      }
    }
    return this.take();
  }

  take(): string {
    const out = this.out;
    this.out = "";
    return out;
  }

  happens(event: DaemonEvent): void {
    const [state, effects] = daemonTransition(this.state, event);
    this.state = state;
    for (const effect of effects) this.#perform(effect);
  }

  #perform(effect: DaemonEffect): void {
    const plugin = PLUGINS[this.state.plugin ?? ""];
    switch (effect.type) {
      case "send":
        assert.ok(!this.closed, "nothing is sent after the close");
        this.out += effect.text;
        break;
      case "turn-away":
        this.turnedAway.push(effect.what);
        break;
      case "status":
        this.out += formatStatus({ role: this.bench.role, pid: this.bench.owner === null ? null : 4711 });
        break;
      case "take":
        if (this.bench.owner !== null) return this.happens({ type: "busy" });
        this.bench.owner = this;
        return this.happens({ type: "taken" });
      case "load":
        return this.happens(
          plugin === undefined
            ? { type: "failed", message: `Can not find plugin: ${effect.plugin}` }
            : { type: "loaded" },
        );
      case "setup":
        return this.happens(
          effect.fields.args === "bogus=1"
            ? { type: "failed", message: `Client setup failed: ${this.state.plugin}` }
            : { type: "set-up" },
        );
      case "start":
        if (this.bench.role === "target" || plugin === undefined) return;
        return this.happens({ type: "result", result: { ...this.#result(), stamps: null } });
      case "stop":
        return this.happens({ type: "result", result: { ...this.#result(), stamps: null } });
      case "release":
        if (this.bench.owner === this) this.bench.owner = null;
        break;
      case "abort":
        this.bench.owner?.happens({ type: "failed", message: "Test aborted by somebody" });
        break;
      case "result":
        assert.notEqual(this.bench.owner, this, "the slot is free before the result goes out");
        this.out += formatResultHeader(effect.result.valid, effect.result.data.length);
        this.out += decoder.decode(effect.result.data);
        break;
      case "close":
        this.closed = true;
        break;
      default:
        break;
    }
  }

  #result(): { valid: boolean; data: Uint8Array } {
    const plugin = PLUGINS[this.state.plugin ?? ""] ?? { valid: false, data: "" };
    return { valid: plugin.valid, data: encoder.encode(plugin.data) };
  }
}

const GREETING = "100 IPBENCH V1.0\n";
const READY = "200 OK (Ready to go)\n";
const OK = "200 OK\n";
const ERROR = "500 SYNTAX ERROR\n";
const BYE = "222 CLOSING CONTROL CONNECTION (Come back soon!)\n";
const BUSY = "421 SERVICE NOT AVAILABLE (Already Running)\n";
const SETUP = 'SETUP target::127.0.0.1||port::1||args::""\n';
const IDLE = "Testing Daemon mode\nNot running a test\n200 OK\n";
const RUNNING = "Testing Daemon mode\nRunning a test (4711)\n200 OK\n";
const TESTER_HELP = "\nHELP OPTIONS\n------------\nHELP\nHELLO\nLOAD\n" +
  "SETUP target::<test-target>||port::<test-port>||args::<test-args>\nSTART\nABORT\nSTATUS\nQUIT\n200 OK\n";
const TARGET_HELP = "\nHELP OPTIONS\n------------\nHELP\nHELLO\nLOAD\nSETUP args::<target-test-args>\n" +
  "START\nSTOP\nABORT\nSTATUS\nQUIT\n200 OK\n";

/** One recorded dialogue: what was sent, what came back, and in the end whether the daemon closed. */
interface Recording {
  name: string;
  role?: DaemonRole;
  steps: readonly (readonly [sent: string, received: string])[];
  closed: boolean;
}

const RECORDINGS: readonly Recording[] = [
  { name: "idle", steps: [["HELP\n", TESTER_HELP], ["STATUS\n", IDLE], ["QUIT\n", BYE]], closed: true },
  {
    name: "HELP and STATUS between the steps",
    steps: [
      ["HELLO\n", READY],
      ["STATUS\n", RUNNING],
      ["HELP\n", TESTER_HELP],
      ["LOAD dummy\n", OK],
      ["STATUS\n", RUNNING],
      [SETUP, OK],
      ["STATUS\n", RUNNING],
      ["HELP\n", TESTER_HELP],
      ["QUIT\n", BYE],
    ],
    closed: true,
  },
  {
    name: "CRLF and blanks",
    steps: [["HELLO\r\n", READY], ["  LOAD dummy  \r\n", OK], ["QUIT\n", BYE]],
    closed: true,
  },
  {
    name: "unknown plugin",
    steps: [["HELLO\n", READY], [
      "LOAD nosuch\n",
      "451 LOCAL PROCESSING ERROR (Can not find plugin: nosuch)\n",
    ]],
    closed: true,
  },
  {
    name: "LISTEN state",
    steps: [
      ["FOO\n", ERROR],
      ["hello\n", ERROR],
      ["\n", ERROR],
      ["   \n", ERROR],
      ["LOAD dummy\n", ERROR],
      ["START\n", ERROR],
      ["STOP\n", ERROR],
      ["QUIT\n", BYE],
    ],
    closed: true,
  },
  {
    name: "SETUP state",
    steps: [
      ["HELLO\n", READY],
      ["FOO\n", ERROR],
      ["HELLO\n", ERROR],
      ["LOAD\n", ERROR],
      ["\n", ERROR],
      ["FOO bar\n", ERROR],
      ["START\n", ERROR],
      ["QUIT\n", BYE],
    ],
    closed: true,
  },
  {
    name: "loaded state: 500 alone, and no command but SETUP is taken for it",
    steps: [["HELLO\n", READY], ["LOAD dummy\n", OK], ["FOO\n", ERROR], ["START\n", ERROR], [
      "FOO a::b\n",
      ERROR,
    ]],
    closed: false,
  },
  {
    name: "RUN state",
    steps: [
      ["HELLO\n", READY],
      ["LOAD dummy\n", OK],
      [SETUP, OK],
      ["FOO\n", ERROR],
      ["STOP\n", ERROR],
      ["\n", ERROR],
      ["QUIT\n", BYE],
    ],
    closed: true,
  },
  { name: "pipelined", steps: [[`HELLO\nLOAD dummy\n${SETUP}QUIT\n`, READY + OK + OK + BYE]], closed: true },
  {
    name: "dummy by hand",
    steps: [
      ["HELLO\n", READY],
      ["LOAD dummy\n", OK],
      [SETUP, OK],
      [
        "START\n",
        "221 INVALID DATA (Data to follow)\nContent-length: 48\nYou have unsuccessfully called the dummy test!\n\0",
      ],
    ],
    closed: true,
  },
  {
    name: "wait by hand",
    steps: [
      ["HELLO\n", READY],
      ["LOAD wait\n", OK],
      [SETUP, OK],
      ["START\n", "220 VALID DATA (Data to follow)\nContent-length: 3\nOK\0"],
    ],
    closed: true,
  },
  {
    name: "bad arguments",
    steps: [
      ["HELLO\n", READY],
      ["LOAD dummy\n", OK],
      [
        'SETUP target::127.0.0.1||port::1299||args::"bogus=1"\n',
        "451 LOCAL PROCESSING ERROR (Client setup failed: dummy)\n",
      ],
    ],
    closed: true,
  },
  {
    name: "target by hand",
    role: "target",
    steps: [
      ["HELP\n", TARGET_HELP],
      ["STATUS\n", "Target Daemon mode\nNot running a test\n200 OK\n"],
      ["HELLO\n", READY],
      ["LOAD dummy_target\n", OK],
      ['SETUP args::"x=1"\n', OK],
      ["STOP\n", ERROR],
      ["START\n", ""],
      ["STATUS\n", "Target Daemon mode\nRunning a test (4711)\n200 OK\n"],
      ["FOO\n", ERROR],
      ["HELP\n", TARGET_HELP],
      [
        "STOP\n",
        "220 VALID DATA (Data to follow)\nContent-length: 52\nYou have successfully called the dummy target test!\0",
      ],
    ],
    closed: true,
  },
  {
    name: "a tester's SETUP at a target",
    role: "target",
    steps: [
      ["HELLO\n", READY],
      ["LOAD dummy_target\n", OK],
      ['SETUP target::h||port::1||args::"x=1"\n', OK],
      ["QUIT\n", BYE],
    ],
    closed: true,
  },
];

for (const recording of RECORDINGS) {
  Deno.test(`recorded dialogue: ${recording.name}`, () => {
    const bench = new Bench(recording.role ?? "tester");
    const peer = new Peer(bench);
    assert.equal(peer.take(), GREETING);
    for (const [sent, received] of recording.steps) assert.equal(peer.say(sent), received, sent);
    assert.equal(peer.closed, recording.closed);
    if (recording.closed) assert.equal(bench.owner, null);
  });
}

Deno.test("HELLO while another has the daemon, then after its QUIT", () => {
  const bench = new Bench("tester");
  const [first, second] = [new Peer(bench), new Peer(bench)];
  assert.equal(first.say("HELLO\n"), GREETING + READY);
  assert.equal(second.say("STATUS\nHELLO\n"), GREETING + RUNNING + BUSY);
  assert.ok(second.closed);
  assert.equal(bench.owner, first);
  first.say("QUIT\n");
  assert.equal(new Peer(bench).say("STATUS\nHELLO\n"), GREETING + IDLE + READY);
});

Deno.test("ABORT: from the owner, from another, and when nothing runs", () => {
  const bench = new Bench("target");
  const [owner, other] = [new Peer(bench), new Peer(bench)];
  owner.say('HELLO\nLOAD dummy_target\nSETUP args::""\nSTART\n');
  assert.equal(other.say("ABORT\n"), GREETING);
  assert.ok(other.closed && owner.closed);
  assert.equal(owner.take(), "451 LOCAL PROCESSING ERROR (Test aborted by somebody)\n");
  assert.equal(bench.owner, null);
  assert.equal(new Peer(bench).say("ABORT\n"), GREETING);
  const again = new Peer(bench);
  assert.equal(again.say("HELLO\nABORT\n"), GREETING + READY);
  assert.ok(again.closed && bench.owner === null);
});

Deno.test("the end of the connection ends its test, in every phase", () => {
  const script = ["HELLO\n", "LOAD dummy_target\n", 'SETUP args::""\n', "START\n"];
  for (const event of [{ type: "eof" }, { type: "lost" }, { type: "expired", message: "late" }] as const) {
    for (let steps = 0; steps <= script.length; steps++) {
      const bench = new Bench("target");
      const peer = new Peer(bench);
      for (const line of script.slice(0, steps)) peer.say(line);
      peer.happens(event);
      assert.ok(peer.closed, `${event.type} after ${steps}`);
      assert.equal(bench.owner, null);
      assert.equal(ownsSlot(peer.state), false);
    }
  }
});

Deno.test("lines wait while a plugin is at work; ABORT does not", () => {
  let state = initialDaemonState("tester", false);
  const event = (next: DaemonEvent): readonly DaemonEffect[] => {
    const [after, effects] = daemonTransition(state, next);
    state = after;
    return effects;
  };
  const line = (text: string) => event({ type: "line", line: { text, rxNs: 0n } });
  assert.deepEqual(line("HELLO"), [{ type: "take" }]);
  assert.deepEqual(line("LOAD dummy"), []);
  assert.deepEqual(line("STATUS"), []);
  assert.deepEqual(event({ type: "taken" }), [{ type: "send", text: READY }, {
    type: "load",
    plugin: "dummy",
  }]);
  assert.deepEqual(event({ type: "loaded" }), [{ type: "send", text: OK }, { type: "status" }]);
  line(SETUP.trim());
  line("QUIT");
  assert.deepEqual(line("ABORT"), [{ type: "abort" }, { type: "release" }, { type: "close" }]);
  assert.deepEqual(event({ type: "set-up" }), []);
});

Deno.test("too many lines at once close the connection", () => {
  let state = initialDaemonState("tester", false);
  let effects: readonly DaemonEffect[] = [];
  for (let count = 0; count <= MAX_QUEUED_LINES + 1; count++) {
    [state, effects] = daemonTransition(state, { type: "line", line: { text: "HELLO", rxNs: 0n } });
  }
  assert.equal(state.phase, "closed");
  assert.deepEqual(effects.map((effect) => effect.type), ["release", "send", "close"]);
});

Deno.test("SETUP with something wrong says what, and may be said again", () => {
  const peer = new Peer(new Bench("tester"));
  peer.say("HELLO\nLOAD dummy\n");
  assert.match(peer.say('SETUP args::""\n'), /^500 SYNTAX ERROR \(a tester needs SETUP target::HOST/);
  assert.match(peer.say('SETUP target::h||port::99999||args::""\n'), /^500 SYNTAX ERROR \(port is 0..65535/);
  assert.equal(peer.say(SETUP), OK);
});

Deno.test("a secret: HELP, STATUS and QUIT answered, anything else refused with a close", () => {
  for (const line of ["HELLO", "ABORT", "CLOCK", "ENV", "WATCH", "CONTINUE", "LOAD a", "FOO", "", "START"]) {
    const bench = new Bench("tester", true);
    const peer = new Peer(bench);
    assert.ok(peer.say("HELP\nSTATUS\n").endsWith(IDLE));
    assert.equal(peer.say(line + "\nSTATUS\n"), "", "the refusal is kept back");
    assert.deepEqual(peer.turnedAway, ["no secret"], line);
    peer.happens({ type: "rejected" });
    assert.match(peer.take(), /^430 AUTHENTICATION FAILED \(This daemon wants a secret[^()]*\)\n$/, line);
    assert.ok(peer.closed);
  }
  const peer = new Peer(new Bench("tester", true));
  assert.equal(peer.say("QUIT\n"), GREETING + BYE);
});

Deno.test("a secret: AUTH once, then everything; a wrong one closes", () => {
  const auth = `AUTH ${"0".repeat(32)} ${"0".repeat(64)}\n`;
  const right = new Peer(new Bench("tester", true));
  right.take();
  assert.equal(right.say(auth + "HELLO\n"), "");
  right.happens({ type: "authenticated", proof: "ab" });
  assert.equal(right.take(), "200 OK (proof=ab)\n" + READY);
  assert.equal(right.say(auth), ERROR);
  const wrong = new Peer(new Bench("tester", true));
  wrong.say(auth + "HELLO\n");
  wrong.happens({ type: "rejected" });
  assert.ok(wrong.closed);
  assert.equal(wrong.bench.owner, null);
  const truncated = new Peer(new Bench("tester", true));
  truncated.say(auth.slice(0, -3) + "\n");
  assert.deepEqual(truncated.turnedAway, ["malformed proof of the secret"]);
  assert.equal(new Peer(new Bench("tester")).say(auth), GREETING + ERROR);
});

Deno.test("WATCH ends with any line; one that is a command is carried out, too", () => {
  const peer = new Peer(new Bench("tester"));
  peer.take();
  assert.equal(peer.say("WATCH\n"), "");
  assert.equal(peer.say("\n"), OK);
  peer.say("WATCH\n");
  assert.equal(peer.say("enough\n"), OK);
  peer.say("WATCH\n");
  assert.equal(peer.say("STATUS\n"), OK + IDLE);
});

Deno.test("ENV is answered after the peer has said its last", () => {
  const peer = new Peer(new Bench("tester"));
  peer.say("ENV\n");
  peer.happens({ type: "eof" });
  assert.ok(!peer.closed);
  peer.happens({ type: "environment", json: encoder.encode("{}") });
  assert.ok(peer.closed);
});

Deno.test("a request of the web is the end: what a page puts after it is not carried out", () => {
  const peer = new Peer(new Bench("tester"));
  peer.take();
  const said = peer.say("POST / HTTP/1.1\r\nHost: tester1:8036\r\n\r\nHELLO\nABORT\n");
  assert.equal(said, "500 SYNTAX ERROR (This is no web server)\n");
  assert.ok(peer.closed);
});

Deno.test("any events: the slot is never lost, nothing follows a close, nothing throws", () => {
  const word = fc.constantFrom(
    ...[
      "HELLO",
      "LOAD dummy",
      SETUP.trim(),
      'SETUP args::""',
      "START",
      "STOP",
      "ABORT",
      "QUIT",
      "STATUS",
      "WATCH",
    ],
    ...["ENV", "CLOCK", "CONTINUE", "FOO", "", `AUTH ${"0".repeat(32)} ${"0".repeat(64)}`, null],
  );
  const event: fc.Arbitrary<DaemonEvent> = fc.oneof(
    { weight: 6, arbitrary: word.map((text) => ({ type: "line", line: { text, rxNs: 0n } }) as const) },
    fc.constantFrom<DaemonEvent>(
      { type: "eof" },
      { type: "lost" },
      { type: "overflow" },
      { type: "taken" },
      { type: "busy" },
      { type: "loaded" },
      { type: "set-up" },
      { type: "failed", message: "x" },
      { type: "rejected" },
      { type: "authenticated", proof: "ab" },
      { type: "continued", ok: true },
      { type: "environment", json: encoder.encode("{}") },
      { type: "no-environment", message: "x" },
      { type: "expired", message: "x" },
    ),
  );
  const role = fc.constantFrom<DaemonRole>("tester", "target");
  fc.assert(
    fc.property(role, fc.boolean(), fc.array(event, { maxLength: 40 }), (daemon, secret, events) => {
      let state = initialDaemonState(daemon, secret);
      let closed = false;
      let taken = false;
      for (const next of events) {
        const [after, effects] = daemonTransition(state, next);
        state = after;
        for (const effect of effects) {
          assert.ok(!closed, "nothing after close");
          if (effect.type === "take") taken = true;
          if (effect.type === "release") taken = false;
          if (effect.type === "close") closed = true;
          if (secret && state.auth === "required") {
            assert.ok(
              ["send", "status", "authenticate", "turn-away", "release", "close"].includes(effect.type),
              effect.type,
            );
          }
        }
      }
      assert.equal(closed, state.phase === "closed");
      if (closed) assert.ok(!taken, "a closed connection holds no slot");
      assert.ok(state.queue.length <= MAX_QUEUED_LINES);
    }),
    { numRuns: 500 },
  );
});
