/**
 * The table of witnesses in docs/measurement.md is whole: every figure that a schema, a plugin or a real document has
 * stands in it, and every test that it names exists.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { ResultDocument } from "../../results/document/document.ts";
import {
  change,
  clock,
  confidence,
  counts,
  phase,
  rates,
  start,
  SUMMARY_KEYS,
  window,
} from "../../results/document/schema.ts";
import { EchoProcess } from "../fixtures/peers/echo_process.ts";
import { runConfig } from "../fixtures/run_config.ts";
import { projectRoot, runProgram, TestDaemon } from "../util/mod.ts";

interface Row {
  figures: string[];
  witness: string;
  tests: { file: string; name: string }[];
  line: string;
}

/** Where a run went and what it was asked for: no figures. */
const NO_FIGURES = /^config\.|\.port$|^targets\[\]\.metrics\[\]|^clients\[\]\.metrics\[\]/;
/** Key of a metric's value; its name stands in the table. */
const VALUE = "value";

const rows = readRows(await Deno.readTextFile(`${projectRoot()}/docs/measurement.md`));
const patterns = rows.flatMap(({ figures }) => figures).map((text) => ({ text, pattern: patternOf(text) }));

function readRows(text: string): Row[] {
  const section = /\n## Witnesses\n(.*?)\n## /s.exec(text)?.[1] ?? assert.fail("no section Witnesses");
  const lines = section.split("\n").filter((line) => line.startsWith("| ") && !/^\| (figure|-+) /.test(line));
  return lines.map((line) => {
    const cells = line.split("|").slice(1, -1).map((cell) => cell.trim());
    const [figures = "", witness = "", tests = ""] = cells;
    assert.equal(cells.length, 3, line);
    return {
      line,
      figures: [...figures.matchAll(/`([^`]+)`/g)].map(([, name]) => name!),
      witness,
      tests: [...tests.matchAll(/`([^`]+)` "([^"]+)"/g)].map(([, file, name]) => ({
        file: file!,
        name: name!,
      })),
    };
  });
}

/** `*` stands for a part of a name, without dots; `{a,b}` for either. */
function patternOf(text: string): RegExp {
  const source = text.replaceAll(/[.[\]()]/g, "\\$&").replaceAll("*", "[^.]*")
    .replaceAll(/\{([^}]*)\}/g, (_, names: string) => `(?:${names.replaceAll(",", "|")})`);
  return new RegExp(`^${source}$`);
}

function assertWitnessed(figures: Iterable<string>): void {
  const missing = [...figures].filter((figure) => !patterns.some(({ pattern }) => pattern.test(figure)));
  assert.deepEqual(missing, [], "figures without a witness in docs/measurement.md");
}

Deno.test("no cell of the table of witnesses is empty, and every test that it names exists", async () => {
  assert.ok(rows.length > 40);
  for (const { line, figures, witness, tests } of rows) {
    assert.ok(figures.length > 0 && witness !== "" && tests.length > 0, line);
    for (const { file, name } of tests) {
      const source = await Deno.readTextFile(`${projectRoot()}/${file}`);
      assert.ok(source.includes(name), `${file} has no test "${name}"`);
    }
  }
});

Deno.test("every figure of the schema has a witness", () => {
  const summaries = ["latency.response", "latency.service", "pacing.lateness"];
  assertWitnessed([
    ...Object.keys(counts.entries).flatMap((key) => [`clients[].counts.${key}`, `total.counts.${key}`]),
    ...Object.keys(rates.entries).flatMap((key) => [`clients[].rates.${key}`, `total.rates.${key}`]),
    ...summaries.flatMap((path) => SUMMARY_KEYS.map((key) => `clients[].${path}.${key}`)),
    ...SUMMARY_KEYS.flatMap((key) => [`total.latency.response.${key}`, `total.latency.service.${key}`]),
    ...Object.entries(confidence.entries).flatMap(([of, { wrapped }]) =>
      Object.keys(wrapped.entries).filter((key) => key !== "method")
        .flatMap((key) => [`clients[].confidence.${of}.${key}`, `total.confidence.${of}.${key}`])
    ),
    ...Object.keys(window.entries).flatMap((key) =>
      ["clients[]", "targets[]", "total"].map((part) => `${part}.window.${key}`)
    ),
    ...["begin_ns", "end_ns", "active.start_ns", "active.end_ns"].map((key) => `classes[].${key}`),
    ...Object.keys(counts.entries).map((key) => `classes[].counts.${key}`),
    ...Object.keys(rates.entries).map((key) => `classes[].rates.${key}`),
    ...SUMMARY_KEYS.map((key) => `classes[].latency.response.${key}`),
    ...Object.keys(window.entries).flatMap((key) => [`classes[].window.${key}`, `effect[].active.${key}`]),
    ...["before", "during", "after"].flatMap((of) =>
      Object.keys(phase.entries).map((key) => `effect[].${of}.${key}`)
    ),
    ...["added_ns", "received_bps", "left_ns"].flatMap((of) =>
      Object.keys(change.entries).filter((key) => key !== "method").map((key) => `effect[].${of}.${key}`)
    ),
    ...["clients[]", "targets[]"].flatMap((part) => [
      ...Object.keys(clock.entries).map((key) => `${part}.clock.${key}`),
      ...Object.keys(start.entries).map((key) => `${part}.start.${key}`),
    ]),
    ...["t_ns", "sent", "ok", "lost", "mean_ns", "p50_ns", "p99_ns", "max_ns"].map((key) =>
      `clients[].series[].${key}`
    ),
  ]);
});

