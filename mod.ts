/**
 * ipbench as a library: a run description in, a result document out. The command line is one user of it.
 *
 * @example Run a benchmark and print its row
 * ```ts
 * import { defaultRun, runBenchmark } from "@ipbench/ipbench";
 *
 * const document = await runBenchmark(defaultRun("latency", [
 *   { host: "127.0.0.1", port: 8036, target: "127.0.0.1", targetPort: 7, args: "socktype=udp" },
 * ]));
 * console.log(document.run.verdict, document.csv);
 * ```
 *
 * A program that uses it needs a clone that is built (`./scripts/build`), because tests are plugins in C, and these
 * permissions: `--allow-net` to the daemons (HOST:PORT each), `--allow-run=deno` for the process that opens the plugins, and
 * `--allow-ffi` for two functions of the C library. (Where `deno` is not on PATH, or a symbolic link there: `--allow-run=`
 * and what `Deno.execPath()` gives.) That process has all permissions. Files that a description names
 * (secret, certificates) need `--allow-read`; {@linkcode saveDocument} and {@linkcode DocumentSaver} need `--allow-read`
 * and `--allow-write` for the file's folder, {@linkcode makeReport} `--allow-env=NODE_ENV`, which the library that draws
 * examines.
 *
 * @module
 */

export { runBenchmark, type RunOptions } from "./controller/run/run.ts";
export type { Log, LogLevel } from "./controller/log.ts";
export type { TestPhase, TestProgress } from "./base/test_progress.ts";
export type { PeerName, ProgressEvent, RunPhase } from "./controller/run/progress.ts";
export { LIMITS, type Limits } from "./controller/limits.ts";
export { FileLock, FileLockedError } from "./controller/store/file_lock.ts";
export { DocumentSaver, recoverDocument, saveDocument } from "./controller/store/save.ts";
export { RunError, type RunErrorCode } from "./controller/run/run_error.ts";
export { PluginError, type PluginErrorCode } from "./ffi/mod.ts";
export { buildDescription } from "./config/build_description.ts";
export { ConfigError } from "./config/config_error.ts";
export { parseConfigFile } from "./config/config_file.ts";
export {
  type ClientDescription,
  DEFAULT_CLIENT_PORT,
  DEFAULT_TARGET_PORT,
  defaultRun,
  type RunDescription,
  type TargetDescription,
} from "./config/run_description.ts";
export { checkRunDescription } from "./config/validate.ts";
export * from "./results/document/document.ts";
export {
  type ComparedResults,
  compareResults,
  type CompareResultsOptions,
  type ExportFormat,
  type ExportOptions,
  exportResults,
  makeReport,
  type NamedResult,
  type ReportOptions,
  type UnreadResult,
} from "./results/answers.ts";
export type { Comparison, Row } from "./results/compare/compare.ts";
export type { Failure } from "./results/compare/fail_if.ts";
export { type ComparedMetric, MetricError } from "./results/compare/metrics.ts";
export { SameSeriesError } from "./results/export/prometheus.ts";
export { parseDocument } from "./results/document/parse.ts";
export { type Clock, type Runner, SYSTEM_CLOCK } from "./controller/run/runner.ts";
export {
  type LatencyLimit,
  parseGoal,
  parseLatencyLimit,
  type SearchGoal,
} from "./controller/search/goal.ts";
export { runSearch, type SearchDependencies, type SearchOptions } from "./controller/search/run_search.ts";
export type { GoalRecord, SearchDocument, TrialRecord } from "./results/search/document.ts";
export { parseAxis, type SweepPlan } from "./controller/sweep/plan.ts";
export {
  runSweep,
  type SweepDependencies,
  type SweepOptions,
  type SweepStore,
} from "./controller/sweep/run_sweep.ts";
export type { SweepIndex } from "./controller/sweep/sweep_index.ts";
export { FolderStore } from "./controller/sweep/store.ts";
export { parseUntil } from "./controller/sweep/until.ts";
