/**
 * Values as they are typed on a command line or in a file: numbers with units that must be there, lists and ranges
 * (`10M:1G:100M`, `10M:1G:x2`, `64,512,1472`), and the way back to text. Pure text in, numbers out.
 *
 * @module
 */

import { parseNumber, parseQuantity, parseSeconds, parseShare, type Quantity } from "./units.ts";

/** How many values one range or list may expand to. */
const MAX_VALUES = 10_000;

const KNOWN_UNITS = "k, M, G, T, Ki, Mi, Gi, Ti; %; ns, us, ms, s, min, h";

/** A text that is not a number with a unit, or a list or range that makes no sense. */
export class UnitError extends Error {
  override readonly name = "UnitError";
}

/**
 * Reads one number with its unit, in base units.
 *
 * @throws {UnitError} when the text is no finite number or its unit is unknown.
 */
export function requireQuantity(text: string): Quantity {
  const quantity = parseQuantity(text);
  if (quantity === null) {
    throw new UnitError(`"${text}" is not a number with a unit (known units: ${KNOWN_UNITS})`);
  }
  return quantity;
}

/**
 * Reads a rate, a size or a count: a number with a multiplier, never a time or a share.
 *
 * @throws {UnitError} when it is something else.
 */
export function requireNumber(text: string): number {
  const value = parseNumber(text);
  if (value === null) throw new UnitError(`"${text}" is no number; expected such as 64, 10M or 1.5G`);
  return value;
}

/** The longest time that anything here may take, in seconds: a week. Timers hold no more than 24 days. */
export const LONGEST_SECONDS = 604_800;

/**
 * Reads a time; a bare number means seconds.
 *
 * @returns Seconds.
 * @throws {UnitError} when it is no time, negative, or longer than a week.
 */
export function requireSeconds(text: string): number {
  const value = parseSeconds(text);
  if (value === null) throw new UnitError(`"${text}" is no time; expected such as 500ms, 2s or 1min`);
  if (value < 0) throw new UnitError(`"${text}" is negative; a time starts at 0`);
  if (value > LONGEST_SECONDS) throw new UnitError(`"${text}" is too long; a week (168h) is the most`);
  return value;
}

/**
 * Reads how often something is done.
 *
 * @returns A whole number from 1 up.
 * @throws {UnitError} when it is something else.
 */
export function requireCount(text: string): number {
  const value = requireNumber(text);
  if (!Number.isInteger(value) || value < 1) throw new UnitError(`"${text}" is no whole number from 1 up`);
  return value;
}

/**
 * Makes a reader that takes nothing of which there has to be some.
 *
 * @param read Reads a number, a time or a share.
 * @returns The same for values above 0 alone. It throws a {@linkcode UnitError} for others.
 */
export function aboveZero(read: (text: string) => number): (text: string) => number {
  return (text) => {
    const value = read(text);
    if (value > 0) return value;
    throw new UnitError(`"${text}" is too little; expected more than 0`);
  };
}

/**
 * Reads a share: with `%`, or as a bare fraction of one.
 *
 * @returns A fraction in [0, 1].
 * @throws {UnitError} when it is no share, or outside 0..100 %.
 */
export function requireShare(text: string): number {
  const value = parseShare(text);
  if (value === null) throw new UnitError(`"${text}" is no share; expected such as 0.5% or 0.005`);
  if (value < 0 || value > 1) throw new UnitError(`"${text}" is outside 0..100%`);
  return value;
}

/**
 * Expands a list, each part of which is a value or a range `FROM:TO:STEP` (arithmetic) or `FROM:TO:xFACTOR`
 * (geometric). A plain number comes out without its multiplier, as every test understands it (`10M` → `10000000`);
 * anything else (a time, a ratio, a word) as it was typed.
 *
 * @param text Such as `10M:1G:100M`, `10M:1G:x2`, `64,512,1472`, `udp,tcp`.
 * @returns The values in their order, at least one.
 * @throws {UnitError} when empty, when a range never ends, or when it makes more than {@linkcode MAX_VALUES} values.
 *
 * @example
 * ```ts
 * import { parseValues } from "./values.ts";
 * parseValues("10M:40M:x2"); // ["10000000", "20000000", "40000000"]
 * ```
 */
