/**
 * `ipbench plugins [NAME]`: every plugin that can be found, or one with its arguments.
 *
 * @module
 */

import type { Command } from "commander";
import { suggestion } from "../../base/nearest.ts";
import {
  NEEDY_TESTS,
  type NeedyTest,
  PluginError,
  PluginHost,
  type PluginInfo,
  sidesOf,
} from "../../ffi/mod.ts";
import { EXIT, ExitError } from "../exit.ts";
import { repeated } from "../repeated.ts";
import { note, out } from "../terminal/io.ts";

interface Options {
  pluginDir?: string[];
  debug?: true;
  json?: true;
}

/** @param program the program that gets the subcommand */
export function register(program: Command): void {
  program.command("plugins")
    .description("list the plugins that can be found, or the arguments of one")
    .argument("[name]", "show this plugin with its arguments")
    .option("--plugin-dir <dir>", "look for plugins here first; may be given many times", repeated)
    .option("-d, --debug", "print which files were examined, and why they are no plugins")
    .option("--json", "print JSON")
    .action(async (name: string | undefined, options: Options) => {
      const found = await listPlugins(options.pluginDir ?? [], options.debug === true);
      const chosen = name === undefined ? found : found.filter((plugin) => plugin.name === name);
      if (name !== undefined && chosen.length === 0) {
        throw new ExitError(EXIT.FAILED, whyNot(name, found));
      }
      if (options.json === true) out(JSON.stringify(chosen, null, 2) + "\n");
      else if (name === undefined) out(table(found, missingOf(found)));
      else for (const plugin of chosen) out(describe(plugin));
    });
}

async function listPlugins(pluginDirs: string[], debug: boolean): Promise<PluginInfo[]> {
  const host = PluginHost.spawn({
    pluginDirs,
    debug,
    log: (level, text) => note(`ipbench: ${level}: ${text}`),
  });
  try {
    return await host.list();
  } catch (error) {
    if (error instanceof PluginError) throw new ExitError(EXIT.FAILED, error.message, { cause: error });
    throw error;
  } finally {
    await host.kill();
  }
}

/** Tests that this build lacks. */
function missingOf(found: readonly Pick<PluginInfo, "name">[]): NeedyTest[] {
  return NEEDY_TESTS.filter(({ name }) => !found.some((plugin) => plugin.name === name));
}

/**
 * Why there is no plugin of a name.
 *
 * @param name What was asked for.
 * @param found Those that there are.
 * @returns A sentence.
 */
export function whyNot(name: string, found: readonly Pick<PluginInfo, "name">[]): string {
  const missing = missingOf(found).find((test) => test.name === name);
  if (missing !== undefined) return `${name} is not here: it needs ${missing.needs}`;
  return `no plugin is named ${name}${suggestion(name, [...new Set(found.map((plugin) => plugin.name))])}`;
}

/** Rows with columns of one width each, the last one free. */
function align(rows: string[][]): string {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  const line = (row: string[]) =>
    row.map((cell, i) => i === row.length - 1 ? cell : cell.padEnd(widths[i]!)).join("  ").trimEnd();
  return rows.map((row) => line(row) + "\n").join("");
}

/**
 * The list of plugins.
 *
 * @param plugins Those that there are.
 * @param missing Those that this build lacks: it says why.
 * @returns Lines, each with its line end.
 */
export function table(plugins: readonly PluginInfo[], missing: readonly NeedyTest[]): string {
  const rows = plugins.toSorted((a, b) => a.side.localeCompare(b.side) || a.name.localeCompare(b.name))
    .map((
      plugin,
    ) => [plugin.name, sidesOf(plugin).join(" or "), plugin.version ?? "-", plugin.origin, plugin.descr]);
  const lacking = missing.map(({ name, side, needs }) => [name, side, "-", "not here", `needs ${needs}`]);
  return align([["NAME", "SIDE", "VERSION", "FROM", "DESCRIPTION"], ...rows, ...lacking]);
}

function describe(plugin: PluginInfo): string {
  const version = plugin.version === null ? "no version" : `version ${plugin.version}`;
  const needsTarget = plugin.needsTarget === true ? ["needs a machine to test (--test-target)"] : [];
  const lines = [
    `${plugin.name}: ${sidesOf(plugin).join(" or ")} test, ${version}, from ${plugin.origin}`,
    plugin.descr,
    ...needsTarget,
    ...(plugin.defaultPort === 0 ? [] : [`default port: ${plugin.defaultPort}`]),
    ...(plugin.csvHeader === null ? [] : [`columns: ${plugin.csvHeader}`]),
    ...(plugin.missing.length === 0 ? [] : [`functions that are missing: ${plugin.missing.join(", ")}`]),
  ];
  return lines.join("\n") + "\n" + describeOptions(plugin) + describeMetrics(plugin);
}

function describeMetrics({ metrics }: PluginInfo): string {
  if (metrics.length === 0) return "";
  const rows = metrics.map(({ name, unit, total, better, help }) => [
    name,
    unit === "" ? "-" : unit,
    total === "none" ? "-" : total,
    better === "unknown" ? "-" : better,
    help,
  ]);
  return `\nfigures beside the row:\n${align([["NAME", "UNIT", "TOTAL", "BETTER", "MEANING"], ...rows])}`;
}

function describeOptions({ options }: PluginInfo): string {
  if (options === null) return "a plugin as the original has them: it does not describe its arguments\n";
  if (options.length === 0) return "no arguments\n";
  const rows = (controller: boolean) =>
    options.filter((option) => option.controller === controller).map((option) => [
      option.name,
      option.type,
      option.unit === "" ? "-" : option.unit,
      option.default === "" ? "-" : option.default,
      option.range === "" ? "-" : option.range,
      option.help,
    ]);
  const header = ["NAME", "TYPE", "UNIT", "DEFAULT", "RANGE", "MEANING"];
  const parts = [[false, "arguments (--test-args):"], [true, "arguments on the controller:"]] as const;
  return parts.map(([controller, title]) => {
    const part = rows(controller);
    return part.length === 0 ? "" : `\n${title}\n${align([header, ...part])}`;
  }).join("");
}
