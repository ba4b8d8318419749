import assert from "node:assert/strict";
import { makeRfc2544, makeSearch } from "../../tests/fixtures/searches.ts";
import { parseGoal, parseLatencyLimit } from "../../controller/search/goal.ts";
import { rfc2544Answer, searchAnswer } from "./answers.ts";
import { searchCharts } from "./load_charts.ts";
import { viewsOfSearch } from "./parse.ts";

const DEVICE = { framesPerSecond: 700_000, bytesPerSecond: 124e6, buffer: 4000 };

function views(document: unknown) {
  const found = viewsOfSearch(JSON.stringify(document));
  assert.ok(found);
  return found;
}

Deno.test("a search's answer is one line a goal, and stands before everything else", async () => {
  const document = await makeSearch({ seed: 1, capacity: 412e6, baseLoss: 0.001 }, parseGoal("pdr:0.5%"));
  const { word, verdict, lines } = searchAnswer(document);
  assert.deepEqual([word, verdict, lines.length], ["FOUND", "VALID", 1]);
  assert.match(
    lines[0]!,
    /^pdr:0\.5% \(at most 0\.5 % loss\): 41\d\.\d+ Mbit\/s \(51.\d+ packets\/s\), no longer at 41\d\.\d+ Mbit\/s; loss there 0\.\d+ %, conditional throughput 41\d\.\d+ Mbit\/s, round trip p50 25 µs, p99 50 µs; regular$/,
  );
  const page = views(document).page("knee", []);
  assert.ok(page.indexOf("no longer at") < page.indexOf("<nav"), "the answer is not first");
});

Deno.test("what was not found, or only as far as the testers went, is no answer that looks like one", async () => {
  const lossy = searchAnswer(await makeSearch({ seed: 1, capacity: 4e8, baseLoss: 0.3 }, parseGoal("ndr")));
  assert.deepEqual([lossy.word, lossy.verdict], ["IRREGULAR", "SUSPECT"]);
  assert.match(lossy.lines[0]!, /^ndr \(no loss\): no load was found that keeps it; the smallest load/);
  const limited = searchAnswer(
    await makeSearch({ seed: 1, capacity: 9e8, testerLimit: 5e8 }, parseGoal("ndr")),
  );
  assert.match(
    limited.lines[0]!,
    /^ndr \(no loss\): at least 49\d\.\d+ Mbit\/s .*; irregular: from \d+ bit\/s on the testers/,
  );
});

Deno.test("trials that keep a goal are told from those that miss it, and both from INVALID ones", async () => {
  const document = await makeSearch(
    { seed: 2, capacity: 300e6, buffer: Infinity, invalidShare: 0.2 },
    parseGoal("ndr", [parseLatencyLimit("p99<1ms")]),
  );
  const rows = views(document).rows();
  const column = (name: string) => rows[0]!.indexOf(name);
  const trials = rows.slice(1);
  assert.equal(trials.length, document.trials.length);
  const valid = trials.filter((row) => row[column("outcome")] === "valid");
  assert.ok(valid.length < trials.length);
  for (const row of valid) {
    // This target loses nothing; what it misses is the limit of the latency.
    assert.equal(row[column("loss_ratio")], 0);
    const slow = Number(row[column("p99_ns")]) > 1e6;
    assert.equal(row[column("missed")], slow ? "ndr" : "", JSON.stringify(row));
  }
  assert.ok(valid.some((row) => row[column("missed")] === "ndr"));
  const [loss] = searchCharts(document);
  assert.deepEqual(loss!.legend.map(({ label, style }) => [label.replace(/: \d.*/, ""), style]), [
    ["keeps the goal", "dot"],
    ["misses the goal", "triangle"],
    ["INVALID: the tester's own fault", "cross"],
    ["ndr", "dashed"],
  ]);
});

Deno.test("a document of a time before trials told what they miss goes by their loss", async () => {
  const document = await makeSearch({ seed: 4, capacity: 200e6 }, parseGoal("ndr"));
  const old = { ...document, trials: document.trials.map(({ high_loss: _, ...trial }) => trial) };
  assert.deepEqual(views(old).rows(), views(document).rows());
});

Deno.test("RFC 2544's answer is one line a frame size", async () => {
  const document = await makeRfc2544(DEVICE, { frames: [64, 1518] });
  const { word, lines } = rfc2544Answer(document);
  assert.equal(word, "FOUND");
  assert.match(
    lines[0]!,
    /^64 bytes: 69\d.\d{3} frames\/s \(4\d\.\d+ % of the line\), mean 25 µs, p99 50 µs, bursts of \d.\d{3} frames$/,
  );
  assert.match(lines[1]!, /^1518 bytes: 80.\d{3} frames\/s \(98\.\d+ % of the line\)/);
  const { charts, page, rows } = views(document);
  assert.deepEqual(charts().map(({ name }) => name), [
    "frames-throughput",
    "frames-latency",
    "frames-loss",
    "frames-burst",
  ]);
  // The trials of the search are in it, with what each lost.
  assert.match(page("frames", []), /Frame loss rate[\s\S]*Back-to-back frames/);
  assert.equal(rows().length, 3);
  const only = await makeRfc2544(DEVICE, { frames: [64], tests: new Set(["throughput"] as const) });
  assert.deepEqual(views(only).charts().map(({ name }) => name), ["frames-throughput"]);
});

Deno.test("recovery and reset stand in answer, table, page and rows", async () => {
  const document = await makeRfc2544(DEVICE, { frames: [64], tests: new Set(["throughput"] as const) });
  const trial = {
    outage_ns: 0.5e9,
    error_ns: 1e6,
    after_ns: 2e6,
    lost: 500,
    loss_ns: 0.51e9,
    came_back: true,
  };
  Object.assign(document.frames[0]!, {
    recovery: {
      ...{ overload: 1.1e8, load: 0.55e8, mean_ns: 4e6 },
      trials: [{ recovery_ns: 4e6, lost: 7, recovered: true }, {
        recovery_ns: 59e9,
        lost: 9,
        recovered: false,
      }],
    },
    reset: {
      command: "<reboot>",
      load: 1e8,
      mean_ns: 0.5e9,
      trials: [trial, { ...trial, came_back: false }],
    },
  });
  const { table, page, rows } = views(document);
  assert.match(
    table(200),
    /\nrecovery at 64: 4ms \(4ms, not in the trial\)\nreset at 64: 500ms \(500ms, >=500ms\)\n/,
  );
  const text = page("frames", []);
  assert.match(text, /recovery 4 ms, dark for 500 ms when reset/);
  assert.match(text, /<code>&lt;reboot&gt;<\/code>[\s\S]*≥ 500 ms/);
  const [columns = [], values = []] = rows();
  assert.equal(values[columns.indexOf("recovery_ns")], 4e6);
  assert.equal(values[columns.indexOf("reset_ns")], 0.5e9);
});

Deno.test("a damaged document is refused with the key that is wrong", async () => {
  const document = await makeSearch({ seed: 5, capacity: 200e6 }, parseGoal("ndr"));
  assert.throws(
    () => viewsOfSearch(JSON.stringify({ ...document, trials: [{ ...document.trials[0], load: "x" }] })),
    /trials\.0\.load: /,
  );
  const hostile = { ...document, test: { name: "<script>alert(1)</script>" } };
  assert.doesNotMatch(views(hostile).page("<b>", []), /<script>|<b><\/h1>/);
  assert.equal(viewsOfSearch("{}"), null);
});
