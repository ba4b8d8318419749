import assert from "node:assert/strict";
import type { Command } from "./command.ts";
import {
  type DialogueEffect,
  type DialogueEvent,
  type DialogueState,
  dialogueTransition,
  INITIAL_DIALOGUE,
} from "./dialogue.ts";
import { EMPTY_SETUP } from "../base/test_setup.ts";
import { ReplyReader } from "./reply_reader.ts";

const OURS = "100 IPBENCH V1.0 (ipbenchd 1.0.0; ext=form,env,clock,at,watch,continue,stop)\n";

/** One dialogue: commands out, bytes in (one by one), effects noted. */
class Dialogue {
  state: DialogueState = INITIAL_DIALOGUE;
  effects: DialogueEffect[] = [];
  readonly #reader = new ReplyReader();

  say(command: Command): string {
    this.#take({ type: "command", command });
    const last = this.effects.pop();
    assert.equal(last?.type, "send");
    return (last as DialogueEffect & { type: "send" }).text;
  }

  hear(text: string): DialogueEffect[] {
    for (const byte of new TextEncoder().encode(text)) {
      this.#reader.push(Uint8Array.of(byte));
      for (let token = this.#reader.next(); token !== null; token = this.#reader.next()) {
        this.#take({ type: "token", token });
      }
    }
    return this.#drain();
  }

  end(): DialogueEffect[] {
    this.#take({ type: "eof" });
    return this.#drain();
  }

  #take(event: DialogueEvent): void {
    const [state, effects] = dialogueTransition(this.state, event);
    this.state = state;
    this.effects.push(...effects);
  }

  #drain(): DialogueEffect[] {
    const effects = this.effects;
    this.effects = [];
    return effects;
  }
}

function ready(greeting = "100 IPBENCH V1.0\n"): Dialogue {
  const dialogue = new Dialogue();
  dialogue.hear(greeting);
  dialogue.say({ name: "HELLO" });
  dialogue.hear("200 OK (Ready to go)\n");
  dialogue.say({ name: "LOAD", plugin: "dummy_target" });
  dialogue.hear("200 OK\n");
  dialogue.say({ name: "SETUP", fields: EMPTY_SETUP });
  dialogue.hear("200 OK\n");
  assert.equal(dialogue.state.phase, "ready");
  return dialogue;
}

Deno.test("dialogue: a target's run as recorded", () => {
  const dialogue = ready();
  assert.equal(dialogue.say({ name: "START", atNs: null }), "START\n");
  assert.equal(dialogue.say({ name: "STOP", atNs: null }), "STOP\n");
  const effects = dialogue.hear("220 VALID DATA (Data to follow)\nContent-length: 3\nOK\0");
  assert.deepEqual(effects.map((effect) => effect.type), ["begin", "data", "data", "data", "end"]);
  assert.equal(dialogue.state.phase, "closed");
  assert.equal(dialogue.say({ name: "QUIT" }), "QUIT\n");
  assert.deepEqual(dialogue.end(), [{ type: "closed" }]);
});

Deno.test("dialogue: the greeting tells what SETUP may carry", () => {
  const dialogue = new Dialogue();
  const [effect] = dialogue.hear(OURS);
  assert.ok(effect?.type === "greeting" && effect.greeting.peer === "ipbenchd/1.0.0");
  dialogue.say({ name: "HELLO" });
  dialogue.hear("200 OK (Ready to go)\n");
  dialogue.say({ name: "LOAD", plugin: "latency" });
  dialogue.hear("200 OK\n");
  const setup = { ...EMPTY_SETUP, target: "::1", port: 7, form: 1, runId: 1n } as const;
  assert.match(
    dialogue.say({ name: "SETUP", fields: setup }),
    /\|\|form::1\|\|run::0000000000000001\|\|flow::0\n$/,
  );
});

Deno.test("dialogue: no extension is used with an original", () => {
  const dialogue = ready();
  assert.throws(() => dialogue.say({ name: "START", atNs: 5n }), { code: "state" });
  assert.throws(() => dialogue.say({ name: "CLOCK" }), { code: "state" });
  assert.throws(() => dialogue.say({ name: "ENV", iface: null, target: null }), { code: "state" });
  assert.equal(ready(OURS).say({ name: "START", atNs: 5n }), "START at::5\n");
});

