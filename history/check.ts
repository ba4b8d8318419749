/**
 * What changed in a history: all figures of all series, and where one change shows at several loads.
 *
 * @module
 */

import { mannWhitney } from "../results/stats/rank_statistics.ts";
import { median } from "../results/stats/welford.ts";
import { type Analysis, FEWEST, type Step } from "./changes.ts";
import type { History } from "./history.ts";
import type { MetricInfo } from "./identity.ts";
import { look, MINIMUM, type Observation } from "./observations.ts";
import type { Ack, SeriesEntry, SeriesRun } from "./rows.ts";

/** Figures that are examined unless others are named, where a series has them. */
const USUAL: readonly string[] = ["p50", "p99", "p99.9", "throughput", "loss"];
/** Label of runs that measure the same target each time: what changes in them is the machine. */
export const CANARY_LABEL = "canary";
/** Chance that is allowed to a neighbouring load that agrees. */
const AGREES = 0.05;
/** Fewest observations on a side from which a neighbouring load can agree. */
const FEWEST_TO_AGREE = 3;
/** Loads from which one that is alone needs more to count: so many times the smallest change. */
const LOADS_TO_AGREE = 3, ALONE_FACTOR = 2;
/** An accepted change may be found this many observations away when more have come in. */
const ACK_DISTANCE = 2;
/** Normal quantiles of the test's level (5e-5, two-sided) and of a power of 80 %. */
const LEVEL_QUANTILE = 4.06, POWER_QUANTILE = 0.84;
/** Runs after a step within which it is to be found. */
const RUNS_AFTER = 5;

/** What to look at. */
export interface CheckOptions {
  /** Names of figures. */
  metrics?: readonly string[] | undefined;
  test?: string | undefined;
  /** Only changes whose first run began later than this (ISO 8601). */
  since?: string | undefined;
  /** Smallest change of figures that are compared by their ratio: a share. */
  minimum?: number | undefined;
}

/** A run at a change. */
export type RunAt = Pick<SeriesRun, "id" | "started" | "commit" | "tag" | "dirty">;

/** One change. */
export interface Finding {
  kind: "step" | "drift";
  series: SeriesEntry;
  metric: MetricInfo;
  /** By the direction that the figure's test declares. */
  finding: "worse" | "better" | "changed";
  /** A share, or percentage points. */
  change: number;
  /** 95 % interval of it; `null`: too few runs. */
  interval: { low: number; high: number } | null;
  /** Middle before and after; of a drift, of the first and last quarter. */
  before: number;
  after: number;
  counts: [before: number, after: number];
  /** The change came after this run and not later than that one. */
  last: RunAt;
  first: RunAt;
  /** At how many loads it shows, of those that have runs on both sides. */
  loads: { seen: number; of: number };
  /** How many of the observations on both sides are SUSPECT. */
  suspect: number;
  /** Somebody has accepted it. */
  ack: Ack | null;
  /** A canary on the same testers changed at the same time: it is the machine. */
  canary: boolean;
}

/** How one figure of a series behaves. */
export interface SeriesState {
  series: SeriesEntry;
  metric: MetricInfo;
  kind: Analysis["kind"];
  observations: number;
  /** Standard deviation of single observations: a share, or percentage points. */
  noise: number;
  /** Smallest step that five further runs would show in 80 of 100 cases. */
  detectable: number;
  outliers: number;
  modes: Analysis["modes"];
}

/** What a check finds. */
export interface Checked {
  findings: Finding[];
  states: SeriesState[];
}

/** One figure of one series. */
interface Looked {
  series: SeriesEntry;
  metric: MetricInfo;
  observations: Observation[];
  analysis: Analysis;
  canary: boolean;
}

/**
 * Examines a whole history.
 *
 * @param history Open to be read.
 * @param options What to look at.
 */
export function checkHistory(history: History, options: CheckOptions = {}): Checked {
  const looked = lookAtAll(history, options);
  const acks = Map.groupBy(history.acks(), ({ series, metric }) => `${series} ${metric}`);
  const families = Map.groupBy(looked, ({ series, metric }) => `${series.family} ${metric.name}`);
  const all = looked.flatMap((each) => {
    const family = families.get(`${each.series.family} ${each.metric.name}`)!;
    const own = acks.get(`${each.series.id} ${each.metric.name}`) ?? [];
    return findingsOf(each, own).map((finding) => ({ ...finding, loads: agreement(finding, family) }));
  });
  markCanaries(all, looked);
  const findings = all.filter((finding) => counts(finding, options)).sort((a, b) =>
    a.first.started < b.first.started ? -1 : a.first.started > b.first.started ? 1 : 0
  );
  return { findings, states: looked.map(stateOf) };
}

/** Whether a change is one that a gate stops at. */
export function isAlarm({ finding, ack, canary }: Finding): boolean {
  return finding === "worse" && ack === null && !canary;
}

function lookAtAll(history: History, options: CheckOptions): Looked[] {
  const known = history.metrics();
  return history.series({ test: options.test }).flatMap((series) => {
    if (series.runs < FEWEST) return [];
    const runs = history.runsOf(series.id);
    const names = new Set(runs.flatMap(({ figures }) => Object.keys(figures)));
    const usual = USUAL.filter((name) => names.has(name));
    const own = [...names].filter((name) => series.kind !== "run" || known.get(name)?.kind === "own");
    // What a test without packets reports of itself, where it says what is better.
    const wanted = options.metrics ?? (usual.includes("p50") ? usual : [...new Set([...usual, ...own])]);
    return wanted.flatMap((name): Looked[] => {
      const metric = known.get(name);
      if (metric === undefined || !names.has(name)) return [];
      if (options.metrics === undefined && metric.worse === null) return [];
      const minimum = metric.scale === "relative" ? options.minimum : undefined;
      const canary = runs.some(({ labels }) => labels[CANARY_LABEL] !== undefined);
      return [{ series, metric, canary, ...look(runs, metric, minimum) }];
    });
  });
}

