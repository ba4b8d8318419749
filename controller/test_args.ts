/**
 * Test arguments, `name=value,name=value`, with double quotes around a value that holds commas: read, set and removed by
 * name, everything else left byte for byte as it was.
 *
 * @module
 */

/** One argument as it stands in the text. */
interface Part {
  name: string;
  text: string;
}

/** Splits at commas outside of double quotes. */
function split(args: string): Part[] {
  if (args.trim() === "") return [];
  const parts: Part[] = [];
  let text = "";
  let quoted = false;
  for (const letter of args) {
    if (letter === '"') quoted = !quoted;
    if (letter === "," && !quoted) {
      parts.push(part(text));
      text = "";
    } else text += letter;
  }
  parts.push(part(text));
  return parts;
}

function part(text: string): Part {
  const equals = text.indexOf("=");
  return { name: (equals < 0 ? text : text.slice(0, equals)).trim(), text };
}

/**
 * Reads one argument.
 *
 * @param args All arguments.
 * @param name Its name.
 * @returns Its value without quotes, "" for a name that stands alone, `null` when it is not there. The last one counts.
 */
export function getArg(args: string, name: string): string | null {
  const found = split(args).findLast((item) => item.name === name);
  if (found === undefined) return null;
  const equals = found.text.indexOf("=");
  return equals < 0 ? "" : found.text.slice(equals + 1).replaceAll('"', "").trim();
}

/**
 * Sets one argument: in its place when it is there (and only once), else at the end.
 *
 * @param args All arguments.
 * @param name Its name.
 * @param value Its value; put in quotes when it holds a comma.
 * @returns The new arguments.
 * @throws {TypeError} when the value holds a double quote or a line break, which no argument can carry.
 *
 * @example
 * ```ts
 * import { setArg } from "./test_args.ts";
 * setArg("socktype=udp,bps=10", "bps", "20"); // "socktype=udp,bps=20"
 * ```
 */
export function setArg(args: string, name: string, value: string): string {
  if (/["\r\n]/.test(value)) {
    throw new TypeError(`the value ${JSON.stringify(value)} of ${name} holds a quote or a line break`);
  }
  const text = `${name}=${value.includes(",") ? `"${value}"` : value}`;
  let done = false;
  const parts: string[] = [];
  for (const item of split(args)) {
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
  return split(args).filter((item) => !names.includes(item.name)).map((item) => item.text).join(",");
}

/** Other names of the same thing: setting one removes the others, so that only one of them speaks. */
const RIVALS: Readonly<Record<string, readonly string[]>> = {
  bps: ["Mbps"],
  Mbps: ["bps"],
  duration: ["samples"],
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
