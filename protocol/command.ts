/**
 * Commands: what a controller, or a person, types at a daemon.
 *
 * @module
 */
import {
  HMAC_BYTES,
  MAX_PLUGIN_NAME_LENGTH,
  MAX_TARGET_LENGTH,
  MAX_WATCH_MS,
  NONCE_BYTES,
  WATCH_PER_SECOND,
} from "./limits.ts";
import { ProtocolError, quote } from "./error.ts";
import type { TestSetup } from "../base/test_setup.ts";
import { formatSetup, parseFields, parseSetup } from "./setup_fields.ts";

type BareName = "STATUS" | "QUIT" | "ABORT" | "HELLO" | "CLOCK" | "CONTINUE";

/** A command that nothing follows. */
export type BareCommand = { [Name in BareName]: { readonly name: Name } }[BareName];

/** A command with what follows it. */
export type Command =
  | { readonly name: "HELP"; readonly extensions: boolean }
  | BareCommand
  /** `everyMs`: from one report to the next; as often as the daemon has it when it is left out. */
  | { readonly name: "WATCH"; readonly everyMs?: number }
  | { readonly name: "LOAD"; readonly plugin: string }
  | { readonly name: "SETUP"; readonly fields: TestSetup }
  | { readonly name: "START"; readonly atNs: bigint | null }
  | { readonly name: "STOP"; readonly atNs: bigint | null }
  | { readonly name: "ENV"; readonly iface: string | null; readonly target: string | null }
  | { readonly name: "AUTH"; readonly nonce: string; readonly hmac: string };

/** The name of a command. */
export type CommandName = Command["name"];

/** A command, or why a line is none. `message` is there where the line is a known command with something wrong. */
export type ParsedCommand =
  | { readonly ok: true; readonly command: Command }
  | { readonly ok: false; readonly message: string | null };

