/**
 * Text for a terminal: cut, broken and made harmless.
 *
 * @module
 */

import { stripVTControlCharacters } from "node:util";

/** Cuts a line so that it stays one on a terminal. */
export function fit(line: string, width: number): string {
  const characters = Array.from(line);
  return characters.length <= width ? line : characters.slice(0, Math.max(0, width - 1)).join("") + "…";
}

function columnsOf(text: string): number {
  return stripVTControlCharacters(text).length;
}

/**
 * Breaks lines between words, so that none is wider than a terminal.
 *
 * @param text Lines.
 * @param width Columns.
 * @param indent How far what follows a break is indented.
 */
export function wrapWords(text: string, width: number, indent = 2): string {
  return text.split("\n").map((line) => {
    if (columnsOf(line) <= width) return line;
    const lines = [""];
    for (const word of line.match(/ *[^ ]+/g) ?? []) {
      const longer = lines.at(-1)! + word;
      if (columnsOf(longer) <= width || lines.at(-1) === "") lines[lines.length - 1] = longer;
      else lines.push(" ".repeat(indent) + word.trimStart());
    }
    return lines.join("\n");
  }).join("\n");
}

/** Characters that order text from right to left, with which a line can be made to look like another one. */
const DIRECTIONS = "\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069";
const CONTROL = new RegExp(`[\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029${DIRECTIONS}]`, "gu");
/** Colours as {@linkcode styleText} makes them, and what a terminal may not get. */
const UNSAFE = new RegExp(
  `(\\u001b\\[(?:3[0-79]|90|1|22)m)|[\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f\\u2028\\u2029${DIRECTIONS}]`,
  "gu",
);

/**
 * Takes out what could move the cursor or change colours: names and messages come from the network.
 *
 * @param text Any text.
 * @returns The text on one line, control characters shown as "?".
 */
export function plainText(text: string): string {
  return text.replace(CONTROL, (c) => c === "\n" || c === "\t" ? " " : "?");
}

/**
 * Makes text fit for a terminal: lines, tabs and plain colours stay, anything else that a terminal would obey is shown as
 * an escape such as "\\x1b". The NUL that ends what a plugin prints is left out, as a terminal would.
 *
 * @param text Any text.
 */
export function terminalText(text: string): string {
  return text.replace(UNSAFE, (c, colour: string | undefined) => {
    if (colour !== undefined) return colour;
    const code = c.codePointAt(0)!;
    if (code === 0) return "";
    return code < 0x100
      ? `\\x${code.toString(16).padStart(2, "0")}`
      : `\\u${code.toString(16).padStart(4, "0")}`;
  });
}
