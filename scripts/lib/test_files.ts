/**
 * Runs the test files that cross processes: those that wait many at a time, those that measure alone, and what is heavy
 * only when everything is asked for.
 *
 * @module
 */

import { endLeftovers, FILE_MARK, MARK } from "./leftovers.ts";
import { othersShare, processorBusy } from "./processor_time.ts";
import { print, run } from "./steps.ts";

/** What tests counted. */
export interface Count {
  passed: number;
  failed: number;
  skipped: number;
}

/** Which files are run, and how. */
export interface FilesOptions {
  env: Record<string, string>;
  /** `--filter` and a text, or nothing. */
  filter: string[];
  /** Whether what is heavy is run, too. */
  all: boolean;
}

/** What takes long, and whose kind is tried in smaller numbers by what is left: with `--all` only. */
const HEAVY = namesIn({
  cli: "deploy|events|keys|library_example|mesh|quick|quick_hosts|readme_session|silent_daemon|telemetry",
  clusters: "kubernetes|remote_shells|slurm",
  daemon: "faults|fuzz|join|lockout|operations|secure|silence|tls_clients",
  faults: "crash|interrupted|matrix_link|original_daemon|output_place|result_lock",
  package: "arm64|packages",
  plugins:
    "engine_process|forward_outage|https|iperf2|iperf3_peer|nfs|requests|requests_peers|run|stamp|target_words|tools|tools_check|threads|tutorial|wrappers",
  report: "browser|serve|serve_crowd|serve_kinds|serve_live",
  run:
    "classes|clock|completions_shells|full_disk|lab_script|labs|limits|mesh|private_lab|raw|scale|search_bucket|" +
    "search_examples|service_filter|sweep_examples|sweep_resume|terminal_live|wrapper_examples",
  witness:
    "clock_sources|cpu|effect|events|forward|forward_throughput|full_link|icmp_reject|inject|machine|mptcp|one_way|outage|rates|" +
    "recovery|standstill|stream|targets|times|xdp",
});
/** Tests whose figures other work on this machine would change: one after another, and only while it is quiet. */
const MEASURES = namesIn({
  cli: "quick",
  plugins: "engine_process|forward_outage|https|iperf3_peer|limits|requests|stamp|threads",
  run: "classes|lab_script|mesh|scale|search_bucket|whole",
  witness:
    "clock|counts|cpu|effect|events|forward_throughput|full_link|inject|interface|machine|mptcp|one_way|outage|rates|" +
    "recovery|standstill|stream|targets|times",
});
/** Tests that need the machine for themselves for another reason: they fill a disk, or flood a daemon. */
const ALONE = namesIn({ daemon: "lockout", faults: "matrix", plugins: "nfs", run: "full_disk" });

/** Of those that need the machine: without `--all` these try so little that they run beside others. */
const SMALL_WITHOUT_ALL = namesIn({ faults: "matrix" });

/** A pattern for test files from the names in each folder. */
function namesIn(folders: Record<string, string>): RegExp {
  const each = Object.entries(folders).map(([folder, names]) => `${folder}/(${names})`);
  return new RegExp(`^tests/(${each.join("|")})_test\\.ts$`);
}

/** Files at a time: they wait about half of their time. */
const SIDE_BY_SIDE = 2 * navigator.hardwareConcurrency;
const FILE_DEADLINE_MS = 1_800_000;
/** A share of the processors that work of somebody else may have beside tests that measure. */
const QUIET_BELOW = 0.2;
/**
 * A share that others had while a test ran that measures and failed, even when it was run once more: above it nobody can tell
 * whose doing that was. It is shown whole, and counts as skipped.
 */
const DISTURBED_ABOVE = 0.03;
/** How long the processors are watched to know it. */
const WATCH_MS = 500;
/** How long the machine is given to become quiet. */
const QUIET_WITHIN_MS = 30_000;
/**
 * So many files that failed are run once more, alone, when all others are over: what a crowded machine did to a test does not
 * last, and a fault does. Both outcomes are shown, and the second counts.
 */
