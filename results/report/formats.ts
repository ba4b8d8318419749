/**
 * A report as text for other programs: CSV, Markdown, gnuplot, and SVG files for papers.
 *
 * @module
 */
import { csvRow, figure } from "../export/csv_file.ts";
import { byLimits } from "../document/limit_presets.ts";
import { groupReasons } from "../document/reason_groups.ts";
import { SUMMARY_KEYS } from "../document/schema.ts";
import { type Chart, FRAMES, renderChart } from "./chart.ts";
import { chartSections } from "./charts/all.ts";
import { effectCurves } from "./charts/effect_curves.ts";
import { formatCount, formatDate, formatMetric } from "../../base/figures.ts";
import { cpuUse } from "../document/cpu_use.ts";
import { cellFigure, loadTexts, lossOf, type ReportModel } from "./model.ts";
import { figuresBesideCpu, ownFigures } from "./sections/own_figures.ts";
import type { ReportPoint } from "./point.ts";
import { effectMarkdown } from "./sections/effect_markdown.ts";
import { md, plain } from "./markdown_text.ts";
import { cards } from "./sections/summary_cards.ts";
import { warningsOf } from "./sections/warnings.ts";
import { wayMarkdown } from "./sections/ways.ts";

/** Reasons that the Markdown lists. */
const REASONS = 10;

/** A file of a report: a name without a folder, and its text. */
export interface ReportFile {
  name: string;
  text: string;
}

/** One row a document, with everything that is one number: for spreadsheets and data frames. */
export function reportCsv(model: ReportModel): string {
  const names = [...new Set(model.points.flatMap((point) => [...point.params.keys()]))];
  const own = figuresBesideCpu(model.points);
  const tellsDark = model.points.some(({ outages }) => outages.total !== null);
  const classed = model.points.some((point) => point.class !== null);
  const header = [
    "file",
    "run",
    "started",
    "verdict",
    "test",
    ...classed ? ["class"] : [],
    ...names.map((name) => `arg_${name}`),
    "testers",
    "offered_bps",
    "sent_bps",
    "received_bps",
    "sent",
    "ok",
    "lost",
    "late",
    "corrupt",
    "duplicate",
    "reordered",
    "loss",
    ...tellsDark ? ["outages", "longest_outage_ns", "dark_ns", "stalls", "longest_stall_ns"] : [],
    ...["response", "service"].flatMap((which) => SUMMARY_KEYS.map((key) => `${which}_${key}`)),
    "cpu_percent",
    ...own.map(({ key }) => key),
    ...effectColumns(model).map(({ name }) => name),
    "reason",
  ];
  let text = csvRow(header);
  for (const point of model.points) {
    const c = point.counts;
    text += csvRow([
      point.file,
      point.id,
      point.started,
      point.verdict,
      point.test,
      ...classed ? [point.class] : [],
      ...names.map((name) => point.params.get(name)),
      point.clientCount,
      point.offeredBps,
      point.sentBps,
      point.receivedBps,
      c?.sent,
      c?.ok,
      c?.lost,
      c?.late,
      c?.corrupt,
      c?.duplicate,
      c?.reordered,
      figure(lossOf(point)),
      ...tellsDark ? darkFields(point) : [],
      ...[point.response, point.service].flatMap((s) => SUMMARY_KEYS.map((key) => s?.[key])),
      figure(cpuOf(point)),
      ...own.map(({ pick }) => figure(pick(point))),
      ...effectColumns(model).map(({ pick }) => figure(pick(point))),
      point.reasons[0],
    ]);
  }
  return text;
}

/** What each class did to the first one, with the interval: columns such as "bulk_added_ns". */
function effectColumns(model: ReportModel) {
  const names = [...new Set(model.points.flatMap(({ effects }) => effects.map(({ of }) => of)))];
  return names.flatMap((of) =>
    ([["added_ns", "added", "ns"], ["received_bps", "received_change", "bps"]] as const).flatMap((
      [key, name, unit],
    ) =>
      ([["estimate", ""], ["low", "_low"], ["high", "_high"]] as const).map(([bound, suffix]) => ({
        name: `${of}_${name}${suffix}_${unit}`,
        pick: (point: ReportPoint): number | null =>
          point.effects.find((effect) => effect.of === of)?.[key]?.[bound] ?? null,
      }))
    )
  );
}

