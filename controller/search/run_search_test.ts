import assert from "node:assert/strict";
import type { RunDescription } from "../../config/run_description.ts";
import {
  FAKE_SHAPE,
  FakeClock,
  fakeDescription,
  fakeDocument,
  type FakeRun,
} from "../../tests/fixtures/fake_run.ts";
import { getArg } from "../../base/args.ts";
import type { SearchDocument } from "../../results/search/document.ts";
import { parseGoal, parseLatencyLimit } from "./goal.ts";
import { describeTrial, readOutcome, secondsText } from "./measure.ts";
import { runSearch, type SearchDependencies, type SearchOptions } from "./run_search.ts";
import { alignColumns, searchTable, trialLine } from "../../results/search/table.ts";

function options(change: Partial<SearchOptions> = {}): SearchOptions {
  return {
    base: fakeDescription("socktype=udp,Mbps=1,size=100,samples=5", "socktype=udp,size=100"),
    config: {
      goals: parseGoal("ndr"),
      minLoad: 1e6,
      maxLoad: 1e9,
      invalidLimit: 3,
      maxTrials: 500,
      maxTrialSeconds: 1e5,
    },
    shape: FAKE_SHAPE,
    unit: "bit/s",
    settleSeconds: 0.5,
    failureLimit: 3,
    ipbench: { version: "0", build: "test" },
    ...change,
  };
}

function loadOf(description: RunDescription): number {
  return description.clients.reduce((sum, client) => sum + Number(getArg(client.args, "bps")), 0);
}

/** Drops everything above a capacity. */
function target(capacity: number, fake: (load: number, n: number) => FakeRun = () => ({})) {
  let n = 0;
  return (description: RunDescription) => {
    const load = loadOf(description);
    const lost = Math.max(0, Math.round(1e6 * (1 - capacity / load)));
    return Promise.resolve(fakeDocument(description, { sent: 1e6, lost, ...fake(load, ++n) }));
  };
}

function search(change: Partial<SearchOptions>, deps: Partial<SearchDependencies>): Promise<SearchDocument> {
  return runSearch(options(change), { run: target(100e6), clock: new FakeClock(), ...deps });
}

Deno.test("a trial is the configured run with its load divided, its length set and samples gone", () => {
  const trial = describeTrial(options().base, FAKE_SHAPE, 1001, 1.5);
  assert.deepEqual(trial.clients.map((client) => client.args), [
    "socktype=udp,size=100,bps=501,duration=1500ms,rampup=200ms,warmup=100ms,cooldown=0",
    "socktype=udp,size=100,bps=500,duration=1500ms,rampup=200ms,warmup=100ms,cooldown=0",
  ]);
  assert.equal(secondsText(2), "2");
  assert.equal(secondsText(0.0005), "500us");
});

Deno.test("a document is read as what it is", () => {
  const base = fakeDescription("size=64");
  const kind = (fake: FakeRun) => readOutcome(fakeDocument(base, fake), 1e6, 1).kind;
  assert.equal(kind({}), "valid");
  assert.equal(kind({ verdict: "SUSPECT" }), "valid");
  assert.equal(kind({ verdict: "INVALID", code: "send-lateness" }), "invalid");
  assert.equal(kind({ verdict: "INVALID", code: "no-answers", lost: 1000 }), "valid");
  // The tester's own queue hid what the link did not carry.
  assert.equal(kind({ verdict: "SUSPECT", code: "link-full" }), "invalid");
  assert.equal(kind({ verdict: "INVALID", failed: true }), "failed");
  assert.equal(kind({ verdict: "INVALID", failed: true, interrupted: true }), "interrupted");
  assert.equal(kind({ counts: null }), "failed");
  const died = readOutcome(fakeDocument(base, { verdict: "INVALID", code: "target-died", lost: 10 }), 1e6, 1);
  assert.equal(died.kind === "valid" ? died.trial.lossRatio : null, 1);
  // Of two testers the target answered one.
  const halfDead = fakeDocument(fakeDescription("bps=1M", "bps=3M"), {
    verdict: "INVALID",
    code: "target-silent",
  });
  for (const [n, client] of halfDead.clients.entries()) {
    client.rates!.requested_bps = [1e6, 3e6][n]!;
    client.counts = { ...client.counts!, sent: [10, 300][n]!, ok: [5, 297][n]! };
    client.reasons = n > 0 ? [] : [{ level: "INVALID", code: "target-silent", text: "" }];
  }
  const half = readOutcome(halfDead, 4e6, 1);
  assert.equal(half.kind === "valid" ? half.trial.lossRatio : null, 0.25 + 0.75 * 0.01);
  const full = fakeDocument(base, { sent: 900 });
  full.clients[0]!.pacing = { lateness: null, unaccepted: 100 };
  const held = readOutcome(full, 1e6, 1);
  assert.equal(held.kind === "valid" ? held.trial.lossRatio : null, 0.1);
  assert.equal(readOutcome(fakeDocument(base, { verdict: "SUSPECT" }), 1e6, 1, true).kind, "invalid");
  const outcome = readOutcome(fakeDocument(base, { sent: 1000, lost: 10, receivedShare: 0.9 }), 1e6, 1);
  assert.ok(outcome.kind === "valid");
  assert.deepEqual([outcome.trial.lossRatio, outcome.trial.receivedLoad], [0.01, 9e5]);
});

