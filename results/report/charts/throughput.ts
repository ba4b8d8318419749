/**
 * Throughput against offered load.
 *
 * @module
 */
import { axis, type Chart, curve, type EChartsOptions, grid, type LegendEntry } from "../chart.ts";
import { rateUnit } from "../../../base/figures.ts";
import { cellFigure, type ReportModel } from "../model.ts";
import { CATEGORIES, colour } from "../palette.ts";
import { crosses, spread } from "./marks.ts";

/** What came back for what was offered, one curve a group; `null` when all runs have one load. */
export function throughputChart(model: ReportModel): Chart | null {
  const groups = model.groups.filter((group) =>
    group.cells.length > 1 &&
    group.cells.some((cell) => cell.points.some((point) => point.receivedBps !== null))
  );
  if (groups.length === 0) return null;
  const most = Math.max(...groups.flatMap((group) => group.cells.map((cell) => cell.load)));
  const { scale, unit } = rateUnit(most);
  const legend: LegendEntry[] = [];
  const series: EChartsOptions[] = [];
  const rows: (string | number | null)[][] = [];
  const lowest = Math.min(...groups.flatMap((group) => group.cells.map((cell) => cell.load)));
  series.push(curve("all of it", [[lowest / scale, lowest / scale], [most / scale, most / scale]], {
    colour: "axis",
    dash: "dotted",
    width: 1.5,
    marks: false,
  }));
  legend.push({ label: "all of it", colour: "axis", style: "dotted" });
  for (const [i, group] of groups.slice(0, CATEGORIES.length).entries()) {
    const tone = CATEGORIES[i]!;
    const data: [number, number | null][] = [];
    const bounds: [number, number, number][] = [];
    for (const cell of group.cells) {
      const received = cellFigure(cell, (point) => point.receivedBps);
      rows.push([
        group.label,
        cell.load,
        received?.value ?? null,
        received?.low ?? null,
        received?.high ?? null,
      ]);
      if (received === null) continue;
      data.push([cell.load / scale, received.value / scale]);
      bounds.push([cell.load / scale, received.low / scale, received.high / scale]);
    }
    series.push(curve(group.label, data, { colour: tone }), spread(bounds, tone));
    legend.push({ label: group.label, colour: tone, style: "line" });
  }
  const bad = crosses(
    model,
    groups,
    (point) => point.receivedBps === null ? null : point.receivedBps / scale,
    scale,
  );
  if (bad !== null) {
    series.push(bad);
    legend.push({ label: "INVALID run", colour: "bad", style: "cross" });
  }
  return {
    name: "throughput",
    title: "Throughput against offered load",
    caption: "Payload that came back, all testers together. Where a curve leaves the dotted line, " +
      "the machine under test no longer answers everything it is sent.",
    legend,
    options: (frame) => ({
      grid: grid(frame),
      xAxis: axis({ type: "value", min: 0, name: `offered load, ${unit}` }, frame),
      yAxis: axis({ type: "value", min: 0, name: unit }, frame, true),
      series,
    }),
    data: { columns: ["curve", "offered_bps", "received_bps", "lowest_bps", "highest_bps"], rows },
  };
}

/** Loss against offered load; `null` when nothing was lost or nobody counted. */
export function lossChart(model: ReportModel): Chart | null {
  const groups = model.groups.filter((group) => group.cells.length > 1);
  const share = (point: ReportModel["points"][number]) =>
    point.counts === null || point.counts.sent === 0
      ? null
      : 100 * (point.counts.sent - point.counts.ok) / point.counts.sent;
  if (!groups.some((g) => g.cells.some((cell) => (cellFigure(cell, share)?.high ?? 0) > 0))) return null;
  const { scale, unit } = rateUnit(
    Math.max(...groups.flatMap((group) => group.cells.map((cell) => cell.load))),
  );
  const rows: (string | number | null)[][] = [];
  const series = groups.slice(0, CATEGORIES.length).flatMap((group, i) => {
    const tone = CATEGORIES[i]!;
    const found = group.cells.flatMap((cell) => {
      const figure = cellFigure(cell, share);
      rows.push([group.label, cell.load, figure?.value ?? null]);
      return figure === null ? [] : [{ x: cell.load / scale, ...figure }];
    });
    return [
      curve(group.label, found.map((f) => [f.x, f.value]), { colour: tone }),
      spread(found.map((f) => [f.x, f.low, f.high]), tone),
    ];
  });
  return {
    name: "loss",
    title: "Loss against offered load",
    caption: "Share of the packets sent in the measured phase that were lost, late or spoilt.",
    legend: groups.slice(0, CATEGORIES.length).map((group, i) => ({
      label: group.label,
      colour: CATEGORIES[i]!,
      style: "line",
    })),
    options: (frame) => ({
      grid: grid(frame),
      xAxis: axis({ type: "value", min: 0, name: `offered load, ${unit}` }, frame),
      yAxis: axis(
        { type: "value", min: 0, name: "% of packets", axisLabel: { color: colour("muted") } },
        frame,
        true,
      ),
      series,
    }),
    data: { columns: ["curve", "offered_bps", "loss_percent"], rows },
  };
}