function darkFields({ outages: { total } }: ReportPoint): (number | undefined)[] {
  return [total?.count, total?.longest_ns, total?.sum_ns, total?.stalls, total?.stall_longest_ns];
}

/** The verdict, the figures, the warnings and the table of points, for a pull request or a notebook. */
export function reportMarkdown(model: ReportModel): string {
  const lines = [`# ${md(model.title)}`, ""];
  const first = model.runs[0];
  if (first === undefined) return `${lines.join("\n")}No result document could be read.\n`;
  const counts = (["VALID", "SUSPECT", "INVALID"] as const).filter((v) => model.verdictCounts[v] > 0)
    .map((v) => `${model.verdictCounts[v]} ${v}`).join(", ");
  const limits = byLimits([...new Set(model.points.flatMap((point) => point.limitPresets))]);
  lines.push(`**${model.verdict}**${limits}${model.runs.length === 1 ? "" : ` (${counts})`}`, "");
  const reasons = groupReasons(model.runs.flatMap((point) => point.run.details));
  for (const reason of reasons.slice(0, REASONS)) lines.push(`- ${md(reason)}`);
  if (reasons.length > REASONS) lines.push(`- and ${reasons.length - REASONS} more`);
  const tests = first.classes.map(({ name, test }) => `${name}: ${test}`).join(", ") || first.test;
  lines.push("", `${md(tests)}, ${md(formatDate(first.started))}`, "");
  lines.push(...effectMarkdown(model));
  for (const card of cards(model)) {
    lines.push(
      `- ${md(card.name)}: **${md(card.value)}**${card.note === undefined ? "" : ` (${md(card.note)})`}`,
    );
  }
  for (const point of model.points.slice(0, REASONS)) {
    const of = point.class !== null ? `${point.class}: ` : model.points.length > 1 ? `${point.file}: ` : "";
    for (const sentence of point.outages.sentences) lines.push(`- ${md(of + sentence)}`);
  }
  const warnings = warningsOf(model);
  if (warnings.length > 0) {
    lines.push(
      "",
      "Before you believe it:",
      "",
      ...warnings.map((w) => `- ${md(w.text)}`),
    );
  }
  const own = ownFigures(model.points);
  const figures = ["offered", "received", "loss", "p50", "p99", "p99.9", "slowest", "CPU"]
    .concat(own.map(({ name }) => md(name)), "runs");
  lines.push("", `| curve | ${figures.join(" | ")} |`, `|---|${"--:|".repeat(figures.length)}`);
  for (const group of model.groups) {
    for (const cell of group.cells) {
      const cpu = cellFigure(cell, cpuOf) ?? undefined;
      const fields = [
        md(group.label),
        ...loadTexts(cell),
        cpu === undefined ? "–" : `${cpu.value.toFixed(1)} %`,
        ...own.map(({ pick, unit }) => md(formatMetric(cellFigure(cell, pick)?.value, unit))),
        formatCount(cell.usable.length),
      ];
      lines.push(`| ${fields.join(" | ")} |`);
    }
  }
  if (model.runs.length === 1) lines.push(...model.points.flatMap(({ ways }) => wayMarkdown(ways)));
  for (const error of model.errors) lines.push("", `Not read: ${md(error.file)}: ${md(error.message)}`);
  return `${lines.join("\n")}\n`;
}

/** Use of the machine under test in percent; of several targets the first's. */
function cpuOf(point: ReportPoint): number | null {
  return cpuUse(point.targets)[0]?.total ?? null;
}

/** Each chart as an SVG of its own, with the legend inside. */
export function reportSvgs(model: ReportModel): ReportFile[] {
  const curves = model.runs.length > 1 ? effectCurves(model) : [];
  return svgFiles([...curves, ...chartSections(model).flatMap(({ charts }) => charts)]);
}

/** Charts as SVG files. */
export function svgFiles(charts: readonly Chart[]): ReportFile[] {
  return charts.map((chart) => ({
    name: `${chart.name}.svg`,
    text: `<?xml version="1.0" encoding="UTF-8"?>\n${renderChart(chart, FRAMES.wide, true)}\n`,
  }));
}

