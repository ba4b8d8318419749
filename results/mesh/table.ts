/**
 * A mesh as text: one matrix a figure, narrow enough for a terminal.
 *
 * @module
 */
import { formatRate, formatShare, formatTime, rateUnit, timeUnit } from "../../base/figures.ts";
import type { MeshDocument, MeshFinding, MeshPair } from "./document.ts";

/** What a matrix can show. */
export const FIGURES = ["shortest", "delay", "loss", "rate"] as const;
/** One of them. */
export type MeshFigure = typeof FIGURES[number];

/** A figure of all pairs, in one unit. */
export interface FigureMatrix {
  figure: MeshFigure;
  title: string;
  unit: string;
  /** By the numbers of the hosts, from and to; `null`: not measured. */
  values: (number | null)[][];
  /** A value in words with its unit. */
  format: (value: number) => string;
  /** A value in at most three characters, in the unit. */
  short: (value: number) => string;
  /** More is worse; of a rate less is. */
  worse: "more" | "less";
}

const PICK: Readonly<Record<MeshFigure, (pair: MeshPair) => number | null>> = {
  shortest: ({ delay }) => delay?.min_ns ?? null,
  delay: ({ delay }) => delay?.p50_ns ?? null,
  loss: ({ sent, lost }) => sent === null || lost === null || sent === 0 ? null : lost / sent,
  rate: ({ rate_bps }) => rate_bps,
};

/** The matrices of a mesh: those of which something was measured. */
export function matricesOf(document: MeshDocument): FigureMatrix[] {
  return FIGURES.flatMap((figure) => {
    const n = document.hosts.length;
    const values = Array.from({ length: n }, () => new Array<number | null>(n).fill(null));
    for (const pair of document.pairs) values[pair.from]![pair.to] = PICK[figure](pair);
    const known = values.flat().filter((value) => value !== null).sort((a, b) => a - b);
    if (known.length === 0) return [];
    const middle = known[known.length >> 1]!, most = known.at(-1)!;
    return [{ figure, values, ...formOf(figure, middle, most) }];
  });
}

function formOf(figure: MeshFigure, middle: number, most: number): Omit<FigureMatrix, "figure" | "values"> {
  if (figure === "loss") {
    return {
      title: "packets lost",
      unit: "%",
      format: (value) => formatShare(value),
      short: (value) => value === 0 ? "0" : threeCharacters(value * 100),
      worse: "more",
    };
  }
  const isTime = figure !== "rate";
  const { scale, unit } = isTime ? timeUnit(Math.max(1, middle)) : rateUnit(Math.max(1, middle));
  // One value a thousand times the middle one would not fit.
  const step = most / scale >= 1000 && isTime ? timeUnit(most) : { scale, unit };
  return {
    title: figure === "rate" ? "rate" : `round trip, ${figure === "delay" ? "median" : "shortest"}`,
    unit: step.unit,
    format: (value) => isTime ? formatTime(value) : formatRate(value, 3),
    short: (value) => threeCharacters(value / step.scale),
    worse: isTime ? "more" : "less",
  };
}

/** "231", "9.4", ".23", "0": three characters at the most; what is larger is "big". */
export function threeCharacters(value: number): string {
  if (value >= 999.5) return "big";
  if (value >= 9.95) return value.toFixed(0);
  if (value >= 0.995) return value.toFixed(1);
  const text = value.toFixed(2).slice(1);
  return text === ".00" ? "0" : text;
}

/** Whether a link was named for what a matrix shows. */
export function isNamed(
  findings: readonly MeshFinding[],
  figure: MeshFigure,
  from: number,
  to: number,
): boolean {
  const shown = figure === "shortest" ? "delay" : figure;
  return findings.some(({ subject, what, hosts }) =>
    subject === "link" && what === shown && hosts.includes(from) && hosts.includes(to)
  );
}

/** Columns of one value: three characters, and a space or a mark before them. */
const CELL = 4;
const LEAST_NAME = 4;

/**
 * Writes the matrices.
 *
 * @param document the mesh
 * @param columns width of the terminal
 * @returns lines; rows are the hosts that send, columns those that answer; "*" marks the links that were named
 */
export function meshLines(document: MeshDocument, columns: number): string[] {
  const { hosts, findings } = document;
  const lines: string[] = [];
  const room = Math.max(LEAST_NAME, columns - CELL * hosts.length - 1);
  const names = hosts.map(({ name }, n) => `${n + 1} ${name}`);
  const width = Math.min(room, Math.max(...names.map((name) => name.length)));
  for (const matrix of matricesOf(document)) {
    lines.push(`${matrix.title}, ${matrix.unit} (from a row's host to a column's):`);
    lines.push(" ".repeat(width) + hosts.map((_, n) => String(n + 1).padStart(CELL)).join(""));
    for (const [i, row] of matrix.values.entries()) {
      const cells = row.map((value, j) => {
        if (i === j) return "·".padStart(CELL);
        const named = isNamed(findings, matrix.figure, i, j);
        const text = value === null ? "?" : matrix.short(value);
        return named ? `*${text.padStart(CELL - 1)}` : text.padStart(CELL);
      });
      lines.push(names[i]!.slice(0, width).padEnd(width) + cells.join(""));
    }
    lines.push("");
  }
  return lines;
}

/** What was found, a sentence each; what could not be measured. */
export function meshSentences({ findings, summary, hosts, pairs }: MeshDocument): string[] {
  const missing = pairs.filter(({ delay, rate_bps }) => delay === null && rate_bps === null);
  const spoilt = pairs.filter((pair) => pair.verdict === "INVALID" && !missing.includes(pair));
  return [
    ...findings.map(({ sentence }) => sentence),
    ...summary,
    ...hosts.flatMap(({ name, failed }) =>
      failed === undefined ? [] : [`${name} took part no longer: ${failed}`]
    ),
    ...spoilt.length === 0 ? [] : [
      `${spoilt.length} of ${pairs.length} directions are INVALID: their testers could not measure them well`,
    ],
    ...missing.length === 0 ? [] : [`${missing.length} of ${pairs.length} directions were not measured`],
  ];
}

/** One row a direction, for spreadsheets. */
export function meshRows({ hosts, pairs }: MeshDocument): (string | number | null)[][] {
  return [
    [
      "from",
      "to",
      "round",
      "min_ns",
      "p50_ns",
      "p99_ns",
      "max_ns",
      "sent",
      "lost",
      "rate_bps",
      "verdict",
      "reason",
    ],
    ...pairs.map(({ from, to, round, delay, sent, lost, rate_bps, verdict, reason }) => [
      hosts[from]!.name,
      hosts[to]!.name,
      round,
      delay?.min_ns ?? null,
      delay?.p50_ns ?? null,
      delay?.p99_ns ?? null,
      delay?.max_ns ?? null,
      sent,
      lost,
      rate_bps,
      verdict,
      reason,
    ]),
  ];
}
