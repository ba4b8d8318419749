import assert from "node:assert/strict";
import { noFigures } from "../../controller/outcome/run_document.ts";
import type { ResultDocument } from "../../results/document/document.ts";
import { makeDocument, makeSweep } from "../fixtures/documents.ts";
import { TemporaryFolder } from "../fixtures/folders.ts";
import { makeSearch } from "../fixtures/searches.ts";
import { programCommand, runProgram } from "../util/mod.ts";

/** Longest time for a thousand documents: 3 s on a quiet machine, tests run side by side on busy ones. */
const THOUSAND_MS = 20_000;
/** Memory that a report may take, in MB. */
const MEMORY_MB = 500;

Deno.test("a run becomes a page without scripts, and every other form", async () => {
  using folder = TemporaryFolder.make();
  const file = folder.write("run.json", makeDocument({ samples: 3000 }));
  const page = `${folder.path}/out/../page.html`;
  Deno.mkdirSync(`${folder.path}/out`);
  const done = await runProgram("ipbench", [
    "report",
    file,
    "-o",
    page,
    "--svg",
    `${folder.path}/svg`,
    "--gnuplot",
    `${folder.path}/gnuplot`,
    "--csv",
    `${folder.path}/figures.csv`,
    "--markdown",
  ]);
  assert.equal(done.code, 0, done.stderr);
  const text = Deno.readTextFileSync(page);
  assert.match(text, /Content-Security-Policy"\s+content="default-src 'none'/);
  assert.doesNotMatch(text, /<script|javascript:|https?:\/\/(?!www\.w3\.org\/)/i);
  for (const name of ["percentiles", "histogram", "over-time", "cpus"]) {
    assert.match(text, new RegExp(`id="chart-${name}"`));
    assert.match(Deno.readTextFileSync(`${folder.path}/svg/${name}.svg`), /<svg[\s\S]*<path/);
  }
  assert.match(done.stdout, /^# run\n\n\*\*VALID\*\*/);
  const [header, row] = Deno.readTextFileSync(`${folder.path}/figures.csv`).trim().split("\n");
  assert.equal(header!.split(",").length, row!.split(",").length);
  assert.match(Deno.readTextFileSync(`${folder.path}/gnuplot/report.gp`), /plot x/);
});

Deno.test("a search is a page, its table, rows and charts; the folder of its trials adds who measured", async () => {
  using folder = TemporaryFolder.make();
  const found = await makeSearch({ seed: 3, capacity: 412e6, noise: 0.002, buffer: 3e6 });
  const file = folder.write("search.json", found);
  const [page, charts] = [`${folder.path}/page.html`, `${folder.path}/charts`];
  const drawn = await runProgram("ipbench", ["report", file, "-o", page, "--svg", charts]);
  assert.equal(drawn.code, 0, drawn.stderr);
  assert.match(drawn.stdout, /^goal +lower \(bit\/s\)[\s\S]*\nfdio-ndr +41\d/);
  assert.match(Deno.readTextFileSync(page), /id="chart-search-loss"[\s\S]*id="chart-search-throughput"/);
  assert.match(Deno.readTextFileSync(`${charts}/search-latency.svg`), /<svg[\s\S]*<path/);
  const rows = await runProgram("ipbench", ["report", file, "--csv"]);
  assert.equal(rows.stdout.trim().split("\n").length, 1 + found.trials.length, rows.stderr);
  assert.match(rows.stdout, /^n,load,seconds,goal,/);
  const other = await runProgram("ipbench", ["report", file, "--markdown"]);
  assert.deepEqual([other.code, other.stdout], [2, ""]);
  assert.match(
    other.stderr,
    /--markdown: .* is a search, which is a page \(-o\), charts \(--svg\) or rows \(--csv\)/,
  );
  folder.write("trial-0001.json", makeDocument({ samples: 500 }));
  const all = await runProgram("ipbench", ["report", folder.path, "-o", page]);
  assert.equal(all.code, 0, all.stderr);
  assert.match(Deno.readTextFileSync(page), /id="trials"[\s\S]*id="testers"[\s\S]*id="environment"/);
  const damaged = await runProgram("ipbench", ["report", folder.write("bad.json", { ...found, goals: 1 })]);
  assert.equal(damaged.code, 1);
  assert.match(damaged.stderr, /bad\.json: goals: /);
});

Deno.test("a folder becomes curves; what cannot be read in it is named", async () => {
  using folder = TemporaryFolder.make();
  folder.writeSweep(makeSweep({ samples: 500, loads: [100e6, 500e6, 900e6], intervals: 5 }));
  folder.write("point-0099.json", '{"format":"ipbench-result/1","run":');
  const page = `${folder.path}/report.html`;
  const done = await runProgram("ipbench", ["report", folder.path, "-o", page]);
  assert.equal(done.code, 0, done.stderr);
  assert.match(done.stderr, /point-0099\.json: the text ends in the middle/);
  assert.match(done.stderr, /12 document\(s\), VALID/);
  const text = Deno.readTextFileSync(page);
  for (
    const name of [
      "throughput",
      "latency-against-load-1",
      "percentiles-2",
      "histogram-1",
      "over-time-2",
      "cpu",
    ]
  ) {
    assert.match(text, new RegExp(`id="chart-${name}"`), name);
  }
  assert.match(text, /Files that could not be read/);
});

Deno.test("what a run that died has left is reported, and says so", async () => {
  using folder = TemporaryFolder.make();
  const made = makeDocument({ samples: 500, intervals: 2 });
  const [first] = made.clients;
  const silent = { ...first!, ...noFigures() };
  const begun = { ...made, clients: [silent, { ...silent, host: "tester2" }] };
  folder.write(
    "run.json.journal",
    `${JSON.stringify(begun)}\n${JSON.stringify({ client: 0, part: first })}\n{"client":1,`,
  );
  const page = `${folder.path}/page.html`;
  const done = await runProgram("ipbench", ["report", `${folder.path}/run.json`, "-o", page]);
  assert.equal(done.code, 0, done.stderr);
  assert.match(done.stderr, /1 document\(s\), INVALID/);
  assert.match(Deno.readTextFileSync(page), /recovered from the journal of a run that died/);
});

Deno.test("a later run that died is not hidden by an earlier result, in a folder neither by the other", async () => {
  using folder = TemporaryFolder.make();
  const made = makeDocument({ samples: 500, intervals: 2 });
  const earlier = { ...made, run: { ...made.run, id: "00000000000000e1" } };
  const later = { ...made, run: { ...made.run, id: "00000000000000a2" } };
  folder.write("run.json", JSON.stringify(earlier, null, 2));
  folder.write("run.json.journal", `${JSON.stringify(later)}\n`);
  folder.write("done.json", JSON.stringify(later, null, 2));
  folder.write("done.json.journal", `${JSON.stringify(later)}\n`);
  const file = `${folder.path}/run.json`;
  const read = (name: string) =>
    JSON.parse(Deno.readTextFileSync(`${folder.path}/${name}`)) as ResultDocument;
  const report = async (path: string) => {
    const { code, stdout, stderr } = await runProgram("ipbench", ["report", path, "--csv"]);
    assert.equal(code, 0, stderr);
    return { rows: stdout.trimEnd().split("\n").length - 1, stdout, stderr };
  };

  const one = await report(file);
  assert.equal(one.rows, 1);
  assert.match(one.stdout, /INVALID/);
  assert.match(
    one.stderr,
    /run\.json: a later run died and left .*run\.json\.journal, which is read instead/,
  );
  assert.equal(
    (await report(folder.path)).rows,
    3,
    "run.json, its later journal, done.json; not the latter's own",
  );

  const recovered = await runProgram("ipbench", ["recover", file]);
  assert.equal(recovered.code, 0, recovered.stderr);
  assert.match(
    recovered.stderr,
    /run\.json held the result of an earlier run; that is .*run\.00000000000000e1\.json now/,
  );
  const kept = read("run.00000000000000e1.json");
  assert.equal(kept.run.verdict, made.run.verdict);
  assert.equal(read("run.json").run.id, "00000000000000a2");

  const complete = await runProgram("ipbench", ["recover", `${folder.path}/done.json`]);
  assert.match(complete.stderr, /is complete; nothing to recover/);
  assert.equal(read("done.json").run.verdict, made.run.verdict);
  assert.deepEqual(
    [...Deno.readDirSync(folder.path)].map(({ name }) => name).sort(),
    ["done.json", "run.00000000000000e1.json", "run.json"],
  );
});

/** A document full of texts that would be markup, scripts or formulas. */
function hostileTexts(): ResultDocument {
  const evil = `"><script>alert(1)</script><img src=x onerror=alert(2)>'&\u0000\u202e`;
  const made = makeDocument({ samples: 200, intervals: 3 });
  made.run.id = evil;
  made.run.started = evil;
  made.run.reasons = [evil];
  made.test.name = evil;
  made.csv = `=cmd|' /C calc'!A0,${evil}`;
  made.config = { [evil]: evil };
  for (const client of made.clients) {
    client.host += evil;
    client.args = `size=${evil},x="${evil}"`;
    client.error = evil;
    client.peer = evil;
    client.metrics = [{ name: evil, value: 1, unit: evil }];
    client.environment = { [evil]: { [evil]: evil } };
    client.engine = { name: evil };
  }
  made.targets[0]!.text = evil;
  made.targets[0]!.host = evil;
  return made;
}

Deno.test("texts of a document are shown, never run", async () => {
  using folder = TemporaryFolder.make();
  const file = folder.write("<b>evil.json", hostileTexts());
  const page = `${folder.path}/page.html`;
  const done = await runProgram("ipbench", [
    "report",
    file,
    file,
    "-o",
    page,
    "--svg",
    `${folder.path}/svg`,
    "--markdown",
    `${folder.path}/page.md`,
    "--gnuplot",
    `${folder.path}/gp`,
    "--csv",
    "-",
  ]);
  assert.equal(done.code, 0, done.stderr);
  const text = Deno.readTextFileSync(page);
  assert.doesNotMatch(text, /<script|<img|<b>evil/i);
  assert.match(text, /&lt;script&gt;/);
  assert.doesNotMatch(Deno.readTextFileSync(`${folder.path}/page.md`), /(?<!\\)<script|<img/);
  for (const entry of Deno.readDirSync(`${folder.path}/svg`)) {
    assert.doesNotMatch(
      Deno.readTextFileSync(`${folder.path}/svg/${entry.name}`),
      /<script|<img/i,
      entry.name,
    );
  }
});

Deno.test("ten thousand testers give a page that names the slowest", async () => {
  using folder = TemporaryFolder.make();
  const one = makeDocument({ samples: 200, clients: 1, intervals: 2 });
  const [client] = one.clients;
  const small = { ...client!, series: undefined, environment: undefined };
  const clients = Array.from({ length: 10_000 }, (_, i) => ({ ...small, host: `tester${i}` }));
  const file = folder.write("many.json", { ...one, clients } as ResultDocument);
  const page = `${folder.path}/page.html`;
  const done = await runProgram("ipbench", ["report", file, "-o", page]);
  assert.equal(done.code, 0, done.stderr);
  const text = Deno.readTextFileSync(page);
  assert.match(text, /9.800 more testers are not shown/);
  assert.ok(text.length < 3e6, `${text.length} characters`);
});

Deno.test("what is no result document is refused in a sentence that says why", async () => {
  using folder = TemporaryFolder.make();
  const good = JSON.stringify(makeDocument({ samples: 100, intervals: 2 }));
  const cases: [string, string, RegExp][] = [
    [
      "truncated.json",
      good.slice(0, 5000),
      /the text ends in the middle \(truncated after 5000 characters\?\)/,
    ],
    [
      "version.json",
      good.replace("ipbench-result/1", "ipbench-result/7"),
      /this ipbench reads "ipbench-result\/1"/,
    ],
    ["types.json", good.replace(/"sent":\d+/, '"sent":"many"'), /sent: expected a number, found "many"/],
    [
      "deep.json",
      good.replace('"config":{', `"config":{"d":${"[".repeat(3000)}${"]".repeat(3000)},`),
      /nested deeper/,
    ],
    ["other.json", '{"format":"ipbench-sweep/1"}', /a document "ipbench-sweep\/1"; give its folder/],
    ["list.json", "[1,2,3]", /expected a JSON object/],
    ["empty.json", "", /the file is empty/],
    ["page.json", "<!DOCTYPE html>", /not JSON/],
  ];
  for (const [name, content, message] of cases) {
    const file = folder.write(name, content);
    const done = await runProgram("ipbench", ["report", file, "-o", `${folder.path}/x.html`]);
    assert.equal(done.code, 1, name);
    assert.match(done.stderr, message, name);
    assert.doesNotMatch(done.stderr, /\bat .*\.ts:\d+/, name);
  }
  const missing = await runProgram("ipbench", ["report", `${folder.path}/nowhere.json`]);
  assert.equal(missing.code, 1);
  assert.match(missing.stderr, /nowhere\.json: no such file/);
});

Deno.test("a gigabyte is refused before it is read, and one that does not tell its size while it is", async () => {
  using folder = TemporaryFolder.make();
  const file = folder.write("huge.json", '{"format":"ipbench-result/1","csv":"');
  Deno.truncateSync(file, 1_000_000_000);
  const done = await runProgram("ipbench", ["report", file]);
  assert.equal(done.code, 1);
  assert.match(done.stderr, /huge\.json: 1000 MB or more; a result document has at most 524 MB/);
  const endless = await runProgram("ipbench", ["report", "/dev/zero"]);
  assert.equal(endless.code, 1);
  assert.match(endless.stderr, /at most 524 MB/);
});

/** Largest memory of a process so far, in MB; 0 when it has gone. */
function peakMemory(pid: number): number {
  try {
    return Number(/VmHWM:\s+(\d+)/.exec(Deno.readTextFileSync(`/proc/${pid}/status`))?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}

Deno.test("a thousand points become a page within 500 MB", async () => {
  using folder = TemporaryFolder.make();
  const sizes = [64, 128, 256, 512, 1024];
  const models = sizes.map((size) => makeDocument({ samples: 4000, size, clients: 4, intervals: 100 }));
  for (let i = 0; i < 1000; i++) {
    const model = models[i % sizes.length]!;
    const rates = { ...model.total.rates!, requested_bps: 1e6 * (1 + Math.floor(i / 10)) };
    folder.write(`point-${String(i + 1).padStart(4, "0")}.json`, {
      ...model,
      total: { ...model.total, rates },
    });
  }
  const command = programCommand("ipbench");
  const page = `${folder.path}/page.html`;
  const started = performance.now();
  const child = new Deno.Command(command.path, {
    args: [...command.args, "report", folder.path, "-o", page],
    stdout: "null",
    stderr: "null",
  }).spawn();
  let peak = 0;
  const watch = setInterval(() => peak = Math.max(peak, peakMemory(child.pid)), 20);
  const timer = setTimeout(() => child.kill("SIGKILL"), THOUSAND_MS);
  const { code } = await child.status;
  clearInterval(watch);
  clearTimeout(timer);
  const elapsed = performance.now() - started;
  assert.equal(code, 0, `ended after ${elapsed.toFixed(0)} ms`);
  assert.ok(peak > 0 && peak < MEMORY_MB, `${peak.toFixed(0)} MB`);
  assert.match(Deno.readTextFileSync(page), /1000 runs: 1000 VALID/);
});
