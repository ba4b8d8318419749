import assert from "node:assert/strict";
import { defaultRun, testsOf } from "../../config/run_description.ts";
import { monotonicNowNs, PluginError, type PluginInfo } from "../../ffi/mod.ts";
import type { ResultDocument } from "../../results/document/document.ts";
import { LIMITS, type Limits } from "../limits.ts";
import type { RawResult } from "../link/peer.ts";
import type { Half } from "../halves/plugin_half.ts";
import type { ProgressEvent } from "./progress.ts";
import { RunError } from "./run_error.ts";
import { newDocument } from "../outcome/run_document.ts";
import { runSteps } from "./steps.ts";
import { targetKey } from "../halves/halves.ts";
import { RunState } from "./run_state.ts";
import { KeptParts } from "../store/kept_parts.ts";
import { type ScriptedDaemon, scriptedDaemon } from "../../tests/fixtures/peers/scripted_daemon.ts";

const GREETING = "100 IPBENCH V1.0\n";
const OK = "200 OK\n";

function result(text: string, code = "220 VALID DATA"): string {
  return `${code} (Data to follow)\nContent-length: ${text.length}\n${text}`;
}

/** A controller half that hands through what came, so that no plugin is needed. */
function simulatedHalf(
  calls: string[],
  fault: { open?: Error; output?: Error; unmarshall?: [index: number, error: Error] } = {},
): Half {
  const came = new Map<number, string>();
  const read = (raw: RawResult) => `${new TextDecoder().decode(raw.data)}${raw.valid ? "" : "!"}`;
  return {
    info: {
      name: "t",
      defaultPort: 4711,
      options: null,
      metrics: [],
      interface: null,
      csvHeader: "A",
    } as unknown as PluginInfo,
    open: () => fault.open === undefined ? Promise.resolve() : Promise.reject(fault.open),
    expectedNs: () => Promise.resolve(1e6),
    unmarshall: (index, raw) => {
      calls.push(`unmarshall ${index}`);
      if (fault.unmarshall?.[0] === index) return Promise.reject(fault.unmarshall[1]);
      came.set(index, read(raw));
      return Promise.resolve(null);
    },
    output: (indices) =>
      fault.output === undefined
        ? Promise.resolve(indices.map((index) => came.get(index)).join(",") + "\n")
        : Promise.reject(fault.output),
    show: (raw) => Promise.resolve({ results: null, text: read(raw) + "\n" }),
    close: () => {
      calls.push("close");
      return Promise.resolve();
    },
  };
}

interface Outcome {
  document: ResultDocument;
  events: ProgressEvent[];
  calls: string[];
  debug: string[];
}

async function run(
  clients: ScriptedDaemon[],
  targets: ScriptedDaemon[],
  options: {
    require?: string;
    required?: number;
    half?: Parameters<typeof simulatedHalf>[1];
    signal?: AbortSignal;
    limits?: Partial<Limits>;
    save?: (document: ResultDocument) => void;
  } = {},
): Promise<Outcome> {
  const description = {
    ...defaultRun(
      "t",
      clients.map(({ port }) => ({ host: "127.0.0.1", port, target: "h", targetPort: null, args: "a" })),
    ),
    targets: targets.map(({ port }) => ({
      host: "127.0.0.1",
      port,
      test: "m",
      args: "",
      controllerArgs: "",
    })),
    debug: true,
    require: options.require ?? "all",
  };
  const limits = {
    ...LIMITS,
    greetingMs: 200,
    replyMs: 200,
    setupMs: 200,
    graceMs: 300,
    abortMs: 100,
    stragglerMs: 50,
    ...options.limits,
  };
  const events: ProgressEvent[] = [], calls: string[] = [], debug: string[] = [];
  const state = new RunState({
    description,
    limits,
    access: { limits, tls: null, prover: null },
    tests: testsOf(description).map((test) => ({
      description: test,
      half: simulatedHalf(calls, options.half),
      required: options.required ?? clients.length,
    })),
    reception: null,
    targetHalves: new Map(description.targets.map((target) => [targetKey(target), simulatedHalf(calls)])),
    runId: 1n,
    document: newDocument(description, 1n, new Date(0)),
    kept: await KeptParts.open(clients.length),
    emit: (event) => events.push(event),
    save: (document) => Promise.resolve(options.save?.(document)),
    debug: (message) => debug.push(message),
  });
  return { document: await runSteps(state, options.signal), events, calls, debug };
}

