/**
 * Marks that several charts share: the spread of repetitions, and runs that are INVALID.
 *
 * @module
 */
import type { EChartsOptions } from "../chart.ts";
import type { Group, ReportModel } from "../model.ts";
import { colour, type ColourName } from "../palette.ts";
import type { ReportPoint } from "../point.ts";

/** Thin vertical bars from the lowest to the highest repetition. */
export function spread(bounds: readonly [number, number, number][], tone: ColourName): EChartsOptions {
  const data: ([number, number] | null[])[] = [];
  for (const [x, low, high] of bounds) if (high > low) data.push([x, low], [x, high], [null, null]);
  return {
    type: "line",
    data,
    silent: true,
    showSymbol: false,
    connectNulls: false,
    lineStyle: { color: colour(tone), width: 5, opacity: 0.28, type: "solid", cap: "round" },
    z: 1,
  };
}

/** A cross for each INVALID run; `null` when there are none. */
export function crosses(
  _model: ReportModel,
  groups: readonly Group[],
  pick: (point: ReportPoint) => number | null,
  scale: number,
): EChartsOptions | null {
  const data = groups.flatMap((group) =>
    group.cells.flatMap((cell) =>
      cell.points.filter((point) => point.verdict === "INVALID").flatMap((point) => {
        const y = pick(point);
        return y === null ? [] : [[cell.load / scale, y]];
      })
    )
  );
  if (data.length === 0) return null;
  return {
    name: "INVALID run",
    type: "scatter",
    data,
    silent: true,
    symbol: "path://M-5,-5L5,5M-5,5L5,-5",
    symbolSize: 9,
    itemStyle: { color: "transparent", borderColor: colour("bad"), borderWidth: 2 },
  };
}
