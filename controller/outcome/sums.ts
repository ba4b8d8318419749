/**
 * What the testers of a run come to: together, or class by class in a run of several tests, and what the classes did to
 * each other.
 *
 * @module
 */

import { argValues } from "../../base/args.ts";
import { sendersOf } from "../../base/senders.ts";
import { parseValue } from "../../base/units.ts";
import type { Window } from "../../results/document/common_window.ts";
import type {
  ClassResult,
  ClientResult,
  ResultDocument,
  TargetResult,
} from "../../results/document/document.ts";
import { effectsOn } from "../../results/document/effect/effect.ts";
import { derivedMetrics, type TesterFigures } from "./derived.ts";
import { totalMetrics } from "../../results/document/metrics.ts";
import {
  type HostReason,
  judge,
  judgeClasses,
  type JudgedClass,
  type Judgement,
} from "../../results/document/verdict.ts";
import type { Merger } from "./totals.ts";

/** Who is in a class, by its name; of a run without classes, "", everybody. */
function membersOf<T extends { class?: string }>(parts: readonly T[], name: string): T[] {
  return name === "" ? [...parts] : parts.filter((part) => part.class === name);
}

/** The targets of a class; those that serve the whole run are with the first. */
function targetsOf({ targets, classes }: ResultDocument, name: string): TargetResult[] {
  const isFirst = classes?.[0]?.name === name;
  return targets.filter((target) => target.class === name || target.class === undefined && isFirst);
}

/** Adds to the targets of a class what its testers' sums make of their figures. */
function deriveOf(document: ResultDocument, total: TesterFigures, name: string): void {
  const own = name === "" ? document.targets : targetsOf(document, name);
  for (const target of own) {
    const found = derivedMetrics(target, total);
    if (found.length === 0) continue;
    document.targets[document.targets.indexOf(target)] = {
      ...target,
      metrics: [...target.metrics, ...found],
    };
  }
}

/**
 * Puts the sums into a document: `total`, and where the run has classes each one's and what they did to the first one.
 * `total` is then that of the first class: figures of different tests do not add up.
 *
 * @param document the document; its `total`, `classes` and `effect` are set
 * @param present the clients whose results came
 * @param mergerOf the merged histograms of a class; of a run without classes, of ""
 */
export function sumUp(
  document: ResultDocument,
  present: readonly ClientResult[],
  mergerOf: (name: string) => Merger,
): void {
  const { classes } = document;
  if (classes === undefined) {
    document.total = mergerOf("").total(sendersOf(present));
    deriveOf(document, document.total, "");
    document.total.metrics = totalMetrics(document.test.name, present, document.targets);
    return;
  }
  document.classes = classes.map((part): ClassResult => {
    const own = membersOf(present, part.name);
    const total = mergerOf(part.name).total(sendersOf(own));
    deriveOf(document, total, part.name);
    const metrics = totalMetrics(part.test, own, targetsOf(document, part.name));
    return { ...part, ...total, metrics, active: activeOf(part, own) };
  });
  const [first, ...others] = document.classes;
  if (first === undefined) return;
  const { counts, rates, latency, histograms, confidence, window, outages, metrics } = first;
  document.total = {
    counts,
    rates,
    latency,
    histograms,
    confidence,
    window,
    ...outages === undefined ? {} : { outages },
    metrics,
  } as ResultDocument["total"];
  document.effect = effectsOn(first.name, membersOf(present, first.name), others);
}

/**
 * When a class sent: from its first start to its last end. Afterwards a test may wait for what is still on its way, which
 * disturbs nobody any more.
 */
function activeOf(part: ClassResult, clients: readonly ClientResult[]): Window | null {
  const times: Window[] = [];
  for (const { start, window, args } of clients) {
    const [actual, ended, ours] = [
      start?.["actual_ns"],
      start?.["ended_ns"],
      start?.["actual_controller_ns"],
    ];
    if (typeof actual !== "number" || typeof ended !== "number" || typeof ours !== "number") return null;
    const given = argValues(args).get("cooldown") ?? part.defaults?.["cooldown"] ?? "0";
    const cooldown = parseValue("time", "s", given === "" ? "0" : given) ?? 0;
    const ends = [ours + ended - actual];
    if (window !== undefined) ends.push(window.end_ns + cooldown * 1e9);
    if (part.end_ns !== null) ends.push(ours + part.end_ns - part.begin_ns);
    times.push({ start_ns: ours, end_ns: Math.min(...ends) });
  }
  if (times.length === 0) return null;
  return {
    start_ns: times.reduce((least, { start_ns }) => Math.min(least, start_ns), Infinity),
    end_ns: times.reduce((most, { end_ns }) => Math.max(most, end_ns), -Infinity),
  };
}

/**
 * Judges a document whose sums are known, and puts verdict and reasons into it.
 *
 * @param document the document; `run` and `classes` are set
 * @param extra reasons of the controller's own; those of a class name it
 */
export function judgeRun(document: ResultDocument, extra: readonly HostReason[]): void {
  const { classes } = document;
  let whole: Judgement;
  if (classes === undefined) whole = judge(document, {}, extra);
  else {
    const parts = classes.map((part): JudgedClass => ({
      name: part.name,
      clients: membersOf(document.clients, part.name),
      targets: targetsOf(document, part.name),
      total: part,
    }));
    const judged = judgeClasses(document, parts, extra);
    document.classes = classes.map((part, n) => {
      const { verdict, reasons } = judged.classes[n]!;
      return { ...part, verdict, reasons };
    });
    whole = judged.whole;
  }
  const { verdict, reasons, details } = whole;
  Object.assign(document.run, { verdict, reasons, details });
}
