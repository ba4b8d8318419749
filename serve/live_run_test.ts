import assert from "node:assert/strict";
import { NO_PROGRESS, type TestProgress } from "../base/test_progress.ts";
import { makeDocument } from "../tests/fixtures/documents.ts";
import { MAX_CONSOLE, MAX_NOTES } from "./limits.ts";
import { LiveRun } from "./live_run.ts";
import { LiveRuns } from "./live_runs.ts";
import { parseState } from "./live_state.ts";

const peer = (index: number, name = "bulk") => ({
  role: "client" as const,
  index,
  host: `10.0.0.${index}`,
  port: 8036,
  class: name,
});

function running(): LiveRun {
  const run = new LiveRun("latency to 10.0.0.9", 1000);
  run.take({ kind: "schedule", leadNs: 500e6, expectedNs: 10e9, deadlineNs: 20e9 }, 2000);
  for (const [index, rateBps] of [[1, 30e6], [2, 20e6]] as const) {
    const counts = {
      ok: 90,
      lost: 10 * (index - 1),
      bad: 0,
      sent: 100,
      p50Ns: 1000 * index,
      p99Ns: 5000 * index,
    };
    const progress = { ...NO_PROGRESS, phase: "measure" as const, rateBps, ...counts };
    run.take({ kind: "progress", peer: peer(index), progress }, 3000);
  }
  return run;
}

Deno.test("a run's state says what its testers report, and survives the way between processes", () => {
  const state = running().state(4000);
  assert.deepEqual([state.startMs, state.expectedMs, state.ended], [2500, 10_000, null]);
  assert.deepEqual(
    state.peers.map(({ name, class: of, phase, progress }) => [name, of, phase, progress!.rateBps]),
    [["10.0.0.1:8036", "bulk", "measure", 30e6], ["10.0.0.2:8036", "bulk", "measure", 20e6]],
  );
  assert.deepEqual(parseState(JSON.stringify(state)), state);
  assert.equal(parseState(JSON.stringify({ ...state, id: "../etc" })), null);
  assert.equal(parseState("{"), null);
});

Deno.test("rates of a class add up, its percentiles are the slowest tester's, its loss is of all packets", () => {
  const runs = new LiveRuns();
  const state = running().state(4000);
  runs.update(state);
  runs.update({ ...state, atMs: 4200 });
  const { curves } = runs.get(state.id, true)!.state;
  assert.deepEqual(curves, { bulk: [[4000, 50e6, 10 / 190, 2000, 10_000]] });
});

Deno.test("a curve has no point where testers do not know, and shows what is sent where nothing is known to arrive", () => {
  const run = new LiveRun("stream to 10.0.0.9", 1000);
  const runs = new LiveRuns();
  const show = (progress: Partial<TestProgress>, atMs: number) => {
    run.take(
      { kind: "progress", peer: peer(1), progress: { ...NO_PROGRESS, phase: "measure", ...progress } },
      atMs,
    );
    runs.update(parseState(JSON.stringify(run.state(atMs)))!);
  };
  show({}, 4000);
  show({ sentBps: 7e6 }, 6000);
  const { curves } = runs.get(run.state(6000).id, true)!.state;
  assert.deepEqual(curves, { bulk: [[4000, null, null, null, null], [6000, 7e6, null, null, null]] });
});

Deno.test("reasons are noted when a result brings them, once, with whose they are", () => {
  const run = running();
  const document = makeDocument({ samples: 10 });
  document.clients[0]!.reasons = [{ level: "SUSPECT", code: "send-lateness", text: "packets left late" }];
  run.partial(document, 5000);
  run.partial(document, 6000);
  run.take({ kind: "error", peer: peer(2), phase: "run", text: "no result" }, 7000);
  const { notes, peers, id } = run.state(8000);
  const { host, port } = document.clients[0]!;
  assert.deepEqual(notes, [
    { atMs: 5000, level: "SUSPECT", text: `${host}:${port}: packets left late` },
    { atMs: 7000, level: "error", text: "10.0.0.2:8036: no result" },
  ]);
  assert.equal(id, document.run.id);
  assert.equal(peers[1]!.outcome, "failed");
  for (let n = 0; n < 2 * MAX_NOTES; n++) run.take({ kind: "warning", peer: null, text: `${n}` }, 9000);
  assert.equal(run.state(9000).notes.length, MAX_NOTES);
});

Deno.test("the latest lines of attached consoles are in the state, and in none without a console", () => {
  const run = running();
  assert.equal("console" in run.state(1), false);
  for (let n = 0; n < MAX_CONSOLE + 2; n++) run.line("ttyUSB0", `${n}`, 1000 + n);
  const state = run.state(9000);
  assert.equal(state.console!.length, MAX_CONSOLE);
  assert.deepEqual(state.console![0], { atMs: 1002, name: "ttyUSB0", text: "2" });
  assert.deepEqual(parseState(JSON.stringify(state)), state);
});

Deno.test("a run whose process is gone has ended", () => {
  const runs = new LiveRuns();
  const state = running().state(4000);
  runs.update(state);
  runs.lost(state.id, 5000);
  assert.match(runs.list()[0]!.ended!.reasons[0]!, /gone before its end/);
});
