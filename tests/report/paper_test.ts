/**
 * Figures of a paper from folders of documents, without a line of script.
 *
 * @module
 */
import assert from "node:assert/strict";
import { makeSweep } from "../fixtures/documents.ts";
import { TemporaryFolder } from "../fixtures/folders.ts";
import { isInstalled, runProgram } from "../util/mod.ts";

const LOADS = [100e6, 300e6, 500e6, 800e6];
/** The figures, and what their numbers are called where they are not in the unit of the axis. */
const COLUMNS = {
  throughput: "received_bps",
  cpu: "cpu_percent",
  cycles: "cycles_per_packet",
  "rtt-mean": "rtt_mean_ns",
  "rtt-p99": "rtt_p99_ns",
};
const NAMES = Object.keys(COLUMNS) as (keyof typeof COLUMNS)[];

/** A folder as a sweep leaves it, of a system that needs so many cycles for a packet. */
function sweep(folder: TemporaryFolder, name: string, slowdown: number, cycles: number): string {
  const options = {
    samples: 300,
    intervals: 2,
    loads: LOADS,
    sizes: [64],
    repetitions: 2,
    slowdown,
    seed: cycles,
  };
  let count = 0;
  for (const document of makeSweep(options)) {
    const test = document.targets[0]!.test;
    document.total.metrics = [
      { test, name: "cycles_per_packet", value: cycles, unit: "cycles", of: 1 },
      { test, name: "cpu_sum", value: 250, unit: "%", of: 1 },
    ];
    folder.write(`${name}/point-${count++}.json`, document);
  }
  return `${folder.path}/${name}`;
}

Deno.test("folders of several systems become figures with their captions and where they come from", async () => {
  using folder = TemporaryFolder.make();
  const [a, b] = [sweep(folder, "a", 1, 12_000), sweep(folder, "b", 1.3, 31_000)];
  const out = `${folder.path}/figures`;
  const done = await runProgram("ipbench", ["report", `seL4 & co=${a}`, b, "--figures", out]);
  assert.equal(done.code, 0, done.stderr);
  const read = (name: string) => Deno.readTextFileSync(`${out}/${name}`);
  for (const name of NAMES) {
    const svg = read(`${name}.svg`);
    assert.match(svg, /<desc>[^<]*16 runs \(16 VALID\)[^<]*<\/desc><metadata>[^<]*seL4 &amp; co: by ipbench/);
    assert.match(svg, />seL4 &amp; co<\/text>[\s\S]*>b<\/text>/);
    const pdf = read(`${name}.pdf`);
    const at = Number(/startxref\n(\d+)\n%%EOF\n$/.exec(pdf)![1]);
    assert.ok(pdf.slice(at).startsWith("xref\n"), `the table of ${name}.pdf is elsewhere`);
    for (const [, offset] of pdf.slice(at).matchAll(/^(\d{10}) 00000 n/gm)) {
      assert.match(pdf.slice(Number(offset)), /^\d+ 0 obj\n/);
    }
    assert.match(read(`${name}.tex`), /\\addlegendentry\{seL4 \\& co\}[\s\S]*\\addlegendentry\{b\}/);
    const [header, ...rows] = read(`${name}.csv`).trim().split("\n");
    assert.equal(header, `system,requested_bps,${COLUMNS[name]},lowest,highest`);
    assert.equal(rows.length, 2 * LOADS.length);
  }
  // Numbers as they stand in the documents, in the unit of the axis.
  assert.match(read("cycles.tex"), /\n100 12 0 0\n/);
  assert.match(read("cycles.tex"), /\n800 31 0 0\n/);
  assert.match(read("cpu.csv"), /^b,800000000,250,250,250$/m);
  assert.match(read("cycles.csv"), /,800000000,31000,31000,31000$/m);
  assert.match(read("captions.txt"), /^rtt-p99: 99th percentile of the round trip, latency/m);
});

Deno.test(
  { name: "another program reads the PDF (poppler-utils)", ignore: !isInstalled("pdftotext") },
  async () => {
    using folder = TemporaryFolder.make();
    const done = await runProgram("ipbench", [
      "report",
      sweep(folder, "a", 1, 5_000),
      "--figures",
      folder.path,
    ]);
    assert.equal(done.code, 0, done.stderr);
    const run = async (program: string, ...args: string[]) => {
      const { stdout, stderr } = await new Deno.Command(program, { args }).output();
      assert.equal(new TextDecoder().decode(stderr), "", program);
      return new TextDecoder().decode(stdout);
    };
    const text = await run("pdftotext", `${folder.path}/rtt-mean.pdf`, "-");
    assert.match(text, /mean round trip, µs/);
    assert.match(text, /requested, Mbit\/s/);
    const info = await run("pdfinfo", `${folder.path}/rtt-mean.pdf`);
    assert.match(info, /^Title: +Mean round trip$/m);
    assert.match(info, /a: by ipbench 1\.0\.0/);
  },
);

Deno.test("figures need results over a load, and stand alone", async () => {
  using folder = TemporaryFolder.make();
  const none = await runProgram("ipbench", ["report", folder.path, "--figures", `${folder.path}/f`]);
  assert.equal(none.code, 1);
  assert.match(none.stderr, /no result document/);
  const both = await runProgram("ipbench", ["report", folder.path, "--figures", folder.path, "--csv"]);
  assert.equal(both.code, 2);
  assert.match(both.stderr, /--figures stands alone/);
});
