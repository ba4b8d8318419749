import assert from "node:assert/strict";
import { parseGoal } from "../controller/search/goal.ts";
import { checkHistory, History, historyRun, meshRun, pointsOf, quickRun, searchRun } from "../history/mod.ts";
import type { MeshDocument } from "../results/mesh/document.ts";
import { quickDocument } from "../tests/fixtures/quick.ts";
import { makeSearch } from "../tests/fixtures/searches.ts";
import { makeDocument } from "../tests/fixtures/documents.ts";
import { TemporaryFolder } from "../tests/fixtures/folders.ts";
import { seededNormal } from "../tests/util/mod.ts";
import { HistoryResults } from "./history_results.ts";
import { LiveRuns } from "./live_runs.ts";
import { changesOf } from "./pages/series_chart.ts";
import { PageServer } from "./server.ts";

const RUNS = 24, FIRST_SLOW = 12;

/** A history of one series whose times are a half longer from a run on, and the server of its pages. */
function serving(folder: TemporaryFolder) {
  const path = `${folder.path}/history.sqlite`;
  {
    using history = History.open(path, "write");
    for (let n = 0; n < RUNS; n++) {
      const document = makeDocument({ samples: 200, seed: n + 1, slowdown: n < FIRST_SLOW ? 1 : 1.5 });
      document.run.id = `0000${n.toString().padStart(4, "0")}`;
      document.run.started = new Date(Date.UTC(2026, 0, 1, n)).toISOString();
      const commit = { id: n.toString(16).padStart(40, "a"), tag: null, dirty: false };
      history.add(historyRun(document, { labels: { board: n % 2 === 0 ? "tx2" : "<b>" }, commit }));
    }
  }
  return servingOf(path);
}

/** The server of the pages of a history. */
function servingOf(path: string) {
  const history = new HistoryResults(path);
  const guard = { token: null, names: [], tls: false };
  const server = new PageServer({ runs: new LiveRuns(), results: [history], history, guard });
  return async (address: string) => {
    const headers = { host: "127.0.0.1" };
    const answer = await server.handle(new Request(`http://127.0.0.1${address}`, { headers }));
    return { status: answer.status, text: await answer.text() };
  };
}

Deno.test("a series shows where it changed, with a link to the first run after that", async () => {
  using folder = TemporaryFolder.make();
  const get = serving(folder);
  const list = await get("/series?q=latency");
  const id = /href="\/series\/([0-9a-f]+)"/.exec(list.text)![1]!;
  const { status, text } = await get(`/series/${id}?metric=p50`);
  assert.equal(status, 200);
  const [, change, run] = /<li>(\+\S+ %)[^<]*with run <a href="\/runs\/(\d+)"/.exec(text) ??
    assert.fail("no change is listed");
  assert.equal(Number(run), FIRST_SLOW);
  assert.ok(Math.abs(parseFloat(change!) - 50) < 15, change);
  assert.match(text, /href="\/\?q=board%3Dtx2"/);
  assert.doesNotMatch(text, /<b>/);
  assert.equal((await get(`/series/${id}?metric=nothing`)).status, 200);
  assert.equal((await get("/series/0123456789")).status, 404);
});

Deno.test("of a long series the latest runs are drawn, all are listed, and changes are those of history check", async () => {
  for (const repetitions of [1, 3]) {
    using folder = TemporaryFolder.make();
    const path = `${folder.path}/history.sqlite`;
    const runs = 450, slow = 300, drawn = 420, metric = "p99";
    const normal = seededNormal(repetitions);
    using history = History.open(path, "write");
    const template = historyRun(makeDocument({ samples: 200, intervals: 2 }), {});
    const [point] = template.points;
    for (let n = 0; n < runs; n++) {
      const figures = { [metric]: (n < slow ? 20_000 : 22_000) * (1 + 0.01 * normal()) };
      history.add({
        ...template,
        id: `00${n.toString().padStart(6, "0")}`,
        started: new Date(Date.UTC(2026, 0, 1, 0, n)).toISOString(),
        batch: `${Math.floor(n / repetitions)}`,
        verdict: "VALID",
        text: "{}",
        points: [{ ...point!, figures, verdict: "VALID" }],
      });
    }
    const [finding] = checkHistory(history, { metrics: [metric] }).findings;
    const shown = (await new HistoryResults(path, drawn).show(
      history.series()[0]!.id,
      "none",
      () => ({ offset: 400, limit: 40 }),
    ))!;
    assert.deepEqual([shown.metric!.name, shown.drawn.length], [metric, drawn]);
    assert.deepEqual([shown.drawn[0]!.id, shown.drawn.at(-1)!.id], ["00000030", "00000449"]);
    assert.deepEqual([shown.listed.length, shown.listed[0]!.id, shown.listed.at(-1)!.id], [
      40,
      "00000049",
      "00000010",
    ]);
    const { steps } = changesOf(shown.observed, shown.series.runs, shown.metric!);
    assert.deepEqual(steps.map(({ run, n }) => [run.id, n]), [[
      finding!.first.id,
      Number(finding!.first.id) + 1,
    ]]);
  }
});