const client = (text: string) => scriptedDaemon([GREETING, OK, OK, OK, result(text)]);
const target = (text: string) => scriptedDaemon([GREETING, OK, OK, OK, [], result(text)]);

Deno.test("targets are set up before clients, started before them, stopped after them", async () => {
  await using first = client("one");
  await using second = client("two");
  await using meter = target("12.3");
  const { document, debug, calls } = await run([first, second], [meter]);
  assert.equal(document.run.failed, undefined, document.run.reasons.join("; "));
  assert.equal(document.csv, "one,two\n12.3\n");
  assert.equal(document.csv_header, "A,A_2,A");
  assert.deepEqual(document.clients.map((c) => c.peer), ["ipbench-1.0", "ipbench-1.0"]);
  assert.equal(document.clients[0]!.clock, null, "an original cannot tell");
  assert.deepEqual(meter.lines.slice(0, 5), ["HELLO\n", "LOAD m\n", 'SETUP args::""\n', "START\n", "STOP\n"]);
  assert.deepEqual(first.lines.slice(0, 4), [
    "HELLO\n",
    "LOAD t\n",
    'SETUP target::h||port::4711||args::"a"\n',
    "START\n",
  ]);
  const sent = debug.map((line) => line.replace("[send_command] : ", ""));
  assert.ok(
    sent.indexOf('SETUP args::""') < sent.indexOf("LOAD t"),
    "a target is set up before any client loads",
  );
  assert.ok(sent.indexOf("STOP") > sent.lastIndexOf("START"));
  assert.equal(sent.filter((line) => line === "QUIT").length, 3);
  assert.equal(calls.filter((call) => call === "close").length, 2);
});

Deno.test("a 221 is printed as it came and makes the run INVALID, not failed", async () => {
  await using only = scriptedDaemon([GREETING, OK, OK, OK, result("bad", "221 INVALID DATA")]);
  const { document } = await run([only], []);
  assert.equal(document.csv, "bad!\n");
  assert.equal(document.run.failed, undefined);
  assert.equal(document.run.verdict, "INVALID");
  assert.match(document.run.reasons.join(), /221/);
});

Deno.test("one client fails: all others are told ABORT, what came in is kept", async () => {
  await using good = client("one");
  await using bad = scriptedDaemon([GREETING, OK, OK, OK, "CLOSE"]);
  await using waiting = scriptedDaemon([GREETING, OK, OK, OK, "SILENT"]);
  await using meter = target("x");
  const { document, events } = await run([good, bad, waiting], [meter]);
  assert.equal(document.run.failed, true);
  assert.equal(document.csv, "");
  assert.match(
    document.clients[1]!.error!,
    new RegExp(`^client 127.0.0.1:${bad.port}: run: .*before its result`),
  );
  assert.equal(document.clients[2]!.error, undefined, "the innocent is not blamed");
  assert.equal(waiting.lines[4], "ABORT\n");
  assert.ok(meter.lines.includes("ABORT\n"));
  assert.equal(events.filter((event) => event.kind === "error").length, 1);
});

Deno.test("a target that ends before STOP ends the run by name", async () => {
  await using slow = scriptedDaemon([GREETING, OK, OK, OK, "SILENT"]);
  await using early = scriptedDaemon([GREETING, OK, OK, OK, result("too early")]);
  const { document } = await run([slow], [early]);
  assert.match(document.targets[0]!.error!, new RegExp(`target 127.0.0.1:${early.port}: .*before STOP`));
  assert.equal(slow.lines[4], "ABORT\n");
});

Deno.test("with fewer required the run goes on without those that fail or are not ready in time", async () => {
  await using good = client("one");
  await using refused = scriptedDaemon([GREETING, OK, OK, "451 LOCAL PROCESSING ERROR (no)\n"]);
  await using stuck = scriptedDaemon([GREETING, OK, OK, "SILENT"]);
  const { document } = await run([good, refused, stuck], [], { required: 1 });
  assert.equal(document.run.failed, undefined, document.run.reasons.join("; "));
  assert.equal(document.run.verdict, "SUSPECT");
  assert.equal(document.csv, "one\n");
  assert.match(document.clients[1]!.error!, /setup: no/);
  assert.match(document.clients[2]!.error!, /setup: /);
  assert.ok(stuck.lines.includes("ABORT\n"));
});

