/**
 * Charts of a search: every trial over the load that it offered, those that keep the goals told apart from those that
 * do not.
 *
 * @module
 */
import { digits, middle, rateUnit } from "../../base/figures.ts";
import { logAxis } from "../report/charts/load_latency.ts";
import type { Chart, EChartsOptions, Frame, LegendEntry } from "../report/chart.ts";
import { axis, curve, grid, logTicks } from "../report/chart.ts";
import { loadText, pooledLoss } from "./answers.ts";
import { boundLines, type Drawn, GOALS, missedGoals, points, type Range, stateOf, toneOf } from "./marks.ts";
import type { ShownGoal, ShownSearch, ShownTrial } from "./shown.ts";

/** Room around the bounds in the closer view, as a share of the load, where the bounds are closer to each other. */
const CLOSE = 0.01;
/** Trials that the closer view needs to be worth drawing. */
const CLOSE_TRIALS = 4;
/** All charts of a search; none without trials. */
export function searchCharts(document: ShownSearch): Chart[] {
  const drawn = document.trials.filter(({ outcome }) => outcome === "valid" || outcome === "invalid")
    .map((trial) => ({ trial, state: stateOf(trial, document.goals) }));
  if (drawn.length === 0) return [];
  const close = closeTo(document.goals, drawn);
  return [
    // Where all trials lie near the bounds there is nothing else to see.
    within(close, drawn).length === drawn.length && close !== null ? null : lossChart(document, drawn, null),
    close === null ? null : lossChart(document, within(close, drawn), close),
    latencyChart(document, within(close, drawn), close),
    throughputChart(document, within(close, drawn), close),
  ].filter((chart) => chart !== null);
}

/** The trials at loads of a range; `null`: all. */
function within(range: Range | null, drawn: readonly Drawn[]): readonly Drawn[] {
  return range === null
    ? drawn
    : drawn.filter(({ trial }) => trial.load >= range[0] && trial.load <= range[1]);
}

/** The loads around all bounds, where enough trials lie there and enough do not. */
function closeTo(goals: readonly ShownGoal[], drawn: readonly Drawn[]): Range | null {
  const bounds = goals.flatMap((goal) => [goal.lower_bound ?? [], goal.upper_bound ?? []].flat());
  if (bounds.length === 0) return null;
  const lowest = Math.min(...bounds), highest = Math.max(...bounds);
  const room = Math.max(CLOSE * highest, highest - lowest);
  const [low, high] = [Math.max(0, lowest - room), highest + room];
  const inside = drawn.filter(({ trial }) => trial.load >= low && trial.load <= high).length;
  const loads = drawn.map(({ trial }) => trial.load);
  return inside >= CLOSE_TRIALS && Math.max(...loads) > 3 * (high - low) ? [low, high] : null;
}

/** Scale and name of the axis of loads. */
function loadScale({ load, trials }: ShownSearch): { scale: number; unit: string } {
  return load.unit === "bit/s"
    ? rateUnit(Math.max(1, ...trials.map((trial) => trial.load)))
    : { scale: 1, unit: load.unit };
}

/** The loads that were tried, from the smallest, each with its valid trials. */
function byLoad(drawn: readonly Drawn[]): { load: number; trials: ShownTrial[] }[] {
  const valid = drawn.filter(({ trial }) => trial.outcome === "valid").map(({ trial }) => trial);
  return [...Map.groupBy(valid, ({ load }) => load)].map(([load, trials]) => ({ load, trials }))
    .sort((a, b) => a.load - b.load);
}

