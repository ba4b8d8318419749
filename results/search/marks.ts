/**
 * What the charts of a search are drawn from: a mark for each trial, by what became of it, and a line for each bound.
 *
 * @module
 */
import { CATEGORIES, colour, type ColourName } from "../report/palette.ts";
import type { EChartsOptions, LegendEntry } from "../report/chart.ts";
import { loadText } from "./answers.ts";
import type { ShownGoal, ShownSearch, ShownTrial } from "./shown.ts";

/** What became of a trial, seen from all goals. */
type State = "kept" | "some" | "missed" | "invalid";

const STATES: Record<
  State,
  { colour: ColourName; style: LegendEntry["style"]; symbol: string; size: number }
> = {
  kept: { colour: "c3", style: "dot", symbol: "circle", size: 8 },
  some: { colour: "c2", style: "diamond", symbol: "diamond", size: 10 },
  missed: { colour: "bad", style: "triangle", symbol: "path://M0,-5L5,4L-5,4Z", size: 9 },
  invalid: { colour: "muted", style: "cross", symbol: "path://M-5,-5L5,5M-5,5L5,-5", size: 8 },
};

/** Goals whose bounds are drawn. */
export const GOALS = 4;

/** Loads from the smallest to the largest. */
export type Range = readonly [number, number];

/** A trial with its place. */
export interface Drawn {
  trial: ShownTrial;
  state: State;
}

/** The goals that a trial misses. */
export function missedGoals({ high_loss: known, loss_ratio: loss }: ShownTrial, goals: readonly ShownGoal[]) {
  // Documents of a time before `high_loss` show it by the loss alone.
  return known ?? goals.filter(({ goal }) => (loss ?? 0) > goal.loss_ratio).map(({ name }) => name);
}

/** What became of a trial. */
export function stateOf(trial: ShownTrial, goals: readonly ShownGoal[]): State {
  if (trial.outcome !== "valid") return "invalid";
  const missed = missedGoals(trial, goals).length;
  if (missed === 0) return "kept";
  return missed < goals.length ? "some" : "missed";
}

function stateWords(state: State, goals: readonly ShownGoal[]): string {
  const several = goals.length > 1;
  const words: Record<State, string> = {
    kept: several ? "keeps every goal" : "keeps the goal",
    some: "misses some goals",
    missed: several ? "misses every goal" : "misses the goal",
    invalid: "INVALID: the tester's own fault",
  };
  return words[state];
}

/** One series a state. */
export function points(
  document: ShownSearch,
  drawn: readonly Drawn[],
  place: (trial: ShownTrial) => readonly [number, number] | null,
): { series: EChartsOptions[]; legend: LegendEntry[] } {
  const series: EChartsOptions[] = [];
  const legend: LegendEntry[] = [];
  for (const state of Object.keys(STATES) as State[]) {
    const data = drawn.filter((one) => one.state === state).flatMap(({ trial }) => {
      const at = place(trial);
      return at === null ? [] : [at];
    });
    if (data.length === 0) continue;
    const { colour: tone, style, symbol, size } = STATES[state];
    const label = stateWords(state, document.goals);
    const hollow = state === "missed" || state === "invalid";
    series.push({
      name: label,
      type: "scatter",
      data,
      silent: true,
      symbol,
      symbolSize: size,
      itemStyle: hollow
        ? { color: "transparent", borderColor: colour(tone), borderWidth: 1.75 }
        : { color: colour(tone), opacity: 0.85 },
      z: 3,
    });
    legend.push({ label, colour: tone, style });
  }
  return { series, legend };
}

/** An upright line at the lower bound of each goal. */
export function boundLines(
  { goals, load }: ShownSearch,
  scale: number,
): { series: EChartsOptions[]; legend: LegendEntry[] } {
  const found = goals.slice(0, GOALS).flatMap((goal, i) =>
    goal.lower_bound === null ? [] : [{ goal, at: goal.lower_bound, tone: toneOf(i) }]
  );
  return {
    series: found.map(({ goal, at, tone }) => ({
      name: boundLabel(goal, load.unit),
      type: "line",
      data: [],
      silent: true,
      lineStyle: { color: colour(tone), type: [6, 4] },
      itemStyle: { color: colour(tone) },
      markLine: {
        silent: true,
        symbol: "none",
        precision: 12,
        label: { show: false },
        lineStyle: { color: colour(tone), width: 1.5, type: [6, 4] },
        data: [{ xAxis: at / scale }],
      },
    })),
    legend: found.map(({ goal, tone }) => ({
      label: boundLabel(goal, load.unit),
      colour: tone,
      style: "dashed",
    })),
  };
}

/** Colours of goals: none that a state has. */
export function toneOf(goal: number): ColourName {
  return CATEGORIES.filter((name) => name !== "c2" && name !== "c3")[goal]!;
}

function boundLabel(goal: ShownGoal, unit: string): string {
  return `${goal.name}: ${loadText(goal.lower_bound, unit)}`;
}
