/**
 * Random and mutated lines and dialogues against a real daemon: never down, never a slot lost, memory flat, nothing
 * unexpected inside. The numbers are small here; `deno task fuzz` runs a million of each.
 *
 * @module
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type DaemonEffect,
  type DaemonEvent,
  type DaemonRole,
  daemonTransition,
  initialDaemonState,
  LineReader,
} from "../../protocol/mod.ts";
import { StubDaemons } from "../fixtures/peers/stub_daemons.ts";
import {
  deadline,
  Dice,
  fuzzDialogue,
  fuzzLine,
  RawClient,
  sleep,
  TestDaemon,
  testerSetup,
  until,
} from "../util/mod.ts";

const LINES = Number(Deno.env.get("IPBENCH_FUZZ_LINES") ?? 20_000);
const DIALOGUES = Number(Deno.env.get("IPBENCH_FUZZ_DIALOGUES") ?? 1_000);
const SEED = Number(Deno.env.get("IPBENCH_FUZZ_SEED") ?? Math.floor(Math.random() * 2 ** 32));

const LINES_A_CONNECTION = 200;
const PARALLEL = 8;
/** One dialogue in so many goes to a real daemon with plugins' processes, the others to daemons with stubs of these. */
const REAL_ONCE = 10;
/** One of those in so many goes deep, and takes a process. */
const REAL_DEEP_ONCE = 6;
/** Real daemons side by side. */
const REALS = DIALOGUES >= 100_000 ? 4 : 1;
/** Daemons with stubs, and dialogues with them at the same time: most find a daemon that nobody else talks to. */
const STUBS = 32, STUB_PARALLEL = 16;
/** How long a test that has been started may be waited for before QUIT, in ms. */
const STUB_TEST_MS = 4, REAL_TEST_MS = 60;
/** Dialogues at the state machine alone. */
const PURE_DIALOGUES = Math.min(DIALOGUES * 20, 1_000_000);

/** Every line that a daemon may send; a result's bytes follow their own length. */
const ANSWER = new RegExp(
  "^(|HELP OPTIONS|EXTENSIONS|-+|[A-Z]+( [a-z<>:|\\-]+)?|(Testing|Target) Daemon mode|Not running a test|" +
    "Running a test \\([0-9]+\\)|[1-5][0-9]{2} [A-Z0-9 .]+( \\([^()\\n]*\\))?|Content-length: [0-9]+)$",
);

function checkAnswer(answer: string, sent: Uint8Array): void {
  const text = answer.replace(/^(Content-length: [0-9]+\n)[^\n]*?(?=[1-5][0-9]{2} [A-Z]|$)/gm, "$1\n");
  for (const line of text.split("\n")) {
    const known = ANSWER.test(line) || /^[A-Z]+ .*</.test(line) || /^(START|STOP) at::/.test(line);
    assert.ok(
      known,
      `seed ${SEED}: ${JSON.stringify(line)} after ${JSON.stringify(new TextDecoder().decode(sent))}`,
    );
  }
}

/** Sends all, half-closes, and reads what comes. */
async function exchange(daemon: TestDaemon, bytes: Uint8Array): Promise<string> {
  using client = await RawClient.connect({ hostname: daemon.host, port: daemon.port, deadlineMs: 60_000 });
  try {
    await client.send(bytes);
    await client.closeWrite();
  } catch (error) {
    // The daemon may have closed already: after a line that is too long.
    if (!(error instanceof Deno.errors.BrokenPipe || error instanceof Deno.errors.ConnectionReset)) {
      throw error;
    }
  }
  return await client.readToEnd(60_000);
}

/** What must be true at the end, whatever came before. */
async function assertSound(daemon: TestDaemon, memory: readonly number[]): Promise<void> {
  assert.ok(daemon.alive);
  await daemon.assertFree(30_000);
  using client = await daemon.greeted({ deadlineMs: 20_000 });
  await client.send(`HELLO\nLOAD dummy\n${testerSetup("seconds=0.01,text=sound")}\nSTART\n`);
  assert.match(await client.readToEnd(), /220 VALID DATA \(Data to follow\)\nContent-length: 6\nsound\0$/);
  assert.deepEqual(daemon.internalErrors(), []);
  assertFlat(memory);
}

function assertFlat(memory: readonly number[]): void {
  // The engine's heap breathes: the lowest of a quarter is what is really held. It is warm after the first quarter; a
  // short run is not, and shows a leak of a kilobyte a line at most.
  const quarter = Math.floor(memory.length / 4);
  const before = Math.min(...memory.slice(quarter, 2 * quarter));
  const after = Math.min(...memory.slice(-quarter));
  const growth = after / before - 1;
  console.error(`seed ${SEED}: resident memory in bytes: ${memory.join(" ")}`);
  const limit = Math.max(LINES, DIALOGUES) >= 1_000_000 ? 0.1 : 1;
  assert.ok(growth < limit, `seed ${SEED}: memory grew by ${(growth * 100).toFixed(1)} %`);
}

