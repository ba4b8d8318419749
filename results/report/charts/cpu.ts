/**
 * CPU use of the targets: against load, and by CPU.
 *
 * @module
 */
import { axis, type Chart, curve, type EChartsOptions, grid, type LegendEntry } from "../chart.ts";
import { formatRate, middle, rateUnit } from "../../../base/figures.ts";
import { type CpuUse, cpuUse } from "../../document/cpu_use.ts";
import type { Cell, ReportModel } from "../model.ts";
import { CATEGORIES, colour } from "../palette.ts";

/** CPUs that get a bar of their own. */
const CPU_BARS = 64;
/** Targets that get a chart of their CPUs. */
const CPU_CHARTS = 4;

/** Use of each target against load, and of each CPU at the highest load. */
export function cpuCharts(model: ReportModel): Chart[] {
  const against = againstLoad(model);
  return [...(against === null ? [] : [against]), ...byCpu(model)];
}

function useOf(cell: Cell, host: string): { value: number; each: Map<number, number> } | null {
  const found = cell.usable.flatMap((point) => cpuUse(point.targets).filter((use) => use.host === host));
  const value = middle(found.map((use) => use.total));
  if (value === null) return null;
  const cpus = [...new Set(found.flatMap((use) => use.each.map(({ cpu }) => cpu)))].sort((a, b) => a - b);
  const at = (use: CpuUse, cpu: number) => use.each.find((one) => one.cpu === cpu)?.value;
  return { value, each: new Map(cpus.map((cpu) => [cpu, middle(found.map((use) => at(use, cpu))) ?? 0])) };
}

function hostsOf(model: ReportModel): string[] {
  return [...new Set(model.points.flatMap((point) => cpuUse(point.targets).map((use) => use.host)))];
}

function againstLoad(model: ReportModel): Chart | null {
  const hosts = hostsOf(model);
  const groups = model.groups.filter((group) => group.cells.length > 1);
  if (hosts.length === 0 || groups.length === 0) return null;
  const { scale, unit } = rateUnit(
    Math.max(...groups.flatMap((group) => group.cells.map((cell) => cell.load))),
  );
  const legend: LegendEntry[] = [];
  const series: EChartsOptions[] = [];
  const rows: (string | number | null)[][] = [];
  for (const host of hosts) {
    for (const group of groups) {
      if (series.length >= CATEGORIES.length) break;
      const tone = CATEGORIES[series.length]!;
      const label = [
        ...(hosts.length > 1 ? [host] : []),
        ...(groups.length > 1 || hosts.length === 1 ? [group.label] : []),
      ]
        .join(", ");
      const data = group.cells.flatMap((cell): [number, number][] => {
        const use = useOf(cell, host);
        rows.push([host, group.label, cell.load, use?.value ?? null]);
        return use === null ? [] : [[cell.load / scale, use.value]];
      });
      series.push(curve(label, data, { colour: tone }));
      legend.push({ label, colour: tone, style: "line" });
    }
  }
  return {
    name: "cpu",
    title: "CPU use of the machine under test",
    caption: `Share of all CPUs, over the measured phase${hosts.length === 1 ? `, on ${hosts[0]}` : ""}.`,
    legend,
    options: (frame) => ({
      grid: grid(frame),
      xAxis: axis({ type: "value", min: 0, name: `offered load, ${unit}` }, frame),
      yAxis: axis({ type: "value", min: 0, max: 100, name: "% of all CPUs" }, frame, true),
      series,
    }),
    data: { columns: ["target", "curve", "offered_bps", "cpu_percent"], rows },
  };
}

function byCpu(model: ReportModel): Chart[] {
  const charts: Chart[] = [];
  const hosts = hostsOf(model);
  for (const host of hosts.slice(0, CPU_CHARTS)) {
    const cells = model.groups.flatMap((group) => group.cells.map((cell) => ({ group, cell })))
      .sort((a, b) => a.cell.load - b.cell.load);
    const last = cells.findLast(({ cell }) => (useOf(cell, host)?.each.size ?? 0) > 0);
    if (last === undefined) continue;
    const use = useOf(last.cell, host)!;
    const bars = [...use.each].slice(0, CPU_BARS);
    const more = use.each.size - bars.length;
    charts.push({
      name: hosts.length > 1 ? `cpus-${charts.length + 1}` : "cpus",
      title: hosts.length > 1 ? `Use of each CPU: ${host}` : "Use of each CPU",
      caption:
        `${host}${
          model.points.length > 1 ? ` at ${formatRate(last.cell.load)}, ${last.group.label}` : ""
        }: ` +
        `each CPU over the measured phase; the line is the mean of all, ${use.value.toFixed(1)} %.` +
        (more > 0 ? ` ${more} more CPUs are not drawn.` : ""),
      legend: [{ label: "busy", colour: "c1", style: "bar" }],
      options: (frame) => ({
        grid: grid(frame),
        xAxis: axis({ type: "category", data: bars.map(([cpu]) => String(cpu)), name: "CPU" }, frame),
        yAxis: axis({ type: "value", min: 0, max: 100, name: "% busy" }, frame, true),
        series: [{
          name: "busy",
          type: "bar",
          silent: true,
          data: bars.map(([, value]) => value),
          barMaxWidth: 46,
          itemStyle: { color: colour("c1"), borderRadius: [3, 3, 0, 0] },
          markLine: {
            silent: true,
            symbol: "none",
            label: { show: false },
            lineStyle: { color: colour("ink"), type: [4, 4], width: 1.25 },
            data: [{ yAxis: use.value }],
          },
        }],
      }),
      data: { columns: ["target", "cpu", "percent"], rows: bars.map(([cpu, value]) => [host, cpu, value]) },
    });
  }
  return charts;
}