Deno.test("runs are found by labels, commits and words, and told apart by load and time", async () => {
  using folder = TemporaryFolder.make();
  const get = serving(folder);
  const { text } = await get("/");
  assert.match(text, /href="\/runs\/00000003">latency, 100 Mbit\/s by 2 testers<\/a>/);
  const boxes = [...text.matchAll(/name="a"[^>]*aria-label="([^"]*)"/g)].map(([, label]) => label);
  assert.equal(new Set(boxes).size, RUNS, "each box has a name of its own");
  const count = async (q: string) => {
    const { text } = await get(`/?${new URLSearchParams({ q })}`);
    return Number(/(\d+) runs?\./.exec(text)![1]);
  };
  assert.equal(await count(""), RUNS);
  assert.equal(await count("board=tx2"), RUNS / 2);
  assert.equal(await count("board=none"), 0);
  assert.equal(await count("latency"), RUNS);
  assert.equal(await count("commit=aaaaaaaaaa"), RUNS);
  assert.equal((await get("/runs/00000003")).status, 200);
});

Deno.test("what is more than one run has its page: a search, a mesh, a quick look", async () => {
  using folder = TemporaryFolder.make();
  const path = `${folder.path}/history.sqlite`;
  const result = makeDocument({ samples: 200, intervals: 2 });
  const search = await makeSearch({ seed: 1, capacity: 200e6 }, parseGoal("ndr"));
  const mesh: MeshDocument = {
    format: "ipbench-mesh/1",
    ipbench: { version: "1.0.0", build: "test" },
    started: "2026-11-29T06:00:00.000Z",
    ended: "2026-11-29T06:00:10.000Z",
    interrupted: false,
    hosts: ["a", "b"].map((name) => ({ name, host: name, port: 8036, targetPort: 8037, address: name })),
    rounds: 1,
    delay_args: "socktype=udp",
    rate_args: null,
    both: true,
    pairs: [[0, 1, 20_000, 1], [1, 0, 40_000, 3]].map(([from, to, p50_ns, lost]) => ({
      from: from!,
      to: to!,
      round: 1,
      delay: { min_ns: 10_000, p50_ns: p50_ns!, p99_ns: 90_000, max_ns: 99_000 },
      sent: 200,
      lost: lost!,
      rate_bps: null,
      verdict: "VALID",
      reason: null,
    })),
    findings: [],
    summary: [],
  };
  const look = quickDocument({ documents: { idle: result } });
  const runs = [
    searchRun(search, pointsOf(result).points[0]!.identity),
    meshRun(mesh),
    quickRun(look),
  ];
  {
    using history = History.open(path, "write");
    for (const run of runs) history.add(run);
    const figuresOf = (id: string) => history.runsOf(history.list({ id })[0]!.series[0]!)[0]!.figures;
    assert.deepEqual(figuresOf(runs[1]!.id), { "mesh.delay": 30_000, "mesh.delay.worst": 40_000, loss: 1 });
    assert.deepEqual(figuresOf(runs[2]!.id), {
      "quick.rtt": 210_000,
      "quick.up": 19.1e6,
      "quick.down": 934e6,
      loss: 0.5,
    });
  }
  const get = servingOf(path);
  for (const [n, words] of [/ndr/, /heat|hosts/, /latency/].entries()) {
    const { status, text } = await get(`/runs/${runs[n]!.id}`);
    assert.equal(status, 200, text);
    assert.match(text, words);
    assert.match(text, /<a href="\/">ipbench serve<\/a>/);
  }
  const { text } = await get("/");
  for (const { id } of runs) assert.match(text, new RegExp(`href="/runs/${id}"`));
});

Deno.test("a history that is not there yet is empty", async () => {
  using folder = TemporaryFolder.make();
  const results = new HistoryResults(`${folder.path}/none.sqlite`);
  assert.deepEqual(await results.list({ words: [], labels: {}, limit: 10, offset: 0 }), {
    runs: [],
    count: 0,
  });
  assert.equal(await results.read("a"), null);
  const empty = new HistoryResults(folder.write("empty.sqlite", ""));
  assert.deepEqual(await empty.list({ words: [], labels: {}, limit: 10, offset: 0 }), { runs: [], count: 0 });
});