const MOST_AGAIN = 8;

/**
 * Runs test files and prints what became of each, and how many are left.
 *
 * @param files paths from the project's folder
 */
export async function runTestFiles(files: string[], options: FilesOptions): Promise<Count> {
  const filtered = options.filter.length > 0;
  const wanted = options.all || filtered ? files : files.filter((path) => !HEAVY.test(path));
  const isSmall = (path: string) => !options.all && SMALL_WITHOUT_ALL.test(path);
  const isAlone = (path: string) => MEASURES.test(path) || ALONE.test(path) && !isSmall(path);
  const progress = new Progress(wanted.length, filtered);
  const queue = (await longestFirst(wanted)).filter((path) => !isAlone(path));
  const again: string[] = [];
  const runOnce = async (path: string) => {
    const outcome = await runFile(path, options);
    if (outcome.failed > 0 && !filtered && again.length < MOST_AGAIN) {
      again.push(path);
      progress.failedOnce(path, outcome);
    } else progress.ended(path, excused(path, outcome));
  };
  const lanes = Array.from({ length: SIDE_BY_SIDE }, async () => {
    for (let path = queue.shift(); path !== undefined; path = queue.shift()) await runOnce(path);
  });
  await Promise.all(lanes);
  for (const path of wanted.filter(isAlone)) {
    const busy = MEASURES.test(path) && !filtered ? await busyShare() : 0;
    if (busy < QUIET_BELOW) await runOnce(path);
    else progress.ended(path, crowded(busy));
  }
  for (const path of again) {
    await busyShare();
    progress.ended(path, excused(path, await runFile(path, options)));
  }
  if (again.length > 0) print(`failed at first, and were run once more, alone: ${again.join(", ")}`);
  if (wanted.length < files.length) {
    print(`not run without --all: ${files.length - wanted.length} files, which are heavy`);
  }
  if (!filtered) await progress.keepTimes();
  return progress.total;
}

/** What became of one file. */
interface FileOutcome extends Count {
  /** What it printed. */
  output: string;
  seconds: number;
  /** The share of the processors that others had meanwhile. */
  others: number;
  /** Why it was not run, or does not count. */
  skippedFor?: string;
}

/** Counts, a line a file, and the times of the files for the next run. */
class Progress {
  readonly total: Count = { passed: 0, failed: 0, skipped: 0 };
  readonly #files: number;
  readonly #quietly: boolean;
  readonly #times = new Map<string, number>();
  #ended = 0;
  #failedFiles = 0;

  /** @param quietly whether files without a test that was wanted are not worth a line */
  constructor(files: number, quietly: boolean) {
    this.#files = files;
    this.#quietly = quietly;
  }

