/**
 * A comparison as an HTML page without scripts.
 *
 * @module
 */
import { axis, type Chart, type EChartsOptions } from "../report/chart.ts";
import { figure } from "../report/figure.ts";
import { page } from "../report/page.ts";
import { type Fragment, html, type Markup, table } from "../report/markup.ts";
import { colour, type ColourName } from "../report/palette.ts";
import type { Comparison, Finding, Row } from "./compare.ts";
import type { Failure } from "./fail_if.ts";
import type { SideNames } from "./markdown.ts";
import {
  assumptions,
  changeText,
  figureTexts,
  findingText,
  isBlind,
  probabilityText,
  summaryText,
} from "./words.ts";

/** Rows of one drawing. */
const DRAWN_ROWS = 40;

/** The whole page. */
export function compareHtml(
  comparison: Comparison,
  names: SideNames,
  failed: readonly Failure[] = [],
): string {
  const found = (finding: Finding) => comparison.rows.some((row) => row.finding === finding);
  // That nothing was seen is no success: it may be that nothing could have been.
  const mood = failed.length > 0 || found("worse") ? "INVALID" : found("better") ? "VALID" : "neutral";
  const charts = chartsOf(comparison);
  const n = (name: string) => ({ name, numeric: true });
  const rows = comparison.rows.map((row): Fragment[] => [
    row.pair.label,
    row.metric.label,
    finding(row),
    ...figureTexts(row),
    row.repetitions.join(" / "),
  ]);
  return page(
    `${names.b} against ${names.a}`,
    html`
      <header>
        <div class="in">
          <p class="brand">ipbench compare</p>
          <h1>${names.b} <span class="quiet">against</span> ${names.a}</h1>
          <p class="sub">A is ${names.a}, the base; B is ${names.b}.</p>
          <div class="verdict ${mood}"><b class="sentence">${summaryText(
            comparison,
          )}</b><div>${failed.length > 0 &&
            html`<ul>${
              failed.map((f) =>
                html`<li>failed ${f.condition.text}: ${f.row.pair.label}, ${f.row.metric.label} ${
                  changeText(f.row.metric, f.row.change)
                }</li>`
              )
            }</ul>`}</div></div>
        </div>
      </header>
      <main id="main">${notes(comparison)}
      <section><h2>Changes</h2>${charts.length === 0
        ? html`<p>No figure changed.</p>`
        : charts.map((chart) => figure(chart))}</section>
      <section><h2>Figures</h2>${table(
        "Figures",
        [
          { name: "Point" },
          { name: "Figure" },
          { name: "Finding" },
          n("A"),
          n("B"),
          n("Change"),
          n("Interval"),
          n("p"),
          n("Runs"),
        ],
        rows,
        { stacked: true },
      )}</section>
      <section><h2>How to read this</h2><ul>${comparison.overall.map((o) =>
        html`<li>All ${o.points} points together, ${o.metric.label}: ${changeText(o.metric, o.change)}, p ${
          probabilityText(o.p)
        } (${o.method}).</li>`
      )}${assumptions(comparison).map((sentence) => html`<li>${sentence}</li>`)}</ul></section></main>
      <footer>Written by ipbench.</footer>
    `,
  );
}

function finding(row: Row): Markup {
  if (row.finding === "worse") return html`<span class="tag INVALID">worse</span>`;
  if (row.finding === "better") return html`<span class="tag VALID">better</span>`;
  if (row.finding === "changed") return html`<span class="tag SUSPECT">changed</span>`;
  if (!isBlind(row)) return html`${findingText(row)}`;
  const [, why = ""] = findingText(row).split(": ");
  return html`<span class="quiet"><span class="tag">cannot tell</span> ${why}</span>`;
}

function notes(comparison: Comparison): Markup | "" {
  const { allowed, unmatched } = comparison.pairing;
  if (allowed.length + unmatched.length === 0) return "";
  return html`
    <section>
      <h2>Before you believe it</h2>
      <ul class="warnings">${allowed.map(({ text }) =>
        html`<li class="bad">Compared all the same: ${text}</li>`
      )}${unmatched.slice(0, 20).map((u) =>
        html`<li>Only in ${u.side}, left out: ${u.label} (${u.runs} run(s))</li>`
      )}${unmatched.length > 20 &&
        html`<li>and ${unmatched.length - 20} more points that one side lacks</li>`}</ul>
    </section>
  `;
}