export function parseValues(text: string): string[] {
  const values: string[] = [];
  for (const part of text.split(",")) {
    const item = part.trim();
    if (item === "") throw new UnitError(`empty value in "${text}"`);
    values.push(...(isRange(item) ? expandRange(item) : [canonical(item)]));
    if (values.length > MAX_VALUES) throw new UnitError(`"${text}" makes more than ${MAX_VALUES} values`);
  }
  const seen = new Set<string>();
  for (const value of values) {
    if (seen.has(value)) {
      throw new UnitError(`"${text}" holds ${value} twice; use a repetition count instead`);
    }
    seen.add(value);
  }
  return values;
}

/** A range is two or three numbers with colons between; words with colons (MAC or IPv6 addresses) are values. */
function isRange(item: string): boolean {
  const parts = item.split(":");
  return (parts.length === 2 || parts.length === 3) && isNumber(parts[0] ?? "");
}

function isNumber(text: string): boolean {
  return parseQuantity(text) !== null;
}

function canonical(item: string): string {
  const value = parseNumber(item);
  return value === null ? item : plainText(tidy(value));
}

function expandRange(item: string): string[] {
  const parts = item.split(":");
  const [from, to, step] = [parts[0] ?? "", parts[1] ?? "", parts[2]];
  if (step === undefined) {
    throw new UnitError(`the range "${item}" has no step; write FROM:TO:STEP or FROM:TO:xFACTOR`);
  }
  const first = requireQuantity(from);
  const last = requireQuantity(to);
  const geometric = step.startsWith("x") || step.startsWith("*");
  const by = requireQuantity(geometric ? step.slice(1) : step);
  if (first.unit !== last.unit || (!geometric && by.unit !== first.unit)) {
    throw new UnitError(`the range "${item}" mixes units of different kinds`);
  }
  if (geometric && (by.unit !== "" || by.value <= 1)) {
    throw new UnitError(`the factor in "${item}" has to be a number greater than 1`);
  }
  if (geometric && first.value <= 0) {
    throw new UnitError(`the range "${item}" has to begin above 0 to be multiplied`);
  }
  if (!geometric && by.value <= 0) throw new UnitError(`the step in "${item}" has to be greater than 0`);
  if (last.value < first.value) throw new UnitError(`the range "${item}" ends before it begins`);
  const values: string[] = [];
  const slack = last.value * 1e-9; // so that rounding never costs the last value
  for (let i = 0; i <= MAX_VALUES; i++) {
    const value = tidy(geometric ? first.value * by.value ** i : first.value + i * by.value);
    if (value > last.value + slack) return values;
    values.push(rangeText(value, first.unit));
  }
  throw new UnitError(`the range "${item}" makes more than ${MAX_VALUES} values`);
}

function rangeText(value: number, unit: Quantity["unit"]): string {
  if (unit === "%") return `${plainText(tidy(value * 100))}%`;
  if (unit === "") return plainText(value);
  for (const [name, scale] of [["s", 1], ["ms", 1e3], ["us", 1e6]] as const) {
    const scaled = tidy(value * scale);
    if (Number.isInteger(scaled)) return `${plainText(scaled)}${name}`;
  }
  return `${plainText(tidy(value * 1e9))}ns`;
}

/** Removes what binary fractions leave behind: 0.1 + 0.2 is 0.3 here. */
function tidy(value: number): number {
  return Number(value.toPrecision(12));
}

/** A number without an exponent, because older tests read digits only. */
function plainText(value: number): string {
  if (Number.isInteger(value)) return BigInt(value).toString();
  return String(value).includes("e") ? value.toFixed(12).replace(/0+$/, "") : String(value);
}

/**
 * Writes a number with the largest multiplier that keeps it readable: 10000000 → `10M`, 1472 → `1.472k`.
 *
 * @param value Any finite number.
 * @param digits Significant digits at most.
 */
export function formatQuantity(value: number, digits = 5): string {
  return scaled(value, digits, ["", "k", "M", "G"]);
}

/** Writes nanoseconds in the unit a person would choose: 1500 → `1.5us`. */
export function formatNanoseconds(ns: number, digits = 4): string {
  return scaled(ns, digits, ["ns", "us", "ms", "s"]);
}

/** @param units For 1, 1e3, 1e6 and 1e9. */
function scaled(value: number, digits: number, units: readonly string[]): string {
  const size = Math.abs(value);
  const power = size >= 1e9 ? 3 : size >= 1e6 ? 2 : size >= 1e3 ? 1 : 0;
  return `${Number((value / 1000 ** power).toPrecision(digits))}${units[power]}`;
}

/** Writes seconds for a person who waits: 75 → `1 min 15 s`. */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  if (hours > 0) return `${hours} h ${minutes} min`;
  return minutes > 0 ? `${minutes} min ${whole % 60} s` : `${whole} s`;
}
