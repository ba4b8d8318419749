/**
 * Opens a file as a plugin and reads its structures, distrusting every pointer.
 *
 * @module
 */

import { MAX_NAME_BYTES, MAX_OPTIONS, MAX_TEXT_BYTES } from "../limits.ts";
import { BETTER, TOTALS } from "../../base/metric_kinds.ts";
import type { PluginInfo, PluginMetric, PluginOption } from "../plugin_info.ts";
import { EXT, METRIC, OPTION, PLUGIN, PLUGIN_FUNCTIONS, TYPE_TARGET } from "../structs.ts";
import { INTERFACE_MAJOR, INTERFACE_MINOR } from "../self/version.ts";
import { cString, libc } from "./libc.ts";
import type { Library } from "./library.ts";
import { BadPointer, CodeRanges, readCString, readMemory } from "./memory.ts";

const MAGIC = "IPBENCH_PLUGIN";
const NAME = /^[A-Za-z0-9_-]+$/;
const EXT_FUNCTIONS = ["attach", "expected_duration", "results", "results_cleanup"] as const;
const OPEN_ERROR_BYTES = 512;

/** A function of a plugin. */
export type PluginFunction = typeof PLUGIN_FUNCTIONS[number];
/** A function of a plugin's extension. */
export type ExtFunction = typeof EXT_FUNCTIONS[number];

/** A plugin that is open. */
export interface OpenPlugin {
  info: PluginInfo;
  handle: Deno.PointerObject;
  functions: Partial<Record<PluginFunction | ExtFunction, Deno.PointerObject>>;
  /** What its table of metrics declares and no ipbench of this version understands, a sentence each. */
  strangeMetrics: string[];
}

/** A file that is no plugin, or one that cannot be used. */
export class NotAPlugin extends Error {
  /** The file is a plugin, but one that this program must refuse, such as one of another interface version. */
  readonly refused: boolean;

  constructor(message: string, refused: boolean) {
    super(message);
    this.refused = refused;
  }
}

/**
 * Opens a file and reads its description of itself.
 *
 * @param path what dlopen gets
 * @param origin what a person calls it: a path, or "embedded"
 * @throws {NotAPlugin} when it is none
 */
export function openPlugin(library: Library, path: string, origin: string): OpenPlugin {
  const error = new Uint8Array(OPEN_ERROR_BYTES);
  const handle = library.symbols.ipbench_host_open(cString(path), error, error.length);
  if (handle === null) {
    const text = new TextDecoder().decode(error.subarray(0, Math.max(0, error.indexOf(0))));
    throw new NotAPlugin(`${origin} cannot be opened: ${text.replaceAll(path, origin)}`, false);
  }
  try {
    return readPlugin(library, handle, origin);
  } catch (cause) {
    libc().dlclose(handle);
    if (!(cause instanceof BadPointer)) throw cause;
    throw new NotAPlugin(`${origin} has a wrong pointer: ${cause.message}`, true);
  }
}

/** Closes a plugin that is not needed. */
export function closePlugin(plugin: OpenPlugin): void {
  libc().dlclose(plugin.handle);
}

function readPlugin(library: Library, handle: Deno.PointerObject, origin: string): OpenPlugin {
  const symbol = library.symbols.ipbench_host_symbol(handle, cString("ipbench_plugin"));
  if (symbol === null) throw new NotAPlugin(`${origin} is no plugin: it has no symbol ipbench_plugin`, false);
  const struct = new Struct(readMemory(Deno.UnsafePointer.value(symbol), PLUGIN.size));
  if (struct.string(PLUGIN.magic, "magic", MAX_NAME_BYTES) !== MAGIC) {
    throw new NotAPlugin(`${origin} is no plugin: its magic is not ${MAGIC}`, false);
  }
  const name = struct.string(PLUGIN.name, "name", MAX_NAME_BYTES);
  if (name === null || !NAME.test(name)) {
    throw new NotAPlugin(
      `${origin} has a name that is not of letters, digits, _ and -: ${JSON.stringify(name)}`,
      true,
    );
  }
  const code = new CodeRanges();
  const functions: OpenPlugin["functions"] = {};
  for (const each of PLUGIN_FUNCTIONS) struct.function(PLUGIN[each], each, code, functions);
  const info: PluginInfo = {
    name,
    side: struct.int32(PLUGIN.type) === TYPE_TARGET ? "target" : "client",
    descr: struct.string(PLUGIN.descr, "descr", MAX_TEXT_BYTES) ?? "",
    id: struct.int32(PLUGIN.id),
    defaultPort: struct.int32(PLUGIN.default_port),
    origin,
    ...NO_EXTENSION,
    missing: PLUGIN_FUNCTIONS.filter((each) => functions[each] === undefined),
  };
  const extension = library.symbols.ipbench_host_symbol(handle, cString("ipbench_plugin_ext"));
  const strangeMetrics: string[] = [];
  if (extension !== null) {
    Object.assign(info, readExtension(extension, origin, code, functions, strangeMetrics));
  }
  return { info, handle, functions, strangeMetrics };
}

const NO_EXTENSION = {
  version: null,
  interface: null,
  csvHeader: null,
  options: null,
  metrics: [],
  needsTarget: null,
};

