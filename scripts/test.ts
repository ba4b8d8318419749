/**
 * Builds everything and runs every check and test, one part after another.
 *
 *     deno task test [--all] [PART…] [--filter TEXT]
 *
 * Parts: check (formatting, lint, types, import rules), build, c (C tests under ASan and UBSan, with --all under TSan, too),
 * fuzz (each libFuzzer target for IPBENCH_FUZZ_SECONDS: 2, with --all 10), compile (deno compile as far as it goes here),
 * unit, process. Without --all, compile, fuzz and what is heavy of process are left out. The last line counts what passed,
 * failed and was skipped.
 *
 * @module
 */

import { checkExports } from "./check_exports.ts";
import { checkImports } from "./check_imports.ts";
import { compile } from "./lib/compile.ts";
import { builtPlugins } from "./lib/embed.ts";
import { killProcess, MARK, markedProcesses, namespaces } from "./lib/leftovers.ts";
import { providePackages } from "./lib/packages.ts";
import { AROUND, filesBelow, PRODUCT, readSources } from "./lib/sources.ts";
import { type Outcome, print, ROOT, run, StepError } from "./lib/steps.ts";
import { HOST, targetNamed } from "./lib/target.ts";
import { type Count, countTests, runTestFiles } from "./lib/test_files.ts";

/** Where tests stand beside what they test; scripts/ has a test.ts that Deno would run as one. */
const UNIT = [...PRODUCT, "scripts/check_imports_test.ts"];
/** Arguments of make for what is written in C. */
const MAKE = ["--no-print-directory", `-j${navigator.hardwareConcurrency}`, "-C", "tests_c"];
const PART_DEADLINE_MS = 3_600_000;
/** How often, a second apart, it is looked whether anything is left behind. */
const ENDING_TRIES = 10;
const mark = crypto.randomUUID();
const all = Deno.args.includes("--all");
let environment: Record<string, string> = {
  [MARK]: mark,
  NO_COLOR: "1",
  IPBENCH_HISTORY: "off",
  ...!all && { IPBENCH_TEST_QUICK: "1" },
};
const filter = Deno.args.includes("--filter")
  ? Deno.args.slice(Deno.args.indexOf("--filter"), Deno.args.indexOf("--filter") + 2)
  : [];

const PARTS: Record<string, () => Promise<Count>> = {
  check,
  build,
  c: cTests,
  compile: compileListing,
  fuzz,
  unit: unitTests,
  process: processTests,
};

/** Parts that only --all runs, unless they are named. */
const HEAVY_PARTS = ["compile", "fuzz"];

/** One check that has no parts: shows its output when it fails. */
function one(name: string, { code, output }: Outcome): Count {
  if (code !== 0) print(`${name} failed:\n${output}`);
  else print(`${name}: ok`);
  return { passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1, skipped: 0 };
}

function sum(counts: Count[]): Count {
  const total: Count = { passed: 0, failed: 0, skipped: 0 };
  for (const key of ["passed", "failed", "skipped"] as const) {
    for (const count of counts) total[key] += count[key];
  }
  return total;
}

async function check(): Promise<Count> {
  const deno = (...args: string[]) => run(Deno.execPath(), args);
  const [formatting, lint, types] = [
    deno("fmt", "--check"),
    deno("lint", "--quiet"),
    deno("check", "--quiet", "--frozen", "mod.ts", ...PRODUCT, ...AROUND),
  ];
  const sources = await readSources();
  const { problems, report } = checkImports(sources, await filesBelow(""));
  const unused = checkExports(sources);
  for (const line of report) print(line);
  return sum([
    one("formatting", await formatting),
    one("lint", await lint),
    one("types", await types),
    one("import rules", { code: problems.length, output: problems.join("\n") }),
    one("exports are used", { code: unused.length, output: unused.join("\n") }),
  ]);
}

async function build(): Promise<Count> {
  const args = ["run", "--allow-all", "scripts/build.ts"];
  const built = await run(Deno.execPath(), args, { env: environment });
  print(built.output.trim());
  if (built.code !== 0) return one("build", built);
  const bench = await run("make", ["-s", "-C", "bench"], { env: environment });
  return sum([one("build", built), one("programs of the benchmarks", bench)]);
}

async function cTests(): Promise<Count> {
  if (environment.IPBENCH_TEST_MISSING?.split(",").includes("libcmocka-dev")) {
    print("C tests: skipped, they need libcmocka-dev");
    return { passed: 0, failed: 0, skipped: 1 };
  }
  const { code, output } = await run("make", [...MAKE, all ? "check" : "check-asan"], {
    env: environment,
    deadlineMs: PART_DEADLINE_MS,
  });
  /** One for those under ASan and UBSan, with --all one for those under TSan. */
  const totals = Array.from(
    output.matchAll(/^C tests: (\d+) passed, (\d+) failed, (\d+) skipped/gm),
    ([, passed, failed, skipped]) => ({
      passed: Number(passed),
      failed: Number(failed),
      skipped: Number(skipped),
    }),
  );
  print(
    output.split("\n").filter((line) => /^(ok|not ok|once more|C tests:|\s)|error:/.test(line)).join("\n"),
  );
  if (totals.length < (all ? 2 : 1)) return one("C tests", { code: code === 0 ? 1 : code, output });
  const total = sum(totals);
  return total.failed === 0 && code !== 0 ? { ...total, failed: 1 } : total;
}

