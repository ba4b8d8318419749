import assert from "node:assert/strict";
import type { RunDescription } from "../../config/run_description.ts";
import type { ResultDocument } from "../../results/document/document.ts";
import { FakeClock, fakeDescription, fakeDocument, type FakeRun } from "../../tests/fixtures/fake_run.ts";
import { getArg } from "../../base/args.ts";
import { parseAxis, SweepError } from "./plan.ts";
import {
  runSweep,
  type SweepDependencies,
  type SweepEvent,
  type SweepOptions,
  type SweepStore,
} from "./run_sweep.ts";
import { parseIndex, type StoredIndex, type SweepIndex } from "./sweep_index.ts";
import { parseUntil } from "./until.ts";

/** Keeps texts, as a folder does. */
class MemoryStore implements SweepStore {
  index: string | null = null;
  readonly documents = new Map<string, string>();
  readonly writes: string[] = [];

  loadIndex(): Promise<StoredIndex | null> {
    return Promise.resolve(this.index === null ? null : parseIndex(this.index));
  }

  saveIndex(index: SweepIndex): Promise<void> {
    this.index = JSON.stringify(index);
    return Promise.resolve();
  }

  loadDocument(file: string): Promise<ResultDocument | null> {
    const text = this.documents.get(file);
    return Promise.resolve(text === undefined ? null : JSON.parse(text));
  }

  saveDocument(file: string, document: ResultDocument): Promise<boolean> {
    this.writes.push(file);
    this.documents.set(file, JSON.stringify(document));
    return Promise.resolve(true);
  }
}

function options(change: Partial<SweepOptions> = {}): SweepOptions {
  return {
    base: fakeDescription("socktype=udp"),
    plan: {
      axes: [parseAxis("bps=10M,20M,30M,40M"), parseAxis("size=64,512")],
      repeat: 2,
      shuffleSeed: null,
      split: false,
    },
    until: [],
    retry: 0,
    cooldownSeconds: 0,
    resume: false,
    ipbench: { version: "0", build: "test" },
    ...change,
  };
}

/** A runner that takes 10 s a run and says what it is told to. */
function runner(clock: FakeClock, fake: (n: number, description: RunDescription) => FakeRun = () => ({})) {
  let n = 0;
  return (description: RunDescription) => {
    clock.elapsed += 10;
    return Promise.resolve(fakeDocument(description, fake(++n, description)));
  };
}

async function sweep(change: Partial<SweepOptions>, deps: Partial<SweepDependencies> = {}) {
  const clock = new FakeClock();
  const store = new MemoryStore();
  const events: SweepEvent[] = [];
  const index = await runSweep(options(change), {
    run: runner(clock),
    clock,
    store,
    onEvent: (event) => events.push(event),
    ...deps,
  });
  return { index, store, events, clock };
}

Deno.test("every point is run once, kept at once, and the index grows with it", async () => {
  const { index, store, events } = await sweep({});
  assert.equal(index.points.length, 16);
  assert.ok(index.points.every((point) => point.status === "done" && point.file === `${point.id}.json`));
  assert.deepEqual(store.writes, index.points.map((point) => point.file));
  assert.equal(index.sweep.interrupted, false);
  assert.ok(index.sweep.ended !== null);
  assert.deepEqual(parseIndex(store.index ?? ""), JSON.parse(JSON.stringify(index)));
  const ended = events.flatMap((event) => event.kind === "ended" ? [event] : []);
  assert.deepEqual(ended.map((event) => event.finished), Array.from({ length: 16 }, (_, i) => i + 1));
  assert.deepEqual([ended[0]?.secondsLeft, ended[7]?.secondsLeft, ended[15]?.secondsLeft], [150, 80, 0]);
});

Deno.test("interrupted half-way and resumed: all documents, none measured twice", async () => {
  const clock = new FakeClock();
  const store = new MemoryStore();
  const controller = new AbortController();
  const seen: string[] = [];
  const run = (description: RunDescription) => {
    if (seen.length === 7 && !controller.signal.aborted) {
      controller.abort();
      return Promise.resolve(fakeDocument(description, { verdict: "INVALID", interrupted: true }));
    }
    seen.push(description.clients[0]?.args ?? "");
    clock.elapsed += 1;
    return Promise.resolve(fakeDocument(description));
  };
  const first = await runSweep(options(), { run, clock, store, signal: controller.signal });
  assert.deepEqual([first.sweep.interrupted, first.sweep.ended], [true, null]);
  assert.equal(store.documents.size, 7);
  const second = await runSweep(options({ resume: true }), { run, clock, store });
  assert.deepEqual([second.sweep.interrupted, second.sweep.id], [false, first.sweep.id]);
  assert.equal(store.documents.size, 16);
  assert.equal(seen.length, 16);
  assert.deepEqual(store.writes, [...new Set(store.writes)]);
});