/** Works in parallel, and looks at the daemon's memory twenty times meanwhile. */
async function withMemory(
  daemon: { readonly residentBytes: number; readonly log?: readonly string[] },
  count: number,
  work: (index: number) => Promise<void>,
  parallel = PARALLEL,
): Promise<number[]> {
  const memory: number[] = [];
  const every = Math.max(1, Math.floor(count / 20));
  await inParallel(count, async (index) => {
    await work(index).catch((cause) => {
      // Said at once: what ends the daemon may end its disposal, too, and hide this.
      console.error(
        `seed ${SEED}, number ${index}: ${cause}; the daemon's log ends: ${
          daemon.log?.slice(-5).join(" | ")
        }`,
      );
      throw cause;
    });
    if (index % every === 0) memory.push(daemon.residentBytes);
  }, parallel);
  return memory;
}

async function inParallel(
  count: number,
  work: (index: number) => Promise<void>,
  parallel: number,
): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < count; index = next++) await work(index);
  };
  await Promise.all(Array.from({ length: parallel }, worker));
}

Deno.test(`fuzz: ${LINES} random and mutated lines`, async () => {
  await using daemon = await TestDaemon.start();
  const send = async (index: number): Promise<void> => {
    const dice = new Dice(SEED + index);
    const lines = Array.from({ length: LINES_A_CONNECTION }, () => fuzzLine(dice));
    const bytes = new Uint8Array(lines.reduce((sum, line) => sum + line.length, 0));
    let at = 0;
    for (const line of lines) {
      bytes.set(line, at);
      at += line.length;
    }
    checkAnswer(await exchange(daemon, bytes), bytes);
  };
  await assertSound(daemon, await withMemory(daemon, Math.ceil(LINES / LINES_A_CONNECTION), send));
});

/** Says all, ends it in one of the ways in which a peer can, and looks at every answer. */
async function converse(port: number, bytes: Uint8Array, dice: Dice, testMs: number): Promise<void> {
  using client = await RawClient.connect({ port, deadlineMs: 60_000 });
  const end = dice.below(8);
  try {
    await client.send(bytes);
    if (end === 0) return; // Closed with the greeting unread: a reset.
    if (end === 1) await client.closeWrite(); // Which ends a test that is on its way.
    else {
      // A test that was started may come to its end.
      if (end > 4) await sleep(1 + dice.below(testMs));
      await client.send("\nQUIT\n");
    }
  } catch (error) {
    // The daemon may have closed already.
    if (!(error instanceof Deno.errors.BrokenPipe || error instanceof Deno.errors.ConnectionReset)) {
      throw error;
    }
  }
  checkAnswer(await client.readToEnd(60_000), bytes);
}

const REAL_DIALOGUES = Math.ceil(DIALOGUES / REAL_ONCE);

Deno.test(`fuzz: ${DIALOGUES - REAL_DIALOGUES} mutated handshakes, side by side`, async () => {
  await using daemons = await StubDaemons.start(STUBS, SEED);
  const { ports } = daemons;
  const count = DIALOGUES - REAL_DIALOGUES;
  const memory = await withMemory(daemons, count, async (index) => {
    const dice = new Dice(SEED + index);
    // Mostly a daemon that nobody else talks to just now.
    const which = (dice.once(8) ? dice.below(STUBS) : index) % STUBS;
    const bytes = fuzzDialogue(dice, { deep: !dice.once(10), role: which % 2 === 0 ? "tester" : "target" });
    await converse(ports[which]!, bytes, dice, STUB_TEST_MS);
  }, STUB_PARALLEL);
  await daemons.assertFree(10_000);
  const { alive, internalErrors, ...done } = await daemons.figures();
  console.error(`seed ${SEED}: of ${count} dialogues ${JSON.stringify(done)}`);
  assert.deepEqual(internalErrors, [], `seed ${SEED}`);
  // One waits for the next test in each daemon.
  assert.ok(alive <= STUBS, `seed ${SEED}: ${alive} processes were not ended`);
  // They do go deep.
  assert.ok(done.loaded > count * 0.3, `seed ${SEED}`);
  assert.ok(done.started > count * 0.1, `seed ${SEED}`);
  assert.ok(done.marshalled > count * 0.02, `seed ${SEED}`);
  assertFlat(memory);
});

