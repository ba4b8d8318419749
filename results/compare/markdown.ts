/**
 * A comparison as Markdown; it reads well on a terminal, too.
 *
 * @module
 */
import { md } from "../report/markdown_text.ts";
import type { Comparison, Row } from "./compare.ts";
import type { Failure } from "./fail_if.ts";
import {
  assumptions,
  changeText,
  figureTexts,
  findingText,
  intervalText,
  probabilityText,
  summaryText,
  valueText,
} from "./words.ts";

/** What is compared, for the reader. */
export interface SideNames {
  a: string;
  b: string;
}

/** How the Markdown is shown on a terminal. */
export interface ShownOn {
  /** Columns of the terminal: where the table is wider, its rows become lines. */
  width: number;
  /** Colours what a row comes to. */
  paint: (row: Row, finding: string) => string;
}

/**
 * The comparison as Markdown.
 *
 * @param comparison What was compared.
 * @param names What the sides are called.
 * @param failed Conditions that are met.
 * @param shown For a terminal; without it nothing is left out of the table.
 */
export function compareMarkdown(
  comparison: Comparison,
  names: SideNames,
  failed: readonly Failure[] = [],
  shown: ShownOn = { width: Infinity, paint: (_, finding) => finding },
): string {
  const lines = [`# ${md(names.b)} against ${md(names.a)}`, "", `**${summaryText(comparison)}**`, ""];
  for (const failure of failed) {
    lines.push(
      `- FAILED \`${failure.condition.text}\`: ${md(failure.row.pair.label)} ` +
        `${failure.row.metric.label} ${changeText(failure.row.metric, failure.row.change)}`,
    );
  }
  for (const { text } of comparison.pairing.allowed) lines.push(`- Compared all the same: ${md(text)}`);
  for (const { side, label, runs } of comparison.pairing.unmatched) {
    lines.push(`- Only in ${side}: ${md(label)} (${runs} run(s))`);
  }
  const table = figuresTable(comparison.rows, shown);
  lines.push("", ...table[0]!.length <= shown.width ? table : figuresList(comparison.rows, shown), "");
  for (const overall of comparison.overall) {
    lines.push(
      `- All ${overall.points} points together, ${overall.metric.label}: ${
        changeText(overall.metric, overall.change)
      }, ` +
        `p ${probabilityText(overall.p)} (${overall.method})`,
    );
  }
  if (comparison.overall.length > 0) lines.push("");
  for (const sentence of assumptions(comparison)) lines.push(`- ${sentence}`);
  return `${lines.join("\n")}\n`;
}

const HEADER = ["point", "figure", "A", "B", "change", "interval", "p", "runs", "finding"];

/** A table whose columns line up. */
function figuresTable(rows: readonly Row[], { paint }: ShownOn): string[] {
  const cells = rows.map((row) => [
    md(row.pair.label),
    row.metric.label,
    ...figureTexts(row),
    row.repetitions.join("/"),
    findingText(row),
  ]);
  const widths = HEADER.map((name, i) => Math.max(name.length, 3, ...cells.map((each) => each[i]!.length)));
  const line = (each: readonly string[]) => `| ${each.join(" | ")} |`;
  const padded = (each: readonly string[]) => each.map((cell, i) => cell.padEnd(widths[i]!));
  return [
    line(padded(HEADER)),
    line(widths.map((width) => "-".repeat(width))),
    ...cells.map((each, i) => {
      const texts = padded(each);
      return line([...texts.slice(0, -1), paint(rows[i]!, texts.at(-1)!)]);
    }),
  ];
}

/** The same, point by point, two lines a figure, for little room. */
function figuresList(rows: readonly Row[], { paint }: ShownOn): string[] {
  const cells = rows.map((row) => [
    row.metric.label,
    valueText(row.metric, row.a),
    valueText(row.metric, row.b),
    changeText(row.metric, row.change),
  ]);
  const width = (i: number) => Math.max(...cells.map((each) => each[i]!.length));
  return rows.flatMap((row, i) => {
    const [figure = "", a = "", b = "", change = ""] = cells[i]!;
    const heading = row.pair === rows[i - 1]?.pair
      ? []
      : [...i === 0 ? [] : [""], `${row.pair.label}, ${row.repetitions.join(" against ")} runs`];
    const values = `${a.padStart(width(1))} -> ${b.padStart(width(2))}  ${change.padStart(width(3))}`;
    const chance = row.interval === null ? "" : `  ${intervalText(row)}, p ${probabilityText(row.adjusted)}`;
    return [
      ...heading,
      `  ${figure.padEnd(width(0))}  ${values}${chance}`,
      `    ${paint(row, findingText(row))}`,
    ];
  });
}