async function fuzz(): Promise<Count> {
  const absent = ["clang", "libclang-rt-14-dev"].filter((name) =>
    environment.IPBENCH_TEST_MISSING?.split(",").includes(name)
  );
  if (absent.length > 0) {
    print(`fuzzing: skipped, it needs ${absent.join(" and ")}`);
    return { passed: 0, failed: 0, skipped: 1 };
  }
  const seconds = Deno.env.get("IPBENCH_FUZZ_SECONDS") ?? (all ? "10" : "2");
  const args = [...MAKE, "fuzz", `FUZZ_SECONDS=${seconds}`];
  const { code, output } = await run("make", args, { env: environment, deadlineMs: PART_DEADLINE_MS });
  const lines = output.split("\n").filter((line) => /^(ok|not ok) |error:/.test(line));
  print(lines.join("\n"));
  const passed = lines.filter((line) => line.startsWith("ok ")).length;
  if (code !== 0) print(output.split("\n").slice(-40).join("\n"));
  return { passed, failed: code === 0 && passed > 0 ? 0 : 1, skipped: 0 };
}

/** Compiles onto any executable and looks for the plugins in what comes out; it cannot be started. */
async function compileListing(): Promise<Count> {
  const folder = await Deno.makeTempDir();
  const before = Deno.env.get("DENORT_BIN");
  Deno.env.set("DENORT_BIN", before ?? "/bin/true");
  try {
    const host = targetNamed(HOST);
    const result = await compile(host, folder + "/ipbench");
    const counts = [one("deno compile", result)];
    if (result.code !== 0) return sum(counts);
    print(
      result.output.split("\n").filter((line) => /plugins|libipbench|embedded|Size|Files:/.test(line)).join(
        "\n",
      ),
    );
    const program = await Deno.readFile(folder + "/ipbench");
    for (
      const name of [
        ...(await builtPlugins(host.build)).map((plugin) => `plugins/${plugin}.so`),
        "libipbench.so.1",
      ]
    ) {
      const there = indexOfBytes(program, await Deno.readFile(`${ROOT}build/${name}`)) >= 0;
      counts.push(
        one(`embedded ${name}`, { code: there ? 0 : 1, output: "its bytes are not in the program" }),
      );
    }
    return sum(counts);
  } finally {
    if (before === undefined) Deno.env.delete("DENORT_BIN");
    await Deno.remove(folder, { recursive: true });
  }
}

function indexOfBytes(haystack: Uint8Array, needle: Uint8Array): number {
  const head = needle.subarray(0, Math.min(needle.length, 4096));
  outer: for (let at = haystack.indexOf(head[0]!); at >= 0; at = haystack.indexOf(head[0]!, at + 1)) {
    for (let i = 1; i < needle.length; i++) {
      if (haystack[at + i] !== needle[i]) continue outer;
    }
    return at;
  }
  return -1;
}

async function unitTests(): Promise<Count> {
  const args = ["test", "--allow-all", "--no-check", "--quiet", "--frozen", "--parallel", ...filter, ...UNIT];
  const { code, output } = await run(Deno.execPath(), args, {
    env: environment,
    deadlineMs: PART_DEADLINE_MS,
  });
  if (code !== 0) print(output);
  return countTests(code, output);
}

async function processTests(): Promise<Count> {
  const files = (await filesBelow("tests")).filter((path) => path.endsWith("_test.ts")).toSorted();
  return await runTestFiles(files, { env: environment, filter, all });
}

/** Nothing of this run may be left, whatever the tests did. */
async function leftovers(before: string[]): Promise<Count> {
  const look = async () => ({
    processes: markedProcesses(mark),
    spaces: (await namespaces()).filter((name) => !before.includes(name)),
  });
  let { processes, spaces } = await look();
  // What is about to end may wait for a processor.
  for (let tries = 0; tries < ENDING_TRIES && processes.length + spaces.length > 0; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    ({ processes, spaces } = await look());
  }
  for (const { pid, command } of processes) {
    print(`left behind: process ${pid}: ${command}`);
    killProcess(pid);
  }
  for (const name of spaces) print(`left behind: network namespace ${name}`);
  return one("nothing left behind", { code: processes.length + spaces.length, output: "" });
}

function failedSoFar(counts: Count[]): string {
  const { failed } = sum(counts);
  return failed > 0 ? `; ${failed} failed so far` : "";
}

async function main(): Promise<number> {
  const wanted = Deno.args.filter((arg) => arg in PARTS);
  const unknown = Deno.args.find((arg) => !(arg in PARTS) && arg !== "--all" && !filter.includes(arg));
  if (unknown !== undefined || filter.length === 1) {
    const parts = Object.keys(PARTS).join(", ");
    throw new StepError(
      `${
        filter.length === 1 ? "--filter needs a text" : `${unknown} is no part`
      }: [--all] [--filter TEXT] [${parts}]`,
    );
  }
  const usual = Object.keys(PARTS).filter((part) => all || !HEAVY_PARTS.includes(part));
  const parts = wanted.length > 0 ? wanted : usual;
  const counts: Count[] = [];
  if (parts.some((part) => part !== "check")) {
    const packages = await providePackages();
    environment = { ...environment, IPBENCH_TEST_MISSING: packages.join(",") };
  }
  const before = await namespaces();
  for (const part of parts) {
    const begin = performance.now();
    print(`== ${part} (${parts.indexOf(part) + 1} of ${parts.length}${failedSoFar(counts)})`);
    const count = await PARTS[part]!();
    const seconds = ((performance.now() - begin) / 1000).toFixed(0);
    print(
      `== ${part}: ${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped (${seconds} s)`,
    );
    counts.push(count);
    if (part === "build" && count.failed > 0) break; // nothing that follows would mean anything
  }
  counts.push(await leftovers(before));
  const total = sum(counts);
  console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
  return total.failed === 0 ? 0 : 1;
}

try {
  Deno.exit(await main());
} catch (error) {
  if (!(error instanceof StepError)) throw error;
  print(`test: ${error.message}`);
  Deno.exit(1);
}
