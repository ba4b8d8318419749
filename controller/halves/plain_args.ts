/**
 * Arguments as an original daemon reads them: whole numbers without units. It would take `bps=10M` for 10 bit/s and
 * `warmup=0.5` for none, and nobody would see it.
 *
 * @module
 */
import { parseValue } from "../../base/units.ts";
import type { PluginOption } from "../../ffi/mod.ts";
import { getArg, removeArgs, setArg } from "../../base/args.ts";

/** Values of these types are numbers; others are texts. */
const NUMBERS: ReadonlySet<string> = new Set(["int", "size", "rate", "float", "time"]);

/**
 * Spells out the numbers among a test's arguments. An empty one (of the original's spelling; elsewhere the test has
 * refused it by then) is 0 for a time and left out otherwise, as our own tests read it.
 *
 * @param args the arguments as typed, `bps=10M,warmup=500ms`
 * @param options the test's options table; `null`, of a test that has none: nothing is known and nothing changed
 * @returns the arguments with plain whole numbers, times in seconds
 * @throws {RangeError} when a number is not whole in the unit that an original daemon expects
 *
 * @example
 * ```ts
 * import { plainArgs } from "./plain_args.ts";
 * plainArgs("bps=10M,socktype=udp", [{ name: "bps", type: "rate", unit: "bit/s" }]); // "bps=10000000,socktype=udp"
 * ```
 */
export function plainArgs(
  args: string,
  options: readonly Pick<PluginOption, "name" | "type" | "unit">[] | null,
): string {
  let plain = args;
  for (const { name, type, unit } of options ?? []) {
    const text = getArg(plain, name);
    if (text === null || /^\d+$/.test(text) || !NUMBERS.has(type)) continue;
    if (text === "") { // an original would read 0 and, where that cannot be, hang or crash
      plain = type === "time" ? setArg(plain, name, "0") : removeArgs(plain, name);
      continue;
    }
    const value = parseValue(type, unit, text);
    if (value === null) continue; // not a number at all: the daemon's test decides about it
    if (!Number.isSafeInteger(value)) {
      throw new RangeError(
        `an original daemon reads whole numbers only${
          type === "time" ? " (of seconds)" : ""
        }, not ${name}=${text}`,
      );
    }
    plain = setArg(plain, name, String(value));
  }
  return plain;
}

/** Arguments that original daemons know by other names, by test; they pass over those that they do not know. */
const ORIGINAL_NAMES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  discard: { duration: "test_time", iface: "if" },
};

/**
 * Gives arguments the names that an original daemon has for them.
 *
 * @param test the test's name
 * @param args its arguments
 * @returns the arguments; those without another name stay byte for byte as they were
 */
export function originalNames(test: string, args: string): string {
  const names = Object.hasOwn(ORIGINAL_NAMES, test) ? ORIGINAL_NAMES[test] ?? {} : {};
  let plain = args;
  for (const [name, original] of Object.entries(names)) {
    const value = getArg(plain, name);
    if (value !== null) plain = setArg(removeArgs(plain, name), original, value);
  }
  return plain;
}
