/**
 * Lines of figures that fit a terminal: where there is little room, the least important columns are left out; digits never are.
 *
 * @module
 */

import { fit } from "./text.ts";

/** Columns, from left to right. */
const COLUMNS = ["test", "phase", "time", "rate", "dark", "loss", "p50", "p99"] as const;
/** One of them. */
export type LiveColumn = typeof COLUMNS[number];
/** Which columns are left out first where there is little room; p99 is what people watch. */
const LEAVE: readonly LiveColumn[] = ["p50", "test", "time", "rate", "phase", "loss"];
/** Words stand to the left, figures to the right. */
const WORDS: ReadonlySet<LiveColumn> = new Set(["test", "phase"]);
const GAP = "  ";
/** Names get at least so many columns: an IPv4 address with its port. */
const LEAST_NAME = 21;
/** And at most so many, and no more than this part of a line. */
const MOST_NAME = 32;
const NAME_SHARE = 1 / 3;

/** One line: a name with figures, or with a few words instead of them. */
export interface LiveLine {
  name: string;
  content: Partial<Record<LiveColumn, string>> | string;
}

/** Sets lines in columns. It remembers how wide they were: nothing jumps to and fro while figures change. */
export class LiveTable {
  readonly #widths = new Map<LiveColumn, number>();

  /** The width of the names of such lines. */
  static nameWidth(names: readonly string[], columns: number): number {
    const most = Math.max(LEAST_NAME, Math.min(MOST_NAME, Math.floor(columns * NAME_SHARE)));
    return Math.min(most, Math.max(5, ...names.map((name) => name.length)));
  }

  /**
   * Sets lines.
   *
   * @param lines Their texts.
   * @param nameWidth As {@linkcode LiveTable.nameWidth} gives it.
   * @param columns Width of the terminal.
   * @returns As many lines, none wider than the terminal.
   */
  set(lines: readonly LiveLine[], nameWidth: number, columns: number): string[] {
    for (const { content } of lines) {
      if (typeof content === "string") continue;
      for (const [column, text] of Object.entries(content) as [LiveColumn, string][]) {
        this.#widths.set(column, Math.max(this.#widths.get(column) ?? 0, text.length));
      }
    }
    const shown = this.#shown(nameWidth, columns);
    return lines.map(({ name, content }) => {
      const cells = typeof content === "string" ? [content] : shown.map((column) => {
        const text = content[column] ?? "";
        const width = this.#widths.get(column) ?? 0;
        return WORDS.has(column) ? text.padEnd(width) : text.padStart(width);
      });
      return fit([shorten(name, nameWidth).padEnd(nameWidth), ...cells].join(GAP).trimEnd(), columns);
    });
  }

  /** The columns for which there is room. */
  #shown(nameWidth: number, columns: number): LiveColumn[] {
    const shown = COLUMNS.filter((column) => this.#widths.has(column));
    const width = () =>
      shown.reduce((sum, column) => sum + GAP.length + (this.#widths.get(column) ?? 0), nameWidth);
    for (const column of LEAVE) {
      if (width() <= columns) break;
      const index = shown.indexOf(column);
      if (index >= 0) shown.splice(index, 1);
    }
    return shown;
  }
}

/** A part of a line; those with the lowest rank go first. */
export interface LinePart {
  text: string;
  rank: number;
}

/**
 * Joins parts, as many as fit.
 *
 * @param parts From left to right.
 * @param columns Width of the terminal.
 */
export function joinParts(parts: readonly LinePart[], columns: number): string {
  const left = parts.filter(({ text }) => text !== "");
  const line = () => left.map(({ text }) => text).join(GAP);
  while (left.length > 1 && line().length > columns) {
    const least = left.reduce((a, b) => b.rank < a.rank ? b : a);
    left.splice(left.indexOf(least), 1);
  }
  return fit(line().trimEnd(), columns);
}

/** Takes out the middle of a name: a host is recognized by its beginning, a port by its end. */
function shorten(name: string, width: number): string {
  const characters = Array.from(name);
  if (characters.length <= width) return name;
  const head = Math.ceil((width - 1) / 2);
  return [...characters.slice(0, head), "…", ...characters.slice(head + 1 - width)].join("");
}