/** Data files and one script that draws the curves with gnuplot into SVG files. */
export function reportGnuplot(model: ReportModel): ReportFile[] {
  const files: ReportFile[] = [];
  const script = [
    "# gnuplot report.gp draws throughput.svg, latency.svg and, where a CPU was measured, cpu.svg from the .dat files " +
    "beside it.",
    'set terminal svg size 900,420 font "sans,13" background "white"',
    "set grid lc rgb '#dddddd'",
    "set key outside top horizontal",
    "set xlabel 'offered load, Mbit/s'",
    "",
  ];
  const own = figuresBesideCpu(model.points);
  const curves = model.groups.map((group, i) => ({ group, file: `curve-${i + 1}.dat` }));
  for (const { group, file } of curves) {
    const rows = group.cells.map((cell) => {
      const of = (pick: Parameters<typeof cellFigure>[1]) => cellFigure(cell, pick);
      const received = of((point) => point.receivedBps);
      const time = (which: "response" | "service", key: "p50_ns" | "p99_ns" | "p999_ns") =>
        of((point) => point[which]?.[key]);
      const p99 = time("response", "p99_ns");
      return [
        cell.load / 1e6,
        scaled(received?.value, 1e6),
        scaled(received?.low, 1e6),
        scaled(received?.high, 1e6),
        figure(of(lossOf)?.value) ?? "NaN",
        scaled(time("response", "p50_ns")?.value, 1e3),
        scaled(p99?.value, 1e3),
        scaled(p99?.low, 1e3),
        scaled(p99?.high, 1e3),
        scaled(time("response", "p999_ns")?.value, 1e3),
        scaled(time("service", "p99_ns")?.value, 1e3),
        figure(of(cpuOf)?.value) ?? "NaN",
        ...own.map(({ pick }) => figure(of(pick)?.value) ?? "NaN"),
      ].join(" ");
    });
    const head =
      "# offered_mbps received lowest highest loss p50_us p99_us p99_lowest p99_highest p999_us service_p99_us " +
      ["cpu_percent", ...own.map(({ key }) => plain(key).replaceAll(" ", "_"))].join(" ");
    files.push({ name: file, text: `# ${plain(group.label)}\n${head}\n${rows.join("\n")}\n` });
  }
  const titled = (file: string, using: string, label: string, style: string) =>
    `'${file}' using ${using} with ${style} title ${quoted(label)}`;
  script.push("set output 'throughput.svg'", "set ylabel 'Mbit/s'");
  script.push(
    `plot x with lines dt 3 lc rgb '#999999' title 'all of it', ${
      curves.map(({ group, file }) => titled(file, "1:2:3:4", group.label, "yerrorlines")).join(", ")
    }`,
    "",
    "set output 'latency.svg'",
    "set ylabel 'response time, µs'",
    "set logscale y",
  );
  script.push(
    `plot ${
      curves.flatMap(({ group, file }) => [
        titled(file, "1:6", `${group.label} p50`, "linespoints"),
        titled(file, "1:7:8:9", `${group.label} p99`, "yerrorlines"),
        titled(file, "1:10", `${group.label} p99.9`, "linespoints"),
      ]).join(", ")
    }`,
  );
  if (model.points.some((point) => cpuOf(point) !== null)) {
    script.push(
      "",
      "set output 'cpu.svg'",
      "set ylabel 'CPU use, % of all CPUs'",
      "unset logscale y",
      "set yrange [0:100]",
      `plot ${curves.map(({ group, file }) => titled(file, "1:12", group.label, "linespoints")).join(", ")}`,
    );
  }
  return [{ name: "report.gp", text: `${script.join("\n")}\n` }, ...files];
}

function scaled(value: number | null | undefined, scale: number): number | string {
  return value === null || value === undefined ? "NaN" : value / scale;
}

/** A gnuplot string that runs and expands nothing: single quotes keep backquotes and backslashes as they are. */
function quoted(label: string): string {
  return `'${plain(label).replaceAll("'", "''").replace(/[_^@{}~&`]/g, " ")}'`;
}
