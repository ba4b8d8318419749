/**
 * What `search` and `rfc2544` found, as a history takes it: loads are the figures, and a series is one set of goals between the
 * same machines.
 *
 * @module
 */

import { formatQuantity } from "../base/values.ts";
import type { SearchDocument } from "../results/search/document.ts";
import type { Rfc2544Document } from "../results/search/rfc2544_document.ts";
import type { NewRun } from "./history.ts";
import type { Identity, MetricInfo } from "./identity.ts";

/** Between which machines trials ran, and with which arguments. */
export type Place = Pick<Identity, "test" | "args" | "testers" | "targets">;

/** Arguments that differ from trial to trial. */
const OF_TRIALS = ["duration", "samples", "warmup", "cooldown", "rampup", "size"];

/** A figure's name, value and what it means. */
interface Figure {
  info: MetricInfo;
  value: number | null;
}

function figure(name: string, unit: string, worse: "more" | "less", value: number | null): Figure {
  const kind = unit === "ns" ? "time" : unit === "bit/s" ? "rate" : "own";
  return { info: { name, label: name, unit, worse, scale: "relative", kind }, value };
}

/**
 * A search: of each goal the largest load that met it.
 *
 * @param document What the search leaves.
 * @param place Where it ran.
 */
export function searchRun(document: SearchDocument, place: Place): NewRun {
  const { search, goals, load, test, ipbench } = document;
  const figures = goals.flatMap((
    { name, lower_bound, conditional_throughput, latency_at_lower_bound: at },
  ) => [
    figure(name, load.unit, "less", lower_bound),
    figure(`${name}.conditional`, load.unit, "less", conditional_throughput),
    figure(`${name}.p50`, "ns", "more", at?.response?.p50_ns ?? null),
    figure(`${name}.p99`, "ns", "more", at?.response?.p99_ns ?? null),
  ]);
  const wanted = goals.map(({ name, goal }): [string, string] => [
    name,
    [
      `loss ${formatQuantity(goal.loss_ratio)}`,
      `final ${goal.final_trial_seconds} s`,
      `sum ${goal.duration_sum_seconds} s`,
      `width ${formatQuantity(goal.width)}`,
      ...goal.latency,
    ].join(" "),
  ]);
  const { reasons: _reasons, regular, ...times } = search;
  return {
    ...common(times, ipbench.version, document, regular),
    kind: "search",
    test: test.name,
    ...pointOf("search", place, Object.fromEntries(wanted), load.testers, figures, verdictOf(times, regular)),
  };
}

/**
 * RFC 2544's benchmarks: throughput, latency and longest burst of each frame size.
 *
 * @param document What they leave.
 * @param place Where they ran.
 */
export function rfc2544Run(document: Rfc2544Document, place: Place): NewRun {
  const { run, frames, ipbench, line_rate_bps, carrier } = document;
  const figures = frames.flatMap(({ frame, throughput, latency, back_to_back: burst }) => [
    figure(`throughput.${frame}`, "frames/s", "less", throughput?.frames_per_second ?? null),
    figure(`p50.${frame}`, "ns", "more", latency?.response?.p50_ns ?? null),
    figure(`p99.${frame}`, "ns", "more", latency?.response?.p99_ns ?? null),
    figure(`burst.${frame}`, "frames", "less", burst?.average ?? null),
  ]);
  const regular = frames.every(({ throughput }) => throughput?.regular !== false);
  const wanted = {
    carrier: carrier.split(":")[0]!,
    line: `${formatQuantity(line_rate_bps)}bit/s`,
    ...strings(document.parameters),
  };
  const { reasons: _reasons, ...times } = run;
  return {
    ...common(times, ipbench.version, document, regular),
    kind: "rfc2544",
    test: place.test,
    ...pointOf("rfc2544", place, wanted, null, figures, verdictOf(times, regular)),
  };
}

interface Times {
  id: string;
  started: string;
  ended: string;
  interrupted?: boolean;
  failed?: boolean;
}

/** What did not come to its end is no observation; an irregular result is one to be careful with. */
function verdictOf({ interrupted, failed }: Times, regular: boolean): NewRun["verdict"] {
  if (interrupted === true || failed === true) return "INVALID";
  return regular ? "VALID" : "SUSPECT";
}

function common(times: Times, version: string, document: unknown, regular: boolean) {
  const { id, started, ended, interrupted, failed } = times;
  return {
    id,
    started,
    ended,
    verdict: verdictOf(times, regular),
    failed: interrupted === true || failed === true,
    version,
    text: JSON.stringify(document),
  };
}

function pointOf(
  kind: Identity["kind"],
  { test, args, testers, targets }: Place,
  wanted: Record<string, string>,
  count: number | null,
  figures: readonly Figure[],
  verdict: NewRun["verdict"],
): Pick<NewRun, "points" | "metrics"> {
  const own = Object.entries(args).filter(([name]) =>
    kind === "search" && name === "size" || !OF_TRIALS.includes(name)
  );
  const known = figures.filter(({ value }) => value !== null && Number.isFinite(value));
  const identity: Identity = {
    kind,
    test,
    class: null,
    args: { ...Object.fromEntries(own), ...wanted },
    load: count === null ? {} : { testers: String(count) },
    testers,
    targets,
  };
  const values = Object.fromEntries(known.map(({ info, value }) => [info.name, value!]));
  return {
    points: [{ identity, loadBps: null, verdict, figures: values }],
    metrics: known.map(({ info }) => info),
  };
}

function strings(record: Record<string, number>): Record<string, string> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, String(value)]));
}
