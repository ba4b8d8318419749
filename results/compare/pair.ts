/**
 * Which points of two sides belong together, and whether they may be compared.
 *
 * @module
 */
import { formatRate } from "../../base/figures.ts";
import type { ReportPoint } from "../report/point.ts";

/** Loads that differ by less than this share are the same. */
const LOAD_TOLERANCE = 0.001;

/** Repetitions of one point on both sides. */
export interface Pair {
  label: string;
  load: number;
  a: ReportPoint[];
  b: ReportPoint[];
}

/** One way in which the sides are not alike, and the word that allows it. */
export interface Refusal {
  /** A member of {@linkcode ALLOWABLE}, or the name of an argument. */
  what: string;
  text: string;
}

/** What `--allow` knows beside the names of arguments, and what each lets pass. */
export const ALLOWABLE = {
  kernel: "another kernel",
  cpu: "another model of processor",
  test: "another test",
  testers: "another number of testers",
  invalid: "runs that are INVALID",
  missing: "points and figures that only A has (for --fail-if)",
} as const;

/** What was found. */
export interface Pairing {
  pairs: Pair[];
  /** Points of one side that the other lacks. */
  unmatched: { side: "A" | "B"; label: string; runs: number }[];
  /** Why the sides should not be compared, and nobody allowed it; empty when they may be. */
  refusals: Refusal[];
  /** The same, where it was allowed. */
  allowed: Refusal[];
}

/**
 * Pairs the points of two sides by test, arguments and load.
 *
 * @param a Points of the base.
 * @param b Points of the other side.
 * @param allow What may differ: members of {@linkcode ALLOWABLE} and names of arguments. Points whose allowed arguments
 *   differ are pairs as long as each side has one value.
 */
export function pairPoints(
  a: readonly ReportPoint[],
  b: readonly ReportPoint[],
  allow: ReadonlySet<string> = new Set(),
): Pairing {
  const names = new Set([...a, ...b].map((point) => point.class));
  const differing = [...names].flatMap((name) => {
    const own = (points: readonly ReportPoint[]) => points.filter((point) => point.class === name);
    return differingArguments(own(a), own(b));
  });
  const found: Refusal[] = differing.map(({ name, left, right }) => ({
    what: name,
    text: `${name} is ${left} in A and ${right} in B`,
  }));
  const ignored = new Set(differing.map(({ name }) => name).filter((name) => allow.has(name)));
  const left = cells(a, ignored);
  const right = cells(b, ignored);
  const labelOf = labelsOf([...left, ...right], ignored);
  const pairs: Pair[] = [];
  const unmatched: Pairing["unmatched"] = [];
  const taken = new Set<CellOf>();
  for (const cell of left) {
    const other = right.find((candidate) => !taken.has(candidate) && same(cell, candidate));
    if (other === undefined) {
      unmatched.push({ side: "A", label: labelOf(cell), runs: cell.points.length });
      continue;
    }
    taken.add(other);
    pairs.push({ label: labelOf(cell), load: cell.load, a: cell.points, b: other.points });
  }
  for (const cell of right) {
    if (!taken.has(cell)) unmatched.push({ side: "B", label: labelOf(cell), runs: cell.points.length });
  }
  found.push(...hostRefusals(a, b), ...verdictRefusals(pairs), ...shapeRefusals(pairs));
  const refusals = [...new Map(found.map((refusal) => [refusal.text, refusal])).values()];
  return {
    pairs,
    unmatched,
    refusals: refusals.filter(({ what }) => !allow.has(what)),
    allowed: refusals.filter(({ what }) => allow.has(what)),
  };
}

/** Arguments that a label has beside size and load. */
const LABEL_ARGUMENTS = 3;

interface CellOf {
  key: string;
  words: string;
  load: number;
  points: ReportPoint[];
}

function cells(points: readonly ReportPoint[], ignored: ReadonlySet<string>): CellOf[] {
  const result: CellOf[] = [];
  for (const point of points) {
    const params = [...point.params].filter(([name]) => !ignored.has(name)).sort();
    const test = ignored.has("test") ? "" : point.test;
    const cell: CellOf = {
      key: JSON.stringify([point.class, test, params]),
      words: params.filter(([name]) => name === "size" || name === "socktype").map(([, value]) => value).join(
        " ",
      ),
      load: point.offeredBps ?? 0,
      points: [point],
    };
    const known = result.find((candidate) => same(candidate, cell));
    if (known === undefined) result.push(cell);
    else known.points.push(point);
  }
  return result.sort((x, y) => x.key < y.key ? -1 : x.key > y.key ? 1 : x.load - y.load);
}

function same(a: CellOf, b: CellOf): boolean {
  return a.key === b.key && Math.abs(a.load - b.load) <= LOAD_TOLERANCE * Math.max(a.load, b.load);
}

