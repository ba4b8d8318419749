/**
 * A history of 10,000 runs: how long a list and a check take with the built program, when its pages first appear in Debian's Chromium
 * (where that is installed), and how large the file is. Prints Markdown, and fails when an aim is missed.
 *
 *     deno run -A bench/history.ts [--runs 10000] [--repetitions 5] [--documents DIR]
 *
 * With `--documents` the runs are result documents of real runs, over and over with other numbers and times; otherwise they
 * are simulated.
 *
 * @module
 */
import { chromium } from "playwright-core";
import { History, historyRun } from "../history/mod.ts";
import { parseDocument } from "../results/document/parse.ts";
import { CHROMIUM, CHROMIUM_FLAGS, hasChromium } from "../tests/fixtures/browser.ts";
import { makeDocument } from "../tests/fixtures/documents.ts";
import { freePort, programCommand, seededNormal, until } from "../tests/util/mod.ts";
import { median } from "./figures.ts";
import { option } from "./option.ts";

/** Aims, for 10,000 runs. */
const LIST_MS = 300, CHECK_MS = 2_000, FILE_MB = 200, PAINT_MS = 1_000;
/** Series that the runs are of: loads of a sweep, sizes. */
const SERIES = 100;
/** Documents that are simulated in full; the others have their figures. */
const TEMPLATES = 20;
/** Every so many series has a step. */
const STEPS = 5;

const runs = Number(option("runs", "10000"));
const repetitions = Number(option("repetitions", "5"));

/** Fills a history with documents of a folder. */
function fillFrom(path: string, documents: string): number {
  const texts = [...Deno.readDirSync(documents)].filter(({ name }) => name.endsWith(".json")).map((
    { name },
  ) => Deno.readTextFileSync(`${documents}/${name}`));
  using history = History.open(path, "write");
  const begin = performance.now();
  for (let n = 0; n < runs; n++) {
    const document = parseDocument(texts[n % texts.length]!);
    document.run.id = `${n}`;
    document.run.started = new Date(Date.UTC(2026, 0, 1) + n * 60_000).toISOString();
    history.add(historyRun(document, { labels: { round: String(Math.floor(n / texts.length)) } }));
  }
  return (performance.now() - begin) / runs;
}

/** Fills a history: each series gets as many runs, which scatter by 1 %; a fifth of the series steps by 5 % near the end. */
function fill(path: string): number {
  using history = History.open(path, "write");
  const templates = Array.from(
    { length: TEMPLATES },
    (_, n) => makeDocument({ seed: n + 1, clients: 1, intervals: 100, samples: 50_000, bps: 5e6 }),
  );
  const normal = seededNormal(1);
  const rounds = Math.ceil(runs / SERIES);
  const begin = performance.now();
  for (let n = 0; n < runs; n++) {
    const of = n % SERIES, round = Math.floor(n / SERIES);
    const template = templates[n % TEMPLATES]!;
    const document = { ...template, run: { ...template.run }, total: structuredClone(template.total) };
    const size = 64 << (of % 4);
    document.clients = template.clients.map((client) => ({
      ...client,
      args: client.args.replace(/size=\d+/, `size=${size}`).replace(/bps=[^,]+/, `bps=${of}M`),
    }));
    document.run.id = `${n}`;
    document.run.verdict = "VALID";
    document.run.started = new Date(Date.UTC(2026, 0, 1) + n * 60_000).toISOString();
    const factor = (of % STEPS === 0 && round > 0.9 * rounds ? 1.05 : 1) * (1 + 0.01 * normal());
    for (const key of ["p50_ns", "p99_ns", "p999_ns"] as const) {
      document.total.latency.response![key] = 10_000 * factor;
    }
    document.total.rates!.requested_bps = of * 1e6;
    history.add(historyRun(document, { labels: { round: String(round) } }));
  }
  return (performance.now() - begin) / runs;
}

/** The middle of so many runs of the program, in ms. */
async function time(...args: string[]): Promise<number> {
  const command = programCommand("ipbench");
  const all: number[] = [];
  for (let n = 0; n < repetitions; n++) {
    const begin = performance.now();
    const { code, stderr } = await new Deno.Command(command.path, {
      args: [...command.args, "history", ...args, "--history", path],
      stdout: "null",
    }).output();
    if (code !== 0) throw new Error(new TextDecoder().decode(stderr));
    all.push(performance.now() - begin);
  }
  return all.sort((a, b) => a - b)[repetitions >> 1]!;
}

/** When pages of `ipbench serve` first appear, from the click on, in ms: the middle of so many times each. */
async function paints(): Promise<[what: string, ms: number][]> {
  const { path: program, args } = programCommand("ipbench");
  const port = String(freePort());
  await using server = new Deno.Command(program, {
    args: [...args, "serve", "--listen", port, "--history", path],
    env: { XDG_RUNTIME_DIR: folder },
    stdout: "null",
    stderr: "null",
  }).spawn();
  const url = `http://127.0.0.1:${port}/`;
  const textOf = (address: string) => fetch(address).then((answer) => answer.text(), () => "");
  const first = await until("pages", 60_000, async () => (await textOf(url)) || undefined);
  const run = /href="\/(runs\/[^"]+)"/.exec(first)![1]!;
  const series = /href="\/(series\/[^"]+)"/.exec(await textOf(`${url}series`))![1]!;
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: CHROMIUM_FLAGS });
  try {
    const found: [string, number][] = [];
    for (const [what, address] of [["the list", ""], ["a series", series], ["a run", run]] as const) {
      for (const width of [1280, 390]) {
        const all: number[] = [];
        for (let n = 0; n < repetitions; n++) {
          const page = await browser.newPage({ viewport: { width, height: 900 } });
          await page.goto(url + address);
          all.push(
            await until(
              "the first paint",
              60_000,
              () => page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime),
            ),
          );
          await page.close();
        }
        found.push([`first paint of ${what} at ${width} pixels`, median(all)]);
      }
    }
    return found;
  } finally {
    await browser.close();
    server.kill("SIGTERM");
  }
}

const folder = await Deno.makeTempDir({ prefix: "ipbench-bench-" });
const path = `${folder}/history.sqlite`;
let failed = false;
try {
  const documents = option("documents", "");
  const each = documents === "" ? fill(path) : fillFrom(path, documents);
  const lines: [what: string, value: number, unit: string, aim: number | null][] = [
    ["put one run in, on disk", each, "ms", null],
    ["history list", await time("list"), "ms", LIST_MS],
    ["history series", await time("series"), "ms", null],
    ["history check", await time("check"), "ms", CHECK_MS],
    ...(hasChromium() ? await paints() : []).map(([what, ms]) =>
      [what, ms, "ms", PAINT_MS] as (typeof lines)[0]
    ),
    ["size of the file", (await Deno.stat(path)).size / 1e6, "MB", FILE_MB],
  ];
  console.log(
    `| ${runs} runs ${
      documents === "" ? `of ${SERIES} series` : "from documents"
    } | | aim |\n| --- | --- | --- |`,
  );
  for (const [what, value, unit, aim] of lines) {
    console.log(
      `| ${what} | ${value.toFixed(value < 10 ? 1 : 0)} ${unit} | ${
        aim === null ? "" : `≤ ${aim} ${unit}`
      } |`,
    );
    if (aim !== null && value > aim * Math.max(1, runs / 10_000)) failed = true;
  }
} finally {
  await Deno.remove(folder, { recursive: true });
}
if (failed) Deno.exit(1);