Deno.test(`fuzz: ${REAL_DIALOGUES} mutated dialogues with plugins' processes`, async () => {
  await using stack = new AsyncDisposableStack();
  const daemons: TestDaemon[] = [];
  for (let n = 0; n < REALS; n++) daemons.push(stack.use(await TestDaemon.start()));
  const turns = daemons.map(() => Promise.resolve());
  const all = {
    get residentBytes() {
      return daemons.reduce((sum, daemon) => sum + daemon.residentBytes, 0);
    },
  };
  const memory = await withMemory(all, REAL_DIALOGUES, async (index) => {
    const dice = new Dice(SEED + index);
    const which = index % REALS;
    const deep = dice.once(REAL_DEEP_ONCE);
    const bytes = fuzzDialogue(dice, { deep, role: "tester" });
    const work = () => converse(daemons[which]!.port, bytes, dice, REAL_TEST_MS);
    if (!deep) return await work();
    // One after another: there is one slot, and who finds it taken gets no further than HELLO.
    const done = turns[which]!.then(work);
    turns[which] = done.catch(() => {});
    await done;
  }, PARALLEL * REALS);
  for (const daemon of daemons) await assertSound(daemon, memory);
});

Deno.test(`fuzz: ${PURE_DIALOGUES} mutated dialogues at the state machine alone end closed, without the slot`, () => {
  for (let index = 0; index < PURE_DIALOGUES; index++) {
    const { phase, taken } = playDialogue(new Dice(SEED + index));
    assert.deepEqual({ phase, taken }, { phase: "closed", taken: false }, `seed ${SEED + index}`);
  }
});

/** One dialogue with a slot that is always free, and plugins whose work ends at a random moment. */
function playDialogue(dice: Dice): { phase: string; taken: boolean } {
  const reader = new LineReader();
  let state = initialDaemonState(dice.once(2) ? "tester" : "target", dice.once(4));
  let taken = false;
  const pending: DaemonEvent[] = [];
  const happens = (event: DaemonEvent): void => {
    const [next, effects] = daemonTransition(state, event);
    state = next;
    for (const effect of effects) {
      if (effect.type === "take") taken = true;
      if (effect.type === "release") taken = false;
      const answer = answerTo(effect, state.role, dice);
      if (answer !== null) pending.push(answer);
    }
  };
  const settle = (all: boolean): void => {
    for (let event = pending[0]; event !== undefined && (all || dice.once(2)); event = pending[0]) {
      pending.shift();
      happens(event);
    }
  };
  reader.push(fuzzDialogue(dice, { deep: dice.once(2), role: state.role }));
  for (let token = reader.readLine(); token !== null; token = reader.readLine()) {
    if (token.type === "line") happens({ type: "line", line: { text: token.text, rxNs: 0n } });
    else if (token.reason === "too-long") happens({ type: "overflow" });
    else happens({ type: "line", line: { text: null, rxNs: 0n } });
    settle(false);
  }
  happens({ type: "eof" });
  settle(true);
  return { phase: state.phase, taken };
}

function answerTo(effect: DaemonEffect, role: DaemonRole, dice: Dice): DaemonEvent | null {
  const result: DaemonEvent = {
    type: "result",
    result: { valid: true, data: new Uint8Array(1), stamps: null },
  };
  switch (effect.type) {
    case "take":
      return { type: "taken" };
    case "load":
      return dice.once(5) ? { type: "failed", message: "x" } : { type: "loaded" };
    case "setup":
      return { type: "set-up" };
    case "start":
      return role === "tester" ? result : null;
    case "stop":
      return result;
    case "environment":
      return { type: "environment", json: new Uint8Array(1) };
    case "continue":
      return { type: "continued", ok: false };
    case "authenticate":
    case "turn-away":
      return { type: "rejected" };
    default:
      return null;
  }
}

Deno.test("fuzz: any order of commands over two connections ends with a free slot", async () => {
  await using daemon = await TestDaemon.start({ role: "target" });
  const command = fc.constantFrom(
    "HELLO",
    "LOAD dummy_target",
    'SETUP args::""',
    "START",
    "STOP",
    "ABORT",
    "STATUS",
    "WATCH",
    "",
  );
  const step = fc.tuple(fc.nat(1), command);
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
      const clients = [await daemon.greeted(), await daemon.greeted()];
      try {
        for (const [which, line] of steps) await clients[which]?.send(line + "\n").catch(() => {});
      } finally {
        for (const client of clients) client.close();
      }
      await until("the slot is free", 3_000, async () => await daemon.testPid() === null);
    }),
    { numRuns: 25, endOnFailure: true },
  );
  await deadline("alive", 5_000, daemon.assertFree());
});
