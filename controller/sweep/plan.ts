/**
 * Which points a sweep has: every combination of the values of its axes, as often as asked, in which order.
 *
 * @module
 */

import type { ClassDescription, RunDescription } from "../../config/run_description.ts";
import { sendersOf } from "../../base/senders.ts";
import { suggestion } from "../../base/nearest.ts";
import { parseValues, UnitError } from "../../base/values.ts";
import { seededRandom } from "../../base/random.ts";
import { divide, getArg, setTestArg } from "../../base/args.ts";

/** One argument of the test and the values it takes. */
export interface Axis {
  /** Such as "bps"; in a run of several tests with the class before it, "bulk.bps". */
  arg: string;
  values: string[];
}

/** What to sweep over, and how. */
export interface SweepPlan {
  axes: Axis[];
  /** How often each combination is measured, at least 1. */
  repeat: number;
  /** Order of execution is drawn from this seed; `null`: as planned. */
  shuffleSeed: number | null;
  /** Divide the offered load over the clients, rather than give it to each. */
  split: boolean;
}

/** One run of a sweep. */
export interface PlannedPoint {
  /** "point-0001", by the planned order; the name of its document without ".json". */
  id: string;
  values: Record<string, string>;
  /** From 1. */
  repetition: number;
}

/** More points than this are a slip of the keyboard. */
const MAX_POINTS = 100_000;
/** Arguments that carry the offered load, the likeliest first. */
const LOAD_ARGS = ["bps", "Mbps", "rate"] as const;

/** A sweep that makes no sense. */
export class SweepError extends Error {
  override readonly name = "SweepError";
}

/**
 * Reads one axis as it is typed: `bps=10M:1G:100M`, `size=64,512,1472`.
 *
 * @throws {SweepError} naming the axis and what is wrong with it.
 */
export function parseAxis(text: string): Axis {
  const equals = text.indexOf("=");
  const arg = text.slice(0, Math.max(0, equals)).trim();
  if (!/^([A-Za-z][A-Za-z0-9_-]*\.)?[A-Za-z_][A-Za-z0-9_-]*$/.test(arg)) {
    throw new SweepError(
      `"${text}" is no axis; expected NAME=VALUES, such as bps=10M:1G:100M or size=64,512,1472 (of a class ` +
        "bulk.bps=10M,20M)",
    );
  }
  try {
    return { arg, values: parseValues(text.slice(equals + 1)) };
  } catch (error) {
    if (error instanceof UnitError) throw new SweepError(`axis ${arg}: ${error.message}`, { cause: error });
    throw error;
  }
}

/**
 * All points in the planned order: repetition by repetition; within one, the first axis runs fastest, so that a branch
 * (the other axes held) is measured from its first value to its last.
 *
 * @throws {SweepError} without an axis, with one named twice, or with more than {@linkcode MAX_POINTS} points.
 */
export function planPoints(plan: SweepPlan): PlannedPoint[] {
  if (plan.axes.length === 0) {
    throw new SweepError("nothing to sweep over; give an axis, such as --over bps=10M:1G:100M");
  }
  const names = plan.axes.map((axis) => axis.arg);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new SweepError(`the axis ${twice} is given twice`);
  const total = plan.axes.reduce((product, axis) => product * axis.values.length, plan.repeat);
  if (!(total >= 1 && total <= MAX_POINTS)) {
    throw new SweepError(`${total} points; a sweep may have 1 to ${MAX_POINTS}`);
  }
  const digits = Math.max(4, String(total).length);
  const points: PlannedPoint[] = [];
  for (let repetition = 1; repetition <= plan.repeat; repetition++) {
    for (const values of combinations(plan.axes)) {
      points.push({ id: `point-${String(points.length + 1).padStart(digits, "0")}`, values, repetition });
    }
  }
  return points;
}

function combinations(axes: readonly Axis[]): Record<string, string>[] {
  return axes.reduceRight<Record<string, string>[]>(
    (tails, axis) => tails.flatMap((tail) => axis.values.map((value) => ({ [axis.arg]: value, ...tail }))),
    [{}],
  );
}

/** Points in the order of execution. */
export function executionOrder<T>(points: readonly T[], seed: number | null): T[] {
  const order = [...points];
  if (seed === null) return order;
  const random = seededRandom(seed);
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    const [a, b] = [order[i] as T, order[j] as T];
    order[i] = b;
    order[j] = a;
  }
  return order;
}