const PLUGIN_NAME = new RegExp(`^[A-Za-z0-9_-]{1,${MAX_PLUGIN_NAME_LENGTH}}$`);
const IFACE_NAME = /^[^\s/|":]{1,15}$/;
const HEX = /^[0-9a-fA-F]+$/;
const UNKNOWN: ParsedCommand = { ok: false, message: null };

/**
 * Reads a line as a command. Blanks around it do not matter, letter case does, as in the original.
 *
 * @param line A line without its line end.
 * @returns The command, or why there is none; whether it is allowed now is the state machine's business.
 */
export function parseCommand(line: string): ParsedCommand {
  const trimmed = line.trim();
  const blank = trimmed.search(/\s/);
  const word = blank === -1 ? trimmed : trimmed.slice(0, blank);
  const rest = blank === -1 ? "" : trimmed.slice(blank + 1).trim();
  try {
    const command = rest === "" ? bareCommand(word) : commandWith(word, rest);
    return command === null ? UNKNOWN : { ok: true, command };
  } catch (error) {
    if (error instanceof ProtocolError) return { ok: false, message: error.message };
    throw error;
  }
}

function bareCommand(word: string): Command | null {
  switch (word) {
    case "HELP":
      return { name: "HELP", extensions: false };
    case "STATUS":
    case "QUIT":
    case "ABORT":
    case "HELLO":
    case "CLOCK":
    case "WATCH":
    case "CONTINUE":
      return { name: word };
    case "START":
    case "STOP":
      return { name: word, atNs: null };
    case "ENV":
      return { name: "ENV", iface: null, target: null };
    default:
      return null;
  }
}

function commandWith(word: string, rest: string): Command | null {
  switch (word) {
    case "HELP":
      return rest === "EXTENSIONS" ? { name: "HELP", extensions: true } : null;
    case "LOAD":
      return PLUGIN_NAME.test(rest) ? { name: "LOAD", plugin: rest } : null;
    case "SETUP":
      return { name: "SETUP", fields: parseSetup(rest) };
    case "START":
    case "STOP":
      return { name: word, atNs: parseAt(rest) };
    case "WATCH":
      return { name: "WATCH", everyMs: parseEvery(rest) };
    case "ENV":
      return parseEnv(rest);
    case "AUTH":
      return parseAuth(rest);
    default:
      return null;
  }
}

function parseAt(rest: string): bigint {
  const match = /^at::([0-9]{1,19})$/.exec(rest);
  if (match === null) throw new ProtocolError("syntax", `expected at::NANOSECONDS, got ${quote(rest)}`);
  return BigInt(match[1] as string);
}

function parseEvery(rest: string): number {
  const ms = Number(/^every::([0-9]{1,9})$/.exec(rest)?.[1] ?? NaN);
  if (ms >= 1000 / WATCH_PER_SECOND && ms <= MAX_WATCH_MS) return ms;
  throw new ProtocolError(
    "syntax",
    `expected every::MILLISECONDS, ${1000 / WATCH_PER_SECOND} to ${MAX_WATCH_MS}, got ${quote(rest)}`,
  );
}

function parseEnv(rest: string): Command {
  const fields = parseFields(rest);
  const iface = fields.get("iface") ?? null;
  const target = fields.get("target") ?? null;
  if (iface !== null && !IFACE_NAME.test(iface)) {
    throw new ProtocolError("syntax", `iface is the name of a network interface, got ${quote(iface)}`);
  }
  if (target !== null && (target.length > MAX_TARGET_LENGTH || !/^[^\s|"]+$/.test(target))) {
    throw new ProtocolError("syntax", `target is a name or an address, got ${quote(target)}`);
  }
  return { name: "ENV", iface, target };
}

function parseAuth(rest: string): Command {
  const [nonce, hmac, more] = rest.split(/\s+/);
  if (nonce === undefined || hmac === undefined || more !== undefined) {
    throw new ProtocolError("syntax", "AUTH takes a nonce and an HMAC");
  }
  if (!HEX.test(nonce) || nonce.length !== 2 * NONCE_BYTES) {
    throw new ProtocolError("syntax", `a nonce is ${2 * NONCE_BYTES} hexadecimal digits`);
  }
  if (!HEX.test(hmac) || hmac.length !== 2 * HMAC_BYTES) {
    throw new ProtocolError("syntax", `an HMAC is ${2 * HMAC_BYTES} hexadecimal digits`);
  }
  return { name: "AUTH", nonce: nonce.toLowerCase(), hmac: hmac.toLowerCase() };
}

/**
 * Writes a command.
 *
 * @param command What to send.
 * @param extended Whether the daemon announced the extension `form` (SETUP alone asks).
 * @returns The line with its line end, to be sent in one write.
 * @throws {ProtocolError} when a value cannot travel.
 *
 * @example
 * ```ts
 * formatCommand({ name: "LOAD", plugin: "latency" }); // "LOAD latency\n"
 * ```
 */
export function formatCommand(command: Command, extended = false): string {
  switch (command.name) {
    case "HELP":
      return command.extensions ? "HELP EXTENSIONS\n" : "HELP\n";
    case "LOAD":
      if (!PLUGIN_NAME.test(command.plugin)) {
        throw new ProtocolError(
          "syntax",
          `a test's name is up to ${MAX_PLUGIN_NAME_LENGTH} letters, digits, "_" and "-", got ${
            quote(command.plugin)
          }`,
        );
      }
      return `LOAD ${command.plugin}\n`;
    case "SETUP":
      return formatSetup(command.fields, extended) + "\n";
    case "START":
    case "STOP":
      return command.atNs === null ? `${command.name}\n` : `${command.name} at::${command.atNs}\n`;
    case "ENV":
      return formatEnv(command.iface, command.target);
    case "WATCH":
      return command.everyMs === undefined ? "WATCH\n" : `WATCH every::${command.everyMs}\n`;
    case "AUTH":
      return `AUTH ${command.nonce} ${command.hmac}\n`;
    default:
      return `${command.name}\n`;
  }
}

function formatEnv(iface: string | null, target: string | null): string {
  const parts: string[] = [];
  if (iface !== null) parts.push(`iface::${iface}`);
  if (target !== null) parts.push(`target::${target}`);
  const line = parts.length === 0 ? "ENV" : `ENV ${parts.join("||")}`;
  if (!parseCommand(line).ok) {
    throw new ProtocolError(
      "syntax",
      `interface ${quote(iface ?? "")} or target ${quote(target ?? "")} cannot travel`,
    );
  }
  return line + "\n";
}
