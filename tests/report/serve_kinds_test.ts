/**
 * Pages of what is more than a single run, in a real browser: a search, RFC 2544's benchmarks, a mesh, a quick look, and the series of
 * each, from the history; the same and a sweep from files. Skipped where Debian's chromium is not installed.
 */
import assert from "node:assert/strict";
import { type Browser, chromium } from "playwright-core";
import { newIndex } from "../../controller/sweep/sweep_index.ts";
import { parseGoal } from "../../controller/search/goal.ts";
import { History, meshRun, pointsOf, quickRun, rfc2544Run, searchRun } from "../../history/mod.ts";
import { findOutliers } from "../../results/mesh/findings.ts";
import type { MeshDocument, MeshPair } from "../../results/mesh/document.ts";
import { HistoryResults } from "../../serve/history_results.ts";
import { LiveRuns } from "../../serve/live_runs.ts";
import { startPages } from "../../cli/serving/page_server.ts";
import { FolderResults } from "../../cli/serving/served_results.ts";
import { CHROMIUM, CHROMIUM_FLAGS, hasChromium } from "../fixtures/browser.ts";
import { makeDocument } from "../fixtures/documents.ts";
import { fakeDescription } from "../fixtures/fake_run.ts";
import { TemporaryFolder } from "../fixtures/folders.ts";
import { cutVerdicts, emptyCharts, overlaps, pageWidth } from "../fixtures/page_checks.js";
import { quickDocument, quickPhase, quickTrips } from "../fixtures/quick.ts";
import { makeRfc2544, makeSearch } from "../fixtures/searches.ts";

const HOSTS = ["alpha", "beta", "gamma", "delta"];
/** A reason as testers give them, which is long. */
const REASON =
  "the tester's loop stood still 4 times for more than 0.200 ms, 94.60 % of the measured phase, the longest time for " +
  "88.039 ms: something else runs on its processor (try cpu= and rt=)";

/** All pairs of four hosts, of which one direction is slow, two carried nothing, and one is INVALID. */
function mesh(): MeshDocument {
  const hosts = HOSTS.map((name) => ({ name, host: name, port: 8036, targetPort: 8037, address: name }));
  const pairs = HOSTS.flatMap((_, from) =>
    HOSTS.flatMap((_, to): MeshPair[] =>
      from === to ? [] : [{
        from,
        to,
        round: 1,
        delay: {
          min_ns: 10_000,
          p50_ns: from + to === 5 ? 900_000 : 20_000,
          p99_ns: 950_000,
          max_ns: 990_000,
        },
        sent: 200,
        lost: 0,
        rate_bps: from + to === 1 ? 0 : 200e6,
        verdict: from === 0 && to === 2 ? "INVALID" : "VALID",
        reason: from === 0 && to === 2 ? REASON : null,
      }]
    )
  );
  return {
    format: "ipbench-mesh/1",
    ipbench: { version: "1.0.0", build: "test" },
    started: "2026-11-29T06:00:00.000Z",
    ended: "2026-11-29T06:00:10.000Z",
    interrupted: false,
    hosts,
    rounds: 3,
    delay_args: "socktype=udp",
    rate_args: "direction=up",
    both: true,
    pairs,
    ...findOutliers(hosts, pairs),
  };
}

/** One of each that is shown. */
interface Kind {
  id: string;
  answers: RegExp[];
  figure: RegExp;
}

