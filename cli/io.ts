/**
 * The two streams: stdout for results, stderr for everything else. Whole texts are written before the call returns.
 *
 * @module
 */

import { EXIT, ExitError } from "./exit.ts";
import { terminalText } from "./format.ts";

/** Columns that help and live lines count on when the terminal does not say. */
export const DEFAULT_COLUMNS = 80;
/** Help is not set wider than this, however wide the terminal is. */
const MAX_HELP_COLUMNS = 110;

const encoder = new TextEncoder();

function writeAll(stream: { writeSync(p: Uint8Array): number }, text: string): void {
  let rest = encoder.encode(text);
  while (rest.length > 0) rest = rest.subarray(stream.writeSync(rest));
}

/**
 * Writes a result to stdout: unchanged, unless that is a terminal, which text from plugins and peers could write to.
 *
 * @param text What to write; no newline is added.
 * @throws {ExitError} when the reader has gone (status 141, as a shell shows it for other programs).
 */
export function out(text: string): void {
  draw(Deno.stdout.isTerminal() ? terminalText(text) : text);
}

/**
 * Writes our own text to stdout as it is, cursor movements included.
 *
 * @param text What to write; what came from elsewhere is plain in it.
 * @throws {ExitError} as {@linkcode out}.
 */
export function draw(text: string): void {
  try {
    writeAll(Deno.stdout, text);
  } catch (error) {
    if (error instanceof Deno.errors.BrokenPipe) throw new ExitError(EXIT.BROKEN_PIPE, "", { cause: error });
    const why = error instanceof Error ? error.message : String(error);
    throw new ExitError(EXIT.FAILED, `cannot write the result to standard output: ${why}`, { cause: error });
  }
}

/**
 * Writes to stderr. A reader that has gone is no reason to end a run, so that error alone is passed over.
 *
 * @param text What to write; no newline is added.
 */
export function err(text: string): void {
  try {
    writeAll(Deno.stderr, text);
  } catch (error) {
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}

/** Writes one line to stderr; a terminal gets what came from elsewhere escaped. */
export function note(line: string): void {
  print(line + "\n");
}

/** Writes text that came from elsewhere to stderr, as {@linkcode out} writes it to stdout. */
export function print(text: string): void {
  err(stderrIsTerminal() ? terminalText(text) : text);
}

/** Whether stderr is a terminal, so that lines may be rewritten in place. */
export function stderrIsTerminal(): boolean {
  return Deno.stderr.isTerminal();
}

/** Whether text on stderr may have colours: a terminal, and NO_COLOR is not set. */
export function stderrHasColours(): boolean {
  return stderrIsTerminal() && (Deno.env.get("NO_COLOR") ?? "") === "" && Deno.env.get("TERM") !== "dumb";
}

/** Width of the terminal; {@linkcode DEFAULT_COLUMNS} when there is none or it reports 0. */
export function columns(): number {
  try {
    const size = Deno.consoleSize().columns;
    return size > 0 ? size : DEFAULT_COLUMNS;
  } catch {
    // Neither stdin, stdout nor stderr is a terminal: that is the usual case in scripts.
    return DEFAULT_COLUMNS;
  }
}

/** Width that help texts are set to. */
export function helpColumns(): number {
  return Math.min(columns(), MAX_HELP_COLUMNS);
}