type Found = Omit<Finding, "loads">;

function findingsOf(looked: Looked, acks: readonly Ack[]): Found[] {
  const { analysis, observations } = looked;
  if (analysis.kind === "drift") return [driftOf(looked, acks)];
  return analysis.steps.map((step) => {
    const { index, counts: [before, after] } = step;
    return {
      ...common(looked, step.change),
      ...pick(step),
      kind: "step" as const,
      last: at(observations[index - 1]!),
      first: at(observations[index]!),
      suspect: suspects(observations.slice(index - before, index + after)),
      ack: ackOf(acks, observations, index),
    };
  });
}

function pick({ change, interval, before, after, counts }: Step) {
  return { change, interval, before, after, counts };
}

/** A drift has no place of its own: it is reported of all observations. */
function driftOf(looked: Looked, acks: readonly Ack[]): Found {
  const { analysis } = looked;
  const observations = looked.observations.slice(analysis.skipped);
  const quarter = observations.length >> 2;
  const level = (part: readonly Observation[]) => median(part.map(({ value }) => value));
  return {
    ...common(looked, analysis.drift!),
    kind: "drift",
    change: analysis.drift!,
    interval: null,
    before: level(observations.slice(0, quarter)),
    after: level(observations.slice(-quarter)),
    counts: [quarter, quarter],
    last: at(observations[0]!),
    first: at(observations.at(-1)!),
    suspect: suspects(observations),
    // Whatever has been accepted of a drift is accepted until the series shows something else.
    ack: acks[0] ?? null,
  };
}

function common({ series, metric, canary }: Looked, change: number) {
  const { worse } = metric;
  const finding = worse === null ? "changed" : (change > 0) === (worse === "more") ? "worse" : "better";
  return { series, metric, finding: finding as Finding["finding"], canary };
}

function suspects(observations: readonly Observation[]): number {
  return observations.filter(({ suspect }) => suspect).length;
}

function at({ run: { id, started, commit, tag, dirty } }: Observation): RunAt {
  return { id, started, commit, tag, dirty };
}

function ackOf(acks: readonly Ack[], observations: readonly Observation[], index: number): Ack | null {
  return acks.find((ack) => {
    const place = observations.findIndex(({ run }) => run.started >= ack.started);
    return Math.abs(place - index) <= ACK_DISTANCE;
  }) ?? null;
}

/** At how many loads of a family a change shows: the same direction at the same time. */
function agreement(finding: Found, family: readonly Looked[]): Finding["loads"] {
  const { series, last, first, change, kind } = finding;
  let seen = 1, of = 1;
  for (const other of family) {
    if (other.series.id === series.id) continue;
    if (kind === "drift") {
      of++;
      if (other.analysis.kind === "drift" && Math.sign(other.analysis.drift!) === Math.sign(change)) seen++;
      continue;
    }
    const values = (wanted: (started: string) => boolean) =>
      other.observations.filter(({ run }) => wanted(run.started)).map(({ value }) => value);
    // A sweep runs its loads one after another: what lies between belongs to neither side.
    const left = values((started) => started <= last.started).slice(-finding.counts[0]);
    const right = values((started) => started >= first.started).slice(0, finding.counts[1]);
    if (left.length < FEWEST_TO_AGREE || right.length < FEWEST_TO_AGREE) continue;
    of++;
    const sameWay = Math.sign(median(right) - median(left)) === Math.sign(change);
    if (sameWay && mannWhitney(left, right).p <= AGREES) seen++;
  }
  return { seen, of };
}

/** Marks changes beside which a canary on the same testers changed, too. */
function markCanaries(findings: Finding[], looked: readonly Looked[]): void {
  const machineOf = ({ testers }: SeriesEntry) => JSON.stringify(testers);
  const spans = looked.filter(({ canary }) => canary).flatMap(({ series, observations, analysis }) =>
    analysis.steps.map(({ index }) => ({
      machine: machineOf(series),
      from: observations[index - 1]!.run.started,
      to: observations[index]!.run.started,
    }))
  );
  for (const finding of findings) {
    if (finding.kind !== "step") continue;
    const machine = machineOf(finding.series);
    finding.canary ||= spans.some((span) =>
      span.machine === machine && span.from <= finding.first.started && span.to >= finding.last.started
    );
  }
}

function counts(finding: Finding, { since, minimum = MINIMUM.relative }: CheckOptions): boolean {
  if (since !== undefined && finding.first.started <= since) return false;
  const { loads, metric, change } = finding;
  if (loads.of < LOADS_TO_AGREE || loads.seen > 1) return true;
  const smallest = metric.scale === "relative" ? minimum : MINIMUM.points;
  return Math.abs(change) >= ALONE_FACTOR * smallest;
}

function stateOf({ series, metric, analysis, observations }: Looked): SeriesState {
  const { kind, noise, outliers, modes } = analysis;
  const n = Math.max(1, observations.length - analysis.skipped);
  const step = (LEVEL_QUANTILE + POWER_QUANTILE) * noise *
    Math.sqrt((1 / RUNS_AFTER + 1 / n) / (3 / Math.PI));
  return {
    series,
    metric,
    kind,
    observations: observations.length,
    noise,
    detectable: Math.max(step, MINIMUM[metric.scale]),
    outliers: outliers.length,
    modes,
  };
}