/** A history of one of each and files of the same, and what the pages of each have to show first. */
async function fill(path: string, folder: TemporaryFolder): Promise<Kind[]> {
  const result = makeDocument({ samples: 500, intervals: 5 });
  const identity = pointsOf(result).points[0]!.identity;
  const search = searchRun(await makeSearch({ seed: 1, capacity: 200e6 }, parseGoal("ndr")), identity);
  const frames = rfc2544Run(
    await makeRfc2544({ framesPerSecond: 1e6, bytesPerSecond: 1e8, buffer: 5000 }),
    identity,
  );
  const up = quickPhase("up", { up_bps: 934e6, rtt: quickTrips(7), full_ns: 6e6, rpm: 8_000, loss: 0.001 });
  const look = quickRun(quickDocument({
    phases: [quickPhase("idle", { rtt: quickTrips(0.2) }), up],
    findings: [{ code: "queue", text: "A full queue adds 6 ms." }],
    documents: { idle: result },
  }));
  const all = meshRun(mesh());
  using history = History.open(path, "write");
  for (const run of [search, frames, look, all]) {
    history.add(run);
    // As programs write them, and one as a person's tool might.
    folder.write(
      `files/lab/${run.kind}.json`,
      JSON.stringify(JSON.parse(run.text), null, run === all ? 0 : 1) + "\n",
    );
  }
  return [
    { id: search.id, answers: [/ndr/, /Mbit\/s/], figure: /^ndr/ },
    { id: frames.id, answers: [/64 bytes/, /frames\/s/], figure: /^throughput.64 / },
    { id: look.id, answers: [/A full queue adds 6 ms\./, /VALID/], figure: /^quick.rtt/ },
    {
      id: all.id,
      answers: [/FOUND/, /the link alpha – beta carried nothing in both directions/],
      figure: /^mesh.delay /,
    },
  ];
}

/** Opens a page and returns its heading's box of answers, when nothing in it is wrong. */
async function look(browser: Browser, url: string, width: number, colorScheme: "light" | "dark") {
  const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme });
  const where = `${new URL(url).pathname} at ${width}, ${colorScheme}`;
  const complaints: string[] = [];
  page.on("console", (message) => complaints.push(`console: ${message.text()}`));
  page.on("pageerror", (error) => complaints.push(`error: ${error.message}`));
  page.on("request", (request) => {
    const { origin, protocol } = new URL(request.url());
    if (origin !== new URL(url).origin && protocol !== "data:") complaints.push(`request: ${request.url()}`);
  });
  const answer = await page.goto(url);
  assert.equal(answer!.status(), 200, where);
  assert.deepEqual(complaints, [], where);
  assert.ok(await page.evaluate(pageWidth) <= width, `${where} is wider than the window`);
  assert.deepEqual(await page.evaluate(overlaps), [], where);
  assert.deepEqual(await page.evaluate(emptyCharts), [], where);
  const tags = await page.locator(".tag").evaluateAll((all) =>
    all.map((tag) => {
      const { height } = (tag as unknown as { getBoundingClientRect(): { height: number } })
        .getBoundingClientRect();
      return height;
    })
  );
  const cut = await page.evaluate(cutVerdicts);
  assert.ok(
    width < 1000 || cut === 0,
    `${where}: ${cut} tables have a verdict that cannot be seen without scrolling`,
  );
  assert.ok(tags.every((height) => height < 30), `${where}: a verdict is broken into lines`);
  return page;
}

/** A sweep of two points in a folder of its own, and a run of which a log of its events is there. */
function writeRuns(folder: TemporaryFolder): void {
  const plan = { axes: [{ arg: "bps", values: ["1M", "2M"] }], repeat: 1, shuffleSeed: null, split: false };
  const started = "2026-11-29T06:00:00.000Z";
  const about = { id: "5eeb", started, ipbench: { version: "1.0.0", build: "test" } };
  const settings = { until: [], retry: 0, cooldownSeconds: 0 };
  const index = newIndex(plan, fakeDescription(""), { ...about, settings });
  index.sweep.ended = "2026-11-29T06:01:00.000Z";
  index.points.forEach((point, n) => {
    const document = makeDocument({ samples: 300, seed: n + 1, bps: (n + 1) * 1e6 });
    document.run.id = `90147${n}`;
    document.run.verdict = n === 0 ? "SUSPECT" : "VALID";
    Object.assign(point, { status: "done", file: `${point.id}.json`, verdict: document.run.verdict });
    folder.write(`files/curves/${point.id}.json`, document);
  });
  folder.write("files/curves/index.json", JSON.stringify(index, null, 1));
  const document = makeDocument({ samples: 300 });
  document.run.id = "109";
  const begin = { event: "begin", format: "ipbench-events/1", run: "109" };
  folder.write(
    "files/log.json",
    `${JSON.stringify(begin)}\n${JSON.stringify({ event: "result", ...document })}\n`,
  );
}

