/**
 * What of a document goes into a history: which series its points belong to, and their figures.
 *
 * A series is a test with its arguments at one load between the same machines. Of a tester its kernel belongs to the
 * machine; of a target it does not, because a change of the target's software is what a history is to find.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { parseQuantity } from "../base/units.ts";
import { type ComparedMetric, metricsOf } from "../results/compare/metrics.ts";
import { viewsOf } from "../results/document/class_view.ts";
import type { ResultDocument, Verdict } from "../results/document/document.ts";
import { parseArgs } from "../results/report/args.ts";
import { PLACE_ARGS, type ReportPoint, reportPoints } from "../results/report/point.ts";

/** Arguments that are the load. */
const RATE_ARGS: ReadonlySet<string> = new Set(["bps", "Mbps", "mbps", "rate"]);
/** Facts of a machine that distinguish it from another; see `ffi/machine/` for what they are. */
const HARDWARE = [
  "hostname",
  "arch",
  "cpu.model",
  "cpu.count",
  "cpu.governor",
  "cpu.smt",
  "cpu.no_turbo",
  "cpu.boost",
  "virtualisation",
  "nic.driver",
  "nic.speed_mbps",
];
/** Those of a machine that measures. */
const TESTER_FACTS = [...HARDWARE, "kernel", "clocksource"];
/** Hexadecimal digits of a series' number. */
const ID_DIGITS = 10;

/** What a machine is, by names of facts. */
export type Machine = Record<string, string>;

/** What distinguishes one series from another. */
export interface Identity {
  /**
   * `run`: a run or a point of a sweep; `search`, `rfc2544`: the loads that were found; `quick`, `mesh`: a look at a host or at
   * the links of many.
   */
  kind: "run" | "search" | "rfc2544" | "quick" | "mesh";
  test: string;
  /** `null` in a run without classes. */
  class: string | null;
  /** Arguments without those that are the load or name a place on the tester's machine. */
  args: Record<string, string>;
  /** The arguments that are the load, and the number of testers. */
  load: Record<string, string>;
  testers: Machine[];
  targets: Machine[];
}

/** One point: what a run contributes to one series. */
export interface Point {
  identity: Identity;
  /** Of all testers together, bit/s; `null`: not known. */
  loadBps: number | null;
  verdict: Verdict;
  /** By the names of `ipbench compare --metric`. */
  figures: Record<string, number>;
}

/** A figure's name and what it means. */
export type MetricInfo = Pick<ComparedMetric, "name" | "label" | "worse" | "scale" | "kind"> & {
  unit: string;
};

/**
 * Takes the points out of a result document.
 *
 * @param document A checked document.
 * @returns a point for each class, and what their figures mean
 */
export function pointsOf(document: ResultDocument): { points: Point[]; metrics: MetricInfo[] } {
  const views = viewsOf(document);
  const reported = reportPoints(document, "");
  const metrics = metricsOf(reported);
  const points = reported.map((point, n): Point => {
    const view = views[n]!.document;
    const { args, load } = splitLoad(parseArgs(view.clients[0]?.args || view.test.args));
    // Arguments of other classes are named after them.
    const others = [...point.params].filter(([name]) => name.includes("."));
    load.set("testers", String(point.clientCount));
    return {
      identity: {
        kind: "run",
        test: point.test,
        class: point.class,
        args: sorted([...args, ...others]),
        load: sorted(load),
        ...machinesOf(document, point),
      },
      loadBps: point.offeredBps,
      verdict: point.verdict,
      figures: figuresOf(point, metrics),
    };
  });
  return { points, metrics: metrics.map(infoOf) };
}

/** Who tested and what was tested, as far as their daemons reported it. */
function machinesOf(
  { clients, targets, config }: Pick<ResultDocument, "clients" | "targets" | "config">,
  { environments }: Pick<ReportPoint, "environments">,
): Pick<Identity, "testers" | "targets"> {
  const gather = (hosts: readonly string[], facts: readonly string[]) => {
    const found = hosts.map((host) => machineOf(host, environments.get(host), facts));
    const alike = new Map(found.map((machine) => [JSON.stringify(machine), machine]));
    return [...alike].sort(([a], [b]) => a < b ? -1 : 1).map(([, machine]) => machine);
  };
  return {
    testers: gather(clients.map(({ host }) => host), TESTER_FACTS),
    targets: gather(targets.length > 0 ? targets.map(({ host }) => host) : addressesOf(config), HARDWARE),
  };
}

/** Addresses under test, where no daemon runs on it. */
function addressesOf(config: unknown): string[] {
  const { clients } = (config ?? {}) as { clients?: unknown };
  if (!Array.isArray(clients)) return [];
  return clients.flatMap((client: { target?: unknown } | null) =>
    typeof client?.target === "string" ? [client.target] : []
  );
}

/** A machine that reports nothing of itself is known by its address. */
function machineOf(
  host: string,
  environment: Map<string, string> | undefined,
  names: readonly string[],
): Machine {
  const known = names.flatMap((name) => {
    const value = environment?.get(name);
    return value === undefined ? [] : [[name, value]];
  });
  return known.length === 0 ? { host } : Object.fromEntries(known);
}

function splitLoad(
  all: ReadonlyMap<string, string>,
): { args: Map<string, string>; load: Map<string, string> } {
  const args = new Map<string, string>(), load = new Map<string, string>();
  for (const [name, value] of all) {
    if (PLACE_ARGS.has(name)) continue;
    if (RATE_ARGS.has(name)) load.set(name, String(parseQuantity(value)?.value ?? value));
    else args.set(name, value);
  }
  return { args, load };
}

function figuresOf(point: ReportPoint, metrics: readonly ComparedMetric[]): Record<string, number> {
  return Object.fromEntries(metrics.flatMap((metric) => {
    const value = metric.pick(point);
    return value === null || !Number.isFinite(value) ? [] : [[metric.name, value]];
  }));
}

const UNITS = { time: "ns", rate: "bit/s", percent: "%", own: "" } as const;

function infoOf({ name, label, worse, scale, kind, unit }: ComparedMetric): MetricInfo {
  return { name, label, worse, scale, kind, unit: unit ?? UNITS[kind] };
}

/** The same object whatever the order in which arguments were given. */
export function sorted(entries: Iterable<[string, string]>): Record<string, string> {
  return Object.fromEntries([...entries].sort(([a], [b]) => a < b ? -1 : a > b ? 1 : 0));
}

/**
 * The number of a series, and of its family: those that differ in their load alone.
 *
 * @param identity What tells it from others.
 */
export function seriesId(identity: Identity): { id: string; family: string } {
  const { kind, test, class: of, args, load, testers, targets } = identity;
  const hash = (value: unknown) =>
    createHash("sha256").update(JSON.stringify(value)).digest("hex").slice(0, ID_DIGITS);
  const family = [kind, test, of, args, testers, targets];
  return { id: hash([...family, load]), family: hash(family) };
}
