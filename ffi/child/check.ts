/**
 * Examines one plugin file, for `ipbench plugin check`.
 *
 * @module
 */

import { PluginError } from "../errors.ts";
import type { PluginCheck, Side } from "../plugin_info.ts";
import { INTERFACE_MAJOR, INTERFACE_MINOR } from "../version.ts";
import type { Library } from "./library.ts";
import { Plugin } from "./plugin.ts";
import { NotAPlugin, type OpenPlugin, openPlugin } from "./plugin_file.ts";

/**
 * @param path the file
 * @throws {PluginError} "interface" when it is no plugin that can be used
 */
export function checkPlugin(library: Library, path: string, debug: boolean): PluginCheck {
  let open: OpenPlugin;
  try {
    open = openPlugin(library, path, path);
  } catch (error) {
    if (error instanceof NotAPlugin) throw new PluginError("interface", "check", error.message);
    throw error;
  }
  const findings: PluginCheck["findings"] = [];
  const say = (ok: boolean, text: string) => void findings.push({ ok, text });
  checkInterface(open, say);
  checkOptions(open, say);
  if (open.info.missing.length > 0) return { info: open.info, findings };
  if (open.info.interface === null) {
    // The original calls marshall after a run only, and unmarshall with what marshall gave: its own tests count on both.
    say(
      true,
      "not tried without a run: the original's interface promises nothing of marshall and unmarshall then",
    );
  } else {
    roundTrip(new Plugin(library, open, open.info.side, { debug, originalSpelling: false }), say);
  }
  return { info: open.info, findings };
}

/** How often marshalling is repeated. */
const ROUNDS = 50;

type Say = (ok: boolean, text: string) => void;

function checkInterface({ info, functions }: OpenPlugin, say: Say): void {
  for (const name of info.missing) say(false, `function ${name} is missing: ipbench will refuse to call it`);
  if (info.missing.length === 0) say(true, "all nine functions are there");
  if (info.descr === "") say(false, "descr is empty: one line is shown by ipbench plugins");
  if (info.defaultPort < 0 || info.defaultPort > 65535) {
    say(false, `default_port ${info.defaultPort} is no port`);
  }
  if (info.interface === null) {
    say(true, "no extension symbol: a plugin as the original ipbench has them");
    return;
  }
  const { major, minor } = info.interface;
  say(true, `extension ${major}.${minor}, this ipbench has ${INTERFACE_MAJOR}.${INTERFACE_MINOR}`);
  if (info.version === null || info.version === "") say(false, "version is empty");
  if (functions.results !== undefined && functions.results_cleanup === undefined) {
    say(false, "results without results_cleanup: what results gives is never freed");
  }
  if (functions.expected_duration === undefined) {
    say(true, "no expected_duration: a run with it needs --timeout, or waits the longest time");
  }
}

const TYPES = new Set(["int", "float", "size", "rate", "time", "bool", "string", "enum"]);

function checkOptions({ info }: OpenPlugin, say: Say): void {
  if (info.options === null) return;
  const seen = new Set<string>();
  for (const { name, type, help, controller } of info.options) {
    const key = `${controller ? "controller " : ""}option ${name}`;
    if (!/^[A-Za-z_][A-Za-z0-9_.-]*$/.test(name)) say(false, `${key}: not a name that can be typed`);
    if (!TYPES.has(type)) say(false, `${key}: type ${type} is none of ${[...TYPES].join(", ")}`);
    if (help === "") say(false, `${key}: no help`);
    if (seen.has(key)) say(false, `${key}: there are two of it`);
    seen.add(key);
  }
  say(true, `${info.options.length} options described`);
}

/** Marshalls without a run, and unmarshalls the bytes, their beginnings, and rubbish: nothing of it may crash. */
function roundTrip(plugin: Plugin, say: Say): void {
  const side: Side = plugin.side;
  let data: Uint8Array = new Uint8Array(0);
  try {
    const marshalled = plugin.marshall();
    data = marshalled.data;
    say(true, `marshall without a run: ${data.length} bytes, ${marshalled.valid ? "valid" : "not valid"}`);
  } catch (error) {
    say(false, `marshall without a run: ${message(error)}`);
    return;
  }
  try {
    plugin.unmarshall(0, true, data);
    say(true, `unmarshall of these bytes: accepted`);
    const text = new TextDecoder().decode(plugin.output(null));
    say(true, `output (${side}): ${JSON.stringify(text.slice(0, 200))}`);
  } catch (error) {
    say(data.length === 0, `unmarshall of these bytes: ${message(error)}`);
  }
  for (let i = 0; i < ROUNDS; i++) repeat(plugin, data);
  let refused = 0;
  const hostile = hostileInputs(data);
  for (const bytes of hostile) {
    try {
      plugin.unmarshall(0, true, bytes);
    } catch {
      refused++;
    }
  }
  plugin.cleanUp();
  say(true, `${hostile.length} truncated, oversized and random results: ${refused} refused, no crash`);
}

/** Once more what went well before: what is not freed each time shows in a build with AddressSanitizer. */
function repeat(plugin: Plugin, data: Uint8Array): void {
  try {
    plugin.marshall();
    plugin.unmarshall(0, true, data);
  } catch {
    // That it fails has been said.
  }
}

function hostileInputs(data: Uint8Array): Uint8Array[] {
  const inputs: Uint8Array[] = [new Uint8Array(0), new Uint8Array(1), new Uint8Array(8).fill(0xff)];
  const step = Math.max(1, Math.floor(data.length / 32));
  for (let length = 0; length < data.length; length += step) inputs.push(data.slice(0, length));
  const longer = new Uint8Array(data.length + 64);
  longer.set(data);
  inputs.push(longer, new Uint8Array(4096).fill(0xff));
  let state = 1;
  for (let i = 0; i < 32; i++) {
    const random = new Uint8Array(16 + i * 16);
    for (let k = 0; k < random.length; k++) {
      state = (state * 48271) % 0x7fffffff;
      random[k] = state & 0xff;
    }
    inputs.push(random);
  }
  return inputs;
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
