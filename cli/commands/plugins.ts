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
import { helpColumns, note, out, widthOf } from "../terminal/io.ts";
import { wrapWords } from "../terminal/text.ts";

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
    .option("--plugin-dir <dir>", "look for plugins here first; repeatable", repeated)
    .option("-d, --debug", "print which files were examined, and why they are no plugins")
    .option("--json", "print JSON")
    .action(async (name: string | undefined, options: Options) => {
      const found = await listPlugins(options.pluginDir ?? [], options.debug === true);
      const chosen = name === undefined ? found : found.filter((plugin) => plugin.name === name);
      if (name !== undefined && chosen.length === 0) {
        throw new ExitError(EXIT.FAILED, whyNot(name, found));
      }
      if (options.json === true) out(JSON.stringify(chosen, null, 2) + "\n");
      else if (name === undefined) out(table(found, missingOf(found), widthOf(Deno.stdout)));
      else for (const plugin of chosen) out(describe(plugin, helpColumns()));
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

/** Least columns for the last cell of a row; where there are fewer, it is not broken. */
const LEAST_COLUMNS = 20;

/** Rows with columns of one width each; the last one has what is left, and goes on below itself. */
function align(rows: string[][], width: number): string {
  const widths = rows[0]!.map((_, i) =>
    i === rows[0]!.length - 1 ? 0 : Math.max(...rows.map((row) => row[i]!.length))
  );
  const before = widths.reduce((sum, each) => sum + each, 2 * (widths.length - 1));
  const room = Math.max(LEAST_COLUMNS, width - before);
  return rows.map((row) => {
    const cells = row.slice(0, -1).map((cell, i) => `${cell.padEnd(widths[i]!)}  `).join("");
    return `${hang(cells, row.at(-1)!, before, room)}\n`;
  }).join("");
}

/** A text after others, broken between words, each further line as far to the right. */
function hang(before: string, text: string, indent: number, room: number): string {
  return wrapWords(text, room, 0).split("\n").map((line, i) =>
    ((i === 0 ? before : " ".repeat(indent)) + line).trimEnd()
  ).join("\n");
}

/** Widest column of names. */
const NAME_COLUMNS = 22;

/** Entries with a name before them: what kind of thing it is, and below that what it means. */
function entries(
  list: readonly { name: string; kind: readonly string[]; help: string }[],
  width: number,
): string {
  const indent = 2 + Math.min(NAME_COLUMNS, Math.max(...list.map(({ name }) => name.length))) + 2;
  const room = Math.max(LEAST_COLUMNS, width - indent);
  return list.map(({ name, kind, help }) => {
    const head = `  ${name}`.padEnd(indent - 2) + "  ";
    const lines = [hang(head, kind.filter((part) => part !== "").join(", "), indent, room)];
    if (help !== "") lines.push(hang(" ".repeat(indent), help, indent, room));
    return `${lines.join("\n")}\n`;
  }).join("");
}

/**
 * The list of plugins.
 *
 * @param plugins Those that there are.
 * @param missing Those that this build lacks: it says why.
 * @param width Columns of a line.
 * @returns Lines, each with its line end.
 */
export function table(plugins: readonly PluginInfo[], missing: readonly NeedyTest[], width: number): string {
  const rows = plugins.toSorted((a, b) => a.side.localeCompare(b.side) || a.name.localeCompare(b.name))
    .map((
      plugin,
    ) => [plugin.name, sidesOf(plugin).join(" or "), plugin.version ?? "-", plugin.origin, plugin.descr]);
  const lacking = missing.map(({ name, side, needs }) => [name, side, "-", "not here", `needs ${needs}`]);
  return align([["NAME", "SIDE", "VERSION", "FROM", "DESCRIPTION"], ...rows, ...lacking], width);
}

/**
 * One plugin with its arguments and figures.
 *
 * @param plugin The plugin.
 * @param width Columns of a line.
 * @returns Lines, each with its line end.
 */
export function describe(plugin: PluginInfo, width: number): string {
  const version = plugin.version === null ? "no version" : `version ${plugin.version}`;
  const lines = [
    `${plugin.name}: ${sidesOf(plugin).join(" or ")} test, ${version}, from ${plugin.origin}`,
    plugin.descr,
    ...(plugin.needsTarget === true ? ["needs a machine to test (--test-target)"] : []),
    ...(plugin.defaultPort === 0 ? [] : [`default port: ${plugin.defaultPort}`]),
    ...(plugin.csvHeader === null ? [] : [`columns: ${plugin.csvHeader.replaceAll(",", ", ")}`]),
    ...(plugin.missing.length === 0 ? [] : [`functions that are missing: ${plugin.missing.join(", ")}`]),
  ];
  return lines.map((line) => `${wrapWords(line, width)}\n`).join("") + describeOptions(plugin, width) +
    describeMetrics(plugin, width);
}

/** How figures of several testers become one. */
const TOTAL_WORDS: Partial<Record<PluginInfo["metrics"][number]["total"], string>> = {
  sum: "summed up",
  mean: "mean of the testers",
  max: "largest of any tester",
  min: "smallest of any tester",
};
const BETTER_WORDS: Partial<Record<PluginInfo["metrics"][number]["better"], string>> = {
  more: "more is better",
  less: "less is better",
};

function describeMetrics({ metrics }: PluginInfo, width: number): string {
  if (metrics.length === 0) return "";
  const list = metrics.map(({ name, unit, total, better, help }) => ({
    name,
    kind: [unit, TOTAL_WORDS[total] ?? "", BETTER_WORDS[better] ?? ""],
    help,
  }));
  return `\nfigures beside the row:\n${entries(list, width)}`;
}

function describeOptions({ options }: PluginInfo, width: number): string {
  if (options === null) {
    return wrapWords("a plugin as the original has them: it does not describe its arguments\n", width);
  }
  if (options.length === 0) return "no arguments\n";
  const parts = [[false, "arguments (--test-args):"], [true, "arguments on the controller:"]] as const;
  return parts.map(([controller, title]) => {
    const list = options.filter((option) => option.controller === controller).map((option) => ({
      name: option.name,
      kind: [
        option.type + (option.unit === "" ? "" : ` in ${option.unit}`),
        option.range,
        option.default === "" ? "" : `default ${option.default}`,
      ],
      help: option.help,
    }));
    return list.length === 0 ? "" : `\n${title}\n${entries(list, width)}`;
  }).join("");
}
