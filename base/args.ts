/**
 * Test arguments, `name=value,name=value`, with double quotes around a value that holds commas: read, set and removed by
 * name, everything else left byte for byte as it was. The plugins read them by the same grammar
 * (`tests_c/lib/args/ipb_args.c`); `tests/fixtures/argument_cases.txt` holds both to the same texts.
 *
 * @module
 */

/** One argument as it stands in the text. */
export interface Argument {
  name: string;
  /** Without its quotes; `null` for a name that stands alone. */
  value: string | null;
  /** As typed, quotes and blanks included. */
  text: string;
}

/**
 * Splits arguments at commas outside of double quotes. Blanks and tabs around an argument are none of it.
 *
 * @param args All arguments. A quote that is not closed reaches to the end; the plugin will complain of it.
 * @param blanks Whether blanks and tabs separate too, as in the original's spelling.
 * @returns The arguments in their order.
 */
export function splitArgs(args: string, blanks = false): Argument[] {
  const found: Argument[] = [];
  let text = "";
  let quoted = false;
  const end = () => {
    if (/[^ \t]/.test(text)) found.push(argument(text));
    text = "";
  };
  for (const letter of args) {
    if (letter === '"') quoted = !quoted;
    if (!quoted && (letter === "," || (blanks && (letter === " " || letter === "\t")))) end();
    else text += letter;
  }
  end();
  return found;
}

function argument(text: string): Argument {
  // Blanks inside of quotes count, those around the argument do not.
  const bare = text.replace(/^[ \t]+|[ \t]+$/g, "").replaceAll('"', "");
  const equals = bare.indexOf("=");
  if (equals < 0) return { name: bare, value: null, text };
  return { name: bare.slice(0, equals), value: bare.slice(equals + 1), text };
}

/**
 * Writes arguments of the original's spelling, which may have blanks and tabs between them, with commas.
 *
 * @param args All arguments.
 * @returns The same arguments.
 */
export function withCommas(args: string): string {
  return splitArgs(args, true).map(({ text }) => text).join(",");
}

/**
 * The values of arguments by their names.
 *
 * @param args All arguments.
 * @returns Values without quotes, "" for a name that stands alone; of a repeated name the last.
 */
export function argValues(args: string): Map<string, string> {
  return new Map(splitArgs(args).map(({ name, value }) => [name, value ?? ""]));
}

/**
 * Reads one argument.
 *
 * @param args All arguments.
 * @param name Its name.
 * @returns Its value without quotes, "" for a name that stands alone, `null` when it is not there. The last one counts.
 */
export function getArg(args: string, name: string): string | null {
  return argValues(args).get(name) ?? null;
}

/**
 * Sets one argument: in its place when it is there (and only once), else at the end.
 *
 * @param args All arguments.
 * @param name Its name.
 * @param value Its value; put in quotes when it is empty or holds a comma or a blank.
 * @returns The new arguments.
 * @throws {TypeError} when the value holds a double quote or a line break, which no argument can carry.
 *
 * @example
 * ```ts
 * import { setArg } from "./args.ts";
 * setArg("socktype=udp,bps=10", "bps", "20"); // "socktype=udp,bps=20"
 * ```
 */
export function setArg(args: string, name: string, value: string): string {
  if (/["\r\n]/.test(value)) {
    throw new TypeError(`the value ${JSON.stringify(value)} of ${name} holds a quote or a line break`);
  }
  const text = `${name}=${value === "" || /[, \t]/.test(value) ? `"${value}"` : value}`;
  let done = false;
  const parts: string[] = [];
  for (const item of splitArgs(args)) {
    if (item.name !== name) parts.push(item.text);
    else if (!done) {
      parts.push(text);
      done = true;
    }
  }
  if (!done) parts.push(text);
  return parts.join(",");
}

/** Removes arguments by name. */
export function removeArgs(args: string, ...names: string[]): string {
  return splitArgs(args).filter((item) => !names.includes(item.name)).map((item) => item.text).join(",");
}

/** Other names of the same thing: setting one removes the others, so that only one of them counts. */
const RIVALS: Readonly<Record<string, readonly string[]>> = {
  bps: ["Mbps"],
  Mbps: ["bps"],
  duration: ["samples", "test_time"],
  test_time: ["duration"],
  iface: ["if"],
  if: ["iface"],
  samples: ["duration"],
  size: ["sizes"],
  sizes: ["size"],
};

/** Sets one argument and removes what would contradict it (`bps` and `Mbps`, `duration` and `samples`). */
export function setTestArg(args: string, name: string, value: string): string {
  const rivals = Object.hasOwn(RIVALS, name) ? RIVALS[name] ?? [] : [];
  return setArg(removeArgs(args, ...rivals), name, value);
}

/**
 * Divides a whole number over n parts that differ by one at most and add up to it.
 *
 * @throws {RangeError} when a part would be 0.
 */
export function divide(total: number, parts: number): number[] {
  const base = Math.floor(total / parts);
  if (!(base >= 1)) throw new RangeError(`${total} cannot be divided over ${parts} testers`);
  const rest = total - base * parts;
  return Array.from({ length: parts }, (_, i) => base + (i < rest ? 1 : 0));
}