Deno.test("dialogue: commands have their order", () => {
  const dialogue = new Dialogue();
  assert.throws(() => dialogue.say({ name: "HELLO" }), { code: "state" });
  dialogue.hear(OURS);
  assert.throws(() => dialogue.say({ name: "START", atNs: null }), { code: "state" });
  dialogue.say({ name: "HELLO" });
  assert.throws(() => dialogue.say({ name: "STATUS" }), { code: "state" });
});

Deno.test("dialogue: refusals are answers, and 421, 430 and 451 are the end", () => {
  for (const line of ["421 SERVICE NOT AVAILABLE (Already Running)\n", "430 AUTHENTICATION FAILED\n"]) {
    const dialogue = new Dialogue();
    dialogue.hear(OURS);
    dialogue.say({ name: "HELLO" });
    const [effect] = dialogue.hear(line);
    assert.ok(effect?.type === "reply" && effect.command === "HELLO");
    assert.equal(dialogue.state.phase, "closed");
    assert.deepEqual(dialogue.end(), [{ type: "closed" }]);
  }
});

Deno.test("dialogue: a test that fails says so instead of a result", () => {
  const dialogue = ready();
  dialogue.say({ name: "START", atNs: null });
  const effects = dialogue.hear("451 LOCAL PROCESSING ERROR (Plugin failed to start!: latency: no route)\n");
  assert.ok(effects[0]?.type === "test-failed");
  assert.equal(effects[0].reply.message, "Plugin failed to start!: latency: no route");
});

Deno.test("dialogue: an end at the wrong time names what was due", () => {
  const cases: [(dialogue: Dialogue) => void, RegExp][] = [
    [() => {}, /before its greeting/],
    [(dialogue) => dialogue.hear(OURS), /between two commands/],
    [(dialogue) => {
      dialogue.hear(OURS);
      dialogue.say({ name: "HELLO" });
    }, /instead of answering HELLO/],
  ];
  for (const [prepare, message] of cases) {
    const dialogue = new Dialogue();
    prepare(dialogue);
    const [effect] = dialogue.end();
    assert.ok(effect?.type === "broken" && message.test(effect.error.message));
  }
  const running = ready();
  running.say({ name: "START", atNs: null });
  const [effect] = running.end();
  assert.ok(effect?.type === "broken" && /before its result/.test(effect.error.message));
});

Deno.test("dialogue: what does not belong here breaks it", () => {
  for (
    const text of ["hello\n", "200 OK\n", "220 VALID DATA\nContent-length: 0\n", "150 PROGRESS (idle)\n"]
  ) {
    const dialogue = new Dialogue();
    dialogue.hear("100 IPBENCH V1.0\n");
    const effects = dialogue.hear(text);
    assert.equal(effects[0]?.type, "broken", text);
    assert.equal(dialogue.state.phase, "closed");
  }
});

Deno.test("dialogue: one byte after the result is an error", () => {
  const dialogue = ready();
  dialogue.say({ name: "START", atNs: null });
  const effects = dialogue.hear("220 VALID DATA (Data to follow)\nContent-length: 1\nxy\n");
  assert.equal(effects.at(-1)?.type, "broken");
});

Deno.test("dialogue: STATUS with its lines, ENV with its bytes, CLOCK, WATCH", () => {
  const dialogue = new Dialogue();
  dialogue.hear(OURS);
  dialogue.say({ name: "STATUS" });
  const [status] = dialogue.hear("Testing Daemon mode\nRunning a test (7)\n200 OK\n");
  assert.ok(status?.type === "reply");
  assert.deepEqual(status.text, ["Testing Daemon mode", "Running a test (7)"]);
  assert.equal(dialogue.say({ name: "ENV", iface: "eth0", target: null }), "ENV iface::eth0\n");
  const env = dialogue.hear("220 VALID DATA (Data to follow)\nContent-length: 2\n{}");
  assert.ok(env.every((effect) => "what" in effect && effect.what === "environment"));
  assert.equal(dialogue.state.phase, "greeted");
  dialogue.say({ name: "CLOCK" });
  assert.equal(dialogue.hear("200 OK (rx=1 tx=2)\n")[0]?.type, "reply");
  dialogue.say({ name: "WATCH" });
  assert.deepEqual(dialogue.hear("150 PROGRESS (idle)\n"), [{ type: "progress", report: null }]);
  assert.equal(dialogue.say({ name: "QUIT" }), "QUIT\n");
  dialogue.hear("150 PROGRESS (idle)\n200 OK\n222 CLOSING CONTROL CONNECTION (Come back soon!)\n");
  assert.equal(dialogue.state.phase, "closed");
});
