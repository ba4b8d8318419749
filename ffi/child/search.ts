/**
 * Finds plugins by the name inside them: `--plugin-dir` in order, then IPBENCH_PLUGIN_PATH, then the embedded ones.
 *
 * @module
 */

import { messageOf } from "../../base/errors.ts";
import { embedded } from "../self/embedded.ts";
import { PluginError } from "../errors.ts";
import { MAX_FOLDER_ENTRIES, MAX_PLUGIN_BYTES } from "../limits.ts";
import { NEEDY_TESTS } from "../needs.ts";
import { type PluginInfo, type Side, sidesOf } from "../plugin_info.ts";
import { type Library, openBytes } from "./library.ts";
import { peekName } from "./peek.ts";
import { closePlugin, NotAPlugin, type OpenPlugin, openPlugin } from "./plugin_file.ts";
import { distrust, ownTrust, type Trust } from "./trust.ts";

/** Where to search, and where to report. */
export interface Search {
  library: Library;
  pluginDirs: string[];
  log: (level: "debug" | "warning", message: string) => void;
  /** Told which file is opened next: opening runs code of the file, which may end the process. */
  opening: (file: string) => void;
}

/** Reasons that are reported of a plugin that cannot be used; all of them are in the log. */
const REASONS_SHOWN = 3;

const ELF_MAGIC = [0x7f, 0x45, 0x4c, 0x46];

/**
 * Plugin files in the folders, in order, opened: every one, or those of one name. What is no plugin is skipped with a debug
 * line.
 */
function* inFolders(search: Search, name: string | null): Generator<OpenPlugin> {
  const trust = ownTrust();
  const seen = new Set<string>();
  const path = (Deno.env.get("IPBENCH_PLUGIN_PATH") ?? "").split(":").filter((folder) => folder !== "");
  for (const folder of [...search.pluginDirs, ...path]) {
    const why = trust === null ? null : whyDistrusted(folder, trust);
    if (why !== null) {
      search.log(
        "warning",
        `plugins of ${folder} are not opened by a program with rights of its own: ${why}`,
      );
      continue;
    }
    for (const file of listFolder(search, folder)) {
      // libX.so, libX.so.0 and libX.so.0.0.0 of an installation are links to one file, and one plugin.
      const identity = identityOf(file);
      if (identity !== null && seen.has(identity)) continue;
      const plugin = tryOpen(search, file, name, trust);
      if (plugin === null) continue;
      if (identity !== null) seen.add(identity);
      yield plugin;
    }
  }
}

/** The file behind a path, whatever its name; `null` when it cannot be told. */
function identityOf(path: string): string | null {
  try {
    const { dev, ino } = Deno.statSync(path);
    return ino === null ? null : `${dev}:${ino}`;
  } catch {
    return null;
  }
}

function listFolder(search: Search, folder: string): string[] {
  const files: string[] = [];
  try {
    let entries = 0;
    for (const entry of Deno.readDirSync(folder)) {
      if (++entries > MAX_FOLDER_ENTRIES) {
        search.log(
          "warning",
          `folder ${folder} holds more than ${MAX_FOLDER_ENTRIES} files: the rest is not looked at`,
        );
        break;
      }
      if (!entry.isDirectory) files.push(`${folder.replace(/\/+$/, "")}/${entry.name}`);
    }
  } catch (error) {
    const why = messageOf(error);
    search.log("warning", `cannot look for plugins in ${folder}: ${why}`);
  }
  return files.sort();
}

/** A folder that is not there is reported when it is read. */
function whyDistrusted(path: string, trust: Trust): string | null {
  try {
    return distrust(path, trust);
  } catch {
    return null;
  }
}

/** Whether a file may hold the plugin of this name; what cannot be read is known by the file's own name. */
function mayBe(file: string, name: string): boolean {
  const inside = peekName(Deno.readFileSync(file));
  return inside === undefined ? file.endsWith(`/${name}.so`) : inside === name;
}

function tryOpen(search: Search, file: string, name: string | null, trust: Trust | null): OpenPlugin | null {
  try {
    if (!isLibrary(file)) {
      search.log("debug", `${file} is no plugin: it is no shared object`);
      return null;
    }
    if (name !== null && !mayBe(file, name)) return null;
    const why = trust === null ? null : distrust(file, trust);
    if (why !== null) {
      search.log("warning", `${file} is not opened by a program with rights of its own: ${why}`);
      return null;
    }
    search.opening(file);
    return openPlugin(search.library, absolute(file), file);
  } catch (error) {
    if (!(error instanceof NotAPlugin)) {
      const why = messageOf(error);
      search.log("debug", `${file} cannot be read: ${why}`);
      return null;
    }
    search.log(error.refused ? "warning" : "debug", error.message);
    return null;
  }
}