/** The list of a folder with folders in it, each name in it with its page. */
async function lookAtFiles(browser: Browser, folder: TemporaryFolder, kinds: readonly Kind[]): Promise<void> {
  writeRuns(folder);
  const results = [new FolderResults([`${folder.path}/files`])];
  const runs = new LiveRuns();
  const server = await startPages({ host: "127.0.0.1", port: 0 }, { runs, results, history: null }, {});
  try {
    const list = await look(browser, server.url, 1280, "light");
    const rows = (await list.locator("tbody tr").allInnerTexts()).map((row) =>
      row.replaceAll(/\s+/g, " ").trim()
    );
    const names = [
      /^curves \(sweep\) .* SUSPECT/,
      /^curves\/point-0001\.json .* SUSPECT/,
      /^curves\/point-0002\.json .* VALID/,
      /^lab\/mesh\.json \(mesh\) .* SUSPECT/,
      /^lab\/quick\.json \(quick look\) .* VALID/,
      /^lab\/rfc2544\.json \(RFC 2544\) .* VALID/,
      /^lab\/search\.json \(search\) .* VALID/,
      /^log\.json .* VALID/,
    ];
    assert.equal(rows.length, names.length, rows.join("\n"));
    for (const name of names) {
      assert.equal(rows.filter((row) => name.test(row)).length, 1, `${name}: ${rows.join("\n")}`);
    }
    assert.equal(await list.locator("input[name=a]").count(), 3, "single runs can be compared");
    for (const { id, answers } of kinds) {
      const page = await look(browser, `${server.url}runs/${id}`, 390, "light");
      for (const words of answers) assert.match(await page.locator(".verdict").first().innerText(), words);
      await page.close();
    }
    const sweep = await look(browser, `${server.url}runs/5eeb`, 1280, "dark");
    assert.match(await sweep.locator("h1").innerText(), /^curves/);
    assert.match(await sweep.locator("main").innerText(), /2 runs/);
    assert.equal(await (await fetch(`${server.url}runs/109/known`)).text(), "true");
    await (await look(browser, `${server.url}runs/109`, 1280, "light")).close();
  } finally {
    await server.close();
  }
}

Deno.test(
  {
    name: "pages of searches, meshes and quick looks",
    ignore: !hasChromium(),
    sanitizeOps: false,
    sanitizeResources: false,
  },
  async () => {
    using folder = TemporaryFolder.make();
    const path = `${folder.path}/history.sqlite`;
    const kinds = await fill(path, folder);
    const history = new HistoryResults(path);
    const runs = new LiveRuns();
    const server = await startPages(
      { host: "127.0.0.1", port: 0 },
      { runs, results: [history], history },
      {},
    );
    const browser = await chromium.launch({ executablePath: CHROMIUM, args: CHROMIUM_FLAGS });
    try {
      const seriesOf = new Map(
        (await history.list({ words: [], labels: {}, limit: 10, offset: 0 })).runs.map((
          { id, series },
        ) => [id, series[0]!]),
      );
      for (const { id, answers, figure } of kinds) {
        for (
          const [width, scheme] of [[1280, "light"], [390, "dark"], [390, "light"], [1280, "dark"]] as const
        ) {
          const page = await look(browser, `${server.url}runs/${id}`, width, scheme);
          const first = page.locator(".verdict").first();
          for (const words of answers) assert.match(await first.innerText(), words);
          assert.ok((await first.boundingBox())!.y < 450, "the answer stands first");
          await page.close();
        }
        for (const [width, scheme] of [[1280, "light"], [390, "dark"]] as const) {
          const page = await look(browser, `${server.url}series/${seriesOf.get(id)}`, width, scheme);
          assert.match(await page.locator("figure h3").innerText(), figure);
          assert.doesNotMatch(await page.locator("h1").innerText(), /,\s*$/);
          await page.close();
        }
      }
      const list = await look(browser, server.url, 390, "dark");
      assert.equal(await list.locator("input[type=checkbox]").count(), 0, "they cannot be compared");
      assert.equal(
        await list.locator("td a", { hasText: /^(quick|mesh|search|rfc2544)/ }).count(),
        kinds.length,
      );
      await lookAtFiles(browser, folder, kinds);
    } finally {
      await browser.close();
      await server.close();
    }
  },
);