/** Loss on a logarithm, with a row of its own for none. */
function lossChart(document: ShownSearch, drawn: readonly Drawn[], close: Range | null): Chart {
  const { scale, unit } = loadScale(document);
  const losses = drawn.flatMap(({ trial }) => trial.loss_ratio ?? []).filter((loss) => loss > 0);
  const lowest = Math.floor(Math.log10(Math.min(0.001, ...losses)));
  const none = lowest - 1;
  const floor = drawn.some(({ state }) => state === "invalid") ? none - 1 : none;
  const height = (loss: number) => loss === 0 ? none : Math.log10(loss);
  const { series, legend } = points(
    document,
    drawn,
    ({ load, loss_ratio: loss, outcome }) =>
      outcome === "invalid" ? [load / scale, floor] : loss === null ? null : [load / scale, height(loss)],
  );
  const bounds = boundLines(document, scale);
  const line = byLoad(drawn).flatMap(({ load, trials }): [number, number][] => {
    const loss = pooledLoss(trials);
    return loss === null ? [] : [[load / scale, height(loss)]];
  });
  const ticks = Array.from({ length: 1 - floor }, (_, n) => floor + n);
  return {
    name: close === null ? "search-loss" : "search-loss-close",
    title: close === null ? "Loss over offered load" : "Loss near the bounds",
    caption: close === null
      ? "One mark a trial. The line joins what all valid trials of a load lost together. The lowest row is no loss " +
        "at all (below it are trials that do not count); above it a step is a factor of ten."
      : "The same trials, close to the loads that were found.",
    legend: [...legend, ...bounds.legend],
    options: (frame) => ({
      grid: grid(frame),
      xAxis: loadAxis(unit, frame, scale, close),
      yAxis: axis(
        {
          type: "value",
          min: floor,
          max: 0,
          name: "packets lost",
          axisLabel: {
            customValues: ticks,
            formatter: (value: number) => {
              if (value <= none) return value < none ? "void" : "none";
              return `${digits(100 * 10 ** value)} %`;
            },
          },
          axisTick: { customValues: ticks },
          splitLine: { customValues: ticks },
        },
        frame,
        true,
      ),
      series: [
        { ...curve("loss", line, { colour: "axis", width: 1.5, marks: false }), z: 1 },
        ...bounds.series,
        ...series,
      ],
    }),
    data: {
      columns: ["n", "load", "seconds", "outcome", "loss_ratio", "missed"],
      rows: drawn.map(({ trial }) => [
        trial.n,
        trial.load,
        trial.seconds,
        trial.outcome,
        trial.loss_ratio,
        trial.outcome === "valid" ? missedGoals(trial, document.goals).join(" ") : "",
      ]),
    },
  };
}

const PERCENTILES = [
  { key: "p50_ns", label: "p50", colour: "c1" },
  { key: "p99_ns", label: "p99", colour: "c4" },
] as const;

/** p50 and p99 of each trial; `null` where no trial has times. */
function latencyChart(document: ShownSearch, drawn: readonly Drawn[], close: Range | null): Chart | null {
  const { scale, unit } = loadScale(document);
  const timed = drawn.filter(({ trial, state }) => state !== "invalid" && trial.latency?.response != null);
  if (timed.length === 0) return null;
  const timesOf = ({ latency }: ShownTrial, key: "p50_ns" | "p99_ns") =>
    Math.max(1, latency?.response?.[key] ?? 1);
  const all = timed.flatMap(({ trial }) => PERCENTILES.map(({ key }) => timesOf(trial, key)));
  const marks = PERCENTILES.map(({ key }) =>
    points(document, timed, (trial) => [trial.load / scale, Math.log10(timesOf(trial, key))])
  );
  const bounds = boundLines(document, scale);
  const what = document.test.one_way === true
    ? "one way, from hand-over to arrival"
    : "round trip, from when each packet was due";
  return {
    name: "search-latency",
    title: "Latency over offered load",
    caption: `p50 and p99 of each trial (${what}); the lines join the middle of a load's trials.${
      closeNote(close)
    }`,
    legend: [
      ...PERCENTILES.map(({ label, colour: tone }): LegendEntry => ({ label, colour: tone, style: "line" })),
      ...marks[0]!.legend,
      ...bounds.legend,
    ],
    options: (frame) => {
      const ticks = logTicks(Math.min(...all), Math.max(...all), frame.narrow ? 9 : 12);
      return {
        grid: grid(frame),
        xAxis: loadAxis(unit, frame, scale, close),
        yAxis: logAxis(ticks, frame),
        series: [
          ...PERCENTILES.map(({ key, label, colour: tone }) => {
            const line = byLoad(timed).map(({ load, trials }): [number, number] => [
              load / scale,
              Math.log10(middle(trials.map((trial) => timesOf(trial, key)))!),
            ]);
            return { ...curve(label, line, { colour: tone, width: 1.75, marks: false }), z: 1 };
          }),
          ...bounds.series,
          ...marks.flatMap(({ series }) => series),
        ],
      };
    },
    data: {
      columns: ["n", "load", "p50_ns", "p99_ns"],
      rows: timed.map(({ trial }) => [
        trial.n,
        trial.load,
        timesOf(trial, "p50_ns"),
        timesOf(trial, "p99_ns"),
      ]),
    },
  };
}

