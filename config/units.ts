/**
 * Numbers with units, as people type them: `10M`, `64Ki`, `0.5%`, `200us`, `1.5s`.
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

const QUANTITY = /^([+-]?(?:\d+(?:\.\d*)?|\.\d+))(?:[eE]([+-]?\d{1,3}))?\s*([A-Za-zµμ%]*)$/u;

/** Decimal exponents of the prefixes; upper-case K is what many type for k. */
const DECIMAL: ReadonlyMap<string, number> = new Map([["k", 3], ["K", 3], ["M", 6], ["G", 9], ["T", 12]]);
const BINARY: ReadonlyMap<string, number> = new Map([
  ["Ki", 2 ** 10],
  ["Mi", 2 ** 20],
  ["Gi", 2 ** 30],
  ["Ti", 2 ** 40],
]);
const TIME_EXPONENT: ReadonlyMap<string, number> = new Map([
  ["ns", -9],
  ["us", -6],
  ["µs", -6],
  ["μs", -6],
  ["ms", -3],
  ["s", 0],
]);
const TIME_FACTOR: ReadonlyMap<string, number> = new Map([["min", 60], ["h", 3600]]);

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
  const match = QUANTITY.exec(text.trim());
  if (match === null) return null;
  const [, mantissa = "", exponentText = "0", suffix = ""] = match;
  const exponent = Number(exponentText);
  // The exponent goes into the text, so that "0.1M" is exactly what 100000 is.
  const scaled = (shift: number) => Number(`${mantissa}e${exponent + shift}`);
  const found = (value: number, unit: Quantity["unit"]) => Number.isFinite(value) ? { value, unit } : null;
  if (suffix === "") return found(scaled(0), "");
  if (suffix === "%") return found(scaled(-2), "%");
  const decimal = DECIMAL.get(suffix);
  if (decimal !== undefined) return found(scaled(decimal), "");
  const binary = BINARY.get(suffix);
  if (binary !== undefined) return found(scaled(0) * binary, "");
  const time = TIME_EXPONENT.get(suffix);
  if (time !== undefined) return found(scaled(time), "s");
  const factor = TIME_FACTOR.get(suffix);
  if (factor !== undefined) return found(scaled(0) * factor, "s");
  return null;
}

/**
 * Reads a time; a bare number is seconds.
 *
 * @param text Such as `90`, `1.5s`, `200us`, `2min`.
 * @returns Seconds, or `null` when the text is not a time.
 */
export function parseSeconds(text: string): number | null {
  const quantity = parseQuantity(text);
  return quantity === null || quantity.unit === "%" ? null : quantity.value;
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
