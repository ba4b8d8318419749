/**
 * A figure for LaTeX: a picture of pgfplots with its numbers in it.
 *
 * @module
 */
import { LOAD_AXIS } from "./draw.ts";
import type { PaperFigure } from "./systems.ts";

/** Characters that mean something to LaTeX. */
const SPECIAL: Record<string, string> = {
  "\\": "\\textbackslash{}",
  "~": "\\textasciitilde{}",
  "^": "\\textasciicircum{}",
  "µ": "\\textmu{}",
};

function tex(text: string): string {
  return text.replace(/[\\~^µ]|[{}$&#%_]/g, (sign) => SPECIAL[sign] ?? `\\${sign}`).replace(/\s+/g, " ");
}

/**
 * The picture: `\input{NAME.tex}`, with `\usepackage{pgfplots}` before.
 *
 * @param figure What it shows.
 * @param caption One sentence, which stands in a comment.
 * @param provenance Lines, which do, too.
 */
export function paperTex(figure: PaperFigure, caption: string, provenance: readonly string[]): string {
  const comment = (text: string) => `% ${text.replace(/\s+/g, " ")}`;
  const number = (value: number) => String(Number(value.toPrecision(7)));
  const plots = figure.curves.flatMap(({ label, points }) => [
    "\\addplot+[error bars/.cd, y dir=both, y explicit] table[x=x, y=y, y error plus=plus, y error minus=minus] {",
    "x y plus minus",
    ...points.map(({ x, value, low, high }) =>
      [x / 1e6, ...[value, high - value, value - low].map((each) => each / figure.scale)].map(number).join(
        " ",
      )
    ),
    "};",
    `\\addlegendentry{${tex(label)}}`,
  ]);
  const loads = figure.curves.flatMap(({ points }) => points.map(({ x }) => x / 1e6));
  const diagonal = !figure.diagonal ? [] : [
    `\\addplot[dotted, gray, no marks, forget plot] coordinates {(${number(Math.min(...loads))},${
      number(Math.min(...loads))
    }) (${number(Math.max(...loads))},${number(Math.max(...loads))})};`,
  ];
  return [
    comment(caption),
    ...provenance.map(comment),
    "\\begin{tikzpicture}",
    `\\begin{axis}[xlabel={${tex(LOAD_AXIS)}}, ylabel={${
      tex(figure.axis)
    }}, xmin=0, ymin=0, legend pos=north west,`,
    "  width=0.95\\linewidth, height=0.62\\linewidth, legend style={font=\\footnotesize}, legend cell align=left]",
    ...diagonal,
    ...plots,
    "\\end{axis}",
    "\\end{tikzpicture}",
    "",
  ].join("\n");
}