/** The forwarding rate of each trial, and the conditional throughput of each goal. */
function throughputChart(document: ShownSearch, drawn: readonly Drawn[], close: Range | null): Chart {
  const { scale, unit } = loadScale(document);
  const rate = ({ load, loss_ratio: loss }: ShownTrial) => load * (1 - (loss ?? 0));
  const { series, legend } = points(document, drawn.filter(({ state }) => state !== "invalid"), (trial) => [
    trial.load / scale,
    rate(trial) / scale,
  ]);
  const [least, most] = [close?.[0] ?? 0, close?.[1] ?? Math.max(...drawn.map(({ trial }) => trial.load))];
  const goals = document.goals.slice(0, GOALS).flatMap((goal, i) =>
    goal.lower_bound === null || goal.conditional_throughput === null
      ? []
      : [{ goal, at: goal.lower_bound, value: goal.conditional_throughput, tone: toneOf(i) }]
  );
  const label = ({ goal, value }: typeof goals[number]) =>
    `${goal.name}: conditional throughput ${loadText(value, document.load.unit)}`;
  return {
    name: "search-throughput",
    title: "What came back",
    caption:
      "Offered load less what was lost of it, of each trial (its forwarding rate). The level lines are the " +
      "conditional throughput (RFC 9971): the forwarding rate that is typical at a goal's lower bound." +
      closeNote(close),
    legend: [
      { label: "all of it", colour: "axis", style: "dotted" },
      ...legend,
      ...goals.map((one): LegendEntry => ({ label: label(one), colour: one.tone, style: "dashed" })),
    ],
    options: (frame) => ({
      grid: grid(frame),
      xAxis: loadAxis(unit, frame, scale, close),
      yAxis: axis(
        {
          type: "value",
          min: least / scale,
          name: unit,
          axisLabel: { formatter: digits4, showMinLabel: close === null },
        },
        frame,
        true,
      ),
      series: [
        curve("all of it", [[least / scale, least / scale], [most / scale, most / scale]], {
          colour: "axis",
          dash: "dotted",
          width: 1.5,
          marks: false,
        }),
        ...goals.map((one) => ({
          ...curve(label(one), [[least / scale, one.value / scale], [one.at / scale, one.value / scale]], {
            colour: one.tone,
            dash: "dashed",
            width: 1.5,
            marks: false,
          }),
          z: 1,
        })),
        ...series,
      ],
    }),
    data: {
      columns: ["n", "load", "forwarding_rate"],
      rows: drawn.filter(({ state }) => state !== "invalid").map((
        { trial },
      ) => [trial.n, trial.load, rate(trial)]),
    },
  };
}

function loadAxis(unit: string, frame: Frame, scale: number, range: Range | null): EChartsOptions {
  return axis(
    {
      type: "value",
      min: (range?.[0] ?? 0) / scale,
      ...range !== null && { max: range[1] / scale },
      name: `offered load, ${unit}`,
      axisLabel: { showMinLabel: range === null, showMaxLabel: range === null, formatter: digits4 },
    },
    frame,
  );
}

/** What is left out where only loads near the bounds are drawn. */
function closeNote(close: Range | null): string {
  return close === null ? "" : " Near the bounds; what lies further away is in the list of trials.";
}

const digits4 = (value: number) => digits(value, 4);
