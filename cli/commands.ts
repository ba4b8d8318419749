/**
 * The subcommands, in the order of the help. Each stands in a file of its own, which is loaded when it is called for:
 * `ipbench --version` and the daemon do not pay for charts.
 *
 * @module
 */

import type { Command } from "@commander-js/extra-typings";

/** What each file of a subcommand exports. */
export interface CommandModule {
  /** Adds the subcommand to the program. */
  register(program: Command): void;
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
  ["run", entry(MEASURE, () => import("./run.ts"))],
  ["check", entry(MEASURE, () => import("./check.ts"))],
  ["sweep", entry(MEASURE, () => import("./sweep.ts"))],
  ["search", entry(MEASURE, () => import("./search.ts"))],
  ["rfc2544", entry(MEASURE, () => import("./rfc2544.ts"))],
  ["report", entry(RESULTS, () => import("./report.ts"))],
  ["compare", entry(RESULTS, () => import("./compare.ts"))],
  ["csv", entry(RESULTS, () => import("./csv.ts"))],
  ["export", entry(RESULTS, () => import("./export.ts"))],
  ["recover", entry(RESULTS, () => import("./recover.ts"))],
  ["status", entry(DAEMONS, () => import("./status.ts"))],
  ["watch", entry(DAEMONS, () => import("./watch.ts"))],
  ["abort", entry(DAEMONS, () => import("./abort.ts"))],
  ["continue", entry(DAEMONS, () => import("./continue.ts"))],
  ["echo", entry(DAEMONS, () => import("./echo.ts"))],
  ["deploy", entry(DAEMONS, () => import("./deploy.ts"))],
  ["plugins", entry(TESTS, () => import("./plugins.ts"))],
  ["plugin", entry(TESTS, () => import("./plugin.ts"))],
  ["completions", entry(PROGRAM, () => import("./completions.ts"))],
  ["man", entry(PROGRAM, () => import("./completions.ts"))],
]);
