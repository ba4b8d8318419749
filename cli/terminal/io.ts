/**
 * The two streams: stdout for results, stderr for everything else. Whole texts are written before the call returns.
 *
 * @module
 */

import { outputReason } from "../../base/errors.ts";
import { EXIT, ExitError } from "../exit.ts";
import { terminalText, wrapWords } from "./text.ts";

/** Columns that help and live lines count on when the terminal does not report them. */
const DEFAULT_COLUMNS = 80;
/** As many rows. */
const DEFAULT_ROWS = 24;
/** Help is not set wider than this, however wide the terminal is. */
const MAX_HELP_COLUMNS = 110;

const encoder = new TextEncoder();

/** Takes live lines off the terminal. */
let clear: (() => void) | null = null;

/**
 * Registers what is done before anything else is written: live lines are erased first, or they would remain above the new
 * text for good.
 *
 * @param action What to do; `null`: nothing any more.
 */
export function clearBeforeOutput(action: (() => void) | null): void {
  clear = action;
}

function writeAll(stream: { writeSync(p: Uint8Array): number }, text: string): void {
  let rest = encoder.encode(text);
  while (rest.length > 0) rest = rest.subarray(stream.writeSync(rest));
}

/**
 * Writes a result to stdout: unchanged, unless that is a terminal, where control characters from plugins and peers are
 * escaped.
 *
 * @param text What to write; no newline is added.
 * @throws {ExitError} when the reader has gone (status 141, as a shell shows it for other programs).
 */
export function out(text: string): void {
  clear?.();
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
    const why = outputReason(error);
    throw new ExitError(EXIT.FAILED, `cannot write the result to standard output: ${why}`, { cause: error });
  }
}

/**
 * Writes to stderr. That its reader has gone (EPIPE) is no reason to end a run: that one error is ignored.
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

/** Writes one line to stderr; on a terminal it is broken between words, and control characters are escaped. */
export function note(line: string): void {
  const indent = line.length - line.trimStart().length + 2;
  print(wrapWords(line, widthOf(Deno.stderr), indent) + "\n");
}

/** Writes text that came from elsewhere to stderr, as {@linkcode out} writes it to stdout. */
export function print(text: string): void {
  clear?.();
  err(stderrIsTerminal() ? terminalText(text) : text);
}

/** Whether stderr is a terminal, so that lines may be rewritten in place. */
function stderrIsTerminal(): boolean {
  return Deno.stderr.isTerminal();
}

/** Whether lines may be rewritten in place on a stream: a terminal that knows how to. */
export function canRewrite(stream: { isTerminal(): boolean }): boolean {
  return stream.isTerminal() && Deno.env.get("TERM") !== "dumb";
}

/** Whether text on a stream may have colours: such a terminal, and NO_COLOR is not set. */
export function hasColours(stream: { isTerminal(): boolean }): boolean {
  return canRewrite(stream) && (Deno.env.get("NO_COLOR") ?? "") === "";
}

/** Size of the terminal; {@linkcode DEFAULT_COLUMNS} by {@linkcode DEFAULT_ROWS} when there is none or it reports 0. */
export function terminalSize(): { columns: number; rows: number } {
  try {
    const { columns, rows } = Deno.consoleSize();
    return { columns: columns > 0 ? columns : DEFAULT_COLUMNS, rows: rows > 0 ? rows : DEFAULT_ROWS };
  } catch {
    // Neither stdin, stdout nor stderr is a terminal: that is the usual case in scripts.
    return { columns: DEFAULT_COLUMNS, rows: DEFAULT_ROWS };
  }
}

/** Width of the terminal. */
export function columns(): number {
  return terminalSize().columns;
}

/** Width of what is printed to a stream: the terminal's, or no limit where there is none. */
export function widthOf(stream: { isTerminal(): boolean }): number {
  return stream.isTerminal() ? columns() : Infinity;
}

/** Width that help texts are set to. */
export function helpColumns(): number {
  return Math.min(columns(), MAX_HELP_COLUMNS);
}