Deno.test("no result at the deadline is named with the time that the test takes", async () => {
  await using silent = scriptedDaemon([GREETING, OK, OK, OK, "SILENT"]);
  const { document } = await run([silent], []);
  assert.match(
    document.clients[0]!.error!,
    /run: no result 0\.3 s after START, the test takes 0\.0 s at most.*--timeout/,
  );
  assert.ok(silent.lines.includes("ABORT\n"));
});

Deno.test("the controller's own half that fails is not blamed on a daemon", async () => {
  await using idle = client("one");
  const open = new RunError(null, "load", "plugin", "test t: Can not find plugin: t");
  const { document } = await run([idle], [], { half: { open } });
  assert.match(document.run.reasons.join(), /controller: load: test t: Can not find plugin/);
  assert.equal(document.clients[0]!.error, undefined);
  assert.ok(!idle.lines.includes("LOAD t\n"));

  await using done = client("one");
  const output = new RunError(null, "output", "plugin", "test t: it crashed");
  const second = await run([done], [], { half: { output } });
  assert.equal(second.document.run.failed, true);
  assert.match(second.document.run.reasons.join(), /controller: output: test t: it crashed/);
});

Deno.test("an interrupted run says so and frees its daemons", async () => {
  await using silent = scriptedDaemon([GREETING, OK, OK, OK, "SILENT"]);
  const abort = new AbortController();
  const running = run([silent], [], { signal: abort.signal });
  while (!silent.lines.includes("START\n")) await new Promise((resolve) => setTimeout(resolve, 1));
  abort.abort();
  const { document } = await running;
  assert.equal(document.run.interrupted, true);
  assert.equal(document.run.verdict, "INVALID");
  assert.ok(silent.lines.includes("ABORT\n"));

  await using untouched = client("one");
  const never = await run([untouched], [], { signal: AbortSignal.abort() });
  assert.equal(never.document.run.interrupted, true);
  assert.ok(!untouched.lines.includes("START\n"));
});

const OURS = "100 IPBENCH V1.0 (ipbenchd 1.0.0; ext=clock,at)\n";
const clockOf = () => `200 OK (rx=${monotonicNowNs()} tx=${monotonicNowNs()})\n`;

/** What a daemon with a clock answers to START: a result whose stamps are made from the instant it was told. */
function stamped(
  stamps: (toldNs: bigint) => [planned: bigint, actual: bigint, ended: bigint],
): ScriptedDaemon {
  const daemon: ScriptedDaemon = scriptedDaemon([OURS, OK, OK, OK, clockOf, () => {
    const told = BigInt(/^START at::(\d+)/.exec(daemon.lines.at(-1)!)![1]!);
    const [planned, actual, ended] = stamps(told);
    return result("one").replace("follow", `follow, planned=${planned} actual=${actual} ended=${ended}`);
  }], [OURS, "SILENT"]);
  return daemon;
}

Deno.test("a result's instants are those of the run that was asked for, or it is refused by name", async () => {
  const second = 1_000_000_000n;
  const limits = { clockProbes: 1, finishMs: 100, graceMs: 2_000 };
  const wrong: [RegExp, Parameters<typeof stamped>[0]][] = [
    [/planned for \d+ ns/, (told) => [told + 1n, told, told]],
    [/stamps of the result make no sense/, (told) => [9_000_000_000_000_000_000n, told, told]],
    [/stamps of the result make no sense/, (told) => [told, told + 2n, told + 1n]],
    [/ran from 0\.000 s to 36\d\d\.\d+ s after/, (told) => [told, told, told + 3_600n * second]],
    [/ran from -90\.000 s to/, (told) => [told, told - 90n * second, told]],
  ];
  for (const [reason, stamps] of wrong) {
    await using liar = stamped(stamps);
    const { document } = await run([liar], [], { limits });
    assert.match(
      document.clients[0]!.error ?? "",
      new RegExp(`^client 127.0.0.1:${liar.port}: .*${reason.source}`),
    );
    assert.equal(document.run.verdict, "INVALID");
  }
  await using honest = stamped((told) => [told, told + 1_000n, told + 2_000n]);
  const { document } = await run([honest], [], { limits });
  assert.equal(document.run.failed, undefined, document.run.reasons.join("; "));
  assert.equal(document.clients[0]!.start?.actual_ns, document.clients[0]!.start!.planned_ns + 1_000);
});

