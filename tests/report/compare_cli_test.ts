import assert from "node:assert/strict";
import { makeDocument } from "../fixtures/documents.ts";
import { TemporaryFolder } from "../fixtures/folders.ts";
import { isInstalled, runProgram } from "../util/mod.ts";
import { TestTerminal } from "../fixtures/terminal.ts";

function* repetitions(slowdown: number, seed: number, kernel = "6.18.5-amd64") {
  for (let i = 0; i < 10; i++) {
    yield makeDocument({ slowdown, seed: seed + i, spread: 0.01, samples: 3000, intervals: 2, kernel });
  }
}

Deno.test("compare finds a slowdown, fails where told to, and writes a page", async () => {
  using folder = TemporaryFolder.make();
  using slower = TemporaryFolder.make();
  folder.writeSweep(repetitions(1, 1));
  slower.writeSweep(repetitions(1.1, 101));
  const page = `${folder.path}/page.html`;
  const done = await runProgram("ipbench", ["compare", folder.path, "--with", slower.path, "-o", page]);
  assert.equal(done.code, 0, done.stderr);
  assert.match(done.stdout, /\| 64 B, 100 Mbit\/s \| response p50 .* worse/);
  assert.match(Deno.readTextFileSync(page), /id="chart-change-p50"/);
  const args = ["compare", folder.path, "--with", slower.path, "--fail-if"];
  const failed = await runProgram("ipbench", [...args, "p99 +5%"]);
  assert.equal(failed.code, 1);
  assert.match(failed.stderr, /--fail-if "p99 \+5%" is met at 64 B, 100 Mbit\/s/);
  const passed = await runProgram("ipbench", [...args, "p99 +50%", "throughput -2%"]);
  assert.equal(passed.code, 0, passed.stderr);
});

Deno.test({
  name: "compare on a terminal: nothing wraps, what is worse is red, what cannot be told is grey (script)",
  ignore: !isInstalled("script"),
}, async () => {
  using folder = TemporaryFolder.make();
  using slower = TemporaryFolder.make();
  folder.writeSweep(repetitions(1, 1));
  slower.writeSweep(repetitions(1.1, 101));
  const args = ["compare", folder.path, slower.path];
  for (const columns of [80, 60]) {
    await using terminal = TestTerminal.open("ipbench", args, { columns });
    assert.equal(await terminal.end(), 0);
    assert.deepEqual(terminal.wrapped(), []);
    assert.match(terminal.lines().join("\n"), /^ {2}response p99 .*\n( {2}\S.*\n)? {4}worse$/m);
  }
  await using coloured = TestTerminal.open("ipbench", args, { colours: true });
  await coloured.end();
  assert.ok(coloured.raw.includes("\x1b[31mworse\x1b[39m"), coloured.raw);
  await using few = TestTerminal.open("ipbench", [
    ...["compare", `${folder.path}/${firstDocument(folder.path)}`],
    `${slower.path}/${firstDocument(slower.path)}`,
  ], { colours: true });
  await few.end();
  assert.ok(few.raw.includes("\x1b[90mcannot tell: too few repetitions to say\x1b[39m"), few.raw);
  await using plain = TestTerminal.open("ipbench", args);
  await plain.end();
  assert.ok(!plain.raw.includes("\x1b"), plain.raw);
});

/** Name of a result document in a folder. */
function firstDocument(folder: string): string {
  return Array.from(Deno.readDirSync(folder), ({ name }) => name).filter((name) => name !== "index.json")
    .sort()[0]!;
}

