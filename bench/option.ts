/**
 * Options of the benchmarks' command lines.
 *
 * @module
 */

/** The value of `--name VALUE`, or the fallback. */
export function option(name: string, fallback: string): string {
  const at = Deno.args.indexOf(`--${name}`);
  return at >= 0 ? Deno.args[at + 1] ?? fallback : fallback;
}