  ended(path: string, outcome: FileOutcome): void {
    this.#ended += 1;
    if (outcome.failed > 0) this.#failedFiles += 1;
    for (const key of ["passed", "failed", "skipped"] as const) this.total[key] += outcome[key];
    if (outcome.skippedFor === undefined) this.#times.set(path, outcome.seconds);
    if (this.#quietly && outcome.passed + outcome.failed + outcome.skipped === 0) return;
    const failed = this.#failedFiles > 0 ? `, ${this.#failedFiles} failed` : "";
    const counted = outcome.skippedFor ??
      `${outcome.passed} passed${outcome.failed > 0 ? `, ${outcome.failed} failed` : ""}${
        outcome.skipped > 0 ? `, ${outcome.skipped} skipped` : ""
      }, ${outcome.seconds.toFixed(0)} s`;
    const word = outcome.failed > 0 ? "not ok" : outcome.skippedFor === undefined ? "ok" : "skipped";
    if (outcome.failed > 0 || outcome.others > DISTURBED_ABOVE && word === "skipped") {
      print(outcome.output.trimEnd());
    }
    print(`[${this.#ended}/${this.#files}${failed}] ${word} ${path} (${counted})`);
    for (const line of outcome.output.matchAll(/^.*\.\.\. .*ignored.*$/gm)) print(`  ${line[0]}`);
  }

  /** A file failed and is going to be run once more: it does not count yet. */
  failedOnce(path: string, outcome: FileOutcome): void {
    print(outcome.output.trimEnd());
    print(
      `not ok ${path} (${outcome.failed} failed, ${outcome.seconds.toFixed(0)} s): once more later, alone`,
    );
  }

  /** Remembers how long each file took, so that the longest begin first next time. */
  async keepTimes(): Promise<void> {
    const times = { ...await knownTimes(), ...Object.fromEntries(this.#times) };
    await Deno.writeTextFile(TIMES_FILE, JSON.stringify(times, null, 1)).catch(() => {});
  }
}

const TIMES_FILE = "build/test_seconds.json";

async function knownTimes(): Promise<Record<string, number>> {
  try {
    return JSON.parse(await Deno.readTextFile(TIMES_FILE));
  } catch {
    return {}; // the first run, or a damaged file: the order is all that depends on it
  }
}

/** What takes longest must not begin last. Files of unknown length go first. */
async function longestFirst(files: string[]): Promise<string[]> {
  const times = await knownTimes();
  const seconds = (path: string) => times[path] ?? Infinity;
  return files.toSorted((a, b) => seconds(b) === seconds(a) ? a.localeCompare(b) : seconds(b) - seconds(a));
}

async function runFile(path: string, { env, filter }: FilesOptions): Promise<FileOutcome> {
  const begin = performance.now();
  const fixed = ["test", "--allow-all", "--no-check", "--quiet", "--frozen"];
  const mark = crypto.randomUUID();
  const options = { env: { ...env, [FILE_MARK]: mark }, deadlineMs: FILE_DEADLINE_MS };
  const others = othersShare(env[MARK] ?? "");
  const { code, output: printed } = await run(Deno.execPath(), [...fixed, ...filter, path], options);
  const output = code === 0 ? printed : [printed, ...endLeftovers(mark)].join("\n");
  const seconds = (performance.now() - begin) / 1000;
  return { ...countTests(code, output), output, others: others(), seconds };
}

/**
 * Reads the counts of the last line of `deno test`.
 *
 * @param code its exit status: a failure that it does not count counts as one
 */
export function countTests(code: number, output: string): Count {
  const last = output.split("\n").findLast((line) => /\d+ passed/.test(line)) ?? "";
  const found = (word: string) => Number(new RegExp(`(\\d+) ${word}`).exec(last)?.[1] ?? 0);
  const count = { passed: found("passed"), failed: found("failed"), skipped: found("ignored") };
  return code !== 0 && count.failed === 0 ? { ...count, failed: 1 } : count;
}

/** The share of the processors that others have, when it has become quiet or is not going to. */
async function busyShare(): Promise<number> {
  const end = performance.now() + QUIET_WITHIN_MS;
  for (;;) {
    const busy = await processorBusy(WATCH_MS);
    if (busy < QUIET_BELOW || performance.now() > end) return busy;
  }
}

function crowded(busy: number): FileOutcome {
  const skippedFor = `the machine is crowded: ${(100 * busy).toFixed(0)} % of its processors are busy`;
  return { passed: 0, failed: 0, skipped: 1, output: "", others: busy, seconds: 0, skippedFor };
}

/** Of a test that measures: what failed while others had the processors is skipped. */
function excused(path: string, outcome: FileOutcome): FileOutcome {
  const { failed, skipped, others } = outcome;
  if (failed === 0 || others <= DISTURBED_ABOVE || !MEASURES.test(path)) return outcome;
  const skippedFor =
    `the machine was crowded: others had ${(100 * others).toFixed(0)} % of its processors meanwhile; ` +
    `${failed} failed`;
  return { ...outcome, failed: 0, skipped: skipped + failed, skippedFor };
}