Deno.test("compare refuses another kernel until told otherwise, and wrong use exits 2", async () => {
  using folder = TemporaryFolder.make();
  using other = TemporaryFolder.make();
  folder.writeSweep(repetitions(1, 1));
  other.writeSweep(repetitions(1, 201, "6.12.0"));
  const refused = await runProgram("ipbench", ["compare", folder.path, "--with", other.path]);
  assert.equal(refused.code, 2);
  assert.match(
    refused.stderr,
    /not comparable:\nipbench: {3}- the hosts' kernel is 6\.18\.5-amd64 in A and 6\.12\.0 in B\n/,
  );
  assert.equal(refused.stdout, "");
  assert.match(refused.stderr, /Where that does not matter: --allow kernel\n/);
  const allowed = await runProgram("ipbench", ["compare", folder.path, other.path, "--allow", "kernel"]);
  assert.equal(allowed.code, 0, allowed.stderr);
  assert.match(allowed.stdout, /Compared all the same/);
  for (
    const [args, message] of [
      [["compare", folder.path], /needs two sides: ipbench compare A B/],
      [["compare", folder.path, folder.path, folder.path], /needs two sides/],
      [["compare", folder.path, folder.path, "--allow", "siez"], /--allow siez: .*did you mean "size"\?/],
      [
        ["compare", folder.path, "--with", folder.path, "--fail-if", "p42 +5%"],
        /no metric "p42"; there are min, mean/,
      ],
      [["compare", folder.path, "--with", folder.path, "--alpha", "7"], /--alpha 7: expected a share/],
      [["compare", folder.path, "--with", "/nowhere"], /no result document for B/],
    ] as const
  ) {
    const wrong = await runProgram("ipbench", [...args]);
    assert.equal(wrong.code, 2, args.join(" "));
    assert.match(wrong.stderr, message);
  }
});

Deno.test("where nothing can be compared compare exits 2, gate or not", async () => {
  using folder = TemporaryFolder.make();
  const made = makeDocument({ samples: 500, intervals: 2 });
  for (const target of made.targets) target.metrics = [];
  const file = folder.write("run.json", made);
  for (const gate of [["--metric", "cpu"], ["--fail-if", "cpu +1%"]]) {
    const done = await runProgram("ipbench", ["compare", file, file, ...gate]);
    assert.equal(done.code, 2, done.stdout);
    assert.match(done.stderr, /nothing was compared: no figure asked for is in both sets/);
  }
});

Deno.test("a gate fails when points are missing, until that is allowed", async () => {
  using base = TemporaryFolder.make();
  using other = TemporaryFolder.make();
  base.writeSweep([
    ...repetitions(1, 1),
    ...Array.from({ length: 3 }, (_, i) => makeDocument({ bps: 300e6, seed: i, samples: 500, intervals: 2 })),
  ]);
  other.writeSweep(repetitions(1, 101));
  const args = ["compare", base.path, other.path, "--fail-if", "throughput -2%"];
  const failed = await runProgram("ipbench", args);
  assert.equal(failed.code, 1);
  assert.match(failed.stderr, /only A has the point 64 B, 300 Mbit\/s; .*--allow missing/);
  const allowed = await runProgram("ipbench", [...args, "--allow", "missing"]);
  assert.equal(allowed.code, 0, allowed.stderr);
  const ungated = await runProgram("ipbench", ["compare", base.path, other.path]);
  assert.equal(ungated.code, 0, ungated.stderr);
  assert.match(ungated.stdout, /- Only in A: 64 B, 300 Mbit\/s/);
});

Deno.test("export and csv print to the standard output and nothing else does", async () => {
  using folder = TemporaryFolder.make();
  const file = folder.write("run.json", makeDocument({ samples: 500, intervals: 2 }));
  for (
    const [format, start] of [
      ["hlog", /^#\[Logged with ipbench\]\n/],
      ["prometheus", /^# HELP ipbench_verdict/],
      [
        "junit",
        /^<\?xml version="1\.0" encoding="UTF-8"\?>\n<testsuite name="ipbench" tests="1" failures="0"/,
      ],
    ] as const
  ) {
    const done = await runProgram("ipbench", ["export", file, "--format", format]);
    assert.equal(done.code, 0, done.stderr);
    assert.match(done.stdout, start);
    assert.equal(done.stderr, "");
  }
  const csv = await runProgram("ipbench", ["csv", file]);
  assert.match(csv.stdout, /^Requested_Throughput,[^\n]*\n100000000,[^\n]*(,\d+\.\d){5}\n$/);
  const bare = await runProgram("ipbench", ["csv", "--no-header", file]);
  assert.equal(bare.stdout.split("\n").length, 2);
  const wrong = await runProgram("ipbench", ["export", file, "--format", "pdf"]);
  assert.equal(wrong.code, 2);
});
