/**
 * What the classes of a run did to the first one, in Markdown.
 *
 * @module
 */
import { effectSentence } from "../../document/effect/words.ts";
import { changes, effectsOf, PHASE_COLUMNS, phaseRows } from "./effect.ts";
import { md } from "../markdown_text.ts";
import type { ReportModel } from "../model.ts";

/** Documents for which it is shown. */
const RUNS = 20;

/** Its lines; none when no document has an effect. */
export function effectMarkdown(model: ReportModel): string[] {
  return effectsOf(model).slice(0, RUNS).flatMap(({ point, effect }) => {
    const sentence = effectSentence(effect);
    if (sentence === null) return [];
    const head = model.runs.length === 1 ? "" : `${md(point.file)}: `;
    return [
      `${head}**${md(sentence)}**`,
      "",
      `| ${PHASE_COLUMNS.join(" | ")} |`,
      `|---|${"--:|".repeat(PHASE_COLUMNS.length - 1)}`,
      ...phaseRows(effect).map((row) => `| ${row.map(md).join(" | ")} |`),
      "",
      ...changes(effect).map((line) => `- ${md(line)}`),
      "",
    ];
  });
}