/** What cells are called: those that would have one name are told apart by the arguments in which they differ. */
function labelsOf(cells: readonly CellOf[], ignored: ReadonlySet<string>): (cell: CellOf) => string {
  const labels = new Map<CellOf, string>();
  for (const [label, alike] of Map.groupBy(cells, shortLabel)) {
    const paramsOf = (cell: CellOf) => cell.points[0]!.params;
    const names = [...new Set(alike.flatMap((cell) => [...paramsOf(cell).keys()]))].filter((name) =>
      !ignored.has(name) && new Set(alike.map((cell) => paramsOf(cell).get(name))).size > 1
    );
    for (const cell of alike) {
      const own = names.slice(0, LABEL_ARGUMENTS).flatMap((name) => {
        const value = paramsOf(cell).get(name);
        return value === undefined ? [] : [`${name} ${value}`];
      });
      labels.set(cell, [label, ...own].join(", "));
    }
  }
  return (cell) => labels.get(cell)!;
}

function shortLabel(cell: CellOf): string {
  return cell.points[0] === undefined ? "run" : pointLabel(cell.points[0], cell.load);
}

/** What a point is called: its class, size and load, else its test. */
export function pointLabel(point: ReportPoint, load = point.offeredBps ?? 0): string {
  const size = point.params.get("size");
  const parts = [point.class ?? "", size === undefined ? "" : `${size} B`, load > 0 ? formatRate(load) : ""];
  return parts.filter((part) => part !== "").join(", ") || point.test;
}

/** Arguments (and the test) of one class that have one value on each side, and not the same. */
function differingArguments(
  a: readonly ReportPoint[],
  b: readonly ReportPoint[],
): { name: string; left: string; right: string }[] {
  const result: { name: string; left: string; right: string }[] = [];
  const compare = (name: string, pick: (point: ReportPoint) => string) => {
    const [left, ...moreLeft] = new Set(a.map(pick));
    const [right, ...moreRight] = new Set(b.map(pick));
    if (left === undefined || right === undefined || moreLeft.length > 0 || moreRight.length > 0) return;
    if (left !== right) result.push({ name, left, right });
  };
  compare("test", (point) => point.test);
  const names = new Set([...a, ...b].flatMap((point) => [...point.params.keys()]));
  for (const name of names) compare(name, (point) => point.params.get(name) ?? "not given");
  return result;
}

/** Facts of hosts that have to be the same for the rest to mean anything. */
const DECISIVE =
  /(^|\.)(kernel|release|kernel_release|kernel_version)(\.release|\.version)?$|cpu\.model$|(^|\.)cpu_model$/i;

function factsOf(points: readonly ReportPoint[]): Map<string, Set<string>> {
  const facts = new Map<string, Set<string>>();
  for (const point of points) {
    for (const environment of point.environments.values()) {
      for (const [name, value] of environment) {
        if (!DECISIVE.test(name)) continue;
        const seen = facts.get(name) ?? new Set();
        facts.set(name, seen.add(value));
      }
    }
  }
  return facts;
}

function hostRefusals(a: readonly ReportPoint[], b: readonly ReportPoint[]): Refusal[] {
  const left = factsOf(a);
  const right = factsOf(b);
  return [...left].flatMap(([name, values]) => {
    const others = right.get(name);
    if (others === undefined) return [];
    const here = [...values].sort().join(", ");
    const there = [...others].sort().join(", ");
    const what = /cpu/i.test(name) ? "cpu" : "kernel";
    return here === there ? [] : [{ what, text: `the hosts' ${name} is ${here} in A and ${there} in B` }];
  });
}

/** INVALID figures are no figures. SUSPECT ones are: what is wrong with them shows as spread. */
function verdictRefusals(pairs: readonly Pair[]): Refusal[] {
  return pairs.flatMap((pair) =>
    ([["A", pair.a], ["B", pair.b]] as const).flatMap(([side, points]) => {
      const invalid = points.filter((point) => point.verdict === "INVALID").length;
      if (invalid === 0) return [];
      return [{
        what: "invalid",
        text: `${pair.label}: ${invalid} of ${points.length} runs of ${side} are INVALID`,
      }];
    })
  );
}

function shapeRefusals(pairs: readonly Pair[]): Refusal[] {
  return pairs.flatMap((pair) => {
    const testers = (
      points: ReportPoint[],
    ) => [...new Set(points.map((point) => point.clientCount - point.failedClients))];
    const here = testers(pair.a).sort().join("/");
    const there = testers(pair.b).sort().join("/");
    if (here === there) return [];
    return [{ what: "testers", text: `${pair.label}: ${here} tester(s) in A and ${there} in B` }];
  });
}
