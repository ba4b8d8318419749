import assert from "node:assert/strict";
import { parseGoal } from "../controller/search/goal.ts";
import { makeDocument } from "../tests/fixtures/documents.ts";
import { TemporaryFolder } from "../tests/fixtures/folders.ts";
import { makeRfc2544, makeSearch } from "../tests/fixtures/searches.ts";
import { checkHistory, History, pointsOf, rfc2544Run, searchRun, withFacts } from "./mod.ts";

const PLACE = pointsOf(makeDocument({ samples: 100, intervals: 2 })).points[0]!.identity;

Deno.test("a search is one run with the loads that it found, in a series of its goals", async () => {
  using folder = TemporaryFolder.make();
  using history = History.open(`${folder.path}/h.sqlite`, "write");
  const goals = parseGoal("ndr");
  const document = await makeSearch({ seed: 1, capacity: 200e6 }, goals);
  history.add(withFacts(searchRun(document, PLACE), { labels: { board: "a" } }));
  const [run] = history.list();
  assert.deepEqual([run!.kind, run!.id, run!.verdict, run!.labels], [
    "search",
    document.search.id,
    document.search.regular ? "VALID" : "SUSPECT",
    { board: "a" },
  ]);
  const [series] = history.series();
  assert.equal(series!.args["size"], "64");
  assert.match(series!.args["ndr"]!, /^loss 0 final /);
  const { figures } = history.runsOf(series!.id)[0]!;
  assert.equal(figures["ndr"], document.goals[0]!.lower_bound);
  assert.equal(history.metrics().get("ndr")!.worse, "less");
  const other = await makeSearch({ seed: 1, capacity: 200e6 }, parseGoal("pdr:0.5%"));
  history.add({ ...searchRun(other, PLACE), id: "other" });
  assert.equal(history.series().length, 2, "another goal is another series");
});

Deno.test("a load that falls is found as a change for the worse", async () => {
  using folder = TemporaryFolder.make();
  using history = History.open(`${folder.path}/h.sqlite`, "write");
  for (let n = 0; n < 16; n++) {
    const document = await makeSearch({ seed: n + 1, capacity: n < 10 ? 200e6 : 150e6 }, parseGoal("ndr"));
    const run = searchRun(document, PLACE);
    history.add({
      ...run,
      id: `${n}`,
      started: new Date(Date.UTC(2026, 0, 1, n)).toISOString(),
      verdict: "VALID",
    });
  }
  const { findings } = checkHistory(history);
  const found = findings.find(({ metric }) => metric.name === "ndr");
  assert.deepEqual([found!.finding, found!.first.id], ["worse", "10"]);
});

Deno.test("RFC 2544's benchmarks are one run with figures of each frame size", async () => {
  const document = await makeRfc2544({ framesPerSecond: 700_000, bytesPerSecond: 124e6, buffer: 4000 }, {
    frames: [64, 1518],
  });
  const run = rfc2544Run(document, PLACE);
  const { identity, figures } = run.points[0]!;
  assert.equal(identity.kind, "rfc2544");
  assert.equal(identity.args["size"], undefined, "sizes are what is varied");
  for (const { frame, throughput, latency } of document.frames) {
    assert.equal(figures[`throughput.${frame}`], throughput!.frames_per_second);
    assert.equal(figures[`p99.${frame}`], latency!.response!.p99_ns);
  }
});
