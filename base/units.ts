/**
 * Numbers with units, as people type them: `10M`, `64Ki`, `0.5%`, `200us`, `1.5s`.
 *
 * The C plugins read arguments by the same grammar and table (`tests_c/lib/args/ipb_units.c`);
 * `tests/fixtures/argument_cases.txt` holds both to the same texts.
 *
 * @module
 */

/** A number with its unit taken apart. */
export interface Quantity {
  /** In base units: bits, bytes, seconds; a percentage is divided by 100. */
  value: number;
  /** "": a bare number (maybe with a prefix such as M); "s": a time; "%": a share. */
  unit: "" | "s" | "%";
}

/** A power of ten goes into the decimal text, so that "0.1M" is exactly what 100000 is; the factor comes on top. */
interface Unit {
  power: number;
  factor: number;
}

/** A decimal number and whatever follows it. */
interface Decimal {
  mantissa: string;
  exponent: number;
  suffix: string;
}

const DECIMAL = /^([+-]?(?:\d+(?:\.\d*)?|\.\d+))(?:[eE]([+-]?\d+))?(.*)$/su;
/** Longest number without its unit, in characters, and its largest exponent. */
const MAX_NUMBER = 256;
const MAX_EXPONENT = 999;

const unit = (power: number, factor = 1): Unit => ({ power, factor });

/** Upper-case K is what many type for k. */
const MULTIPLES: ReadonlyMap<string, Unit> = new Map([
  ["", unit(0)],
  ["k", unit(3)],
  ["K", unit(3)],
  ["M", unit(6)],
  ["G", unit(9)],
  ["T", unit(12)],
  ["Ki", unit(0, 2 ** 10)],
  ["ki", unit(0, 2 ** 10)],
  ["Mi", unit(0, 2 ** 20)],
  ["Gi", unit(0, 2 ** 30)],
  ["Ti", unit(0, 2 ** 40)],
]);
/** In seconds. */
const TIMES: ReadonlyMap<string, Unit> = new Map([
  ["ns", unit(-9)],
  ["us", unit(-6)],
  ["µs", unit(-6)],
  ["μs", unit(-6)],
  ["ms", unit(-3)],
  ["s", unit(0)],
  ["min", unit(0, 60)],
  ["h", unit(0, 3600)],
]);
const PERCENT = unit(-2);
const BOOLS: ReadonlyMap<string, number> = new Map([
  ["0", 0],
  ["1", 1],
  ["no", 0],
  ["yes", 1],
  ["false", 0],
  ["true", 1],
  ["off", 0],
  ["on", 1],
]);

function readDecimal(text: string): Decimal | null {
  const match = DECIMAL.exec(text);
  if (match === null) return null;
  const [, mantissa = "", exponentText = "0", suffix = ""] = match;
  const exponent = Number(exponentText);
  const tooLong = text.length - suffix.length > MAX_NUMBER || Math.abs(exponent) > MAX_EXPONENT;
  return tooLong ? null : { mantissa, exponent, suffix };
}

/** The number in this unit; `null` when it is not finite. */
function scaled({ mantissa, exponent }: Decimal, { power, factor }: Unit): number | null {
  const value = Number(`${mantissa}e${exponent + power}`) * factor;
  return Number.isFinite(value) ? value : null;
}

/**
 * Reads the value of a test's argument.
 *
 * @param type The option's type: "int", "size", "rate", "float", "time" or "bool".
 * @param bareUnit The unit of a bare time, such as "us"; "" for seconds.
 * @param text The value without its quotes.
 * @returns In base units (times in seconds, a bool as 0 or 1), or `null` when it is no such value.
 * @example
 * ```ts
 * parseValue("rate", "bit/s", "1.5Gbit/s"); // 1_500_000_000
 * parseValue("size", "byte", "64.5"); // null
 * ```
 */
export function parseValue(type: string, bareUnit: string, text: string): number | null {
  if (type === "bool") return BOOLS.get(text) ?? null;
  const decimal = readDecimal(text);
  const found = decimal === null ? undefined : unitOf(type, bareUnit, decimal.suffix);
  if (decimal === null || found === undefined) return null;
  const value = scaled(decimal, found);
  const whole = type === "int" || type === "size";
  return value === null || (whole && !Number.isInteger(value)) ? null : value;
}

function unitOf(type: string, bareUnit: string, suffix: string): Unit | undefined {
  if (type === "time") return TIMES.get(suffix === "" ? bareUnit || "s" : suffix);
  if (type === "float" && suffix === "%") return PERCENT;
  if (type === "rate") return MULTIPLES.get(suffix.replace(/(bps|bit\/s)$/, ""));
  return MULTIPLES.get(type === "size" ? suffix.replace(/B$/, "") : suffix);
}

/**
 * Reads a number with an optional unit: prefixes k, M, G, T (powers of 1000) and Ki, Mi, Gi, Ti (powers of 1024),
 * times ns, us, µs, ms, s, min, h, and %.
 *
 * @param text What was typed.
 * @returns The number in base units, or `null` when it is not one.
 * @example
 * ```ts
 * parseQuantity("10M"); // { value: 10_000_000, unit: "" }
 * parseQuantity("200us"); // { value: 0.0002, unit: "s" }
 * parseQuantity("0.5%"); // { value: 0.005, unit: "%" }
 * ```
 */
export function parseQuantity(text: string): Quantity | null {
  const decimal = readDecimal(text.trim());
  if (decimal === null) return null;
  const suffix = decimal.suffix.trimStart();
  const multiple = MULTIPLES.get(suffix);
  const found = multiple ?? (suffix === "%" ? PERCENT : TIMES.get(suffix));
  const value = found === undefined ? null : scaled(decimal, found);
  if (value === null) return null;
  return { value, unit: multiple !== undefined ? "" : suffix === "%" ? "%" : "s" };
}

/**
 * Reads a time; a bare number is seconds.
 *
 * @param text Such as `90`, `1.5s`, `200us`, `2min`.
 * @returns Seconds, or `null` when the text is not a time.
 */
export function parseSeconds(text: string): number | null {
  return parseValue("time", "s", text.trim().replace(/\s+(?=\S+$)/u, ""));
}

/**
 * Reads a share; a bare number is a fraction.
 *
 * @param text Such as `0.02`, `2%`.
 * @returns The fraction, or `null` when the text is not a share.
 */
export function parseShare(text: string): number | null {
  const quantity = parseQuantity(text);
  return quantity === null || quantity.unit === "s" ? null : quantity.value;
}

/**
 * Reads a bare number with a prefix, such as a rate or a size.
 *
 * @param text Such as `10M`, `64`, `8Ki`.
 * @returns The number, or `null`.
 */
export function parseNumber(text: string): number | null {
  const quantity = parseQuantity(text);
  return quantity === null || quantity.unit !== "" ? null : quantity.value;
}
