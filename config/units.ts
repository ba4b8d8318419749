/**
 * Numbers with units, lists and ranges, as they are typed: `10M`, `64Ki`, `0.5%`, `200us`, `10M:1G:100M`, `10M:1G:x2`,
 * `64,512,1472`. Pure text in, numbers out.
 *
 * @module
 */

/** What a number with a unit measures. `plain` has no unit or a multiplier alone (`k`, `M`, `Ki` …). */
export type QuantityKind = "plain" | "ratio" | "time";

/** A number, in the kind's base unit: plain as it is, a ratio as a fraction of one, a time in seconds. */
export interface Quantity {
  value: number;
  kind: QuantityKind;
}

/** How many values one range or list may expand to. */
export const MAX_VALUES = 10_000;

const MULTIPLIERS: ReadonlyMap<string, number> = new Map([
  ["", 1],
  ["k", 1e3],
  ["K", 1e3],
  ["M", 1e6],
  ["G", 1e9],
  ["T", 1e12],
  ["Ki", 2 ** 10],
  ["ki", 2 ** 10],
  ["Mi", 2 ** 20],
  ["Gi", 2 ** 30],
  ["Ti", 2 ** 40],
]);

/** Seconds a unit of time is worth; as divisors, where that is exact in binary. */
const TIMES: ReadonlyMap<string, (value: number) => number> = new Map([
  ["ns", (value: number) => value / 1e9],
  ["us", (value: number) => value / 1e6],
  ["µs", (value: number) => value / 1e6],
  ["μs", (value: number) => value / 1e6],
  ["ms", (value: number) => value / 1e3],
  ["s", (value: number) => value],
  ["min", (value: number) => value * 60],
  ["h", (value: number) => value * 3600],
]);

const KNOWN_UNITS = "k, M, G, T, Ki, Mi, Gi, Ti; %; ns, us, ms, s, min, h";
const NUMBER = /^([+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)\s*([^\d\s]*)$/u;

/** A text that is not a number with a unit, or a list or range that makes no sense. */
export class UnitError extends Error {
  override readonly name = "UnitError";
}

/**
 * Reads one number with its unit.
 *
 * @param text Such as `10M`, `1.5G`, `64Ki`, `0.5%`, `200us`, `2s`, `1e6`.
 * @returns Value and kind; `10M` is 10,000,000, `0.5%` is the ratio 0.005, `200us` the time 0.0002.
 * @throws {UnitError} when the text is no finite number or its unit is unknown.
 *
 * @example
 * ```ts
 * import { parseQuantity } from "./units.ts";
 * parseQuantity("10M"); // { value: 10000000, kind: "plain" }
 * ```
 */
export function parseQuantity(text: string): Quantity {
  const match = NUMBER.exec(text.trim());
  if (match === null) {
    throw new UnitError(`"${text}" is not a number with a unit (known units: ${KNOWN_UNITS})`);
  }
  const value = Number(match[1]);
  const unit = match[2] ?? "";
  if (!Number.isFinite(value)) throw new UnitError(`"${text}" is too large`);
  if (unit === "%") return { value: value / 100, kind: "ratio" };
  const multiplier = MULTIPLIERS.get(unit);
  if (multiplier !== undefined) return { value: tidy(value * multiplier), kind: "plain" };
  const time = TIMES.get(unit);
  if (time !== undefined) return { value: time(value), kind: "time" };
  throw new UnitError(`unknown unit "${unit}" in "${text}" (known units: ${KNOWN_UNITS})`);
}

/**
 * Reads a rate, a size or a count: a number with a multiplier, never a time or a ratio.
 *
 * @throws {UnitError} when it is something else.
 */
export function parsePlain(text: string): number {
  const { value, kind } = parseQuantity(text);
  if (kind !== "plain") {
    throw new UnitError(`"${text}" is a ${kind}; expected a number such as 64, 10M or 1.5G`);
  }
  return value;
}

/**
 * Reads a time; a bare number means seconds.
 *
 * @returns Seconds.
 * @throws {UnitError} when it is no time, or negative.
 */
export function parseSeconds(text: string): number {
  const { value, kind } = parseQuantity(text);
  const bare = kind === "plain" && /^[\d.eE+-]+$/.test(text.trim());
  if (kind !== "time" && !bare) {
    throw new UnitError(`"${text}" is no time; expected such as 500ms, 2s or 1min`);
  }
  if (value < 0) throw new UnitError(`"${text}" is negative; a time starts at 0`);
  return value;
}

/**
 * Reads a ratio: with `%`, or as a bare fraction of one.
 *
 * @returns A fraction in [0, 1].
 * @throws {UnitError} when it is no ratio, or outside 0..100 %.
 */
export function parseRatio(text: string): number {
  const { value, kind } = parseQuantity(text);
  if (kind === "time") throw new UnitError(`"${text}" is a time; expected a ratio such as 0.5% or 0.005`);
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
 * import { parseValues } from "./units.ts";
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
  try {
    parseQuantity(text);
    return true;
  } catch {
    return false;
  }
}

function canonical(item: string): string {
  if (!isNumber(item)) return item;
  const { value, kind } = parseQuantity(item);
  return kind === "plain" ? plainText(value) : item;
}

function expandRange(item: string): string[] {
  const parts = item.split(":");
  const [from, to, step] = [parts[0] ?? "", parts[1] ?? "", parts[2]];
  if (step === undefined) {
    throw new UnitError(`the range "${item}" has no step; write FROM:TO:STEP or FROM:TO:xFACTOR`);
  }
  const first = parseQuantity(from);
  const last = parseQuantity(to);
  const geometric = step.startsWith("x") || step.startsWith("*");
  const by = parseQuantity(geometric ? step.slice(1) : step);
  if (first.kind !== last.kind || (!geometric && by.kind !== first.kind)) {
    throw new UnitError(`the range "${item}" mixes units of different kinds`);
  }
  if (geometric && (by.kind !== "plain" || by.value <= 1)) {
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
    values.push(rangeText(value, first.kind));
  }
  throw new UnitError(`the range "${item}" makes more than ${MAX_VALUES} values`);
}

function rangeText(value: number, kind: QuantityKind): string {
  if (kind === "ratio") return `${plainText(tidy(value * 100))}%`;
  if (kind === "plain") return plainText(value);
  for (const [unit, scale] of [["s", 1], ["ms", 1e3], ["us", 1e6]] as const) {
    const scaled = tidy(value * scale);
    if (Number.isInteger(scaled)) return `${plainText(scaled)}${unit}`;
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
  const size = Math.abs(value);
  const [unit, scale] = size >= 1e9
    ? ["G", 1e9]
    : size >= 1e6
    ? ["M", 1e6]
    : size >= 1e3
    ? ["k", 1e3]
    : ["", 1];
  return `${Number((value / (scale as number)).toPrecision(digits))}${unit}`;
}

/** Writes nanoseconds in the unit a person would choose: 1500 → `1.5us`. */
export function formatNanoseconds(ns: number, digits = 4): string {
  const size = Math.abs(ns);
  const [unit, scale] = size >= 1e9
    ? ["s", 1e9]
    : size >= 1e6
    ? ["ms", 1e6]
    : size >= 1e3
    ? ["us", 1e3]
    : ["ns", 1];
  return `${Number((ns / (scale as number)).toPrecision(digits))}${unit}`;
}

/** Writes seconds for a person who waits: 75 → `1 min 15 s`. */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  if (hours > 0) return `${hours} h ${minutes} min`;
  return minutes > 0 ? `${minutes} min ${whole % 60} s` : `${whole} s`;
}
