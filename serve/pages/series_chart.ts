/**
 * One figure of a series over its runs: its curve, and what changed in it.
 *
 * @module
 */

import { formatCount, formatDate } from "../../base/figures.ts";
import {
  type Analysis,
  argsText,
  commitText,
  figureText,
  look,
  type MetricInfo,
  type SeriesRun,
} from "../../history/mod.ts";
import { changeText } from "../../results/compare/words.ts";
import {
  axis,
  type Chart,
  curve,
  type EChartsOptions,
  grid,
  type LegendEntry,
} from "../../results/report/chart.ts";
import { type Fragment, html } from "../../results/report/markup.ts";
import { colour, type ColourName } from "../../results/report/palette.ts";

/** Runs from which on single ones may lie beyond the frame. */
const MANY = 50;

/**
 * The figure of each run, in the order in which they began.
 *
 * @param runs The latest ones.
 * @param count How many there are.
 */
export function historyChart(
  runs: readonly SeriesRun[],
  count: number,
  metric: MetricInfo,
  steps: readonly Change[],
): Chart {
  const left = count - runs.length;
  const points = runs.flatMap((run, n): { n: number; run: SeriesRun; value: number }[] => {
    const value = run.figures[metric.name];
    return value === undefined ? [] : [{ n: left + n + 1, run, value }];
  });
  const of = (verdict: SeriesRun["verdict"]) => points.filter(({ run }) => run.verdict === verdict);
  const usable = points.filter(({ run }) => run.verdict !== "INVALID");
  const frameOf = boundsOf(usable.map(({ value }) => value));
  const widest = Math.max(...[frameOf.min, frameOf.max].map((value) => figureText(metric, value).length));
  const outside = usable.filter(({ value }) => value < frameOf.min || value > frameOf.max).length;
  const marks: [name: SeriesRun["verdict"], tone: ColourName, symbol: string][] = [
    ["SUSPECT", "c2", "emptyCircle"],
    ["INVALID", "bad", "path://M-1,-1L1,1M-1,1L1,-1"],
  ];
  const there = marks.filter(([verdict]) => of(verdict).length > 0);
  return {
    name: "history",
    title: `${metric.label} of ${formatCount(count)} ${count === 1 ? "run" : "runs"}`,
    caption: `In the order in which they began; the line joins those that are not INVALID.${
      left === 0 ? "" : ` The latest ${formatCount(runs.length)} are drawn.`
    }${outside === 0 ? "" : ` ${outside} lie beyond the frame, which is drawn for 98 of 100.`}`,
    legend: [
      { label: metric.label, colour: "c1", style: "line" },
      ...steps.length === 0 ? [] : [{ label: "change", colour: "c4", style: "dashed" } as const],
      ...there.map(([verdict, tone]): LegendEntry => ({
        label: verdict,
        colour: tone,
        style: verdict === "INVALID" ? "cross" : "ring",
      })),
    ],
    options: (frame) => ({
      grid: {
        ...grid(frame),
        left: frame.narrow ? Math.max(64, 6 * widest + 14) : Math.max(80, 7 * widest + 14),
      },
      xAxis: axis(
        {
          type: "value",
          min: left + 1,
          max: Math.max(left + 2, count),
          minInterval: 1,
          name: "run",
          axisLabel: { formatter: formatCount },
        },
        frame,
      ),
      yAxis: axis(
        {
          type: "value",
          scale: true,
          axisLabel: { formatter: (value: number) => figureText(metric, value) },
        },
        frame,
        true,
      ),
      series: [
        curve(metric.label, usable.map(({ n, value }) => [n, value]), { colour: "c1" }),
        ...steps.map(({ n }): EChartsOptions => ({
          name: "change",
          type: "line",
          data: [],
          silent: true,
          markLine: {
            silent: true,
            symbol: "none",
            label: { show: false },
            lineStyle: { color: colour("c4"), type: [6, 4], width: 1.5 },
            data: [{ xAxis: n - 0.5 }],
          },
        })),
        ...there.map(([verdict, tone, symbol]): EChartsOptions => ({
          name: verdict,
          type: "scatter",
          silent: true,
          symbol,
          symbolSize: 9,
          itemStyle: { color: colour(tone), borderColor: colour(tone), borderWidth: 1.5 },
          data: of(verdict).map(({ n, value }) => [n, value]),
        })),
      ],
    }),
    data: {
      columns: ["run", "started", "verdict", metric.name, "commit", "labels"],
      rows: points.map(({ run, value }) => [
        run.id,
        run.started,
        run.verdict,
        value,
        commitText(run),
        argsText(run.labels),
      ]),
    },
  };
}

/** A change point: the first run after it, and its number in the series from 1. */
interface Change extends Pick<Analysis["steps"][number], "before" | "after" | "change" | "interval"> {
  n: number;
  run: SeriesRun;
}

/**
 * What `ipbench history check` finds in one figure, without what other series say of it; `latest`: how many observations
 * that are, where earlier ones are not looked at.
 *
 * @param runs The latest ones.
 * @param count How many there are.
 */
export function changesOf(
  runs: readonly SeriesRun[],
  count: number,
  metric: MetricInfo,
): Pick<Analysis, "kind" | "drift"> & { steps: Change[]; latest: number | null } {
  const { observations, analysis } = look(runs, metric);
  const steps = analysis.kind !== "steps" ? [] : analysis.steps.map((step) => {
    const { run } = observations[step.index]!;
    return { ...step, run, n: count - runs.length + runs.findIndex(({ id }) => id === run.id) + 1 };
  });
  const { kind, drift, skipped } = analysis;
  const left = skipped > 0 || runs.length < count;
  return { kind, drift, steps, latest: left ? observations.length - skipped : null };
}

/** Those changes in words, each with a link to the first run after it. */
export function changesList(changes: ReturnType<typeof changesOf> | null, metric: MetricInfo): Fragment {
  if (changes === null) return null;
  const amount = (value: number) => changeText({ ...metric, pick: () => null }, value);
  const where = changes.latest === null ? "" : ` in the latest ${formatCount(changes.latest)} observations`;
  if (changes.drift !== null) {
    return html`<p>It drifts: ${amount(changes.drift)}${where || " over all runs"}.</p>`;
  }
  if (changes.kind === "modes") return html`<p>It jumps between two levels${where}.</p>`;
  if (changes.kind === "few") return html`<p class="quiet">Too few runs to look for changes.</p>`;
  if (changes.steps.length === 0) return html`<p class="quiet">No change is seen${where}.</p>`;
  return html`
    <h2>Changes</h2>
    <ul>${changes.steps.map(({ run, before, after, change, interval }) =>
      html`<li>${amount(change)}${
        interval !== null && ` (95 %: ${amount(interval.low)} … ${amount(interval.high)})`
      }, ${figureText(metric, before)} → ${figureText(metric, after)}, with run <a href="/runs/${run.id}">${
        run.id.slice(0, 10)
      }</a> of ${formatDate(run.started)} ${commitText(run)}</li>`
    )}</ul>
  `;
}

/** What is drawn: all values, or of many those about the middle 98 of 100. */
function boundsOf(values: readonly number[]): { min: number; max: number } {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.round(share * (sorted.length - 1))] ?? 0;
  const [min, low, high, max] = [at(0), at(0.01), at(0.99), at(1)];
  const room = high - low;
  if (sorted.length < MANY || room === 0) return { min, max };
  return { min: Math.max(min, low - room), max: Math.min(max, high + room) };
}
