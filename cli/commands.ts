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

/** Name of each subcommand and how to load it. */
export const COMMANDS: ReadonlyMap<string, () => Promise<CommandModule>> = new Map<
  string,
  () => Promise<CommandModule>
>([
  ["run", () => import("./run.ts")],
  ["check", () => import("./check.ts")],
  ["sweep", () => import("./sweep.ts")],
  ["search", () => import("./search.ts")],
  ["rfc2544", () => import("./rfc2544.ts")],
  ["status", () => import("./status.ts")],
  ["watch", () => import("./watch.ts")],
  ["abort", () => import("./abort.ts")],
  ["continue", () => import("./continue.ts")],
  ["echo", () => import("./echo.ts")],
  ["plugins", () => import("./plugins.ts")],
  ["plugin", () => import("./plugin.ts")],
  ["report", () => import("./report.ts")],
  ["compare", () => import("./compare.ts")],
  ["export", () => import("./export.ts")],
  ["csv", () => import("./csv.ts")],
  ["recover", () => import("./recover.ts")],
  ["deploy", () => import("./deploy.ts")],
  ["completions", () => import("./completions.ts")],
  ["man", () => import("./completions.ts")],
]);
