/**
 * A comparison as Markdown; it reads well on a terminal, too.
 *
 * @module
 */
import { md } from "../report/formats.ts";
import type { Comparison } from "./compare.ts";
import type { Failure } from "./fail_if.ts";
import {
  assumptions,
  changeText,
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

/** The comparison as Markdown. */
export function compareMarkdown(
  comparison: Comparison,
  names: SideNames,
  failed: readonly Failure[] = [],
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
  const rows = comparison.rows.map((row) => [
    md(row.pair.label),
    row.metric.label,
    valueText(row.metric, row.a),
    valueText(row.metric, row.b),
    changeText(row.metric, row.change),
    intervalText(row),
    probabilityText(row.adjusted),
    row.repetitions.join("/"),
    findingText(row),
  ]);
  lines.push(
    "",
    ...aligned(["point", "figure", "A", "B", "change", "interval", "p", "runs", "finding"], rows),
    "",
  );
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

/** A table whose columns line up. */
function aligned(header: string[], rows: string[][]): string[] {
  const widths = header.map((name, i) => Math.max(name.length, 3, ...rows.map((row) => row[i]!.length)));
  const line = (cells: string[]) => `| ${cells.map((cell, i) => cell.padEnd(widths[i]!)).join(" | ")} |`;
  return [line(header), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)];
}
