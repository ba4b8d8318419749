/**
 * Opens one plugin file and examines its description of itself, for `ipbench plugin check`. Nothing of it is called here.
 *
 * @module
 */

import { PluginError } from "../errors.ts";
import type { Finding, PluginInfo, PluginOption } from "../plugin_info.ts";
import { INTERFACE_MAJOR, INTERFACE_MINOR } from "../self/version.ts";
import type { Library } from "./library.ts";
import { NotAPlugin, type OpenPlugin, openPlugin } from "./plugin_file.ts";

/**
 * @param path the file
 * @returns the plugin, open, and what was found in its structures
 * @throws {PluginError} "interface" when it is no plugin that can be used
 */
export function checkPlugin(library: Library, path: string): { open: OpenPlugin; findings: Finding[] } {
  let open: OpenPlugin;
  try {
    open = openPlugin(library, path, path);
  } catch (error) {
    if (error instanceof NotAPlugin) throw new PluginError("interface", "check", error.message);
    throw error;
  }
  const findings: Finding[] = [];
  const report: Report = (kind, text) => void findings.push({ kind, text });
  checkInterface(open, report);
  checkOptions(open.info, report);
  checkMetrics(open, report);
  return { open, findings };
}

type Report = (kind: Finding["kind"], text: string) => void;

function checkInterface({ info, functions }: OpenPlugin, report: Report): void {
  for (const name of info.missing) {
    report("wrong", `function ${name} is missing: ipbench will refuse to call it`);
  }
  if (info.missing.length === 0) report("ok", "all nine functions are there");
  if (info.descr === "") report("wrong", "descr is empty: one line is shown by ipbench plugins");
  if (info.defaultPort < 0 || info.defaultPort > 65535) {
    report("wrong", `default_port ${info.defaultPort} is no port`);
  }
  if (info.interface === null) {
    report("ok", "no extension symbol: a plugin as the original ipbench has them");
    return;
  }
  const { major, minor } = info.interface;
  report("ok", `extension ${major}.${minor}, this ipbench has ${INTERFACE_MAJOR}.${INTERFACE_MINOR}`);
  if (info.version === null || info.version === "") report("wrong", "version is empty");
  if (functions.results !== undefined && functions.results_cleanup === undefined) {
    report("wrong", "results without results_cleanup: what results gives is never freed");
  }
  if (functions.results === undefined) {
    report("note", "no results: nothing but the row is known of what it measures");
    if (info.metrics.length > 0) report("wrong", "a table of metrics without results, which would give them");
  }
  if (functions.expected_duration === undefined) {
    report("note", "no expected_duration: a run with it needs --timeout, or waits the longest time");
  }
  if (info.csvHeader === null || info.csvHeader === "") {
    report("note", "no csv_header: its columns have no names");
  }
}

const TYPES = new Set(["int", "float", "size", "rate", "time", "bool", "string", "enum"]);

function checkOptions({ options }: PluginInfo, report: Report): void {
  if (options === null) return;
  const seen = new Set<string>();
  for (const option of options) {
    const { name, type, help, controller } = option;
    const key = `${controller ? "controller " : ""}option ${name}`;
    if (!/^[A-Za-z_][A-Za-z0-9_.-]*$/.test(name)) report("wrong", `${key}: not a name that can be typed`);
    if (!TYPES.has(type)) report("wrong", `${key}: type ${type} is none of ${[...TYPES].join(", ")}`);
    if (help === "") report("wrong", `${key}: no help`);
    if (seen.has(key)) report("wrong", `${key}: there are two of it`);
    const outside = defaultOutside(option);
    if (outside !== null) report("wrong", `${key}: ${outside}`);
    seen.add(key);
  }
  report("ok", `${options.length} options described`);
}

/** Whether a default is none of the values that the option takes, as far as both are plain. */
function defaultOutside({ type, range, default: value }: PluginOption): string | null {
  if (value === "" || range === "") return null;
  if (type === "enum") {
    return range.split("|").includes(value) ? null : `its default ${value} is none of ${range}`;
  }
  if (type !== "int" && type !== "float") return null;
  const [low, high] = range.split("..").map(Number);
  const number = Number(value);
  if (low === undefined || high === undefined || ![low, high, number].every(Number.isFinite)) return null;
  return number >= low && number <= high ? null : `its default ${value} is not in ${range}`;
}

function checkMetrics({ info, strangeMetrics }: OpenPlugin, report: Report): void {
  const seen = new Set<string>();
  for (const { name, help } of info.metrics) {
    if (name === "") report("wrong", "the table of metrics has one without a name");
    if (seen.has(name)) report("wrong", `metric ${name}: there are two of it in the table`);
    if (help === "") report("wrong", `metric ${name}: no help`);
    seen.add(name);
  }
  for (const text of strangeMetrics) report("wrong", text);
  if (info.metrics.length > 0) report("ok", `${info.metrics.length} metrics described`);
}
