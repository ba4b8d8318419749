/**
 * The fields of SETUP and of ENV: `name::value||name::value`.
 *
 * @module
 */
import type { TestSetup } from "../base/test_setup.ts";
import { MAX_TARGET_LENGTH } from "./limits.ts";
import { ProtocolError, quote } from "./error.ts";

/** A field begins after `||` only where `name::` follows, so that `||` may stand inside of arguments. */
const FIELD_BOUNDARY = /\|\|(?=[A-Za-z_][A-Za-z0-9_]*::)/;

/**
 * Splits fields, name from value at the first `::`, so that an IPv6 address may be a value.
 *
 * @param text What follows the command's name.
 * @returns Values by name.
 * @throws {ProtocolError} when a field has no `::`, or a name comes twice.
 */
export function parseFields(text: string): Map<string, string> {
  const fields = new Map<string, string>();
  for (const part of text.trim().split(FIELD_BOUNDARY)) {
    const at = part.indexOf("::");
    const name = at === -1 ? "" : part.slice(0, at).trim();
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
      throw new ProtocolError("syntax", `a field is name::value, got ${quote(part)}`);
    }
    if (fields.has(name)) throw new ProtocolError("syntax", `field ${name} comes twice`);
    fields.set(name, part.slice(at + 2));
  }
  return fields;
}

/**
 * Reads what follows the word SETUP. Fields of other names are ignored, as an original daemon does: that is where an
 * extension travels.
 *
 * @param text Such as `target::10.0.0.7||port::7||args::"bps=1000000"`.
 * @returns The fields; what was not given is `null`, 0, or false.
 * @throws {ProtocolError} when `args` is missing, or a value cannot be what it has to be.
 */
export function parseSetup(text: string): TestSetup {
  const fields = parseFields(text);
  const args = fields.get("args");
  if (args === undefined) throw new ProtocolError("syntax", 'SETUP needs args::"ARGS"');
  return {
    target: readTarget(fields.get("target")),
    port: readNumber("port", fields.get("port"), 65535),
    args: unquote(args),
    form: readNumber("form", fields.get("form"), 1) === 1 ? 1 : 0,
    runId: readRun(fields.get("run")),
    flowBase: readNumber("flow", fields.get("flow"), 0xffffffff) ?? 0,
    originalSpelling: readNumber("original", fields.get("original"), 1) === 1,
  };
}

/**
 * Writes SETUP for a daemon.
 *
 * @param setup What to send; `target` and `port` both given for a tester, both `null` for a target.
 * @param extended Whether the daemon announced the extension `form`; without it those fields are left out.
 * @returns The line without its line end.
 * @throws {ProtocolError} when a value cannot travel: a line end, a NUL, a `||name::` inside, or out of range.
 *
 * @example
 * ```ts
 * formatSetup({ ...EMPTY_SETUP, args: "seconds=1" }, false); // SETUP args::"seconds=1"
 * ```
 */
export function formatSetup(setup: TestSetup, extended: boolean): string {
  const parts: string[] = [];
  if (setup.target !== null) {
    checkTarget(setup.target);
    if (setup.port === null || !isWhole(setup.port, 65535)) {
      throw new ProtocolError("syntax", `port ${setup.port} is not in 0..65535`);
    }
    parts.push(`target::${setup.target}`, `port::${setup.port}`);
  }
  // deno-lint-ignore no-control-regex
  if (/[\u0000\r\n]/.test(setup.args) || FIELD_BOUNDARY.test(setup.args)) {
    throw new ProtocolError(
      "syntax",
      `arguments cannot hold line ends, NUL or "||name::": ${quote(setup.args)}`,
    );
  }
  parts.push(`args::"${setup.args}"`);
  if (extended) {
    parts.push(`form::${setup.form}`, `run::${setup.runId.toString(16).padStart(16, "0")}`);
    if (setup.target !== null) parts.push(`flow::${setup.flowBase}`);
    if (setup.originalSpelling) parts.push("original::1");
  }
  return `SETUP ${parts.join("||")}`;
}

function readTarget(value: string | undefined): string | null {
  if (value === undefined) return null;
  const target = unquote(value).trim();
  checkTarget(target);
  return target;
}

function checkTarget(target: string): void {
  // deno-lint-ignore no-control-regex
  if (target === "" || target.length > MAX_TARGET_LENGTH || /[\s\u0000-\u001f\u007f|"]/.test(target)) {
    throw new ProtocolError("syntax", `target is a name or an address, got ${quote(target)}`);
  }
}

function readNumber(name: string, value: string | undefined, max: number): number | null {
  if (value === undefined) return null;
  const text = value.trim();
  const number = /^[0-9]{1,10}$/.test(text) ? Number(text) : -1;
  if (!isWhole(number, max)) throw new ProtocolError("syntax", `${name} is 0..${max}, got ${quote(value)}`);
  return number;
}

function readRun(value: string | undefined): bigint {
  if (value === undefined) return 0n;
  const text = value.trim();
  if (!/^[0-9a-fA-F]{1,16}$/.test(text)) {
    throw new ProtocolError("syntax", `run is up to 16 hexadecimal digits, got ${quote(value)}`);
  }
  return BigInt(`0x${text}`);
}

function isWhole(value: number, max: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= max;
}

/** Takes one pair of double quotes off. */
function unquote(value: string): string {
  const text = value.trim();
  return text.length >= 2 && text.startsWith('"') && text.endsWith('"') ? text.slice(1, -1) : text;
}
