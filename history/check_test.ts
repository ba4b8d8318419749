import assert from "node:assert/strict";
import { makeDocument } from "../tests/fixtures/documents.ts";
import { TemporaryFolder } from "../tests/fixtures/folders.ts";
import { seededNormal } from "../tests/util/random.ts";
import {
  checkHistory,
  type CheckOptions,
  type Finding,
  History,
  historyRun,
  isAlarm,
  type RunFacts,
} from "./mod.ts";

interface Simulated {
  /** Factor on all latencies of run `n` at load `load`. */
  slowdown: (n: number, load: number) => number;
  verdict?: (n: number) => "VALID" | "SUSPECT" | "INVALID";
  facts?: (n: number) => RunFacts;
  runs?: number;
  loads?: number;
  size?: number;
  first?: number;
}

/** One document, whose summaries are then scaled: simulating each packet of hundreds of runs would take minutes. */
const TEMPLATE = makeDocument({ samples: 2000, intervals: 2 });

/** Adds runs of a latency test that scatter by 1 %. Commits are numbered from 1, one a round of loads. */
function simulate(history: History, what: Simulated): void {
  const { slowdown, verdict, facts, runs = 40, loads = 1, size = 64, first = 0 } = what;
  const normal = seededNormal(size);
  for (let n = 0; n < runs; n++) {
    for (let load = 1; load <= loads; load++) {
      const document = structuredClone(TEMPLATE);
      const factor = slowdown(n, load) * (1 + 0.01 * normal());
      const { response } = document.total.latency;
      for (const key of ["p50_ns", "p99_ns", "p999_ns"] as const) response![key] *= factor;
      for (const client of document.clients) {
        client.args = client.args.replace(/size=\d+/, `size=${size}`).replace(/bps=[^,]+/, `bps=${load}M`);
      }
      document.total.rates!.requested_bps = load * 2e6;
      const seconds = 600 * n + 60 * load + first;
      Object.assign(document.run, {
        id: `${size}-${n}-${load}`,
        started: new Date(Date.UTC(2026, 0, 1) + seconds * 1000).toISOString(),
        verdict: verdict?.(n) ?? "VALID",
      });
      const commit = { id: String(n + 1).padStart(40, "0"), tag: n === 25 ? "v25" : null, dirty: false };
      history.add(historyRun(document, { commit, ...facts?.(n) }));
    }
  }
}

function checked(
  what: Simulated | Simulated[],
  options: CheckOptions = {},
  then?: (history: History) => void,
) {
  using folder = TemporaryFolder.make();
  using history = History.open(`${folder.path}/h.sqlite`, "write");
  for (const each of [what].flat()) simulate(history, each);
  then?.(history);
  return checkHistory(history, { metrics: ["p99"], ...options });
}

const STEP = { slowdown: (n: number) => n < 30 ? 1 : 1.06 };

Deno.test("a step is found with its commits, its size and its direction", () => {
  const { findings: [found, ...others], states: [state] } = checked(STEP);
  assert.equal(others.length, 0);
  assert.equal(found!.finding, "worse");
  assert.equal(isAlarm(found!), true);
  assert.deepEqual(
    [found!.last.commit, found!.first.commit],
    [30, 31].map((n) => String(n).padStart(40, "0")),
  );
  assert.ok(found!.interval!.low < 0.06 && 0.06 < found!.interval!.high, JSON.stringify(found!.interval));
  assert.deepEqual(found!.counts, [30, 10]);
  assert.ok(Math.abs(state!.noise - 0.01) < 0.004, `${state!.noise}`);
  assert.ok(state!.detectable > 0.015 && state!.detectable < 0.04, `${state!.detectable}`);
  const { findings: [better] } = checked({ slowdown: (n) => n < 30 ? 1 : 0.9 });
  assert.deepEqual([better!.finding, isAlarm(better!)], ["better", false]);
});

Deno.test("INVALID runs are none, SUSPECT ones are counted", () => {
  const invalid = checked({ ...STEP, verdict: (n) => n < 30 ? "VALID" : "INVALID" });
  assert.deepEqual([invalid.findings.length, invalid.states[0]!.observations], [0, 30]);
  const suspect = checked({ ...STEP, verdict: (n) => n % 10 === 9 ? "SUSPECT" : "VALID" });
  assert.equal(suspect.findings[0]!.suspect, 4);
});

Deno.test("only changes after a run count, where that is asked for", () => {
  using folder = TemporaryFolder.make();
  using history = History.open(`${folder.path}/h.sqlite`, "write");
  simulate(history, STEP);
  const since = (ref: string) =>
    checkHistory(history, { metrics: ["p99"], since: history.lastOf(ref)! }).findings;
  assert.equal(since("v25").length, 1);
  assert.equal(since(String(35).padStart(40, "0")).length, 0);
  assert.equal(history.lastOf("v26"), null);
});

Deno.test("an accepted change is no alarm, also when more runs come in; the next one is", () => {
  const accept = (history: History) => history.ack(history.series()[0]!.id, "p99", "64-30-1", "new feature");
  const { findings } = checked(STEP, {}, accept);
  assert.deepEqual(findings.map(({ ack }) => ack?.reason), ["new feature"]);
  assert.equal(findings.some(isAlarm), false);
  const again =
    checked({ slowdown: (n) => n < 30 ? 1 : n < 60 ? 1.06 : 1.13, runs: 80 }, {}, accept).findings;
  assert.deepEqual(again.map(isAlarm), [false, true]);
});

Deno.test("loads agree or not; a small change at one of several loads alone does not count", () => {
  const all = checked({ ...STEP, loads: 3 }).findings;
  assert.deepEqual(all.map(({ loads }) => loads), new Array(3).fill({ seen: 3, of: 3 }));
  const alone = (factor: number) =>
    checked({ slowdown: (n, load) => n < 30 || load < 3 ? 1 : factor, loads: 3 }).findings;
  assert.deepEqual(alone(1.1).map(({ loads }) => loads), [{ seen: 1, of: 3 }]);
  assert.equal(alone(1.027).length, 0);
});

Deno.test("repetitions of one sweep are one observation", () => {
  const { states: [state] } = checked({
    slowdown: () => 1,
    facts: (n) => ({ batch: `sweep ${Math.floor(n / 4)}` }),
  });
  assert.equal(state!.observations, 10);
});

Deno.test("where a canary on the same testers changes, too, it is the machine", () => {
  const canary = (factor: number): Simulated => ({
    slowdown: (n) => n < 30 ? 1 : factor,
    facts: () => ({ labels: { canary: "aa" } }),
    size: 512,
    first: 30,
  });
  const alarms = (findings: Finding[]) =>
    findings.filter(({ series }) => series.args["size"] === "64").map(isAlarm);
  assert.deepEqual(alarms(checked([STEP, canary(1.06)]).findings), [false]);
  assert.deepEqual(alarms(checked([STEP, canary(1)]).findings), [true]);
});

Deno.test("a drift is told as one, with its first and last level", () => {
  const { findings: [found, ...others] } = checked({ slowdown: (n) => 1 + 0.001 * n, runs: 100 });
  assert.equal(others.length, 0);
  assert.deepEqual([found!.kind, found!.finding], ["drift", "worse"]);
  assert.ok(Math.abs(found!.change - 0.1) < 0.02 && found!.before < found!.after);
});