Deno.test("a search finds the capacity over two testers and writes everything down", async () => {
  const clock = new FakeClock();
  const kept: number[] = [];
  const events: string[] = [];
  const document = await search({}, {
    clock,
    keep: (n) => Promise.resolve(`trial-${kept.push(n)}.json`),
    onEvent: (event) => events.push(event.kind),
  });
  const [goal] = document.goals;
  assert.ok(goal?.regular && document.search.regular);
  assert.ok(Math.abs((goal.lower_bound ?? 0) / 100e6 - 1) <= 0.005);
  assert.equal(goal.conditional_throughput, goal.lower_bound);
  assert.deepEqual(goal.stop.code, "width");
  assert.equal(document.load.bits_per_packet, 800);
  assert.equal(document.totals.trials, document.trials.length);
  assert.deepEqual(document.trials.map((trial) => trial.n), kept);
  assert.equal(document.trials[0]?.file, "trial-1.json");
  assert.equal(events.length, 2 * document.trials.length);
  assert.ok(Math.abs(clock.elapsed - 0.5 * (document.trials.length - 1)) < 1e-6, "settles between trials");
  const table = searchTable(document);
  assert.match(
    table,
    /^goal +lower \(bit\/s\) +upper +cond\. throughput +packets\/s +p50 +p99 +result\nndr +99\.\d+M/,
  );
  assert.match(table, /regular\nndr: the bounds are within 0\.5% of each other\.\n$/);
});

Deno.test("invalid trials are repeated and never count as loss; too many are the tester's limit", async () => {
  const once = await search({}, {
    run: target(100e6, (_, n) => n % 4 === 0 ? { verdict: "INVALID", code: "steal" } : {}),
  });
  assert.ok(once.search.regular && once.totals.invalid_trials > 0);
  const limited = await search({}, {
    run: target(900e6, (load) => load > 300e6 ? { verdict: "INVALID", code: "rate-not-reached" } : {}),
  });
  const [goal] = limited.goals;
  assert.deepEqual([goal?.stop.code, goal?.upper_bound, limited.search.regular], [
    "tester-limited",
    null,
    false,
  ]);
  assert.ok((goal?.lower_bound ?? 0) > 290e6 && (goal?.lower_bound ?? 0) <= 300e6);
  assert.match(goal?.stop.text ?? "", /the testers themselves could not measure/);
  assert.match(searchTable(limited), /irregular \(tester-limited\)/);
});

Deno.test("a latency goal finds where a target gets slow though it loses nothing", async () => {
  const goals = parseGoal("ndr", [parseLatencyLimit("p99<200us")]);
  const document = await search({ config: { ...options().config, goals } }, {
    run: target(Infinity, (load) => ({ p99Ns: load > 50e6 ? 5e6 : 100_000 })),
  });
  const [goal] = document.goals;
  assert.ok(goal?.regular && (goal.lower_bound ?? 0) <= 50e6 && (goal.upper_bound ?? 0) > 50e6);
  assert.deepEqual(goal.goal.latency, ["p99<200us"]);
});

