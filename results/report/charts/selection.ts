/**
 * Which points get a curve of their own where not all can: a spread of loads, each with its repetitions merged.
 *
 * @module
 */
import type { Histogram } from "../../document/histogram.ts";
import { HistogramError, mergeHistograms } from "../../document/histogram_codec.ts";
import { formatRate } from "../../../base/figures.ts";
import type { Cell, Group, ReportModel } from "../model.ts";
import { type ColourName, ramp } from "../palette.ts";

/** Curves of one chart. */
const CURVES = 5;
/** Charts of one kind, one a group. */
const DISTRIBUTION_CHARTS = 4;

/** One chosen point. */
export interface Chosen {
  label: string;
  colour: ColourName;
  cell: Cell;
  response: Histogram | null;
  service: Histogram | null;
}

const remembered = new WeakMap<ReportModel, { group: Group; chosen: Chosen[] }[]>();

/** For each group up to five loads, evenly chosen, the lowest and the highest among them. */
export function selection(model: ReportModel): { group: Group; chosen: Chosen[] }[] {
  const known = remembered.get(model);
  if (known !== undefined) return known;
  const made = model.groups.slice(0, DISTRIBUTION_CHARTS).map((group) => ({ group, chosen: choose(group) }))
    .filter(({ chosen }) => chosen.length > 0);
  remembered.set(model, made);
  return made;
}

function choose(group: Group): Chosen[] {
  const cells = group.cells.filter((cell) =>
    cell.usable.some((p) => p.histograms.response !== null || p.histograms.service !== null)
  );
  const count = Math.min(CURVES, cells.length);
  const colours = ramp(count);
  return Array.from({ length: count }, (_, i) => {
    const cell = cells[count === 1 ? 0 : Math.round((i * (cells.length - 1)) / (count - 1))]!;
    const invalid = cell.usable.every((point) => point.verdict === "INVALID");
    return {
      label: `${cell.load > 0 ? formatRate(cell.load) : group.label}${invalid ? " (INVALID)" : ""}`,
      colour: colours[i]!,
      cell,
      response: merged(cell, "response"),
      service: merged(cell, "service"),
    };
  });
}

/** The repetitions' histograms in one; a damaged one counts as none. */
function merged(cell: Cell, which: "response" | "service"): Histogram | null {
  try {
    return mergeHistograms(cell.usable.map((point) => point.histograms[which]));
  } catch (error) {
    if (error instanceof HistogramError) return null;
    throw error;
  }
}