Deno.test("INVALID points are repeated, and on resume measured again", async () => {
  const clock = new FakeClock();
  const store = new MemoryStore();
  const spoilt: FakeRun = { verdict: "INVALID", code: "steal" };
  const plan = { ...options().plan, repeat: 1 };
  // Runs 1 and 2 are spoilt (the first point), and 4 (the second point, once).
  const run = runner(clock, (n) => n === 1 || n === 2 || n === 4 ? spoilt : {});
  const first = await runSweep(options({ plan, retry: 1 }), { run, clock, store });
  assert.deepEqual(first.points.slice(0, 3).map((point) => [point.status, point.attempts, point.reason]), [
    ["invalid", 2, "steal"],
    ["done", 1, null],
    ["done", 2, null],
  ]);
  const writes = store.writes.length;
  const second = await runSweep(options({ plan, resume: true }), { run, clock, store });
  assert.ok(second.points.every((point) => point.status === "done"));
  assert.equal(store.writes.length, writes + 1);
});

Deno.test("a branch ends where a condition is met; other branches go on; --resume with none takes it up again", async () => {
  const clock = new FakeClock();
  const store = new MemoryStore();
  const run = runner(clock, (_, description) => {
    const args = description.clients[0]?.args ?? "";
    return getArg(args, "size") === "64" && Number(getArg(args, "bps")) >= 20e6 ? { lost: 50 } : {};
  });
  const events: SweepEvent[] = [];
  const plan = { ...options().plan, repeat: 1 };
  const deps = { run, clock, store, onEvent: (event: SweepEvent) => events.push(event) };
  const first = await runSweep(options({ plan, until: [parseUntil("loss>1%")] }), deps);
  assert.deepEqual(first.points.map((point) => point.status), [
    "done",
    "done",
    "skipped",
    "skipped",
    "done",
    "done",
    "done",
    "done",
  ]);
  assert.match(first.points[2]?.reason ?? "", /^loss>1% at bps=20000000, size=64$/);
  assert.deepEqual(events.find((event) => event.kind === "branch"), {
    kind: "branch",
    branch: "repetition 1, size=64",
    until: "loss>1%",
    skipped: 2,
  });
  const again = await runSweep(options({ plan, until: [parseUntil("loss>1%")], resume: true }), deps);
  assert.deepEqual(again.points.map((point) => point.status), first.points.map((point) => point.status));
  const all = await runSweep(options({ plan, resume: true }), deps);
  assert.ok(all.points.every((point) => point.status === "done"));
  assert.equal(store.writes.length, 8);
});

Deno.test("a target that gives way ends the branch, too, though its point is INVALID", async () => {
  const clock = new FakeClock();
  const run = runner(clock, (n) => n >= 2 ? { verdict: "INVALID", code: "no-answers", lost: 1000 } : {});
  const plan = { ...options().plan, axes: [parseAxis("bps=1,2,3")], repeat: 1 };
  const { index } = await sweep({ plan, until: [parseUntil("loss>1%")] }, { clock, run });
  assert.deepEqual(index.points.map((point) => point.status), ["done", "invalid", "skipped"]);
});

Deno.test("a document whose index entry was lost in a crash is taken over; a damaged or foreign one is not", async () => {
  const clock = new FakeClock();
  const { index, store } = await sweep({});
  const stale = structuredClone(index);
  for (const point of stale.points) Object.assign(point, { status: "pending", file: null });
  store.index = JSON.stringify(stale);
  store.documents.delete("point-0002.json");
  const foreign = store.documents.get("point-0005.json") ?? "";
  store.documents.set("point-0001.json", foreign);
  store.writes.length = 0;
  await runSweep(options({ resume: true }), { run: runner(clock), clock, store });
  assert.deepEqual(store.writes, ["point-0001.json", "point-0002.json"]);
});

Deno.test("a folder with a sweep is neither overwritten nor resumed with something else", async () => {
  const { store } = await sweep({});
  await assert.rejects(sweep({}, { store }), /holds a sweep already; give --resume/);
  await assert.rejects(
    sweep({ resume: true, plan: { ...options().plan, repeat: 3 } }, { store }),
    /number of repetitions/,
  );
  await assert.rejects(
    sweep({ resume: true, base: fakeDescription("socktype=tcp") }, { store }),
    /the clients of the sweep/,
  );
  store.index = '{"format":"ipbench-sweep/1"}';
  await assert.rejects(sweep({ resume: true }, { store }), SweepError);
  store.index = "{";
  await assert.rejects(sweep({ resume: true }, { store }), /not JSON/);
  store.index = JSON.stringify({ format: "ipbench-sweep/9" });
  await assert.rejects(sweep({ resume: true }, { store }), /no ipbench-sweep\/1 index/);
});

Deno.test("when every run fails the sweep gives up instead of trying all points", async () => {
  const clock = new FakeClock();
  const { index, store } = await sweep({}, {
    clock,
    run: runner(clock, () => ({ verdict: "INVALID", failed: true, code: "no daemon" })),
  });
  assert.equal(store.writes.length, 3);
  assert.equal(index.points.filter((point) => point.status === "pending").length, 13);
  assert.equal(index.sweep.ended, null);
});

Deno.test("points that cannot be run fail before the first one is", async () => {
  const store = new MemoryStore();
  const plan = { ...options().plan, axes: [parseAxis("bps=1,10")], split: true };
  await assert.rejects(sweep({ plan, base: fakeDescription("", "") }, { store }), /cannot be divided/);
  assert.equal(store.index, null);
});