Deno.test("slow answers that are the tester's own lateness make a trial invalid; with TCP they do not", async () => {
  const goals = parseGoal("ndr", [parseLatencyLimit("p99<200us")]);
  const run = (description: RunDescription) => {
    const document = fakeDocument(description, { verdict: "SUSPECT", code: "send-lateness", p99Ns: 5e6 });
    const service = fakeDocument(description).total.latency.service;
    return Promise.resolve({
      ...document,
      total: { ...document.total, latency: { ...document.total.latency, service } },
    });
  };
  const config = { ...options().config, goals };
  const udp = await search({ config }, { run });
  assert.ok(udp.trials.length > 0 && udp.trials.every((trial) => trial.outcome === "invalid"));
  assert.equal(udp.goals[0]?.stop.code, "tester-limited");
  assert.match(udp.trials[0]?.reasons[0] ?? "", /packets left late/);
  const tcp = await search({ config, base: fakeDescription("socktype=tcp") }, { run });
  assert.equal(tcp.goals[0]?.stop.code, "min-load");
});

Deno.test("runs that fail end the search after a few, with their reason", async () => {
  let runs = 0;
  const document = await search({}, {
    run: (description) => {
      runs++;
      return Promise.resolve(
        fakeDocument(description, { verdict: "INVALID", failed: true, code: "no daemon" }),
      );
    },
  });
  assert.equal(runs, 3);
  assert.deepEqual([document.search.failed, document.search.reasons], [true, ["no daemon"]]);
  assert.equal(document.goals[0]?.stop.code, "failed");
  assert.match(trialLine(document.trials[0]!, "bit/s"), /^trial 1: 1G bit\/s for 1 s: failed \(no daemon\)$/);
});

Deno.test("a target that never answers is a failure, not a slow target", async () => {
  const document = await search({}, {
    run: (description) =>
      Promise.resolve(fakeDocument(description, { verdict: "INVALID", code: "no-answers", lost: 1000 })),
  });
  assert.equal(document.search.failed, true);
  assert.match(document.search.reasons[0] ?? "", /no packet of any trial was answered/);
  assert.deepEqual(
    document.trials.slice(0, 2).map((trial) => trial.load),
    [1e9, 1e6],
    "straight to the smallest load",
  );
  assert.ok(document.trials.length < 10);
});

Deno.test("an interrupted search gives what it has", async () => {
  const controller = new AbortController();
  const inner = target(100e6);
  let n = 0;
  const document = await search({}, {
    signal: controller.signal,
    run: (description) => {
      if (++n < 3) return inner(description);
      controller.abort();
      return Promise.resolve(fakeDocument(description, { verdict: "INVALID", interrupted: true }));
    },
  });
  assert.deepEqual([document.search.interrupted, document.trials.length], [true, 3]);
  assert.equal(document.goals[0]?.stop.code, "interrupted");
  assert.deepEqual([document.goals[0]?.upper_bound, document.search.regular], [null, false]);
});

Deno.test("a smallest load that cannot be divided over the testers is refused at once", async () => {
  await assert.rejects(search({ config: { ...options().config, minLoad: 1 } }, {}), RangeError);
});

Deno.test("a table that is too wide becomes several, each with the first column, and loses nothing", () => {
  const rows = [["goal", "lower", "upper", "p99", "result"], ["ndr", "1.234M", "1.25M", "45us", "regular"]];
  assert.equal(
    alignColumns(rows),
    "goal   lower  upper   p99   result\nndr   1.234M  1.25M  45us  regular\n",
  );
  assert.equal(
    alignColumns(rows, 24),
    "goal   lower  upper\nndr   1.234M  1.25M\n\ngoal   p99   result\nndr   45us  regular\n",
  );
  assert.equal(alignColumns(rows, 34), alignColumns(rows));
  for (let width = 13; width <= 40; width++) {
    const text = alignColumns(rows, width);
    assert.ok(text.split("\n").every((line) => line.length <= width), text);
    for (const cell of rows.flat()) assert.ok(text.includes(cell), text);
  }
});
