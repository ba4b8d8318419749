/**
 * The figures of a paper as files: SVG, PDF, a picture for LaTeX, and the numbers.
 *
 * @module
 */
import { csvRow } from "../../export/csv_file.ts";
import { renderChart } from "../chart.ts";
import { escapeHtml } from "../markup.ts";
import type { ReportFile } from "../formats.ts";
import { PAPER_FRAME, paperChart } from "./draw.ts";
import { svgToPdf } from "./pdf.ts";
import { paperTex } from "./pgf.ts";
import { captionOf, provenanceOf, type RunLabels } from "./provenance.ts";
import { paperFigures, type System } from "./systems.ts";

/**
 * Makes the files: of each figure NAME.svg, NAME.pdf, NAME.tex and NAME.csv, and the captions of all of them.
 *
 * @param systems What is compared, a curve each.
 * @param labels What is known of their runs beside the documents.
 * @returns None where no figure can be filled.
 */
export function paperFiles(systems: readonly System[], labels: RunLabels): ReportFile[] {
  const provenance = provenanceOf(systems, labels);
  const captions: string[] = [];
  const files = paperFigures(systems).flatMap((figure): ReportFile[] => {
    const caption = captionOf(figure, systems);
    const chart = paperChart(figure, caption);
    const svg = renderChart(chart, PAPER_FRAME, true);
    captions.push(`${figure.name}: ${caption}`);
    const described = svg.replace(
      />/,
      `><title>${escapeHtml(figure.title)}</title><desc>${escapeHtml(caption)}</desc><metadata>${
        escapeHtml(provenance.join("\n"))
      }</metadata>`,
    );
    const subject = [caption, ...provenance].join("\n");
    const rows = chart.data.rows.map((row) => csvRow(row)).join("");
    return [
      { name: `${figure.name}.svg`, text: `<?xml version="1.0" encoding="UTF-8"?>\n${described}\n` },
      {
        name: `${figure.name}.pdf`,
        text: svgToPdf(svg, { title: figure.title, subject, creator: "ipbench" }),
      },
      { name: `${figure.name}.tex`, text: paperTex(figure, caption, provenance) },
      { name: `${figure.name}.csv`, text: csvRow(chart.data.columns) + rows },
    ];
  });
  if (files.length === 0) return [];
  return [...files, { name: "captions.txt", text: [...captions, "", ...provenance, ""].join("\n") }];
}