Deno.test("what the controller cannot make of one peer's data is told with that peer's name", async () => {
  await using good = client("one");
  await using odd = client("two");
  const cause = new RunError(null, "unmarshall", "plugin", "test t: 5 samples and 36 bytes");
  const first = await run([good, odd], [], { half: { unmarshall: [1, cause] } });
  assert.match(
    first.document.clients[1]!.error!,
    new RegExp(`^client 127.0.0.1:${odd.port}: unmarshall: test t: 5 samples`),
  );
  const told = first.events.filter(({ kind }) => kind === "error");
  assert.equal(told.length, 1);
  assert.match(JSON.stringify(told[0]), new RegExp(`"port":${odd.port}`));
  assert.equal(first.document.clients[0]!.error, undefined, "the innocent is not blamed");

  // A half that dies is the controller's own fault; whose data it had is named all the same.
  await using fatal = client("three");
  const death = new RunError(
    null,
    "unmarshall",
    "plugin",
    "it crashed",
    "",
    new PluginError("crash", "unmarshall", "x"),
  );
  const second = await run([fatal], [], { half: { unmarshall: [0, death] } });
  assert.match(
    second.document.run.reasons.join(),
    new RegExp(`controller: unmarshall: it crashed, with what client 127.0.0.1:${fatal.port} sent`),
  );
});

Deno.test("a result that trickles in keeps nobody else's from being taken", async () => {
  const size = 9 * 1024 * 1024;
  await using slow = scriptedDaemon([
    GREETING,
    OK,
    OK,
    OK,
    `220 VALID DATA (Data to follow)\nContent-length: ${size}\nabc`,
  ]);
  await using quick = scriptedDaemon([GREETING, OK, OK, OK, result("x".repeat(size))]);
  const limits = { transferStallMs: 1_000, graceMs: 10_000 };
  const { document, events } = await run([slow, quick], [], { required: 1, limits });
  const ends = events.filter(({ kind }) => kind === "result" || kind === "error");
  assert.deepEqual(ends.map(({ kind }) => kind), ["result", "error"], JSON.stringify(ends));
  assert.equal(document.clients[1]!.error, undefined);
  assert.match(document.clients[0]!.error!, /after 3 of 9437184 bytes/);
});

Deno.test("a result is saved before the clock is asked once more, and the asking is bounded", async () => {
  const dialogue = [OURS, OK, OK, OK, clockOf, result("one")];
  // The second connection is deaf: it takes the question after the run and says nothing.
  await using only = scriptedDaemon(dialogue, [OURS, "SILENT"]);
  const askedWhenSaved: boolean[] = [];
  const began = performance.now();
  const { document } = await run([only], [], {
    limits: { clockProbes: 1, finishMs: 100, replyMs: 60_000 },
    save: () => askedWhenSaved.push(only.lines.filter((line) => line === "CLOCK\n").length > 1),
  });
  assert.equal(document.run.failed, undefined, document.run.reasons.join("; "));
  assert.deepEqual(askedWhenSaved, [false]);
  assert.notEqual(document.clients[0]!.clock, null);
  assert.ok(performance.now() - began < 30_000, "it does not wait for an answer's whole deadline");
});

Deno.test("clients that fall silent when clocks are compared are named and delay the others once, not each", async () => {
  const ready = [OURS, OK, OK, OK];
  await using good = scriptedDaemon([...ready, clockOf, result("one")]);
  await using silent = scriptedDaemon([...ready, "SILENT"]);
  const crowd = Array.from({ length: 12 }, () => silent);
  const { document, events } = await run([...crowd, good], [], {
    required: 1,
    limits: { clockProbes: 1, finishMs: 100, replyMs: 60_000 },
  });
  assert.equal(document.run.failed, undefined, document.run.reasons.join("; "));
  assert.equal(document.csv, "one\n");
  for (const { error } of document.clients.slice(0, crowd.length)) {
    assert.match(error!, /clock: not ready 0\.05 s after 1 other client/);
  }
  assert.equal(events.filter(({ kind }) => kind === "error").length, crowd.length, "each is told once");
});