Deno.test("every figure and column of every plugin has a witness", async () => {
  const { stdout } = await runProgram("ipbench", ["plugins", "--json"]);
  const plugins = JSON.parse(stdout) as {
    name: string;
    csvHeader: string | null;
    metrics: { name: string }[];
  }[];
  assert.ok(plugins.length >= 12);
  assertWitnessed(plugins.flatMap(({ name, csvHeader, metrics }) => [
    ...metrics.map((metric) => `${name}: ${metric.name}`),
    ...csvHeader === null ? [] : csvHeader.split(",").map((column) => `${name} row: ${column}`),
  ]));
});

Deno.test("every number that C writes into a result has a witness", async () => {
  const keys = new Set<string>();
  const read = async (folder: string): Promise<void> => {
    for (const { name, isDirectory } of Deno.readDirSync(folder)) {
      const path = `${folder}/${name}`;
      if (isDirectory && name !== "tests") await read(path);
      if (!name.endsWith(".c")) continue;
      const source = await Deno.readTextFile(path);
      for (const [, key] of source.matchAll(/ipb_json_(?:u?int|number)\(&?j, "(\w+)"/g)) keys.add(key!);
    }
  };
  await read(`${projectRoot()}/tests_c`);
  assert.ok(keys.size > 60);
  const ends = patterns.map(({ text }) => text.split(/[.:] ?/).at(-1)!).filter((end) => end !== "*").map(
    patternOf,
  );
  const fixed: readonly string[] = [
    ...Object.keys(counts.entries),
    ...Object.keys(rates.entries),
    ...SUMMARY_KEYS,
  ];
  const missing = [...keys].filter((key) =>
    !fixed.includes(key) && key !== VALUE && !ends.some((pattern) => pattern.test(key))
  );
  assert.deepEqual(missing, [], "keys without a witness in docs/measurement.md");
});

/** Every number of a document, by its path. */
function numbersOf(value: unknown, path = ""): string[] {
  if (typeof value === "number") return [path];
  if (Array.isArray(value)) return value.flatMap((entry) => numbersOf(entry, `${path}[]`));
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, entry]) =>
    numbersOf(entry, path === "" ? key : `${path}.${key}`)
  );
}

async function documentOf(args: string, target?: string): Promise<ResultDocument> {
  await using tester = await TestDaemon.start();
  await using other = await TestDaemon.start({ role: "target" });
  await using echo = await EchoProcess.start();
  const { document, stderr } = await runConfig({
    test: "latency",
    args: `bps=1M,size=64,duration=1,cooldown=0,${args}`,
    testPort: echo.port,
    clients: [{ host: tester.host, port: tester.port }],
    targets: target === undefined ? [] : [{ test: target, host: other.host, port: other.port }],
  });
  assert.equal(document.run.failed, undefined, stderr);
  return document;
}

Deno.test("every number of real documents has a witness", async (t) => {
  const udp = await documentOf(
    "socktype=udp,warmup=0.2,noise=0.1,timestamps=kernel,arrival=burst:4,seed=7,flows=3,cpu=0,limit_gap=300us",
    "cpu_target",
  );
  const tcp = await documentOf("socktype=tcp,warmup=0,noise=0");
  for (const document of [udp, tcp]) {
    const numbers = new Set(numbersOf(document).filter((path) => !NO_FIGURES.test(path)));
    assert.ok(numbers.size > 100);
    assertWitnessed(numbers);
  }
  await t.step("settings are those that were given", () => {
    const { engine, pacing, environment } = udp.clients[0]! as unknown as Record<
      string,
      Record<string, unknown>
    >;
    assert.deepEqual([engine!["burst"], engine!["seed"], engine!["flows"], engine!["cpu"]], [4, 7, 3, 0]);
    assert.equal(pacing!["gap_limit_ns"], 300_000);
    assert.equal((environment!["noise"] as Record<string, number>)["duration_ns"], 100_000_000);
  });
  await t.step("a target's window is as far off as its ends are", () => {
    const [target] = udp.targets, common = udp.total.window!;
    const off = Math.abs(target!.window!.start_ns - common.start_ns) +
      Math.abs(target!.window!.end_ns - common.end_ns);
    assert.equal(target!.window_off_ns, off);
  });
});