function absolute(file: string): string {
  return file.startsWith("/") ? file : `${Deno.cwd()}/${file}`;
}

/** Whether a file begins as an ELF file does; what is not even a regular file (a pipe) is never opened. */
function isLibrary(file: string): boolean {
  const info = Deno.statSync(file);
  if (!info.isFile || info.size < 64 || info.size > MAX_PLUGIN_BYTES) return false;
  const handle = Deno.openSync(file);
  try {
    const magic = new Uint8Array(ELF_MAGIC.length);
    handle.readSync(magic);
    return ELF_MAGIC.every((byte, i) => magic[i] === byte);
  } finally {
    handle.close();
  }
}

async function openEmbedded(search: Search, name: string): Promise<OpenPlugin | null> {
  const load = embedded().plugins.get(name);
  if (load === undefined) return null;
  let why: unknown = null;
  const plugin = openBytes(`${name}.so`, await load(), (path) => {
    try {
      return openPlugin(search.library, path, "embedded");
    } catch (error) {
      why = error;
      return null;
    }
  });
  if (plugin === null) {
    search.log("warning", `embedded plugin ${name}: ${messageOf(why)}`);
  }
  return plugin;
}

/**
 * @returns every plugin's description of itself, in the order of the search, without those that an earlier one of the same
 * name stands in for on every side
 */
export async function listPlugins(search: Search): Promise<PluginInfo[]> {
  const found: PluginInfo[] = [];
  const add = (plugin: OpenPlugin): void => {
    const { info } = plugin;
    const first = found.find((earlier) =>
      earlier.name === info.name && sidesOf(info).every((side) => sidesOf(earlier).includes(side))
    );
    if (first === undefined) found.push(info);
    else warnTwice(search, first, info);
    closePlugin(plugin);
  };
  for (const plugin of inFolders(search, null)) add(plugin);
  for (const name of embedded().plugins.keys()) {
    const plugin = await openEmbedded(search, name);
    if (plugin !== null) add(plugin);
  }
  return found;
}

function warnTwice(search: Search, first: PluginInfo, second: PluginInfo): void {
  search.log(
    "warning",
    `two plugins are named ${first.name}: ${first.origin} is used, ${second.origin} is not`,
  );
}

/**
 * Opens the plugin of this name.
 *
 * @throws {PluginError} "not-found" or "interface"
 */
export async function findPlugin(search: Search, name: string, side: Side): Promise<OpenPlugin> {
  let found: OpenPlugin | null = null;
  let other: PluginInfo | null = null;
  const refused: string[] = [];
  const take = (plugin: OpenPlugin): void => {
    const { info } = plugin;
    if (info.name !== name) return closePlugin(plugin);
    if (!sidesOf(info).includes(side)) other = info;
    else if (found === null) {
      found = plugin;
      return;
    } else warnTwice(search, found.info, info);
    closePlugin(plugin);
  };
  const log: Search["log"] = (level, message) => {
    // For what was asked for, the reason why it cannot be used is reported; other files that are no plugins are nobody's business.
    if (level === "warning" || message.includes(`/${name}.so `)) refused.push(message);
    search.log(level, message);
  };
  const own = { ...search, log };
  for (const plugin of inFolders(own, name)) take(plugin);
  const last = await openEmbedded(own, name);
  if (last !== null) take(last);
  if (found !== null) return found;
  throw notFound(name, side, other, refused);
}

/**
 * Why there is no such plugin.
 *
 * @param name what was asked for
 * @param side the side that it was to serve
 * @param other a plugin of that name for the other side
 * @param refused why files could not be used
 */
export function notFound(
  name: string,
  side: Side,
  other: Pick<PluginInfo, "side"> | null,
  refused: readonly string[],
): PluginError {
  if (other !== null) {
    const message = `${name} is a ${other.side} test, it cannot be used as a ${side} test`;
    return new PluginError("not-found", "load", message);
  }
  const needs = NEEDY_TESTS.find((test) => test.name === name)?.needs;
  const why = [
    `Can not find plugin: ${name}`,
    ...refused.slice(0, REASONS_SHOWN),
    ...(needs === undefined ? [] : [`${name} needs ${needs}`]),
  ];
  return new PluginError("not-found", "load", why.join("; "));
}
