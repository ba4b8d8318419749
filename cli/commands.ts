/**
 * The subcommands, in the order of the help. Each stands in a file of its own, which is loaded when it is called for:
 * `ipbench --version` and the daemon do not pay for charts.
 *
 * @module
 */

import type { Command } from "commander";

/** What each file of a subcommand exports. */
export interface CommandModule {
  /**
   * Adds the subcommand to the program.
   *
   * @param whole Makes a program with all subcommands, for those that describe it.
   */
  register(program: Command, whole: () => Promise<Command>): void;
}

/** Heading in the help and loader of one subcommand. */
interface CommandEntry {
  group: string;
  load: () => Promise<CommandModule>;
}

const entry = (group: string, load: () => Promise<CommandModule>): CommandEntry => ({ group, load });
const MEASURE = "Measure:";
const RESULTS = "Understand results:";
const DAEMONS = "Daemons and targets:";
const TESTS = "Tests:";
const PROGRAM = "This program:";

/** The subcommands by name. */
export const COMMANDS: ReadonlyMap<string, CommandEntry> = new Map([
  ["quick", entry(MEASURE, () => import("./commands/quick.ts"))],
  ["run", entry(MEASURE, () => import("./commands/run.ts"))],
  ["check", entry(MEASURE, () => import("./commands/check.ts"))],
  ["sweep", entry(MEASURE, () => import("./commands/sweep.ts"))],
  ["search", entry(MEASURE, () => import("./commands/search.ts"))],
  ["rfc2544", entry(MEASURE, () => import("./commands/rfc2544.ts"))],
  ["mesh", entry(MEASURE, () => import("./commands/mesh.ts"))],
  ["report", entry(RESULTS, () => import("./commands/report.ts"))],
  ["compare", entry(RESULTS, () => import("./commands/compare.ts"))],
  ["history", entry(RESULTS, () => import("./history/command.ts"))],
  ["csv", entry(RESULTS, () => import("./commands/csv.ts"))],
  ["export", entry(RESULTS, () => import("./commands/export.ts"))],
  ["serve", entry(RESULTS, () => import("./serving/command.ts"))],
  ["recover", entry(RESULTS, () => import("./commands/recover.ts"))],
  ["status", entry(DAEMONS, () => import("./commands/status.ts"))],
  ["watch", entry(DAEMONS, () => import("./commands/watch.ts"))],
  ["abort", entry(DAEMONS, () => import("./commands/abort.ts"))],
  ["continue", entry(DAEMONS, () => import("./commands/continue.ts"))],
  ["echo", entry(DAEMONS, () => import("./commands/echo.ts"))],
  ["sink", entry(DAEMONS, () => import("./commands/sink.ts"))],
  ["deploy", entry(DAEMONS, () => import("./commands/deploy.ts"))],
  ["plugins", entry(TESTS, () => import("./commands/plugins.ts"))],
  ["plugin", entry(TESTS, () => import("./commands/plugin.ts"))],
  ["completions", entry(PROGRAM, () => import("./commands/completions.ts"))],
  ["man", entry(PROGRAM, () => import("./commands/completions.ts"))],
]);