function readExtension(
  symbol: Deno.PointerObject,
  origin: string,
  code: CodeRanges,
  functions: OpenPlugin["functions"],
  strange: string[],
): Pick<PluginInfo, keyof typeof NO_EXTENSION> {
  const address = Deno.UnsafePointer.value(symbol);
  const head = new Struct(readMemory(address, EXT.version));
  const major = head.uint32(EXT.major);
  const minor = head.uint32(EXT.minor);
  if (major !== INTERFACE_MAJOR) {
    const ours = `${INTERFACE_MAJOR}.${INTERFACE_MINOR}`;
    const message =
      `${origin} speaks plugin interface ${major}.${minor}, this ipbench ${ours}: build it again`;
    throw new NotAPlugin(message, true);
  }
  const size = head.uint32(EXT.size_field);
  if (size < EXT.csv_header) {
    throw new NotAPlugin(`${origin} has an extension of ${size} bytes, too few`, true);
  }
  // Fields are only ever appended: what this one does not reach reads as zero.
  const bytes = new Uint8Array(EXT.size);
  bytes.set(readMemory(address, Math.min(size, EXT.size)));
  const struct = new Struct(bytes);
  for (const each of EXT_FUNCTIONS) struct.function(EXT[each], each, code, functions);
  return {
    version: struct.string(EXT.version, "version", MAX_NAME_BYTES),
    interface: { major, minor },
    csvHeader: struct.string(EXT.csv_header, "csv_header", MAX_TEXT_BYTES),
    options: readOptions(struct, origin),
    metrics: readMetrics(struct, origin, strange),
    needsTarget: struct.uint32(EXT.needs_target) !== 0,
  };
}

/** A table of structures in the plugin's memory, which may be shorter than ours or longer. */
interface Table {
  what: string;
  address: bigint;
  count: number;
  /** Size of one entry there, in bytes. */
  stride: number;
  /** Bytes of it that have to be there, and those that are read here. */
  least: number;
  size: number;
}

function* readTable(table: Table, origin: string): Generator<Struct> {
  const { what, address, count, stride, least, size } = table;
  if (count === 0) return;
  if (count > MAX_OPTIONS || stride < least || stride > MAX_TEXT_BYTES || address === 0n) {
    throw new NotAPlugin(`${origin} describes ${count} ${what} of ${stride} bytes: that cannot be`, true);
  }
  for (let i = 0; i < count; i++) {
    const bytes = new Uint8Array(size);
    bytes.set(readMemory(address + BigInt(i * stride), Math.min(stride, size)));
    yield new Struct(bytes);
  }
}

function readOptions(struct: Struct, origin: string): PluginOption[] {
  const table = {
    what: "options",
    address: struct.pointer(EXT.options),
    count: struct.uint32(EXT.option_count),
    stride: struct.uint32(EXT.option_size),
    least: OPTION.controller,
    size: OPTION.size,
  };
  return Array.from(readTable(table, origin), (each) => {
    const text = (offset: number, field: string) =>
      each.string(offset, `option ${field}`, MAX_TEXT_BYTES) ?? "";
    return {
      name: text(OPTION.name, "name"),
      type: text(OPTION.type, "type"),
      unit: text(OPTION.unit, "unit"),
      default: text(OPTION.dflt, "default"),
      range: text(OPTION.range, "range"),
      help: text(OPTION.help, "help"),
      controller: each.uint32(OPTION.controller) !== 0,
    };
  });
}

function readMetrics(struct: Struct, origin: string, strange: string[]): PluginMetric[] {
  const table = {
    what: "metrics",
    address: struct.pointer(EXT.metrics),
    count: struct.uint32(EXT.metric_count),
    stride: struct.uint32(EXT.metric_size),
    least: METRIC.size,
    size: METRIC.size,
  };
  return Array.from(readTable(table, origin), (each) => {
    const name = each.string(METRIC.name, "metric name", MAX_TEXT_BYTES) ?? "";
    const [total, better] = [each.uint32(METRIC.total), each.uint32(METRIC.better)];
    if (total >= TOTALS.length) {
      strange.push(`metric ${name}: ${total} is no way to add up (enum ipbench_total)`);
    }
    if (better >= BETTER.length) {
      strange.push(`metric ${name}: ${better} is no direction (enum ipbench_better)`);
    }
    return {
      name,
      unit: each.string(METRIC.unit, "metric unit", MAX_TEXT_BYTES) ?? "",
      help: each.string(METRIC.help, "metric help", MAX_TEXT_BYTES) ?? "",
      total: TOTALS[total] ?? "none",
      better: BETTER[better] ?? "unknown",
    };
  });
}

/** A copy of a C structure. */
class Struct {
  #view: DataView;

  constructor(bytes: Uint8Array<ArrayBuffer>) {
    this.#view = new DataView(bytes.buffer);
  }

  int32(offset: number): number {
    return this.#view.getInt32(offset, true);
  }

  uint32(offset: number): number {
    return this.#view.getUint32(offset, true);
  }

  pointer(offset: number): bigint {
    return this.#view.getBigUint64(offset, true);
  }

  /** The string that a field points to; `null` for NULL. */
  string(offset: number, field: string, limit: number): string | null {
    const address = this.pointer(offset);
    if (address === 0n) return null;
    try {
      return readCString(address, limit);
    } catch (error) {
      if (error instanceof BadPointer) throw new BadPointer(`field ${field}: ${error.message}`);
      throw error;
    }
  }

  /** Adds the function that a field points to, when there is one. */
  function(
    offset: number,
    field: keyof OpenPlugin["functions"],
    code: CodeRanges,
    to: OpenPlugin["functions"],
  ): void {
    const address = this.pointer(offset);
    const pointer = Deno.UnsafePointer.create(address);
    if (pointer === null) return;
    if (!code.holds(address)) {
      throw new BadPointer(`field ${field}: 0x${address.toString(16)} is not in any code`);
    }
    to[field] = pointer;
  }
}