/** Points that differ in the first axis only belong to one branch. */
export function branchOf(point: Pick<PlannedPoint, "values" | "repetition">, plan: SweepPlan): string {
  const others = plan.axes.slice(1).map((axis) => `${axis.arg}=${point.values[axis.arg]}`);
  return [`repetition ${point.repetition}`, ...others].join(", ");
}

/** Position of a point along its branch. */
export function rankOf(point: Pick<PlannedPoint, "values">, plan: SweepPlan): number {
  const first = plan.axes[0];
  return first === undefined ? 0 : first.values.indexOf(point.values[first.arg] ?? "");
}

/** An axis taken apart: "bulk.bps" is the argument bps of the class bulk. */
export function axisName(axis: string): { class: string | null; arg: string } {
  const dot = axis.indexOf(".");
  return dot < 0 ? { class: null, arg: axis } : { class: axis.slice(0, dot), arg: axis.slice(dot + 1) };
}

/**
 * The run of one point: the values put into every client's arguments, or into those of the class that the axis names.
 *
 * @throws {SweepError} when a load cannot be divided over the clients, or an axis and the run's classes do not fit.
 */
export function describePoint(
  base: RunDescription,
  values: Record<string, string>,
  split: boolean,
): RunDescription {
  if (base.classes !== undefined) return describeClasses(base, base.classes, values, split);
  const classed = Object.keys(values).find((name) => axisName(name).class !== null);
  if (classed !== undefined) {
    throw new SweepError(
      `the axis ${classed} names a class, and the run has none; write ${axisName(classed).arg}`,
    );
  }
  const loadArg = LOAD_ARGS.find((name) => name in values) ??
    LOAD_ARGS.find((name) => base.clients.some((client) => getArg(client.args, name) !== null));
  const senders = sendersOf(base.clients);
  const clients = base.clients.map((client) => {
    let args = client.args;
    for (const [name, value] of Object.entries(values)) args = setTestArg(args, name, value);
    const i = senders.indexOf(client);
    if (split && loadArg !== undefined && i >= 0) {
      args = setTestArg(args, loadArg, share(getArg(args, loadArg) ?? "", loadArg, senders.length, i));
    }
    return { ...client, args };
  });
  if (split && loadArg === undefined) {
    throw new SweepError("--split: no load (bps, Mbps or rate) in the axes or arguments");
  }
  return { ...base, clients };
}

/** The same of a run of several tests: each class is described as a run of its own clients. */
function describeClasses(
  base: RunDescription,
  classes: readonly ClassDescription[],
  values: Record<string, string>,
  split: boolean,
): RunDescription {
  const names = classes.map(({ name }) => name);
  const byClass = new Map<string, Record<string, string>>();
  for (const [axis, value] of Object.entries(values)) {
    const { class: of, arg } = axisName(axis);
    if (of === null) {
      throw new SweepError(
        `the axis ${axis}: of which class? write ${names.map((name) => `${name}.${arg}`).join(" or ")}`,
      );
    }
    if (!names.includes(of)) {
      const hint = suggestion(of, names) || `; there are ${names.join(", ")}`;
      throw new SweepError(`the axis ${axis}: there is no class "${of}"${hint}`);
    }
    byClass.set(of, { ...byClass.get(of), [arg]: value });
  }
  const loaded = [...byClass].filter(([, own]) => LOAD_ARGS.some((name) => name in own)).map(([name]) =>
    name
  );
  if (split && loaded.length === 0) {
    throw new SweepError("--split: no axis is a load (bps, Mbps or rate) of a class");
  }
  const { classes: _, ...plain } = base;
  const clients = base.clients.slice();
  for (const name of names) {
    const own = base.clients.flatMap((client, index) => client.class === name ? [{ client, index }] : []);
    const alone = { ...plain, clients: own.map(({ client }) => client) };
    const described = describePoint(alone, byClass.get(name) ?? {}, split && loaded.includes(name));
    described.clients.forEach((client, n) => clients[own[n]!.index] = client);
  }
  return { ...base, clients };
}

function share(value: string, name: string, clients: number, index: number): string {
  const [whole = ""] = parseValues(value === "" ? "0" : value);
  try {
    return String(divide(Number(whole), clients)[index]);
  } catch (cause) {
    throw new SweepError(`--split: ${name}=${value} cannot be divided over ${clients} clients`, { cause });
  }
}