const TONES: Partial<Record<Finding, ColourName>> = { worse: "bad", better: "c3", changed: "c1" };

/** One drawing a metric: the change at each point with its interval. */
function chartsOf(comparison: Comparison): Chart[] {
  const metrics = [...new Set(comparison.rows.map((row) => row.metric))].filter((metric) =>
    // What did not move at all needs no drawing, and what has no ratio to its base gets none.
    metric.scale !== "absolute" &&
    comparison.rows.some((row) => row.metric === metric && Math.abs(row.change) > 1e-4)
  );
  return metrics.map((metric) => {
    const rows = comparison.rows.filter((row) => row.metric === metric).slice(0, DRAWN_ROWS);
    return forest(rows, metric.label, metric.name, metric.scale === "relative" ? 100 : 1);
  });
}

function forest(rows: readonly Row[], label: string, name: string, factor: number): Chart {
  const unit = factor === 100 ? "%" : "percentage points";
  const reach = Math.max(
    0.5,
    ...rows.flatMap((row) => [row.change, row.interval?.low ?? 0, row.interval?.high ?? 0]).map((x) =>
      Math.abs(x) * factor
    ),
  );
  const tone = (row: Row) => colour(TONES[row.finding] ?? (isBlind(row) ? "muted" : "ink"));
  const height = 86 + 34 * rows.length;
  return {
    name: `change-${name.replace(/[^a-z0-9-]/g, "-")}`,
    title: `Change of ${label}`,
    caption: `From A to B. Dots are estimates, bars their intervals; a bar that spans zero could be chance.`,
    legend: [
      { label: "worse", colour: "bad", style: "bar" },
      { label: "better", colour: "c3", style: "bar" },
      ...(rows.some((row) => row.finding === "changed")
        ? [{ label: "changed", colour: "c1", style: "bar" } as const]
        : []),
      { label: "no difference seen", colour: "ink", style: "bar" },
      { label: "cannot tell", colour: "muted", style: "bar" },
    ],
    heights: { wide: height, narrow: height },
    options: (frame) => ({
      grid: { left: frame.narrow ? 112 : 160, right: 24, top: 14, bottom: 50 },
      xAxis: {
        ...axis({ type: "value", min: -reach * 1.1, max: reach * 1.1, name: `change, ${unit}` }, frame),
        axisLabel: {
          color: colour("muted"),
          hideOverlap: true,
          showMinLabel: false,
          showMaxLabel: false,
          formatter: (value: number) => signed(value),
        },
        splitNumber: frame.narrow ? 3 : 6,
        splitLine: { show: true, lineStyle: { color: colour("grid") } },
      },
      yAxis: {
        type: "category",
        inverse: true,
        data: rows.map((row) => row.pair.label),
        axisLine: { show: false },
        axisTick: { show: false },
        axisLabel: {
          color: colour("ink"),
          fontSize: frame.narrow ? 10.5 : 12,
          width: frame.narrow ? 100 : 148,
          overflow: "truncate",
        },
      },
      series: [
        ...rows.flatMap((row, i): EChartsOptions[] =>
          row.interval === null ? [] : [{
            type: "line",
            silent: true,
            showSymbol: false,
            data: [[row.interval.low * factor, i], [row.interval.high * factor, i]],
            lineStyle: { color: tone(row), width: 5, opacity: 0.45, cap: "round" },
          }]
        ),
        {
          type: "scatter",
          silent: true,
          symbolSize: 11,
          data: rows.map((row, i) => ({ value: [row.change * factor, i], itemStyle: { color: tone(row) } })),
          markLine: {
            silent: true,
            symbol: "none",
            label: { show: false },
            lineStyle: { color: colour("ink"), type: "solid", width: 1 },
            data: [{ xAxis: 0 }],
          },
        },
      ],
    }),
    data: {
      columns: ["point", "a", "b", "change", "low", "high", "p", "finding"],
      rows: rows.map((row) => [
        row.pair.label,
        row.a,
        row.b,
        row.change,
        row.interval?.low ?? null,
        row.interval?.high ?? null,
        row.adjusted,
        row.finding,
      ]),
    },
  };
}

function signed(value: number): string {
  const text = String(Number(Math.abs(value).toPrecision(3)));
  return value > 0 ? `+${text}` : value < 0 ? `−${text}` : "0";
}
