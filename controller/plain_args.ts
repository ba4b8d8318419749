/**
 * Arguments as an original daemon reads them: whole numbers without units. It would take `bps=10M` for 10 bit/s and
 * `warmup=0.5` for none, and nobody would see it.
 *
 * @module
 */
import { parseNumber, parseSeconds } from "../config/mod.ts";
import type { PluginOption } from "../ffi/mod.ts";
import { getArg, setArg } from "./test_args.ts";

/** How the values of these types of option are read; others are texts. */
const READERS: Readonly<Record<string, (text: string) => number | null>> = {
  int: parseNumber,
  size: parseNumber,
  rate: parseNumber,
  float: parseNumber,
  time: parseSeconds,
};

/**
 * Spells out the numbers among a test's arguments.
 *
 * @param args the arguments as typed, `bps=10M,warmup=500ms`
 * @param options the test's options table; `null`, of a test that has none: nothing is known and nothing changed
 * @returns the arguments with plain whole numbers, times in seconds
 * @throws {RangeError} when a number is not whole in the unit that an original daemon expects
 *
 * @example
 * ```ts
 * import { plainArgs } from "./plain_args.ts";
 * plainArgs("bps=10M,socktype=udp", [{ name: "bps", type: "rate" }]); // "bps=10000000,socktype=udp"
 * ```
 */
export function plainArgs(
  args: string,
  options: readonly Pick<PluginOption, "name" | "type">[] | null,
): string {
  let plain = args;
  for (const { name, type } of options ?? []) {
    const text = getArg(plain, name);
    if (text === null || /^\d+$/.test(text) || !Object.hasOwn(READERS, type)) continue;
    const value = READERS[type]?.(text) ?? null;
    if (value === null) continue; // not a number at all: the daemon's test says what it thinks of it
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
